from counterfoil.v1 import assessment_pb2 as _assessment_pb2
from counterfoil.v1 import record_pb2 as _record_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_DUPLICATE: _ClassVar[Outcome]
    OUTCOME_CONFLICT: _ClassVar[Outcome]
    OUTCOME_REJECTED: _ClassVar[Outcome]
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_DUPLICATE: Outcome
OUTCOME_CONFLICT: Outcome
OUTCOME_REJECTED: Outcome

class AppendUsageRequest(_message.Message):
    __slots__ = ("submitter", "backfill", "atomic", "request_id", "events")
    SUBMITTER_FIELD_NUMBER: _ClassVar[int]
    BACKFILL_FIELD_NUMBER: _ClassVar[int]
    ATOMIC_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    submitter: str
    backfill: bool
    atomic: bool
    request_id: str
    events: _containers.RepeatedCompositeFieldContainer[_record_pb2.UsageEvent]
    def __init__(self, submitter: _Optional[str] = ..., backfill: _Optional[bool] = ..., atomic: _Optional[bool] = ..., request_id: _Optional[str] = ..., events: _Optional[_Iterable[_Union[_record_pb2.UsageEvent, _Mapping]]] = ...) -> None: ...

class EventResult(_message.Message):
    __slots__ = ("position", "outcome", "reason", "field", "message", "original_index")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ORIGINAL_INDEX_FIELD_NUMBER: _ClassVar[int]
    position: int
    outcome: Outcome
    reason: str
    field: str
    message: str
    original_index: int
    def __init__(self, position: _Optional[int] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., reason: _Optional[str] = ..., field: _Optional[str] = ..., message: _Optional[str] = ..., original_index: _Optional[int] = ...) -> None: ...

class AppendUsageResponse(_message.Message):
    __slots__ = ("accepted", "duplicates", "rejected", "first_index", "results", "receipts", "assessment", "assessment_index")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    FIRST_INDEX_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    ASSESSMENT_FIELD_NUMBER: _ClassVar[int]
    ASSESSMENT_INDEX_FIELD_NUMBER: _ClassVar[int]
    accepted: int
    duplicates: int
    rejected: int
    first_index: int
    results: _containers.RepeatedCompositeFieldContainer[EventResult]
    receipts: _containers.RepeatedScalarFieldContainer[bytes]
    assessment: _assessment_pb2.Assessment
    assessment_index: int
    def __init__(self, accepted: _Optional[int] = ..., duplicates: _Optional[int] = ..., rejected: _Optional[int] = ..., first_index: _Optional[int] = ..., results: _Optional[_Iterable[_Union[EventResult, _Mapping]]] = ..., receipts: _Optional[_Iterable[bytes]] = ..., assessment: _Optional[_Union[_assessment_pb2.Assessment, _Mapping]] = ..., assessment_index: _Optional[int] = ...) -> None: ...

class StreamUsageRequest(_message.Message):
    __slots__ = ("hello", "batch")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    hello: StreamHello
    batch: StreamBatch
    def __init__(self, hello: _Optional[_Union[StreamHello, _Mapping]] = ..., batch: _Optional[_Union[StreamBatch, _Mapping]] = ...) -> None: ...

class StreamHello(_message.Message):
    __slots__ = ("submitter", "stream_id")
    SUBMITTER_FIELD_NUMBER: _ClassVar[int]
    STREAM_ID_FIELD_NUMBER: _ClassVar[int]
    submitter: str
    stream_id: str
    def __init__(self, submitter: _Optional[str] = ..., stream_id: _Optional[str] = ...) -> None: ...

class StreamBatch(_message.Message):
    __slots__ = ("sequence", "backfill", "events")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    BACKFILL_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    backfill: bool
    events: _containers.RepeatedCompositeFieldContainer[_record_pb2.UsageEvent]
    def __init__(self, sequence: _Optional[int] = ..., backfill: _Optional[bool] = ..., events: _Optional[_Iterable[_Union[_record_pb2.UsageEvent, _Mapping]]] = ...) -> None: ...

class StreamUsageResponse(_message.Message):
    __slots__ = ("resume", "ack")
    RESUME_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    resume: StreamResume
    ack: StreamAck
    def __init__(self, resume: _Optional[_Union[StreamResume, _Mapping]] = ..., ack: _Optional[_Union[StreamAck, _Mapping]] = ...) -> None: ...

class StreamResume(_message.Message):
    __slots__ = ("last_sequence", "window_batches", "origin", "environment")
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    WINDOW_BATCHES_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    last_sequence: int
    window_batches: int
    origin: str
    environment: str
    def __init__(self, last_sequence: _Optional[int] = ..., window_batches: _Optional[int] = ..., origin: _Optional[str] = ..., environment: _Optional[str] = ...) -> None: ...

class StreamAck(_message.Message):
    __slots__ = ("sequence", "result")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    result: AppendUsageResponse
    def __init__(self, sequence: _Optional[int] = ..., result: _Optional[_Union[AppendUsageResponse, _Mapping]] = ...) -> None: ...

class GetUsageEventRequest(_message.Message):
    __slots__ = ("submitter", "event_id")
    SUBMITTER_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    submitter: str
    event_id: str
    def __init__(self, submitter: _Optional[str] = ..., event_id: _Optional[str] = ...) -> None: ...

class GetUsageEventResponse(_message.Message):
    __slots__ = ("index", "time_us", "event", "backfill", "verdict", "assessment_index")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    BACKFILL_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    ASSESSMENT_INDEX_FIELD_NUMBER: _ClassVar[int]
    index: int
    time_us: int
    event: _record_pb2.UsageEvent
    backfill: bool
    verdict: _assessment_pb2.Verdict
    assessment_index: int
    def __init__(self, index: _Optional[int] = ..., time_us: _Optional[int] = ..., event: _Optional[_Union[_record_pb2.UsageEvent, _Mapping]] = ..., backfill: _Optional[bool] = ..., verdict: _Optional[_Union[_assessment_pb2.Verdict, _Mapping]] = ..., assessment_index: _Optional[int] = ...) -> None: ...
