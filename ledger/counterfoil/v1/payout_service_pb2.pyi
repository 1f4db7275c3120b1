from counterfoil.v1 import record_pb2 as _record_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RecordPayoutRequest(_message.Message):
    __slots__ = ("submitter", "request_id", "payout")
    SUBMITTER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PAYOUT_FIELD_NUMBER: _ClassVar[int]
    submitter: str
    request_id: str
    payout: _record_pb2.Payout
    def __init__(self, submitter: _Optional[str] = ..., request_id: _Optional[str] = ..., payout: _Optional[_Union[_record_pb2.Payout, _Mapping]] = ...) -> None: ...

class RecordPayoutResponse(_message.Message):
    __slots__ = ("payout_id", "index", "time_us", "receipt", "duplicate")
    PAYOUT_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    payout_id: str
    index: int
    time_us: int
    receipt: bytes
    duplicate: bool
    def __init__(self, payout_id: _Optional[str] = ..., index: _Optional[int] = ..., time_us: _Optional[int] = ..., receipt: _Optional[bytes] = ..., duplicate: _Optional[bool] = ...) -> None: ...

class RecordedPayout(_message.Message):
    __slots__ = ("payout_id", "index", "time_us", "submitter", "request_id", "payout")
    PAYOUT_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    SUBMITTER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PAYOUT_FIELD_NUMBER: _ClassVar[int]
    payout_id: str
    index: int
    time_us: int
    submitter: str
    request_id: str
    payout: _record_pb2.Payout
    def __init__(self, payout_id: _Optional[str] = ..., index: _Optional[int] = ..., time_us: _Optional[int] = ..., submitter: _Optional[str] = ..., request_id: _Optional[str] = ..., payout: _Optional[_Union[_record_pb2.Payout, _Mapping]] = ...) -> None: ...

class GetPayoutRequest(_message.Message):
    __slots__ = ("payout_id",)
    PAYOUT_ID_FIELD_NUMBER: _ClassVar[int]
    payout_id: str
    def __init__(self, payout_id: _Optional[str] = ...) -> None: ...

class GetPayoutResponse(_message.Message):
    __slots__ = ("payout",)
    PAYOUT_FIELD_NUMBER: _ClassVar[int]
    payout: RecordedPayout
    def __init__(self, payout: _Optional[_Union[RecordedPayout, _Mapping]] = ...) -> None: ...

class ListPayoutsRequest(_message.Message):
    __slots__ = ("creator_id", "period", "page_size", "page_token")
    CREATOR_ID_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    creator_id: str
    period: str
    page_size: int
    page_token: str
    def __init__(self, creator_id: _Optional[str] = ..., period: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPayoutsResponse(_message.Message):
    __slots__ = ("payouts", "next_page_token", "has_more", "tree_size")
    PAYOUTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    TREE_SIZE_FIELD_NUMBER: _ClassVar[int]
    payouts: _containers.RepeatedCompositeFieldContainer[RecordedPayout]
    next_page_token: str
    has_more: bool
    tree_size: int
    def __init__(self, payouts: _Optional[_Iterable[_Union[RecordedPayout, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., has_more: _Optional[bool] = ..., tree_size: _Optional[int] = ...) -> None: ...
