"""Principals, keys and the audit trail of a ledger, as the ledger tells it: nothing of this is in the log."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol, TypeVar

from google.protobuf.message import Message

from counterfoil.limits import PAGE_SIZE_MAX
from counterfoil.v1.access_service_pb2 import (
    AddCertificateNameRequest,
    AddCertificateNameResponse,
    ApiKey,
    AuditEvent,
    CertificateName,
    CreateApiKeyRequest,
    CreateApiKeyResponse,
    CreatePrincipalRequest,
    CreatePrincipalResponse,
    GetPrincipalRequest,
    GetPrincipalResponse,
    IssueTokenRequest,
    IssueTokenResponse,
    ListApiKeysRequest,
    ListApiKeysResponse,
    ListAuditEventsRequest,
    ListAuditEventsResponse,
    ListCertificateNamesRequest,
    ListCertificateNamesResponse,
    ListPrincipalsRequest,
    ListPrincipalsResponse,
    Principal,
    Quotas,
    RemoveCertificateNameRequest,
    RemoveCertificateNameResponse,
    RevokeApiKeyRequest,
    RevokeApiKeyResponse,
    RotateApiKeyRequest,
    RotateApiKeyResponse,
    UpdatePrincipalRequest,
    UpdatePrincipalResponse,
    WhoAmIRequest,
    WhoAmIResponse,
)

_SERVICE: Final = "/counterfoil.v1.AccessService/"
M = TypeVar("M", bound=Message)


class Caller(Protocol):
    """What makes a unary call: a connection, or something on the ledger's own machine that stands for one."""

    def unary(self, path: str, request: Message, answer: type[M]) -> M:
        """One request, one answer."""
        ...


class Access:
    """Who may call a ledger; ``LedgerClient.access`` makes one. Every method raises LedgerError when it is refused.

    What makes something is not repeated by itself when the connection breaks: a key whose text got lost is of no use,
    and ``keys()`` shows whether one was made.
    """

    def __init__(self, transport: Caller) -> None:
        """Speak over a connection."""
        self._transport = transport

    def who_am_i(self) -> WhoAmIResponse:
        """Who the caller is, as the ledger sees it."""
        return self._transport.unary(_SERVICE + "WhoAmI", WhoAmIRequest(), WhoAmIResponse)

    def create_principal(self, principal: Principal) -> Principal:
        """Make a principal: id, role, tenant, display name and quotas."""
        request = CreatePrincipalRequest(principal=principal)
        path = _SERVICE + "CreatePrincipal"
        return self._transport.unary(path, request, CreatePrincipalResponse).principal

    def update_principal(
        self,
        principal_id: str,
        *,
        display_name: str | None = None,
        quotas: Quotas | None = None,
        disabled: bool | None = None,
    ) -> Principal:
        """Change what is not None."""
        request = UpdatePrincipalRequest(
            principal_id=principal_id, display_name=display_name, quotas=quotas, disabled=disabled
        )
        path = _SERVICE + "UpdatePrincipal"
        return self._transport.unary(path, request, UpdatePrincipalResponse).principal

    def principal(self, principal_id: str) -> Principal:
        """One principal."""
        request = GetPrincipalRequest(principal_id=principal_id)
        path = _SERVICE + "GetPrincipal"
        return self._transport.unary(path, request, GetPrincipalResponse).principal

    def principals(self) -> Iterator[Principal]:
        """All principals, by their ids."""
        request = ListPrincipalsRequest()
        return self._pages(
            "ListPrincipals", request, ListPrincipalsResponse, "principals", "principal_id"
        )

    def create_key(
        self,
        principal_id: str,
        *,
        expires_time_us: int = 0,
        ip_ranges: Sequence[str] = (),
        note: str = "",
    ) -> CreateApiKeyResponse:
        """Make a key. The answer holds its text, which nobody can ask for again."""
        request = CreateApiKeyRequest(
            principal_id=principal_id,
            expires_time_us=expires_time_us,
            ip_ranges=ip_ranges,
            note=note,
        )
        return self._transport.unary(_SERVICE + "CreateApiKey", request, CreateApiKeyResponse)

    def rotate_key(self, key_id: str, *, overlap_us: int | None = None) -> RotateApiKeyResponse:
        """Make a key in place of another one, which stays good for the overlap: a day unless told otherwise."""
        request = RotateApiKeyRequest(key_id=key_id, overlap_us=overlap_us)
        return self._transport.unary(_SERVICE + "RotateApiKey", request, RotateApiKeyResponse)

    def revoke_key(self, key_id: str) -> ApiKey:
        """End a key at once."""
        request = RevokeApiKeyRequest(key_id=key_id)
        return self._transport.unary(_SERVICE + "RevokeApiKey", request, RevokeApiKeyResponse).key

    def keys(self, principal_id: str = "") -> Iterator[ApiKey]:
        """Keys without their secrets, by their ids: those of one principal, or all that the caller may see."""
        request = ListApiKeysRequest(principal_id=principal_id)
        return self._pages("ListApiKeys", request, ListApiKeysResponse, "keys", "key_id")

    def audit_events(self, after_sequence: int = 0) -> Iterator[AuditEvent]:
        """What was changed and what was refused, oldest first."""
        request = ListAuditEventsRequest(after_sequence=after_sequence)
        return self._pages(
            "ListAuditEvents", request, ListAuditEventsResponse, "events", "sequence"
        )

    def issue_token(self) -> IssueTokenResponse:
        """An access token in place of the API key that this client shows; good for some minutes."""
        return self._transport.unary(
            _SERVICE + "IssueToken", IssueTokenRequest(), IssueTokenResponse
        )

    def add_certificate_name(self, name: str, principal_id: str) -> CertificateName:
        """Let client certificates with a name, such as ``dns:host.example.com``, stand for a principal."""
        wanted = CertificateName(name=name, principal_id=principal_id)
        request = AddCertificateNameRequest(certificate_name=wanted)
        path = _SERVICE + "AddCertificateName"
        return self._transport.unary(path, request, AddCertificateNameResponse).certificate_name

    def remove_certificate_name(self, name: str) -> CertificateName:
        """Let a name stand for nobody, at once."""
        request = RemoveCertificateNameRequest(name=name)
        path = _SERVICE + "RemoveCertificateName"
        return self._transport.unary(path, request, RemoveCertificateNameResponse).certificate_name

    def certificate_names(self, principal_id: str = "") -> Iterator[CertificateName]:
        """Names of certificates: those of one principal, or all."""
        request = ListCertificateNamesRequest(principal_id=principal_id)
        return self._pages(
            "ListCertificateNames",
            request,
            ListCertificateNamesResponse,
            "certificate_names",
            "name",
        )

    def _pages(
        self, method: str, request: Any, answer: type[Any], items: str, key: str
    ) -> Iterator[Any]:
        """The items of all pages of a list, each page asked for behind the last item of the one before.

        Args:
            items: the answer's field with them. key: the field of an item that its place is told by.
        """
        request.page_size = PAGE_SIZE_MAX
        more = True
        while more:
            page = self._transport.unary(_SERVICE + method, request, answer)
            yield from getattr(page, items)
            more = page.has_more
            if more:
                setattr(request, f"after_{key}", getattr(getattr(page, items)[-1], key))
