from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Environment(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENVIRONMENT_UNSPECIFIED: _ClassVar[Environment]
    ENVIRONMENT_LIVE: _ClassVar[Environment]
    ENVIRONMENT_SANDBOX: _ClassVar[Environment]

class PartyRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PARTY_ROLE_UNSPECIFIED: _ClassVar[PartyRole]
    PARTY_ROLE_DATA_PROVIDER: _ClassVar[PartyRole]
    PARTY_ROLE_MODEL_HOST: _ClassVar[PartyRole]
    PARTY_ROLE_PLATFORM: _ClassVar[PartyRole]
    PARTY_ROLE_CREATOR: _ClassVar[PartyRole]

class Consent(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONSENT_UNSPECIFIED: _ClassVar[Consent]
    CONSENT_TRAINING: _ClassVar[Consent]
    CONSENT_INFERENCE: _ClassVar[Consent]
    CONSENT_COMMERCIAL: _ClassVar[Consent]
    CONSENT_DISPLAY: _ClassVar[Consent]

class PayoutStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PAYOUT_STATUS_UNSPECIFIED: _ClassVar[PayoutStatus]
    PAYOUT_STATUS_PENDING: _ClassVar[PayoutStatus]
    PAYOUT_STATUS_PAID: _ClassVar[PayoutStatus]
    PAYOUT_STATUS_FAILED: _ClassVar[PayoutStatus]
    PAYOUT_STATUS_REVERSED: _ClassVar[PayoutStatus]
ENVIRONMENT_UNSPECIFIED: Environment
ENVIRONMENT_LIVE: Environment
ENVIRONMENT_SANDBOX: Environment
PARTY_ROLE_UNSPECIFIED: PartyRole
PARTY_ROLE_DATA_PROVIDER: PartyRole
PARTY_ROLE_MODEL_HOST: PartyRole
PARTY_ROLE_PLATFORM: PartyRole
PARTY_ROLE_CREATOR: PartyRole
CONSENT_UNSPECIFIED: Consent
CONSENT_TRAINING: Consent
CONSENT_INFERENCE: Consent
CONSENT_COMMERCIAL: Consent
CONSENT_DISPLAY: Consent
PAYOUT_STATUS_UNSPECIFIED: PayoutStatus
PAYOUT_STATUS_PENDING: PayoutStatus
PAYOUT_STATUS_PAID: PayoutStatus
PAYOUT_STATUS_FAILED: PayoutStatus
PAYOUT_STATUS_REVERSED: PayoutStatus

class Record(_message.Message):
    __slots__ = ("submitter", "environment", "request_id", "backfill", "body")
    SUBMITTER_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    BACKFILL_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    submitter: str
    environment: Environment
    request_id: str
    backfill: bool
    body: bytes
    def __init__(self, submitter: _Optional[str] = ..., environment: _Optional[_Union[Environment, str]] = ..., request_id: _Optional[str] = ..., backfill: _Optional[bool] = ..., body: _Optional[bytes] = ...) -> None: ...

class Genesis(_message.Message):
    __slots__ = ("origin", "vkeys", "environment", "leaf_version", "created_time_us")
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    VKEYS_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    LEAF_VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_TIME_US_FIELD_NUMBER: _ClassVar[int]
    origin: str
    vkeys: _containers.RepeatedScalarFieldContainer[str]
    environment: Environment
    leaf_version: int
    created_time_us: int
    def __init__(self, origin: _Optional[str] = ..., vkeys: _Optional[_Iterable[str]] = ..., environment: _Optional[_Union[Environment, str]] = ..., leaf_version: _Optional[int] = ..., created_time_us: _Optional[int] = ...) -> None: ...

class Artifact(_message.Message):
    __slots__ = ("name", "size_bytes", "sha256", "blake3")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    BLAKE3_FIELD_NUMBER: _ClassVar[int]
    name: str
    size_bytes: int
    sha256: bytes
    blake3: bytes
    def __init__(self, name: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[bytes] = ..., blake3: _Optional[bytes] = ...) -> None: ...

class PartySignature(_message.Message):
    __slots__ = ("role", "public_key", "signature")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    role: PartyRole
    public_key: bytes
    signature: bytes
    def __init__(self, role: _Optional[_Union[PartyRole, str]] = ..., public_key: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class ProofOfTraining(_message.Message):
    __slots__ = ("dataset_id", "creator_id", "model_id", "artifact_hash", "artifacts", "evidence", "license", "portion_used_ppm", "notes", "metadata", "training_time_us", "signatures")
    class EvidenceEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    CREATOR_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_HASH_FIELD_NUMBER: _ClassVar[int]
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    LICENSE_FIELD_NUMBER: _ClassVar[int]
    PORTION_USED_PPM_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    TRAINING_TIME_US_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    dataset_id: str
    creator_id: str
    model_id: str
    artifact_hash: str
    artifacts: _containers.RepeatedCompositeFieldContainer[Artifact]
    evidence: _containers.ScalarMap[str, str]
    license: str
    portion_used_ppm: int
    notes: str
    metadata: _containers.ScalarMap[str, str]
    training_time_us: int
    signatures: _containers.RepeatedCompositeFieldContainer[PartySignature]
    def __init__(self, dataset_id: _Optional[str] = ..., creator_id: _Optional[str] = ..., model_id: _Optional[str] = ..., artifact_hash: _Optional[str] = ..., artifacts: _Optional[_Iterable[_Union[Artifact, _Mapping]]] = ..., evidence: _Optional[_Mapping[str, str]] = ..., license: _Optional[str] = ..., portion_used_ppm: _Optional[int] = ..., notes: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., training_time_us: _Optional[int] = ..., signatures: _Optional[_Iterable[_Union[PartySignature, _Mapping]]] = ...) -> None: ...

class Attribution(_message.Message):
    __slots__ = ("asset_id", "parts_per_million")
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    PARTS_PER_MILLION_FIELD_NUMBER: _ClassVar[int]
    asset_id: str
    parts_per_million: int
    def __init__(self, asset_id: _Optional[str] = ..., parts_per_million: _Optional[int] = ...) -> None: ...

class UsageEvent(_message.Message):
    __slots__ = ("event_id", "event_time_us", "model_id", "input_tokens", "output_tokens", "tokens", "receipt_ref", "asset_id", "license_id", "consumer_id", "action", "attributions", "consents", "metadata", "territory", "non_commercial")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_US_FIELD_NUMBER: _ClassVar[int]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_REF_FIELD_NUMBER: _ClassVar[int]
    ASSET_ID_FIELD_NUMBER: _ClassVar[int]
    LICENSE_ID_FIELD_NUMBER: _ClassVar[int]
    CONSUMER_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTIONS_FIELD_NUMBER: _ClassVar[int]
    CONSENTS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    TERRITORY_FIELD_NUMBER: _ClassVar[int]
    NON_COMMERCIAL_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    event_time_us: int
    model_id: str
    input_tokens: int
    output_tokens: int
    tokens: int
    receipt_ref: str
    asset_id: str
    license_id: str
    consumer_id: str
    action: str
    attributions: _containers.RepeatedCompositeFieldContainer[Attribution]
    consents: _containers.RepeatedScalarFieldContainer[Consent]
    metadata: _containers.ScalarMap[str, str]
    territory: str
    non_commercial: bool
    def __init__(self, event_id: _Optional[str] = ..., event_time_us: _Optional[int] = ..., model_id: _Optional[str] = ..., input_tokens: _Optional[int] = ..., output_tokens: _Optional[int] = ..., tokens: _Optional[int] = ..., receipt_ref: _Optional[str] = ..., asset_id: _Optional[str] = ..., license_id: _Optional[str] = ..., consumer_id: _Optional[str] = ..., action: _Optional[str] = ..., attributions: _Optional[_Iterable[_Union[Attribution, _Mapping]]] = ..., consents: _Optional[_Iterable[_Union[Consent, str]]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., territory: _Optional[str] = ..., non_commercial: _Optional[bool] = ...) -> None: ...

class Payout(_message.Message):
    __slots__ = ("creator_id", "period", "amount", "currency", "status", "method", "tx_ref", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CREATOR_ID_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    TX_REF_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    creator_id: str
    period: str
    amount: str
    currency: str
    status: PayoutStatus
    method: str
    tx_ref: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, creator_id: _Optional[str] = ..., period: _Optional[str] = ..., amount: _Optional[str] = ..., currency: _Optional[str] = ..., status: _Optional[_Union[PayoutStatus, str]] = ..., method: _Optional[str] = ..., tx_ref: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...
