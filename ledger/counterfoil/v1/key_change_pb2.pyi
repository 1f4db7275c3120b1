from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class KeyPurpose(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KEY_PURPOSE_UNSPECIFIED: _ClassVar[KeyPurpose]
    KEY_PURPOSE_CHECKPOINT: _ClassVar[KeyPurpose]
    KEY_PURPOSE_TOKEN: _ClassVar[KeyPurpose]
    KEY_PURPOSE_WEBHOOK: _ClassVar[KeyPurpose]
KEY_PURPOSE_UNSPECIFIED: KeyPurpose
KEY_PURPOSE_CHECKPOINT: KeyPurpose
KEY_PURPOSE_TOKEN: KeyPurpose
KEY_PURPOSE_WEBHOOK: KeyPurpose

class KeyChange(_message.Message):
    __slots__ = ("purpose", "retired_vkey", "new_vkey", "overlap_entries", "overlap_us", "reason")
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    RETIRED_VKEY_FIELD_NUMBER: _ClassVar[int]
    NEW_VKEY_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_US_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    purpose: KeyPurpose
    retired_vkey: str
    new_vkey: str
    overlap_entries: int
    overlap_us: int
    reason: str
    def __init__(self, purpose: _Optional[_Union[KeyPurpose, str]] = ..., retired_vkey: _Optional[str] = ..., new_vkey: _Optional[str] = ..., overlap_entries: _Optional[int] = ..., overlap_us: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...
