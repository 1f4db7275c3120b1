"""Access tokens of one ledger: issued for API keys, and known again for as long as the key stands."""

import hmac
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from counterfoil.errors import PermissionDenied, Unauthenticated, VerificationError
from counterfoil.keys import Verifier
from counterfoil.limits import CALLERS_KNOWN_MAX, TOKEN_LEEWAY_S
from counterfoil.store import Snapshot
from counterfoil_server.access.caller import Caller, Identity
from counterfoil_server.access.credentials import identify_principal
from counterfoil_server.access.keys import hash_text
from counterfoil_server.access.ops import OpsStore, read_key, read_principal
from counterfoil_server.access.token import AccessToken, Realm, issue_token, verify_token
from counterfoil_server.access.trail import Trail
from counterfoil_server.clock import now_us
from counterfoil_server.entropy import fresh_token_id
from counterfoil_server.token_keys import TokenKeys

# Every JSON object that is written without spaces begins so in base64url.
_START: Final = "eyJ"
_REFUSED: Final = "the access token is not good here, or no longer"
_SECOND_US: Final = 1_000_000


class IssuedToken(NamedTuple):
    """An access token as its holder gets it.

    Attributes:
        text: the JWT. lifetime_s: how long it is good for, whole seconds. expires_s: until when, seconds since 1970.
    """

    text: str
    lifetime_s: int
    expires_s: int


class TokenDesk:
    """Issues tokens."""

    def __init__(self, keys: TokenKeys, realm: Realm, lifetime_s: int, trail: Trail) -> None:
        """Issue for one ledger; ``lifetime_s`` is how long a token is good for at most, whole seconds."""
        self._keys = keys
        self._realm = realm
        self._lifetime_s = lifetime_s
        self._trail = trail

    @property
    def verifiers(self) -> Sequence[Verifier]:
        """The keys that tokens verify with at present, the newest first."""
        return self._keys.at(now_us())

    def issue(self, caller: Caller) -> IssuedToken:
        """A token for the API key that a call was let in with. It ends with the key, if that ends sooner.

        Raises:
            PermissionDenied: the call came with something else. A token cannot be had for a token: it would outlive
                its time.
        """
        identity = caller.identity
        if not identity.key_id or identity.by_token:
            raise PermissionDenied("an access token is issued for an API key, and for nothing else")
        present_us = now_us()
        issued_s = present_us // _SECOND_US
        expires_s = issued_s + self._lifetime_s
        if identity.expires_time_us:
            # A key that is good now ends later than now: rounded up, the token has a lifetime.
            expires_s = min(expires_s, -(-identity.expires_time_us // _SECOND_US))
        token = AccessToken(
            identity.principal_id, identity.key_id, fresh_token_id(), issued_s, expires_s
        )
        self._trail.sign_in(identity.principal_id, identity.key_id, caller.peer)
        text = issue_token(self._keys.signer, self._realm, token)
        return IssuedToken(text, expires_s - issued_s, expires_s)


class AccessTokens:
    """Tokens as credentials, a `Scheme`. What a token was found to say is remembered until anything about keys changes."""

    def __init__(self, ops: OpsStore, keys: TokenKeys, realm: Realm) -> None:
        """Know the tokens that these keys signed for this ledger."""
        self._ops = ops
        self._keys = keys
        self._realm = realm
        self._seen: tuple[int, Sequence[Verifier]] = (-1, ())
        self._known: dict[bytes, Identity] = {}

    def claims(self, credential: str) -> bool:
        """See `Scheme.claims`."""
        return credential.startswith(_START)

    def identify(self, credential: str) -> Identity:
        """See `Scheme.identify`."""
        seen = self._ops.generation, self._keys.at(now_us())
        if seen != self._seen:
            self._known.clear()
            self._seen = seen
        hashed = hash_text(credential)
        known = self._known.get(hashed)
        if known is None:
            known = self._look_up(credential)
            if len(self._known) >= CALLERS_KNOWN_MAX:
                self._known.clear()
            self._known[hashed] = known
        return known

    def _look_up(self, credential: str) -> Identity:
        try:
            data = credential.encode("ascii", "replace")
            token = verify_token(data, self._seen[1], self._realm, now_us() // _SECOND_US)
        except VerificationError as error:
            # Verification quotes nothing of a token.
            raise Unauthenticated(f"{_REFUSED}: {error}") from error
        return self._ops.read(lambda snapshot: _identify(snapshot, token))


def _identify(snapshot: Snapshot, token: AccessToken) -> Identity:
    """Whom the key of a token belongs to now.

    Raises:
        Unauthenticated: the key or its principal is no longer good.
    """
    found = read_key(snapshot, token.key_id)
    if found is None or not hmac.compare_digest(found[1].principal_id, token.principal_id):
        raise Unauthenticated(_REFUSED)
    key = found[1]
    if key.revoked_time_us:
        raise Unauthenticated("the key of this access token was revoked")
    ends_us = (token.expires_s + TOKEN_LEEWAY_S) * _SECOND_US
    identity = identify_principal(
        read_principal(snapshot, key.principal_id),
        key_id=key.key_id,
        expires_time_us=min(ends_us, key.expires_time_us or ends_us),
        ip_ranges=tuple(key.ip_ranges),
    )
    return replace(identity, by_token=True)
