from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_OPERATOR: _ClassVar[Role]
    ROLE_PLATFORM: _ClassVar[Role]
    ROLE_HOST: _ClassVar[Role]
    ROLE_CREATOR: _ClassVar[Role]
    ROLE_AUDITOR: _ClassVar[Role]
    ROLE_MIRROR: _ClassVar[Role]
ROLE_UNSPECIFIED: Role
ROLE_OPERATOR: Role
ROLE_PLATFORM: Role
ROLE_HOST: Role
ROLE_CREATOR: Role
ROLE_AUDITOR: Role
ROLE_MIRROR: Role

class Quotas(_message.Message):
    __slots__ = ("requests_per_s", "records_per_s", "tokens_per_day")
    REQUESTS_PER_S_FIELD_NUMBER: _ClassVar[int]
    RECORDS_PER_S_FIELD_NUMBER: _ClassVar[int]
    TOKENS_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    requests_per_s: int
    records_per_s: int
    tokens_per_day: int
    def __init__(self, requests_per_s: _Optional[int] = ..., records_per_s: _Optional[int] = ..., tokens_per_day: _Optional[int] = ...) -> None: ...

class Principal(_message.Message):
    __slots__ = ("principal_id", "role", "tenant", "display_name", "quotas", "disabled", "created_time_us")
    PRINCIPAL_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    QUOTAS_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    CREATED_TIME_US_FIELD_NUMBER: _ClassVar[int]
    principal_id: str
    role: Role
    tenant: str
    display_name: str
    quotas: Quotas
    disabled: bool
    created_time_us: int
    def __init__(self, principal_id: _Optional[str] = ..., role: _Optional[_Union[Role, str]] = ..., tenant: _Optional[str] = ..., display_name: _Optional[str] = ..., quotas: _Optional[_Union[Quotas, _Mapping]] = ..., disabled: _Optional[bool] = ..., created_time_us: _Optional[int] = ...) -> None: ...

class ApiKey(_message.Message):
    __slots__ = ("key_id", "principal_id", "created_time_us", "expires_time_us", "revoked_time_us", "ip_ranges", "note")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_TIME_US_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_TIME_US_FIELD_NUMBER: _ClassVar[int]
    REVOKED_TIME_US_FIELD_NUMBER: _ClassVar[int]
    IP_RANGES_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    principal_id: str
    created_time_us: int
    expires_time_us: int
    revoked_time_us: int
    ip_ranges: _containers.RepeatedScalarFieldContainer[str]
    note: str
    def __init__(self, key_id: _Optional[str] = ..., principal_id: _Optional[str] = ..., created_time_us: _Optional[int] = ..., expires_time_us: _Optional[int] = ..., revoked_time_us: _Optional[int] = ..., ip_ranges: _Optional[_Iterable[str]] = ..., note: _Optional[str] = ...) -> None: ...

class AuditEvent(_message.Message):
    __slots__ = ("sequence", "time_us", "action", "principal_id", "key_id", "subject", "detail", "peer", "count")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    time_us: int
    action: str
    principal_id: str
    key_id: str
    subject: str
    detail: str
    peer: str
    count: int
    def __init__(self, sequence: _Optional[int] = ..., time_us: _Optional[int] = ..., action: _Optional[str] = ..., principal_id: _Optional[str] = ..., key_id: _Optional[str] = ..., subject: _Optional[str] = ..., detail: _Optional[str] = ..., peer: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class WhoAmIRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WhoAmIResponse(_message.Message):
    __slots__ = ("principal", "key_id", "open")
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    principal: Principal
    key_id: str
    open: bool
    def __init__(self, principal: _Optional[_Union[Principal, _Mapping]] = ..., key_id: _Optional[str] = ..., open: _Optional[bool] = ...) -> None: ...

class CreatePrincipalRequest(_message.Message):
    __slots__ = ("principal",)
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    principal: Principal
    def __init__(self, principal: _Optional[_Union[Principal, _Mapping]] = ...) -> None: ...

class CreatePrincipalResponse(_message.Message):
    __slots__ = ("principal",)
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    principal: Principal
    def __init__(self, principal: _Optional[_Union[Principal, _Mapping]] = ...) -> None: ...

class UpdatePrincipalRequest(_message.Message):
    __slots__ = ("principal_id", "display_name", "quotas", "disabled")
    PRINCIPAL_ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    QUOTAS_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    principal_id: str
    display_name: str
    quotas: Quotas
    disabled: bool
    def __init__(self, principal_id: _Optional[str] = ..., display_name: _Optional[str] = ..., quotas: _Optional[_Union[Quotas, _Mapping]] = ..., disabled: _Optional[bool] = ...) -> None: ...

class UpdatePrincipalResponse(_message.Message):
    __slots__ = ("principal",)
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    principal: Principal
    def __init__(self, principal: _Optional[_Union[Principal, _Mapping]] = ...) -> None: ...

class GetPrincipalRequest(_message.Message):
    __slots__ = ("principal_id",)
    PRINCIPAL_ID_FIELD_NUMBER: _ClassVar[int]
    principal_id: str
    def __init__(self, principal_id: _Optional[str] = ...) -> None: ...

class GetPrincipalResponse(_message.Message):
    __slots__ = ("principal",)
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    principal: Principal
    def __init__(self, principal: _Optional[_Union[Principal, _Mapping]] = ...) -> None: ...

class ListPrincipalsRequest(_message.Message):
    __slots__ = ("after_principal_id", "page_size")
    AFTER_PRINCIPAL_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    after_principal_id: str
    page_size: int
    def __init__(self, after_principal_id: _Optional[str] = ..., page_size: _Optional[int] = ...) -> None: ...

class ListPrincipalsResponse(_message.Message):
    __slots__ = ("principals", "has_more")
    PRINCIPALS_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    principals: _containers.RepeatedCompositeFieldContainer[Principal]
    has_more: bool
    def __init__(self, principals: _Optional[_Iterable[_Union[Principal, _Mapping]]] = ..., has_more: _Optional[bool] = ...) -> None: ...

class CreateApiKeyRequest(_message.Message):
    __slots__ = ("principal_id", "expires_time_us", "ip_ranges", "note")
    PRINCIPAL_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_TIME_US_FIELD_NUMBER: _ClassVar[int]
    IP_RANGES_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    principal_id: str
    expires_time_us: int
    ip_ranges: _containers.RepeatedScalarFieldContainer[str]
    note: str
    def __init__(self, principal_id: _Optional[str] = ..., expires_time_us: _Optional[int] = ..., ip_ranges: _Optional[_Iterable[str]] = ..., note: _Optional[str] = ...) -> None: ...

class CreateApiKeyResponse(_message.Message):
    __slots__ = ("api_key", "key")
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    api_key: str
    key: ApiKey
    def __init__(self, api_key: _Optional[str] = ..., key: _Optional[_Union[ApiKey, _Mapping]] = ...) -> None: ...

class RotateApiKeyRequest(_message.Message):
    __slots__ = ("key_id", "overlap_us")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_US_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    overlap_us: int
    def __init__(self, key_id: _Optional[str] = ..., overlap_us: _Optional[int] = ...) -> None: ...

class RotateApiKeyResponse(_message.Message):
    __slots__ = ("api_key", "key", "replaced")
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    REPLACED_FIELD_NUMBER: _ClassVar[int]
    api_key: str
    key: ApiKey
    replaced: ApiKey
    def __init__(self, api_key: _Optional[str] = ..., key: _Optional[_Union[ApiKey, _Mapping]] = ..., replaced: _Optional[_Union[ApiKey, _Mapping]] = ...) -> None: ...

class RevokeApiKeyRequest(_message.Message):
    __slots__ = ("key_id",)
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    def __init__(self, key_id: _Optional[str] = ...) -> None: ...

class RevokeApiKeyResponse(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: ApiKey
    def __init__(self, key: _Optional[_Union[ApiKey, _Mapping]] = ...) -> None: ...

class ListApiKeysRequest(_message.Message):
    __slots__ = ("principal_id", "after_key_id", "page_size")
    PRINCIPAL_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    principal_id: str
    after_key_id: str
    page_size: int
    def __init__(self, principal_id: _Optional[str] = ..., after_key_id: _Optional[str] = ..., page_size: _Optional[int] = ...) -> None: ...

class ListApiKeysResponse(_message.Message):
    __slots__ = ("keys", "has_more")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[ApiKey]
    has_more: bool
    def __init__(self, keys: _Optional[_Iterable[_Union[ApiKey, _Mapping]]] = ..., has_more: _Optional[bool] = ...) -> None: ...

class ListAuditEventsRequest(_message.Message):
    __slots__ = ("after_sequence", "page_size")
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    after_sequence: int
    page_size: int
    def __init__(self, after_sequence: _Optional[int] = ..., page_size: _Optional[int] = ...) -> None: ...

class ListAuditEventsResponse(_message.Message):
    __slots__ = ("events", "has_more")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[AuditEvent]
    has_more: bool
    def __init__(self, events: _Optional[_Iterable[_Union[AuditEvent, _Mapping]]] = ..., has_more: _Optional[bool] = ...) -> None: ...

class IssueTokenRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class IssueTokenResponse(_message.Message):
    __slots__ = ("access_token", "expires_time_us")
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_TIME_US_FIELD_NUMBER: _ClassVar[int]
    access_token: str
    expires_time_us: int
    def __init__(self, access_token: _Optional[str] = ..., expires_time_us: _Optional[int] = ...) -> None: ...

class CertificateName(_message.Message):
    __slots__ = ("name", "principal_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    principal_id: str
    def __init__(self, name: _Optional[str] = ..., principal_id: _Optional[str] = ...) -> None: ...

class AddCertificateNameRequest(_message.Message):
    __slots__ = ("certificate_name",)
    CERTIFICATE_NAME_FIELD_NUMBER: _ClassVar[int]
    certificate_name: CertificateName
    def __init__(self, certificate_name: _Optional[_Union[CertificateName, _Mapping]] = ...) -> None: ...

class AddCertificateNameResponse(_message.Message):
    __slots__ = ("certificate_name",)
    CERTIFICATE_NAME_FIELD_NUMBER: _ClassVar[int]
    certificate_name: CertificateName
    def __init__(self, certificate_name: _Optional[_Union[CertificateName, _Mapping]] = ...) -> None: ...

class RemoveCertificateNameRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class RemoveCertificateNameResponse(_message.Message):
    __slots__ = ("certificate_name",)
    CERTIFICATE_NAME_FIELD_NUMBER: _ClassVar[int]
    certificate_name: CertificateName
    def __init__(self, certificate_name: _Optional[_Union[CertificateName, _Mapping]] = ...) -> None: ...

class ListCertificateNamesRequest(_message.Message):
    __slots__ = ("principal_id", "after_name", "page_size")
    PRINCIPAL_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_NAME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    principal_id: str
    after_name: str
    page_size: int
    def __init__(self, principal_id: _Optional[str] = ..., after_name: _Optional[str] = ..., page_size: _Optional[int] = ...) -> None: ...

class ListCertificateNamesResponse(_message.Message):
    __slots__ = ("certificate_names", "has_more")
    CERTIFICATE_NAMES_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    certificate_names: _containers.RepeatedCompositeFieldContainer[CertificateName]
    has_more: bool
    def __init__(self, certificate_names: _Optional[_Iterable[_Union[CertificateName, _Mapping]]] = ..., has_more: _Optional[bool] = ...) -> None: ...
