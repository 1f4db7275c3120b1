from counterfoil.v1 import registry_pb2 as _registry_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LicenseFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LICENSE_FORMAT_UNSPECIFIED: _ClassVar[LicenseFormat]
    LICENSE_FORMAT_RSL: _ClassVar[LicenseFormat]
    LICENSE_FORMAT_TDMREP: _ClassVar[LicenseFormat]

class CoverageFault(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COVERAGE_FAULT_UNSPECIFIED: _ClassVar[CoverageFault]
    COVERAGE_FAULT_ASSET_UNKNOWN: _ClassVar[CoverageFault]
    COVERAGE_FAULT_ASSET_ENDED: _ClassVar[CoverageFault]
    COVERAGE_FAULT_CREATOR_ENDED: _ClassVar[CoverageFault]
    COVERAGE_FAULT_CONSENT: _ClassVar[CoverageFault]
    COVERAGE_FAULT_NO_LICENSE: _ClassVar[CoverageFault]
    COVERAGE_FAULT_BUYER: _ClassVar[CoverageFault]
    COVERAGE_FAULT_USE: _ClassVar[CoverageFault]
    COVERAGE_FAULT_COMMERCIAL: _ClassVar[CoverageFault]
    COVERAGE_FAULT_MODEL: _ClassVar[CoverageFault]
    COVERAGE_FAULT_TERRITORY: _ClassVar[CoverageFault]
    COVERAGE_FAULT_NOT_STARTED: _ClassVar[CoverageFault]
    COVERAGE_FAULT_EXPIRED: _ClassVar[CoverageFault]
    COVERAGE_FAULT_REVOKED: _ClassVar[CoverageFault]
LICENSE_FORMAT_UNSPECIFIED: LicenseFormat
LICENSE_FORMAT_RSL: LicenseFormat
LICENSE_FORMAT_TDMREP: LicenseFormat
COVERAGE_FAULT_UNSPECIFIED: CoverageFault
COVERAGE_FAULT_ASSET_UNKNOWN: CoverageFault
COVERAGE_FAULT_ASSET_ENDED: CoverageFault
COVERAGE_FAULT_CREATOR_ENDED: CoverageFault
COVERAGE_FAULT_CONSENT: CoverageFault
COVERAGE_FAULT_NO_LICENSE: CoverageFault
COVERAGE_FAULT_BUYER: CoverageFault
COVERAGE_FAULT_USE: CoverageFault
COVERAGE_FAULT_COMMERCIAL: CoverageFault
COVERAGE_FAULT_MODEL: CoverageFault
COVERAGE_FAULT_TERRITORY: CoverageFault
COVERAGE_FAULT_NOT_STARTED: CoverageFault
COVERAGE_FAULT_EXPIRED: CoverageFault
COVERAGE_FAULT_REVOKED: CoverageFault

class Version(_message.Message):
    __slots__ = ("etag", "version", "index", "time_us", "effective_time_us", "submitter", "request_id")
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_TIME_US_FIELD_NUMBER: _ClassVar[int]
    SUBMITTER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    etag: str
    version: int
    index: int
    time_us: int
    effective_time_us: int
    submitter: str
    request_id: str
    def __init__(self, etag: _Optional[str] = ..., version: _Optional[int] = ..., index: _Optional[int] = ..., time_us: _Optional[int] = ..., effective_time_us: _Optional[int] = ..., submitter: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class Recorded(_message.Message):
    __slots__ = ("version", "receipt", "duplicate")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    version: Version
    receipt: bytes
    duplicate: bool
    def __init__(self, version: _Optional[_Union[Version, _Mapping]] = ..., receipt: _Optional[bytes] = ..., duplicate: _Optional[bool] = ...) -> None: ...

class CreatorState(_message.Message):
    __slots__ = ("creator", "version", "revocation", "revocation_version", "reduced")
    CREATOR_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_VERSION_FIELD_NUMBER: _ClassVar[int]
    REDUCED_FIELD_NUMBER: _ClassVar[int]
    creator: _registry_pb2.Creator
    version: Version
    revocation: _registry_pb2.Revocation
    revocation_version: Version
    reduced: bool
    def __init__(self, creator: _Optional[_Union[_registry_pb2.Creator, _Mapping]] = ..., version: _Optional[_Union[Version, _Mapping]] = ..., revocation: _Optional[_Union[_registry_pb2.Revocation, _Mapping]] = ..., revocation_version: _Optional[_Union[Version, _Mapping]] = ..., reduced: _Optional[bool] = ...) -> None: ...

class AssetState(_message.Message):
    __slots__ = ("asset", "version", "revocation", "revocation_version", "contested_by")
    ASSET_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_VERSION_FIELD_NUMBER: _ClassVar[int]
    CONTESTED_BY_FIELD_NUMBER: _ClassVar[int]
    asset: _registry_pb2.Asset
    version: Version
    revocation: _registry_pb2.Revocation
    revocation_version: Version
    contested_by: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, asset: _Optional[_Union[_registry_pb2.Asset, _Mapping]] = ..., version: _Optional[_Union[Version, _Mapping]] = ..., revocation: _Optional[_Union[_registry_pb2.Revocation, _Mapping]] = ..., revocation_version: _Optional[_Union[Version, _Mapping]] = ..., contested_by: _Optional[_Iterable[str]] = ...) -> None: ...

class LicenseState(_message.Message):
    __slots__ = ("license", "version", "revocation", "revocation_version")
    LICENSE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_VERSION_FIELD_NUMBER: _ClassVar[int]
    license: _registry_pb2.License
    version: Version
    revocation: _registry_pb2.Revocation
    revocation_version: Version
    def __init__(self, license: _Optional[_Union[_registry_pb2.License, _Mapping]] = ..., version: _Optional[_Union[Version, _Mapping]] = ..., revocation: _Optional[_Union[_registry_pb2.Revocation, _Mapping]] = ..., revocation_version: _Optional[_Union[Version, _Mapping]] = ...) -> None: ...

class PriceState(_message.Message):
    __slots__ = ("price", "version", "revocation", "revocation_version")
    PRICE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_VERSION_FIELD_NUMBER: _ClassVar[int]
    price: _registry_pb2.Price
    version: Version
    revocation: _registry_pb2.Revocation
    revocation_version: Version
    def __init__(self, price: _Optional[_Union[_registry_pb2.Price, _Mapping]] = ..., version: _Optional[_Union[Version, _Mapping]] = ..., revocation: _Optional[_Union[_registry_pb2.Revocation, _Mapping]] = ..., revocation_version: _Optional[_Union[Version, _Mapping]] = ...) -> None: ...

class CreateCreatorRequest(_message.Message):
    __slots__ = ("submitter", "request_id", "creator")
    SUBMITTER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CREATOR_FIELD_NUMBER: _ClassVar[int]
    submitter: str
    request_id: str
    creator: _registry_pb2.Creator
    def __init__(self, submitter: _Optional[str] = ..., request_id: _Optional[str] = ..., creator: _Optional[_Union[_registry_pb2.Creator, _Mapping]] = ...) -> None: ...

class CreateCreatorResponse(_message.Message):
    __slots__ = ("recorded",)
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    recorded: Recorded
    def __init__(self, recorded: _Optional[_Union[Recorded, _Mapping]] = ...) -> None: ...

class UpdateCreatorRequest(_message.Message):
    __slots__ = ("submitter", "request_id", "creator")
    SUBMITTER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CREATOR_FIELD_NUMBER: _ClassVar[int]
    submitter: str
    request_id: str
    creator: _registry_pb2.Creator
    def __init__(self, submitter: _Optional[str] = ..., request_id: _Optional[str] = ..., creator: _Optional[_Union[_registry_pb2.Creator, _Mapping]] = ...) -> None: ...

class UpdateCreatorResponse(_message.Message):
    __slots__ = ("recorded",)
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    recorded: Recorded
    def __init__(self, recorded: _Optional[_Union[Recorded, _Mapping]] = ...) -> None: ...

class GetCreatorRequest(_message.Message):
    __slots__ = ("creator_id",)
    CREATOR_ID_FIELD_NUMBER: _ClassVar[int]
    creator_id: str
    def __init__(self, creator_id: _Optional[str] = ...) -> None: ...

class GetCreatorResponse(_message.Message):
    __slots__ = ("creator",)
    CREATOR_FIELD_NUMBER: _ClassVar[int]
    creator: CreatorState
    def __init__(self, creator: _Optional[_Union[CreatorState, _Mapping]] = ...) -> None: ...

class ListCreatorsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCreatorsResponse(_message.Message):
    __slots__ = ("creators", "next_page_token", "has_more", "tree_size")
    CREATORS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    TREE_SIZE_FIELD_NUMBER: _ClassVar[int]
    creators: _containers.RepeatedCompositeFieldContainer[CreatorState]
    next_page_token: str
    has_more: bool
    tree_size: int
    def __init__(self, creators: _Optional[_Iterable[_Union[CreatorState, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., has_more: _Optional[bool] = ..., tree_size: _Optional[int] = ...) -> None: ...

class CreateAssetRequest(_message.Message):
    __slots__ = ("submitter", "request_id", "asset")
    SUBMITTER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ASSET_FIELD_NUMBER: _ClassVar[int]
    submitter: str
    request_id: str
    asset: _registry_pb2.Asset
    def __init__(self, submitter: _Optional[str] = ..., request_id: _Optional[str] = ..., asset: _Optional[_Union[_registry_pb2.Asset, _Mapping]] = ...) -> None: ...

class CreateAssetResponse(_message.Message):
    __slots__ = ("recorded", "contested_by")
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    CONTESTED_BY_FIELD_NUMBER: _ClassVar[int]
    recorded: Recorded
    contested_by: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, recorded: _Optional[_Union[Recorded, _Mapping]] = ..., contested_by: _Optional[_Iterable[str]] = ...) -> None: ...

class UpdateAssetRequest(_message.Message):
    __slots__ = ("submitter", "request_id", "asset")
    SUBMITTER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ASSET_FIELD_NUMBER: _ClassVar[int]
    submitter: str
    request_id: str
    asset: _registry_pb2.Asset
    def __init__(self, submitter: _Optional[str] = ..., request_id: _Optional[str] = ..., asset: _Optional[_Union[_registry_pb2.Asset, _Mapping]] = ...) -> None: ...

class UpdateAssetResponse(_message.Message):
    __slots__ = ("recorded", "contested_by")
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    CONTESTED_BY_FIELD_NUMBER: _ClassVar[int]
    recorded: Recorded
    contested_by: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, recorded: _Optional[_Union[Recorded, _Mapping]] = ..., contested_by: _Optional[_Iterable[str]] = ...) -> None: ...

class GetAssetRequest(_message.Message):
    __slots__ = ("asset_id",)
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    def __init__(self, asset_id: _Optional[str] = ...) -> None: ...

class GetAssetResponse(_message.Message):
    __slots__ = ("asset",)
    ASSET_FIELD_NUMBER: _ClassVar[int]
    asset: AssetState
    def __init__(self, asset: _Optional[_Union[AssetState, _Mapping]] = ...) -> None: ...

class ListAssetsRequest(_message.Message):
    __slots__ = ("creator_id", "page_size", "page_token")
    CREATOR_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    creator_id: str
    page_size: int
    page_token: str
    def __init__(self, creator_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAssetsResponse(_message.Message):
    __slots__ = ("assets", "next_page_token", "has_more", "tree_size")
    ASSETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    TREE_SIZE_FIELD_NUMBER: _ClassVar[int]
    assets: _containers.RepeatedCompositeFieldContainer[AssetState]
    next_page_token: str
    has_more: bool
    tree_size: int
    def __init__(self, assets: _Optional[_Iterable[_Union[AssetState, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., has_more: _Optional[bool] = ..., tree_size: _Optional[int] = ...) -> None: ...

class ListContestedAssetsRequest(_message.Message):
    __slots__ = ("creator_id", "page_size", "page_token")
    CREATOR_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    creator_id: str
    page_size: int
    page_token: str
    def __init__(self, creator_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListContestedAssetsResponse(_message.Message):
    __slots__ = ("assets", "next_page_token", "has_more", "tree_size")
    ASSETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    TREE_SIZE_FIELD_NUMBER: _ClassVar[int]
    assets: _containers.RepeatedCompositeFieldContainer[AssetState]
    next_page_token: str
    has_more: bool
    tree_size: int
    def __init__(self, assets: _Optional[_Iterable[_Union[AssetState, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., has_more: _Optional[bool] = ..., tree_size: _Optional[int] = ...) -> None: ...

class CreateLicenseRequest(_message.Message):
    __slots__ = ("submitter", "request_id", "license")
    SUBMITTER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    LICENSE_FIELD_NUMBER: _ClassVar[int]
    submitter: str
    request_id: str
    license: _registry_pb2.License
    def __init__(self, submitter: _Optional[str] = ..., request_id: _Optional[str] = ..., license: _Optional[_Union[_registry_pb2.License, _Mapping]] = ...) -> None: ...

class CreateLicenseResponse(_message.Message):
    __slots__ = ("recorded",)
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    recorded: Recorded
    def __init__(self, recorded: _Optional[_Union[Recorded, _Mapping]] = ...) -> None: ...

class UpdateLicenseRequest(_message.Message):
    __slots__ = ("submitter", "request_id", "license")
    SUBMITTER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    LICENSE_FIELD_NUMBER: _ClassVar[int]
    submitter: str
    request_id: str
    license: _registry_pb2.License
    def __init__(self, submitter: _Optional[str] = ..., request_id: _Optional[str] = ..., license: _Optional[_Union[_registry_pb2.License, _Mapping]] = ...) -> None: ...

class UpdateLicenseResponse(_message.Message):
    __slots__ = ("recorded",)
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    recorded: Recorded
    def __init__(self, recorded: _Optional[_Union[Recorded, _Mapping]] = ...) -> None: ...

class GetLicenseRequest(_message.Message):
    __slots__ = ("license_id",)
    LICENSE_ID_FIELD_NUMBER: _ClassVar[int]
    license_id: str
    def __init__(self, license_id: _Optional[str] = ...) -> None: ...

class GetLicenseResponse(_message.Message):
    __slots__ = ("license",)
    LICENSE_FIELD_NUMBER: _ClassVar[int]
    license: LicenseState
    def __init__(self, license: _Optional[_Union[LicenseState, _Mapping]] = ...) -> None: ...

class ListLicensesRequest(_message.Message):
    __slots__ = ("creator_id", "asset_id", "buyer", "page_size", "page_token")
    CREATOR_ID_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    BUYER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    creator_id: str
    asset_id: str
    buyer: str
    page_size: int
    page_token: str
    def __init__(self, creator_id: _Optional[str] = ..., asset_id: _Optional[str] = ..., buyer: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListLicensesResponse(_message.Message):
    __slots__ = ("licenses", "next_page_token", "has_more", "tree_size")
    LICENSES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    TREE_SIZE_FIELD_NUMBER: _ClassVar[int]
    licenses: _containers.RepeatedCompositeFieldContainer[LicenseState]
    next_page_token: str
    has_more: bool
    tree_size: int
    def __init__(self, licenses: _Optional[_Iterable[_Union[LicenseState, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., has_more: _Optional[bool] = ..., tree_size: _Optional[int] = ...) -> None: ...

class ExportLicenseRequest(_message.Message):
    __slots__ = ("license_id", "format")
    LICENSE_ID_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    license_id: str
    format: LicenseFormat
    def __init__(self, license_id: _Optional[str] = ..., format: _Optional[_Union[LicenseFormat, str]] = ...) -> None: ...

class ExportLicenseResponse(_message.Message):
    __slots__ = ("media_type", "document", "left_out", "widens")
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    WIDENS_FIELD_NUMBER: _ClassVar[int]
    media_type: str
    document: str
    left_out: _containers.RepeatedScalarFieldContainer[str]
    widens: bool
    def __init__(self, media_type: _Optional[str] = ..., document: _Optional[str] = ..., left_out: _Optional[_Iterable[str]] = ..., widens: _Optional[bool] = ...) -> None: ...

class LicenseTemplate(_message.Message):
    __slots__ = ("name", "version", "title", "text", "text_sha256", "terms")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TEXT_SHA256_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    title: str
    text: str
    text_sha256: bytes
    terms: _registry_pb2.LicenseTerms
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., title: _Optional[str] = ..., text: _Optional[str] = ..., text_sha256: _Optional[bytes] = ..., terms: _Optional[_Union[_registry_pb2.LicenseTerms, _Mapping]] = ...) -> None: ...

class ListLicenseTemplatesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListLicenseTemplatesResponse(_message.Message):
    __slots__ = ("templates",)
    TEMPLATES_FIELD_NUMBER: _ClassVar[int]
    templates: _containers.RepeatedCompositeFieldContainer[LicenseTemplate]
    def __init__(self, templates: _Optional[_Iterable[_Union[LicenseTemplate, _Mapping]]] = ...) -> None: ...

class CreatePriceRequest(_message.Message):
    __slots__ = ("submitter", "request_id", "price")
    SUBMITTER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    submitter: str
    request_id: str
    price: _registry_pb2.Price
    def __init__(self, submitter: _Optional[str] = ..., request_id: _Optional[str] = ..., price: _Optional[_Union[_registry_pb2.Price, _Mapping]] = ...) -> None: ...

class CreatePriceResponse(_message.Message):
    __slots__ = ("recorded",)
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    recorded: Recorded
    def __init__(self, recorded: _Optional[_Union[Recorded, _Mapping]] = ...) -> None: ...

class UpdatePriceRequest(_message.Message):
    __slots__ = ("submitter", "request_id", "price")
    SUBMITTER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    submitter: str
    request_id: str
    price: _registry_pb2.Price
    def __init__(self, submitter: _Optional[str] = ..., request_id: _Optional[str] = ..., price: _Optional[_Union[_registry_pb2.Price, _Mapping]] = ...) -> None: ...

class UpdatePriceResponse(_message.Message):
    __slots__ = ("recorded",)
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    recorded: Recorded
    def __init__(self, recorded: _Optional[_Union[Recorded, _Mapping]] = ...) -> None: ...

class GetPriceRequest(_message.Message):
    __slots__ = ("price_id",)
    PRICE_ID_FIELD_NUMBER: _ClassVar[int]
    price_id: str
    def __init__(self, price_id: _Optional[str] = ...) -> None: ...

class GetPriceResponse(_message.Message):
    __slots__ = ("price",)
    PRICE_FIELD_NUMBER: _ClassVar[int]
    price: PriceState
    def __init__(self, price: _Optional[_Union[PriceState, _Mapping]] = ...) -> None: ...

class ListPricesRequest(_message.Message):
    __slots__ = ("creator_id", "page_size", "page_token")
    CREATOR_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    creator_id: str
    page_size: int
    page_token: str
    def __init__(self, creator_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPricesResponse(_message.Message):
    __slots__ = ("prices", "next_page_token", "has_more", "tree_size")
    PRICES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    TREE_SIZE_FIELD_NUMBER: _ClassVar[int]
    prices: _containers.RepeatedCompositeFieldContainer[PriceState]
    next_page_token: str
    has_more: bool
    tree_size: int
    def __init__(self, prices: _Optional[_Iterable[_Union[PriceState, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., has_more: _Optional[bool] = ..., tree_size: _Optional[int] = ...) -> None: ...

class RevokeRequest(_message.Message):
    __slots__ = ("submitter", "request_id", "revocation")
    SUBMITTER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_FIELD_NUMBER: _ClassVar[int]
    submitter: str
    request_id: str
    revocation: _registry_pb2.Revocation
    def __init__(self, submitter: _Optional[str] = ..., request_id: _Optional[str] = ..., revocation: _Optional[_Union[_registry_pb2.Revocation, _Mapping]] = ...) -> None: ...

class RevokeResponse(_message.Message):
    __slots__ = ("recorded",)
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    recorded: Recorded
    def __init__(self, recorded: _Optional[_Union[Recorded, _Mapping]] = ...) -> None: ...

class ListVersionsRequest(_message.Message):
    __slots__ = ("kind", "object_id", "page_size", "page_token")
    KIND_FIELD_NUMBER: _ClassVar[int]
    OBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    kind: int
    object_id: str
    page_size: int
    page_token: str
    def __init__(self, kind: _Optional[int] = ..., object_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ObjectVersion(_message.Message):
    __slots__ = ("version", "creator", "asset", "license", "price", "revocation")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATOR_FIELD_NUMBER: _ClassVar[int]
    ASSET_FIELD_NUMBER: _ClassVar[int]
    LICENSE_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_FIELD_NUMBER: _ClassVar[int]
    version: Version
    creator: _registry_pb2.Creator
    asset: _registry_pb2.Asset
    license: _registry_pb2.License
    price: _registry_pb2.Price
    revocation: _registry_pb2.Revocation
    def __init__(self, version: _Optional[_Union[Version, _Mapping]] = ..., creator: _Optional[_Union[_registry_pb2.Creator, _Mapping]] = ..., asset: _Optional[_Union[_registry_pb2.Asset, _Mapping]] = ..., license: _Optional[_Union[_registry_pb2.License, _Mapping]] = ..., price: _Optional[_Union[_registry_pb2.Price, _Mapping]] = ..., revocation: _Optional[_Union[_registry_pb2.Revocation, _Mapping]] = ...) -> None: ...

class ListVersionsResponse(_message.Message):
    __slots__ = ("versions", "next_page_token", "has_more", "tree_size")
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    TREE_SIZE_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[ObjectVersion]
    next_page_token: str
    has_more: bool
    tree_size: int
    def __init__(self, versions: _Optional[_Iterable[_Union[ObjectVersion, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., has_more: _Optional[bool] = ..., tree_size: _Optional[int] = ...) -> None: ...

class UseQuery(_message.Message):
    __slots__ = ("asset_id", "buyer", "use", "model_id", "territory", "time_us", "commercial", "license_id")
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    BUYER_FIELD_NUMBER: _ClassVar[int]
    USE_FIELD_NUMBER: _ClassVar[int]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    TERRITORY_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    COMMERCIAL_FIELD_NUMBER: _ClassVar[int]
    LICENSE_ID_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    buyer: str
    use: _registry_pb2.Use
    model_id: str
    territory: str
    time_us: int
    commercial: bool
    license_id: str
    def __init__(self, asset_id: _Optional[str] = ..., buyer: _Optional[str] = ..., use: _Optional[_Union[_registry_pb2.Use, str]] = ..., model_id: _Optional[str] = ..., territory: _Optional[str] = ..., time_us: _Optional[int] = ..., commercial: _Optional[bool] = ..., license_id: _Optional[str] = ...) -> None: ...

class Coverage(_message.Message):
    __slots__ = ("covered", "license_id", "license_etag", "price_id", "price_etag", "price", "fault", "message", "as_of_size")
    COVERED_FIELD_NUMBER: _ClassVar[int]
    LICENSE_ID_FIELD_NUMBER: _ClassVar[int]
    LICENSE_ETAG_FIELD_NUMBER: _ClassVar[int]
    PRICE_ID_FIELD_NUMBER: _ClassVar[int]
    PRICE_ETAG_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    AS_OF_SIZE_FIELD_NUMBER: _ClassVar[int]
    covered: bool
    license_id: str
    license_etag: str
    price_id: str
    price_etag: str
    price: _registry_pb2.Price
    fault: CoverageFault
    message: str
    as_of_size: int
    def __init__(self, covered: _Optional[bool] = ..., license_id: _Optional[str] = ..., license_etag: _Optional[str] = ..., price_id: _Optional[str] = ..., price_etag: _Optional[str] = ..., price: _Optional[_Union[_registry_pb2.Price, _Mapping]] = ..., fault: _Optional[_Union[CoverageFault, str]] = ..., message: _Optional[str] = ..., as_of_size: _Optional[int] = ...) -> None: ...

class CheckCoverageRequest(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: UseQuery
    def __init__(self, query: _Optional[_Union[UseQuery, _Mapping]] = ...) -> None: ...

class CheckCoverageResponse(_message.Message):
    __slots__ = ("coverage",)
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    coverage: Coverage
    def __init__(self, coverage: _Optional[_Union[Coverage, _Mapping]] = ...) -> None: ...

class CheckCoveragesRequest(_message.Message):
    __slots__ = ("queries",)
    QUERIES_FIELD_NUMBER: _ClassVar[int]
    queries: _containers.RepeatedCompositeFieldContainer[UseQuery]
    def __init__(self, queries: _Optional[_Iterable[_Union[UseQuery, _Mapping]]] = ...) -> None: ...

class CheckCoveragesResponse(_message.Message):
    __slots__ = ("coverages",)
    COVERAGES_FIELD_NUMBER: _ClassVar[int]
    coverages: _containers.RepeatedCompositeFieldContainer[Coverage]
    def __init__(self, coverages: _Optional[_Iterable[_Union[Coverage, _Mapping]]] = ...) -> None: ...
