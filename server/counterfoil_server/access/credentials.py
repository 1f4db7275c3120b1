"""Whom a credential belongs to. Each kind of credential is a `Scheme`; API keys are one."""

import hmac
from typing import Final, Protocol

from counterfoil.errors import Unauthenticated
from counterfoil.limits import CALLERS_KNOWN_MAX
from counterfoil.store import Snapshot
from counterfoil.v1.access_service_pb2 import Principal
from counterfoil_server.access.caller import Identity, parse_network
from counterfoil_server.access.keys import hash_text, looks_like_key, parse_key
from counterfoil_server.access.ops import OpsStore, read_key, read_principal

_UNKNOWN: Final = "the key is not known here"


class Scheme(Protocol):
    """One kind of credential."""

    def claims(self, credential: str) -> bool:
        """Whether a credential is of this kind, by its looks alone."""

    def identify(self, credential: str) -> Identity:
        """Whom it belongs to, as of the newest change of principals and keys. It must be cheap.

        What changes without a change in the store (time, address) is looked at by `Identity.check_usable`.

        Raises:
            Unauthenticated: it is not good here. The message quotes nothing of it.
        """


class ApiKeys:
    """API keys of one ledger. Who showed a good key is remembered by the key's hash, until anything about keys changes."""

    def __init__(self, ops: OpsStore, environment: str) -> None:
        """Know the keys of a store; ``environment`` is live or sandbox, and a key of the other kind is refused."""
        self._ops = ops
        self._environment = environment
        self._generation = -1
        self._known: dict[bytes, Identity] = {}

    def claims(self, credential: str) -> bool:
        """See `Scheme.claims`."""
        return looks_like_key(credential)

    def identify(self, credential: str) -> Identity:
        """See `Scheme.identify`."""
        generation = self._ops.generation
        if generation != self._generation:
            self._known.clear()
            self._generation = generation
        hashed = hash_text(credential)
        # No secret is compared here: whoever finds an entry by 256 bits of hash has the key.
        known = self._known.get(hashed)
        if known is None:
            known = self._look_up(credential, hashed)
            if len(self._known) >= CALLERS_KNOWN_MAX:
                self._known.clear()
            self._known[hashed] = known
        return known

    def _look_up(self, credential: str, hashed: bytes) -> Identity:
        key = parse_key(credential)
        if key.environment != self._environment:
            told = f"this is a {key.environment} key, and the ledger is {self._environment}"
            raise Unauthenticated(told)
        return self._ops.read(lambda snapshot: self._read(snapshot, key.key_id, hashed))

    def _read(self, snapshot: Snapshot, key_id: str, hashed: bytes) -> Identity:
        found = read_key(snapshot, key_id)
        # An unknown key takes the same way as a wrong secret.
        stored, key = found if found is not None else (bytes(len(hashed)), None)
        if not hmac.compare_digest(stored, hashed) or key is None:
            raise Unauthenticated(_UNKNOWN)
        if key.revoked_time_us:
            raise Unauthenticated("the key was revoked", key_id=key_id)
        return identify_principal(
            read_principal(snapshot, key.principal_id),
            key_id=key.key_id,
            expires_time_us=key.expires_time_us,
            ip_ranges=tuple(key.ip_ranges),
        )


def identify_principal(
    principal: Principal | None,
    *,
    key_id: str = "",
    expires_time_us: int = 0,
    ip_ranges: tuple[str, ...] = (),
) -> Identity:
    """A principal as the identity behind a credential that was found good.

    Raises:
        Unauthenticated: there is no such principal, or it is locked out.
    """
    if principal is None:
        raise Unauthenticated(_UNKNOWN, key_id=key_id)
    if principal.disabled:
        raise Unauthenticated("the principal of this key is locked out", key_id=key_id)
    return Identity(
        principal.principal_id,
        principal.role,
        principal.tenant,
        key_id,
        expires_time_us,
        tuple(parse_network(text) for text in ip_ranges),
        principal.quotas if principal.quotas.ByteSize() else None,
    )
