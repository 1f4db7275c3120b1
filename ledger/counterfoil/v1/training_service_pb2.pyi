from counterfoil.v1 import assessment_pb2 as _assessment_pb2
from counterfoil.v1 import record_pb2 as _record_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RecordTrainingRequest(_message.Message):
    __slots__ = ("submitter", "request_id", "training")
    SUBMITTER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    submitter: str
    request_id: str
    training: _record_pb2.ProofOfTraining
    def __init__(self, submitter: _Optional[str] = ..., request_id: _Optional[str] = ..., training: _Optional[_Union[_record_pb2.ProofOfTraining, _Mapping]] = ...) -> None: ...

class RecordTrainingResponse(_message.Message):
    __slots__ = ("training_id", "index", "time_us", "receipt", "duplicate", "verdict", "assessment_index")
    TRAINING_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    ASSESSMENT_INDEX_FIELD_NUMBER: _ClassVar[int]
    training_id: str
    index: int
    time_us: int
    receipt: bytes
    duplicate: bool
    verdict: _assessment_pb2.Verdict
    assessment_index: int
    def __init__(self, training_id: _Optional[str] = ..., index: _Optional[int] = ..., time_us: _Optional[int] = ..., receipt: _Optional[bytes] = ..., duplicate: _Optional[bool] = ..., verdict: _Optional[_Union[_assessment_pb2.Verdict, _Mapping]] = ..., assessment_index: _Optional[int] = ...) -> None: ...

class Training(_message.Message):
    __slots__ = ("training_id", "index", "time_us", "submitter", "request_id", "training", "verdict", "assessment_index")
    TRAINING_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    SUBMITTER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    ASSESSMENT_INDEX_FIELD_NUMBER: _ClassVar[int]
    training_id: str
    index: int
    time_us: int
    submitter: str
    request_id: str
    training: _record_pb2.ProofOfTraining
    verdict: _assessment_pb2.Verdict
    assessment_index: int
    def __init__(self, training_id: _Optional[str] = ..., index: _Optional[int] = ..., time_us: _Optional[int] = ..., submitter: _Optional[str] = ..., request_id: _Optional[str] = ..., training: _Optional[_Union[_record_pb2.ProofOfTraining, _Mapping]] = ..., verdict: _Optional[_Union[_assessment_pb2.Verdict, _Mapping]] = ..., assessment_index: _Optional[int] = ...) -> None: ...

class GetTrainingRequest(_message.Message):
    __slots__ = ("training_id",)
    TRAINING_ID_FIELD_NUMBER: _ClassVar[int]
    training_id: str
    def __init__(self, training_id: _Optional[str] = ...) -> None: ...

class GetTrainingResponse(_message.Message):
    __slots__ = ("training",)
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    training: Training
    def __init__(self, training: _Optional[_Union[Training, _Mapping]] = ...) -> None: ...

class ListTrainingsRequest(_message.Message):
    __slots__ = ("creator_id", "model_id", "dataset_id", "page_size", "page_token")
    CREATOR_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    creator_id: str
    model_id: str
    dataset_id: str
    page_size: int
    page_token: str
    def __init__(self, creator_id: _Optional[str] = ..., model_id: _Optional[str] = ..., dataset_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTrainingsResponse(_message.Message):
    __slots__ = ("trainings", "next_page_token", "has_more", "tree_size")
    TRAININGS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    TREE_SIZE_FIELD_NUMBER: _ClassVar[int]
    trainings: _containers.RepeatedCompositeFieldContainer[Training]
    next_page_token: str
    has_more: bool
    tree_size: int
    def __init__(self, trainings: _Optional[_Iterable[_Union[Training, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., has_more: _Optional[bool] = ..., tree_size: _Optional[int] = ...) -> None: ...
