"""Changes of principals and keys, for `AccessService` and for the command line of the machine itself.

Each change writes its audit event in the same transaction.
"""

from itertools import islice
from typing import Final, NamedTuple

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.limits import KEY_OVERLAP_US_MAX
from counterfoil.store import Snapshot, Transaction
from counterfoil.v1.access_service_pb2 import (
    ApiKey,
    AuditEvent,
    CreateApiKeyRequest,
    CreateApiKeyResponse,
    CreatePrincipalRequest,
    CreatePrincipalResponse,
    GetPrincipalRequest,
    GetPrincipalResponse,
    ListApiKeysRequest,
    ListApiKeysResponse,
    ListAuditEventsRequest,
    ListAuditEventsResponse,
    ListPrincipalsRequest,
    ListPrincipalsResponse,
    Principal,
    RevokeApiKeyRequest,
    RevokeApiKeyResponse,
    Role,
    RotateApiKeyRequest,
    RotateApiKeyResponse,
    UpdatePrincipalRequest,
    UpdatePrincipalResponse,
)
from counterfoil_server.access.checks import check_key, check_principal, check_update
from counterfoil_server.access.keys import KeyText, make_key
from counterfoil_server.access.ops import (
    OpsStore,
    put_key,
    put_principal,
    read_key,
    read_principal,
    scan_events,
    scan_keys,
    scan_principals,
)
from counterfoil_server.clock import now_us
from counterfoil_server.entropy import fresh_key_parts
from counterfoil_server.pages import page_size

OVERLAP_US: Final = 24 * 3600 * 1_000_000


class Actor(NamedTuple):
    """Who makes a change: principal, key and address; on the machine itself only the word ``local`` for an address."""

    principal_id: str
    key_id: str
    peer: str


LOCAL: Final = Actor("", "", "local")


class Desk:
    """Makes changes in one operational store, in the name of one actor.

    Each method is the one of `AccessService` of the same name, without the question whether the actor may.
    """

    def __init__(self, ops: OpsStore, environment: str, actor: Actor = LOCAL) -> None:
        """Work on a store; keys are made for ``environment``, live or sandbox."""
        self._ops = ops
        self._environment = environment
        self._actor = actor

    def create_principal(self, request: CreatePrincipalRequest) -> CreatePrincipalResponse:
        """Make a principal.

        Raises:
            InvalidInput: it is not acceptable, or its id is taken.
        """
        check_principal(request.principal)
        made = Principal()
        made.CopyFrom(request.principal)
        made.disabled, made.created_time_us = False, now_us()

        def run(transaction: Transaction) -> tuple[CreatePrincipalResponse, AuditEvent]:
            if read_principal(transaction, made.principal_id) is not None:
                told = f"there is a principal {made.principal_id} already"
                raise InvalidInput(told, field="principal.principal_id", reason="ID_TAKEN")
            put_principal(transaction, made)
            role = Role.Name(made.role).removeprefix("ROLE_").lower()
            event = self._event("principal.create", made.principal_id, role)
            return CreatePrincipalResponse(principal=made), event

        return self._ops.change(run)

    def update_principal(self, request: UpdatePrincipalRequest) -> UpdatePrincipalResponse:
        """Change what a request names, and leave the rest.

        Raises:
            NotFound: there is no such principal. InvalidInput: a value is not acceptable.
        """
        check_update(request)

        def run(transaction: Transaction) -> tuple[UpdatePrincipalResponse, AuditEvent]:
            principal = self._require_principal(transaction, request.principal_id)
            changed = []
            if request.HasField("display_name"):
                principal.display_name = request.display_name
                changed.append("display_name")
            if request.HasField("quotas"):
                principal.quotas.CopyFrom(request.quotas)
                changed.append("quotas")
            if request.HasField("disabled"):
                principal.disabled = request.disabled
                changed.append("disabled" if request.disabled else "enabled")
            put_principal(transaction, principal)
            event = self._event("principal.update", principal.principal_id, ", ".join(changed))
            return UpdatePrincipalResponse(principal=principal), event

        return self._ops.change(run)

    def get_principal(self, request: GetPrincipalRequest) -> GetPrincipalResponse:
        """One principal.

        Raises:
            NotFound: there is none of that id.
        """
        found = self._ops.read(
            lambda snapshot: self._require_principal(snapshot, request.principal_id)
        )
        return GetPrincipalResponse(principal=found)

    def list_principals(self, request: ListPrincipalsRequest) -> ListPrincipalsResponse:
        """A page of principals, by their ids."""
        size = page_size(request.page_size)
        found = self._ops.read(
            lambda snapshot: list(
                islice(scan_principals(snapshot, request.after_principal_id), size + 1)
            )
        )
        return ListPrincipalsResponse(principals=found[:size], has_more=len(found) > size)

    def create_api_key(self, request: CreateApiKeyRequest) -> CreateApiKeyResponse:
        """Make a key. Its text is in the answer and nowhere else.

        Raises:
            NotFound: there is no such principal. InvalidInput: a value is not acceptable.
        """
        key = ApiKey(
            principal_id=request.principal_id,
            created_time_us=now_us(),
            expires_time_us=request.expires_time_us,
            ip_ranges=request.ip_ranges,
            note=request.note,
        )
        check_key(key)
        text = self._draw(key)

        def run(transaction: Transaction) -> tuple[CreateApiKeyResponse, AuditEvent]:
            self._require_principal(transaction, request.principal_id)
            put_key(transaction, text.hash, key)
            event = self._event("key.create", key.key_id, f"for {key.principal_id}")
            return CreateApiKeyResponse(api_key=text.text, key=key), event

        return self._ops.change(run)

    def rotate_api_key(self, request: RotateApiKeyRequest) -> RotateApiKeyResponse:
        """Make a key like another one, which ends after the overlap, or earlier if it would have.

        Raises:
            NotFound: there is no such key. InvalidInput: it was revoked, or the overlap is not acceptable.
        """
        present_us = now_us()
        overlap_us = request.overlap_us if request.HasField("overlap_us") else OVERLAP_US
        if not 0 <= overlap_us <= KEY_OVERLAP_US_MAX:
            told = "an overlap is at least nothing, and at most 30 days"
            raise InvalidInput(told, field="overlap_us", reason="QUANTITY_ABSURD")
        made = ApiKey(created_time_us=present_us)
        text = self._draw(made)

        def run(transaction: Transaction) -> tuple[RotateApiKeyResponse, AuditEvent]:
            hashed, old = self._require_key(transaction, request.key_id)
            if old.revoked_time_us or 0 < old.expires_time_us <= present_us:
                told = f"the key {old.key_id} has ended; make a new one"
                raise InvalidInput(told, field="key_id", reason="KEY_ENDED")
            made.principal_id, made.note = old.principal_id, old.note
            made.ip_ranges[:] = old.ip_ranges
            if old.expires_time_us:
                made.expires_time_us = present_us + old.expires_time_us - old.created_time_us
            ends_us = present_us + overlap_us
            old.expires_time_us = min(ends_us, old.expires_time_us or ends_us)
            put_key(transaction, hashed, old)
            put_key(transaction, text.hash, made)
            event = self._event("key.rotate", old.key_id, f"replaced by {made.key_id}")
            return RotateApiKeyResponse(api_key=text.text, key=made, replaced=old), event

        return self._ops.change(run)

    def revoke_api_key(self, request: RevokeApiKeyRequest) -> RevokeApiKeyResponse:
        """End a key at once; one that has ended stays as it is.

        Raises:
            NotFound: there is no such key.
        """

        def run(transaction: Transaction) -> tuple[RevokeApiKeyResponse, AuditEvent]:
            hashed, key = self._require_key(transaction, request.key_id)
            key.revoked_time_us = key.revoked_time_us or now_us()
            put_key(transaction, hashed, key)
            event = self._event("key.revoke", key.key_id, f"of {key.principal_id}")
            return RevokeApiKeyResponse(key=key), event

        return self._ops.change(run)

    def get_key(self, key_id: str) -> ApiKey:
        """One key, without its secret.

        Raises:
            NotFound: there is none of that id.
        """
        return self._ops.read(lambda snapshot: self._require_key(snapshot, key_id)[1])

    def list_api_keys(self, request: ListApiKeysRequest) -> ListApiKeysResponse:
        """A page of keys, by their ids."""
        size, owner = page_size(request.page_size), request.principal_id
        found = self._ops.read(
            lambda snapshot: list(
                islice(
                    (
                        key
                        for key in scan_keys(snapshot, request.after_key_id)
                        if owner in ("", key.principal_id)
                    ),
                    size + 1,
                )
            )
        )
        return ListApiKeysResponse(keys=found[:size], has_more=len(found) > size)

    def list_audit_events(self, request: ListAuditEventsRequest) -> ListAuditEventsResponse:
        """A page of the audit trail, oldest first."""
        size = page_size(request.page_size)
        after = min(max(0, request.after_sequence), (1 << 63) - 2)
        found = self._ops.read(
            lambda snapshot: list(islice(scan_events(snapshot, after), size + 1))
        )
        return ListAuditEventsResponse(events=found[:size], has_more=len(found) > size)

    def _require_principal(self, snapshot: Snapshot, principal_id: str) -> Principal:
        """A principal that must be there.

        Raises:
            NotFound: it is not.
        """
        found = read_principal(snapshot, principal_id)
        if found is None:
            raise NotFound(f"there is no principal {principal_id[:64]!r}")
        return found

    def _require_key(self, snapshot: Snapshot, key_id: str) -> tuple[bytes, ApiKey]:
        found = read_key(snapshot, key_id[:64])
        if found is None:
            raise NotFound(
                f"there is no key {key_id[:64]!r}; name it by the id that `key list` shows"
            )
        return found

    def _draw(self, key: ApiKey) -> KeyText:
        """Draw a key's text, and give the key its id."""
        text = make_key(self._environment, *fresh_key_parts())
        key.key_id = text.key_id
        return text

    def _event(self, action: str, subject: str, detail: str) -> AuditEvent:
        return AuditEvent(
            time_us=now_us(),
            action=action,
            principal_id=self._actor.principal_id,
            key_id=self._actor.key_id,
            subject=subject,
            detail=detail,
            peer=self._actor.peer,
            count=1,
        )
