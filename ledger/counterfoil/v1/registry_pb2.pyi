from counterfoil.v1 import record_pb2 as _record_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class KycStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KYC_STATUS_UNSPECIFIED: _ClassVar[KycStatus]
    KYC_STATUS_PENDING: _ClassVar[KycStatus]
    KYC_STATUS_VERIFIED: _ClassVar[KycStatus]
    KYC_STATUS_REJECTED: _ClassVar[KycStatus]

class Visibility(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VISIBILITY_UNSPECIFIED: _ClassVar[Visibility]
    VISIBILITY_PRIVATE: _ClassVar[Visibility]
    VISIBILITY_LISTED: _ClassVar[Visibility]

class Use(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    USE_UNSPECIFIED: _ClassVar[Use]
    USE_TRAINING: _ClassVar[Use]
    USE_FINE_TUNING: _ClassVar[Use]
    USE_INFERENCE: _ClassVar[Use]
    USE_DISPLAY: _ClassVar[Use]
    USE_RETRIEVAL: _ClassVar[Use]

class BillingPeriod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BILLING_PERIOD_UNSPECIFIED: _ClassVar[BillingPeriod]
    BILLING_PERIOD_DAY: _ClassVar[BillingPeriod]
    BILLING_PERIOD_MONTH: _ClassVar[BillingPeriod]
    BILLING_PERIOD_YEAR: _ClassVar[BillingPeriod]
KYC_STATUS_UNSPECIFIED: KycStatus
KYC_STATUS_PENDING: KycStatus
KYC_STATUS_VERIFIED: KycStatus
KYC_STATUS_REJECTED: KycStatus
VISIBILITY_UNSPECIFIED: Visibility
VISIBILITY_PRIVATE: Visibility
VISIBILITY_LISTED: Visibility
USE_UNSPECIFIED: Use
USE_TRAINING: Use
USE_FINE_TUNING: Use
USE_INFERENCE: Use
USE_DISPLAY: Use
USE_RETRIEVAL: Use
BILLING_PERIOD_UNSPECIFIED: BillingPeriod
BILLING_PERIOD_DAY: BillingPeriod
BILLING_PERIOD_MONTH: BillingPeriod
BILLING_PERIOD_YEAR: BillingPeriod

class Creator(_message.Message):
    __slots__ = ("creator_id", "replaces", "display_name", "payout_account_ref", "kyc_status", "consents", "coarse_reports_only", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CREATOR_ID_FIELD_NUMBER: _ClassVar[int]
    REPLACES_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    PAYOUT_ACCOUNT_REF_FIELD_NUMBER: _ClassVar[int]
    KYC_STATUS_FIELD_NUMBER: _ClassVar[int]
    CONSENTS_FIELD_NUMBER: _ClassVar[int]
    COARSE_REPORTS_ONLY_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    creator_id: str
    replaces: str
    display_name: str
    payout_account_ref: str
    kyc_status: KycStatus
    consents: _containers.RepeatedScalarFieldContainer[_record_pb2.Consent]
    coarse_reports_only: bool
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, creator_id: _Optional[str] = ..., replaces: _Optional[str] = ..., display_name: _Optional[str] = ..., payout_account_ref: _Optional[str] = ..., kyc_status: _Optional[_Union[KycStatus, str]] = ..., consents: _Optional[_Iterable[_Union[_record_pb2.Consent, str]]] = ..., coarse_reports_only: _Optional[bool] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Asset(_message.Message):
    __slots__ = ("asset_id", "replaces", "creator_id", "title", "contents", "mime_type", "tags", "rights_statement", "license_defaults", "visibility", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    REPLACES_FIELD_NUMBER: _ClassVar[int]
    CREATOR_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    CONTENTS_FIELD_NUMBER: _ClassVar[int]
    MIME_TYPE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    RIGHTS_STATEMENT_FIELD_NUMBER: _ClassVar[int]
    LICENSE_DEFAULTS_FIELD_NUMBER: _ClassVar[int]
    VISIBILITY_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    replaces: str
    creator_id: str
    title: str
    contents: _containers.RepeatedCompositeFieldContainer[_record_pb2.Artifact]
    mime_type: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    rights_statement: str
    license_defaults: LicenseDefaults
    visibility: Visibility
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, asset_id: _Optional[str] = ..., replaces: _Optional[str] = ..., creator_id: _Optional[str] = ..., title: _Optional[str] = ..., contents: _Optional[_Iterable[_Union[_record_pb2.Artifact, _Mapping]]] = ..., mime_type: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., rights_statement: _Optional[str] = ..., license_defaults: _Optional[_Union[LicenseDefaults, _Mapping]] = ..., visibility: _Optional[_Union[Visibility, str]] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class LicenseDefaults(_message.Message):
    __slots__ = ("template", "price_id")
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    PRICE_ID_FIELD_NUMBER: _ClassVar[int]
    template: str
    price_id: str
    def __init__(self, template: _Optional[str] = ..., price_id: _Optional[str] = ...) -> None: ...

class RevocationPolicy(_message.Message):
    __slots__ = ("irrevocable", "notice_s")
    IRREVOCABLE_FIELD_NUMBER: _ClassVar[int]
    NOTICE_S_FIELD_NUMBER: _ClassVar[int]
    irrevocable: bool
    notice_s: int
    def __init__(self, irrevocable: _Optional[bool] = ..., notice_s: _Optional[int] = ...) -> None: ...

class LicenseTerms(_message.Message):
    __slots__ = ("commercial_use", "allowed_uses", "territories", "start_time_us", "end_time_us", "models_allowed", "models_excluded", "revocation")
    COMMERCIAL_USE_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_USES_FIELD_NUMBER: _ClassVar[int]
    TERRITORIES_FIELD_NUMBER: _ClassVar[int]
    START_TIME_US_FIELD_NUMBER: _ClassVar[int]
    END_TIME_US_FIELD_NUMBER: _ClassVar[int]
    MODELS_ALLOWED_FIELD_NUMBER: _ClassVar[int]
    MODELS_EXCLUDED_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_FIELD_NUMBER: _ClassVar[int]
    commercial_use: bool
    allowed_uses: _containers.RepeatedScalarFieldContainer[Use]
    territories: _containers.RepeatedScalarFieldContainer[str]
    start_time_us: int
    end_time_us: int
    models_allowed: _containers.RepeatedScalarFieldContainer[str]
    models_excluded: _containers.RepeatedScalarFieldContainer[str]
    revocation: RevocationPolicy
    def __init__(self, commercial_use: _Optional[bool] = ..., allowed_uses: _Optional[_Iterable[_Union[Use, str]]] = ..., territories: _Optional[_Iterable[str]] = ..., start_time_us: _Optional[int] = ..., end_time_us: _Optional[int] = ..., models_allowed: _Optional[_Iterable[str]] = ..., models_excluded: _Optional[_Iterable[str]] = ..., revocation: _Optional[_Union[RevocationPolicy, _Mapping]] = ...) -> None: ...

class License(_message.Message):
    __slots__ = ("license_id", "replaces", "creator_id", "asset_id", "buyer", "terms", "price_id", "template", "terms_uri", "terms_sha256", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    LICENSE_ID_FIELD_NUMBER: _ClassVar[int]
    REPLACES_FIELD_NUMBER: _ClassVar[int]
    CREATOR_ID_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    BUYER_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    PRICE_ID_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    TERMS_URI_FIELD_NUMBER: _ClassVar[int]
    TERMS_SHA256_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    license_id: str
    replaces: str
    creator_id: str
    asset_id: str
    buyer: str
    terms: LicenseTerms
    price_id: str
    template: str
    terms_uri: str
    terms_sha256: bytes
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, license_id: _Optional[str] = ..., replaces: _Optional[str] = ..., creator_id: _Optional[str] = ..., asset_id: _Optional[str] = ..., buyer: _Optional[str] = ..., terms: _Optional[_Union[LicenseTerms, _Mapping]] = ..., price_id: _Optional[str] = ..., template: _Optional[str] = ..., terms_uri: _Optional[str] = ..., terms_sha256: _Optional[bytes] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Revocation(_message.Message):
    __slots__ = ("kind", "object_id", "replaces", "reason", "effective_time_us")
    KIND_FIELD_NUMBER: _ClassVar[int]
    OBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    REPLACES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_TIME_US_FIELD_NUMBER: _ClassVar[int]
    kind: int
    object_id: str
    replaces: str
    reason: str
    effective_time_us: int
    def __init__(self, kind: _Optional[int] = ..., object_id: _Optional[str] = ..., replaces: _Optional[str] = ..., reason: _Optional[str] = ..., effective_time_us: _Optional[int] = ...) -> None: ...

class Price(_message.Message):
    __slots__ = ("price_id", "replaces", "creator_id", "currency", "per_token", "per_call", "per_training_example", "revenue_share", "flat_fee", "floor_plus_usage", "subscription_pool", "monthly_cap", "minimum_payout")
    PRICE_ID_FIELD_NUMBER: _ClassVar[int]
    REPLACES_FIELD_NUMBER: _ClassVar[int]
    CREATOR_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    PER_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PER_CALL_FIELD_NUMBER: _ClassVar[int]
    PER_TRAINING_EXAMPLE_FIELD_NUMBER: _ClassVar[int]
    REVENUE_SHARE_FIELD_NUMBER: _ClassVar[int]
    FLAT_FEE_FIELD_NUMBER: _ClassVar[int]
    FLOOR_PLUS_USAGE_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_POOL_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_CAP_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_PAYOUT_FIELD_NUMBER: _ClassVar[int]
    price_id: str
    replaces: str
    creator_id: str
    currency: str
    per_token: PerToken
    per_call: PerCall
    per_training_example: PerTrainingExample
    revenue_share: RevenueShare
    flat_fee: FlatFee
    floor_plus_usage: FloorPlusUsage
    subscription_pool: SubscriptionPool
    monthly_cap: str
    minimum_payout: str
    def __init__(self, price_id: _Optional[str] = ..., replaces: _Optional[str] = ..., creator_id: _Optional[str] = ..., currency: _Optional[str] = ..., per_token: _Optional[_Union[PerToken, _Mapping]] = ..., per_call: _Optional[_Union[PerCall, _Mapping]] = ..., per_training_example: _Optional[_Union[PerTrainingExample, _Mapping]] = ..., revenue_share: _Optional[_Union[RevenueShare, _Mapping]] = ..., flat_fee: _Optional[_Union[FlatFee, _Mapping]] = ..., floor_plus_usage: _Optional[_Union[FloorPlusUsage, _Mapping]] = ..., subscription_pool: _Optional[_Union[SubscriptionPool, _Mapping]] = ..., monthly_cap: _Optional[str] = ..., minimum_payout: _Optional[str] = ...) -> None: ...

class PerToken(_message.Message):
    __slots__ = ("input_rate", "output_rate")
    INPUT_RATE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_RATE_FIELD_NUMBER: _ClassVar[int]
    input_rate: str
    output_rate: str
    def __init__(self, input_rate: _Optional[str] = ..., output_rate: _Optional[str] = ...) -> None: ...

class PerCall(_message.Message):
    __slots__ = ("rate",)
    RATE_FIELD_NUMBER: _ClassVar[int]
    rate: str
    def __init__(self, rate: _Optional[str] = ...) -> None: ...

class PerTrainingExample(_message.Message):
    __slots__ = ("rate",)
    RATE_FIELD_NUMBER: _ClassVar[int]
    rate: str
    def __init__(self, rate: _Optional[str] = ...) -> None: ...

class RevenueShare(_message.Message):
    __slots__ = ("creator_ppm", "platform_ppm", "host_ppm")
    CREATOR_PPM_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_PPM_FIELD_NUMBER: _ClassVar[int]
    HOST_PPM_FIELD_NUMBER: _ClassVar[int]
    creator_ppm: int
    platform_ppm: int
    host_ppm: int
    def __init__(self, creator_ppm: _Optional[int] = ..., platform_ppm: _Optional[int] = ..., host_ppm: _Optional[int] = ...) -> None: ...

class FlatFee(_message.Message):
    __slots__ = ("amount", "period")
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    amount: str
    period: BillingPeriod
    def __init__(self, amount: _Optional[str] = ..., period: _Optional[_Union[BillingPeriod, str]] = ...) -> None: ...

class FloorPlusUsage(_message.Message):
    __slots__ = ("floor", "usage")
    FLOOR_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    floor: FlatFee
    usage: PerToken
    def __init__(self, floor: _Optional[_Union[FlatFee, _Mapping]] = ..., usage: _Optional[_Union[PerToken, _Mapping]] = ...) -> None: ...

class SubscriptionPool(_message.Message):
    __slots__ = ("amount", "period")
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    amount: str
    period: BillingPeriod
    def __init__(self, amount: _Optional[str] = ..., period: _Optional[_Union[BillingPeriod, str]] = ...) -> None: ...
