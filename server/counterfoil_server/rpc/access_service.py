"""AccessService: principals, keys and the audit trail."""

import asyncio

from counterfoil.errors import NotFound, PermissionDenied
from counterfoil.v1 import access_service_pb2
from counterfoil_server.access.caller import Caller
from counterfoil_server.access.certificates import CertificateDesk
from counterfoil_server.access.desk import Actor
from counterfoil_server.access.table import Scope
from counterfoil_server.ledger import Ledger
from counterfoil_server.rpc.assemble import Servicer

_NOT_YOUR_KEY = "there is no such key, or it is not yours"


class AccessService(Servicer):
    """Who may call. Changes are commits of the operational store, and made beside the event loop."""

    DESCRIPTOR = access_service_pb2.DESCRIPTOR.services_by_name["AccessService"]

    def __init__(self, ledger: Ledger) -> None:
        """Serve one ledger."""
        self._ops = ledger.ops
        self._environment = ledger.settings.environment
        self._tokens = ledger.tokens

    def _desk(self, caller: Caller) -> CertificateDesk:
        identity = caller.identity
        actor = Actor(identity.principal_id, identity.key_id, caller.peer)
        return CertificateDesk(self._ops, self._environment, actor)

    async def who_am_i(
        self, _request: access_service_pb2.WhoAmIRequest, caller: Caller
    ) -> access_service_pb2.WhoAmIResponse:
        """The caller, as its credential says."""
        identity = caller.identity
        if not identity.principal_id:
            principal = access_service_pb2.Principal(role=identity.role)
            return access_service_pb2.WhoAmIResponse(principal=principal, open=True)
        request = access_service_pb2.GetPrincipalRequest(principal_id=identity.principal_id)
        principal = self._desk(caller).get_principal(request).principal
        return access_service_pb2.WhoAmIResponse(principal=principal, key_id=identity.key_id)

    async def create_principal(
        self, request: access_service_pb2.CreatePrincipalRequest, caller: Caller
    ) -> access_service_pb2.CreatePrincipalResponse:
        """A new one."""
        return await asyncio.to_thread(self._desk(caller).create_principal, request)

    async def update_principal(
        self, request: access_service_pb2.UpdatePrincipalRequest, caller: Caller
    ) -> access_service_pb2.UpdatePrincipalResponse:
        """Another name, other quotas, locked out or let in."""
        return await asyncio.to_thread(self._desk(caller).update_principal, request)

    async def get_principal(
        self, request: access_service_pb2.GetPrincipalRequest, caller: Caller
    ) -> access_service_pb2.GetPrincipalResponse:
        """One of them."""
        return self._desk(caller).get_principal(request)

    async def list_principals(
        self, request: access_service_pb2.ListPrincipalsRequest, caller: Caller
    ) -> access_service_pb2.ListPrincipalsResponse:
        """A page of them."""
        return self._desk(caller).list_principals(request)

    async def create_api_key(
        self, request: access_service_pb2.CreateApiKeyRequest, caller: Caller
    ) -> access_service_pb2.CreateApiKeyResponse:
        """A new one, told once."""
        return await asyncio.to_thread(self._desk(caller).create_api_key, request)

    async def rotate_api_key(
        self, request: access_service_pb2.RotateApiKeyRequest, caller: Caller
    ) -> access_service_pb2.RotateApiKeyResponse:
        """A new one in place of another; everybody may for their own."""
        self._require_own(caller, request.key_id)
        return await asyncio.to_thread(self._desk(caller).rotate_api_key, request)

    async def revoke_api_key(
        self, request: access_service_pb2.RevokeApiKeyRequest, caller: Caller
    ) -> access_service_pb2.RevokeApiKeyResponse:
        """The end of one; everybody may for their own."""
        self._require_own(caller, request.key_id)
        return await asyncio.to_thread(self._desk(caller).revoke_api_key, request)

    async def list_api_keys(
        self, request: access_service_pb2.ListApiKeysRequest, caller: Caller
    ) -> access_service_pb2.ListApiKeysResponse:
        """A page of them; of one's own, where the role sees no others."""
        if caller.scope is Scope.SELF:
            mine = caller.identity.principal_id
            if request.principal_id not in ("", mine):
                raise PermissionDenied(_NOT_YOUR_KEY)
            request.principal_id = mine
        return self._desk(caller).list_api_keys(request)

    async def list_audit_events(
        self, request: access_service_pb2.ListAuditEventsRequest, caller: Caller
    ) -> access_service_pb2.ListAuditEventsResponse:
        """A page of the trail."""
        return self._desk(caller).list_audit_events(request)

    async def issue_token(
        self, _request: access_service_pb2.IssueTokenRequest, caller: Caller
    ) -> access_service_pb2.IssueTokenResponse:
        """A token for the caller's key."""
        issued = self._tokens.issue(caller)
        return access_service_pb2.IssueTokenResponse(
            access_token=issued.text, expires_time_us=issued.expires_s * 1_000_000
        )

    async def add_certificate_name(
        self, request: access_service_pb2.AddCertificateNameRequest, caller: Caller
    ) -> access_service_pb2.AddCertificateNameResponse:
        """A name that stands for a principal from now on."""
        return await asyncio.to_thread(self._desk(caller).add_certificate_name, request)

    async def remove_certificate_name(
        self, request: access_service_pb2.RemoveCertificateNameRequest, caller: Caller
    ) -> access_service_pb2.RemoveCertificateNameResponse:
        """A name that stands for nobody from now on."""
        return await asyncio.to_thread(self._desk(caller).remove_certificate_name, request)

    async def list_certificate_names(
        self, request: access_service_pb2.ListCertificateNamesRequest, caller: Caller
    ) -> access_service_pb2.ListCertificateNamesResponse:
        """A page of them."""
        return self._desk(caller).list_certificate_names(request)

    def _require_own(self, caller: Caller, key_id: str) -> None:
        """Refuse another's key as one that is not there, where the role may reach its own only."""
        if caller.scope is Scope.SELF:
            try:
                owner = self._desk(caller).get_key(key_id).principal_id
            except NotFound:
                owner = ""
            if owner != caller.identity.principal_id:
                raise PermissionDenied(_NOT_YOUR_KEY)
