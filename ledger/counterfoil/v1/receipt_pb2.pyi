from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class Receipt(_message.Message):
    __slots__ = ("format", "index", "leaf", "salt", "record", "proof", "checkpoint")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    LEAF_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    format: str
    index: int
    leaf: bytes
    salt: bytes
    record: bytes
    proof: _containers.RepeatedScalarFieldContainer[bytes]
    checkpoint: bytes
    def __init__(self, format: _Optional[str] = ..., index: _Optional[int] = ..., leaf: _Optional[bytes] = ..., salt: _Optional[bytes] = ..., record: _Optional[bytes] = ..., proof: _Optional[_Iterable[bytes]] = ..., checkpoint: _Optional[bytes] = ...) -> None: ...

class BatchReceipt(_message.Message):
    __slots__ = ("format", "first_index", "count", "kind", "time_us", "previous", "salt_seed", "salts", "proof", "checkpoint", "records")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    FIRST_INDEX_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    SALT_SEED_FIELD_NUMBER: _ClassVar[int]
    SALTS_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    format: str
    first_index: int
    count: int
    kind: int
    time_us: int
    previous: bytes
    salt_seed: bytes
    salts: bytes
    proof: _containers.RepeatedScalarFieldContainer[bytes]
    checkpoint: bytes
    records: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, format: _Optional[str] = ..., first_index: _Optional[int] = ..., count: _Optional[int] = ..., kind: _Optional[int] = ..., time_us: _Optional[int] = ..., previous: _Optional[bytes] = ..., salt_seed: _Optional[bytes] = ..., salts: _Optional[bytes] = ..., proof: _Optional[_Iterable[bytes]] = ..., checkpoint: _Optional[bytes] = ..., records: _Optional[_Iterable[bytes]] = ...) -> None: ...
