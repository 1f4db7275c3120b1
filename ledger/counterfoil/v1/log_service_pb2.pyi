from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReceiptFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECEIPT_FORMAT_UNSPECIFIED: _ClassVar[ReceiptFormat]
    RECEIPT_FORMAT_BINARY: _ClassVar[ReceiptFormat]
    RECEIPT_FORMAT_TLOG_PROOF: _ClassVar[ReceiptFormat]
    RECEIPT_FORMAT_JWT: _ClassVar[ReceiptFormat]
    RECEIPT_FORMAT_JSON: _ClassVar[ReceiptFormat]
    RECEIPT_FORMAT_BATCH: _ClassVar[ReceiptFormat]
RECEIPT_FORMAT_UNSPECIFIED: ReceiptFormat
RECEIPT_FORMAT_BINARY: ReceiptFormat
RECEIPT_FORMAT_TLOG_PROOF: ReceiptFormat
RECEIPT_FORMAT_JWT: ReceiptFormat
RECEIPT_FORMAT_JSON: ReceiptFormat
RECEIPT_FORMAT_BATCH: ReceiptFormat

class GetLogInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetLogInfoResponse(_message.Message):
    __slots__ = ("origin", "vkey", "size", "root_hash", "environment", "window_past_us", "window_future_us", "batch_events_max", "batch_size_bytes_max", "keys")
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    VKEY_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    ROOT_HASH_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_PAST_US_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FUTURE_US_FIELD_NUMBER: _ClassVar[int]
    BATCH_EVENTS_MAX_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_BYTES_MAX_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    origin: str
    vkey: str
    size: int
    root_hash: bytes
    environment: str
    window_past_us: int
    window_future_us: int
    batch_events_max: int
    batch_size_bytes_max: int
    keys: _containers.RepeatedCompositeFieldContainer[LogKey]
    def __init__(self, origin: _Optional[str] = ..., vkey: _Optional[str] = ..., size: _Optional[int] = ..., root_hash: _Optional[bytes] = ..., environment: _Optional[str] = ..., window_past_us: _Optional[int] = ..., window_future_us: _Optional[int] = ..., batch_events_max: _Optional[int] = ..., batch_size_bytes_max: _Optional[int] = ..., keys: _Optional[_Iterable[_Union[LogKey, _Mapping]]] = ...) -> None: ...

class LogKey(_message.Message):
    __slots__ = ("vkey", "first_size", "last_size")
    VKEY_FIELD_NUMBER: _ClassVar[int]
    FIRST_SIZE_FIELD_NUMBER: _ClassVar[int]
    LAST_SIZE_FIELD_NUMBER: _ClassVar[int]
    vkey: str
    first_size: int
    last_size: int
    def __init__(self, vkey: _Optional[str] = ..., first_size: _Optional[int] = ..., last_size: _Optional[int] = ...) -> None: ...

class GetCheckpointRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCheckpointResponse(_message.Message):
    __slots__ = ("checkpoint",)
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    checkpoint: bytes
    def __init__(self, checkpoint: _Optional[bytes] = ...) -> None: ...

class Entry(_message.Message):
    __slots__ = ("index", "kind", "time_us", "leaf", "salt", "record", "id")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    LEAF_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    index: int
    kind: int
    time_us: int
    leaf: bytes
    salt: bytes
    record: bytes
    id: str
    def __init__(self, index: _Optional[int] = ..., kind: _Optional[int] = ..., time_us: _Optional[int] = ..., leaf: _Optional[bytes] = ..., salt: _Optional[bytes] = ..., record: _Optional[bytes] = ..., id: _Optional[str] = ...) -> None: ...

class GetEntryRequest(_message.Message):
    __slots__ = ("index",)
    INDEX_FIELD_NUMBER: _ClassVar[int]
    index: int
    def __init__(self, index: _Optional[int] = ...) -> None: ...

class GetEntryResponse(_message.Message):
    __slots__ = ("entry",)
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    entry: Entry
    def __init__(self, entry: _Optional[_Union[Entry, _Mapping]] = ...) -> None: ...

class ListEntriesRequest(_message.Message):
    __slots__ = ("start_index", "page_size", "page_token", "kind")
    START_INDEX_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    start_index: int
    page_size: int
    page_token: str
    kind: int
    def __init__(self, start_index: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., kind: _Optional[int] = ...) -> None: ...

class ListEntriesResponse(_message.Message):
    __slots__ = ("entries", "next_page_token", "has_more", "tree_size")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    TREE_SIZE_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[Entry]
    next_page_token: str
    has_more: bool
    tree_size: int
    def __init__(self, entries: _Optional[_Iterable[_Union[Entry, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., has_more: _Optional[bool] = ..., tree_size: _Optional[int] = ...) -> None: ...

class TailEntriesRequest(_message.Message):
    __slots__ = ("start_index", "kind", "stop_at_end")
    START_INDEX_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STOP_AT_END_FIELD_NUMBER: _ClassVar[int]
    start_index: int
    kind: int
    stop_at_end: bool
    def __init__(self, start_index: _Optional[int] = ..., kind: _Optional[int] = ..., stop_at_end: _Optional[bool] = ...) -> None: ...

class TailEntriesResponse(_message.Message):
    __slots__ = ("entries", "next_index", "checkpoint")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_INDEX_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[Entry]
    next_index: int
    checkpoint: bytes
    def __init__(self, entries: _Optional[_Iterable[_Union[Entry, _Mapping]]] = ..., next_index: _Optional[int] = ..., checkpoint: _Optional[bytes] = ...) -> None: ...

class GetInclusionProofRequest(_message.Message):
    __slots__ = ("index", "tree_size")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TREE_SIZE_FIELD_NUMBER: _ClassVar[int]
    index: int
    tree_size: int
    def __init__(self, index: _Optional[int] = ..., tree_size: _Optional[int] = ...) -> None: ...

class GetInclusionProofResponse(_message.Message):
    __slots__ = ("index", "tree_size", "leaf_hash", "proof")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TREE_SIZE_FIELD_NUMBER: _ClassVar[int]
    LEAF_HASH_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    index: int
    tree_size: int
    leaf_hash: bytes
    proof: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, index: _Optional[int] = ..., tree_size: _Optional[int] = ..., leaf_hash: _Optional[bytes] = ..., proof: _Optional[_Iterable[bytes]] = ...) -> None: ...

class GetConsistencyProofRequest(_message.Message):
    __slots__ = ("old_size", "new_size")
    OLD_SIZE_FIELD_NUMBER: _ClassVar[int]
    NEW_SIZE_FIELD_NUMBER: _ClassVar[int]
    old_size: int
    new_size: int
    def __init__(self, old_size: _Optional[int] = ..., new_size: _Optional[int] = ...) -> None: ...

class GetConsistencyProofResponse(_message.Message):
    __slots__ = ("old_size", "new_size", "proof")
    OLD_SIZE_FIELD_NUMBER: _ClassVar[int]
    NEW_SIZE_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    old_size: int
    new_size: int
    proof: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, old_size: _Optional[int] = ..., new_size: _Optional[int] = ..., proof: _Optional[_Iterable[bytes]] = ...) -> None: ...

class GetReceiptRequest(_message.Message):
    __slots__ = ("id", "format")
    ID_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    id: str
    format: ReceiptFormat
    def __init__(self, id: _Optional[str] = ..., format: _Optional[_Union[ReceiptFormat, str]] = ...) -> None: ...

class GetReceiptResponse(_message.Message):
    __slots__ = ("receipt", "media_type", "index")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    receipt: bytes
    media_type: str
    index: int
    def __init__(self, receipt: _Optional[bytes] = ..., media_type: _Optional[str] = ..., index: _Optional[int] = ...) -> None: ...
