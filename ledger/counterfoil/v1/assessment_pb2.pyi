from counterfoil.v1 import record_pb2 as _record_pb2
from counterfoil.v1 import registry_service_pb2 as _registry_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FlagKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FLAG_KIND_UNSPECIFIED: _ClassVar[FlagKind]
    FLAG_KIND_EVENT_TOKENS: _ClassVar[FlagKind]
    FLAG_KIND_DAY_TOKENS: _ClassVar[FlagKind]
    FLAG_KIND_CLOCK_AHEAD: _ClassVar[FlagKind]
    FLAG_KIND_BEFORE_TRAINING: _ClassVar[FlagKind]
    FLAG_KIND_AFTER_REVOCATION: _ClassVar[FlagKind]
    FLAG_KIND_VELOCITY: _ClassVar[FlagKind]
FLAG_KIND_UNSPECIFIED: FlagKind
FLAG_KIND_EVENT_TOKENS: FlagKind
FLAG_KIND_DAY_TOKENS: FlagKind
FLAG_KIND_CLOCK_AHEAD: FlagKind
FLAG_KIND_BEFORE_TRAINING: FlagKind
FLAG_KIND_AFTER_REVOCATION: FlagKind
FLAG_KIND_VELOCITY: FlagKind

class Assessment(_message.Message):
    __slots__ = ("count", "as_of_size", "verdicts", "verdict_numbers")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    AS_OF_SIZE_FIELD_NUMBER: _ClassVar[int]
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    VERDICT_NUMBERS_FIELD_NUMBER: _ClassVar[int]
    count: int
    as_of_size: int
    verdicts: _containers.RepeatedCompositeFieldContainer[Verdict]
    verdict_numbers: bytes
    def __init__(self, count: _Optional[int] = ..., as_of_size: _Optional[int] = ..., verdicts: _Optional[_Iterable[_Union[Verdict, _Mapping]]] = ..., verdict_numbers: _Optional[bytes] = ...) -> None: ...

class Verdict(_message.Message):
    __slots__ = ("assets", "flags")
    ASSETS_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    assets: _containers.RepeatedCompositeFieldContainer[AssetVerdict]
    flags: _containers.RepeatedCompositeFieldContainer[Flag]
    def __init__(self, assets: _Optional[_Iterable[_Union[AssetVerdict, _Mapping]]] = ..., flags: _Optional[_Iterable[_Union[Flag, _Mapping]]] = ...) -> None: ...

class AssetVerdict(_message.Message):
    __slots__ = ("asset_id", "creator_id", "covered", "license_id", "license_etag", "price_id", "price_etag", "fault", "consents")
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    CREATOR_ID_FIELD_NUMBER: _ClassVar[int]
    COVERED_FIELD_NUMBER: _ClassVar[int]
    LICENSE_ID_FIELD_NUMBER: _ClassVar[int]
    LICENSE_ETAG_FIELD_NUMBER: _ClassVar[int]
    PRICE_ID_FIELD_NUMBER: _ClassVar[int]
    PRICE_ETAG_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    CONSENTS_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    creator_id: str
    covered: bool
    license_id: str
    license_etag: str
    price_id: str
    price_etag: str
    fault: _registry_service_pb2.CoverageFault
    consents: _containers.RepeatedScalarFieldContainer[_record_pb2.Consent]
    def __init__(self, asset_id: _Optional[str] = ..., creator_id: _Optional[str] = ..., covered: _Optional[bool] = ..., license_id: _Optional[str] = ..., license_etag: _Optional[str] = ..., price_id: _Optional[str] = ..., price_etag: _Optional[str] = ..., fault: _Optional[_Union[_registry_service_pb2.CoverageFault, str]] = ..., consents: _Optional[_Iterable[_Union[_record_pb2.Consent, str]]] = ...) -> None: ...

class Flag(_message.Message):
    __slots__ = ("kind", "seen", "limit")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    kind: FlagKind
    seen: int
    limit: int
    def __init__(self, kind: _Optional[_Union[FlagKind, str]] = ..., seen: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...
