"""Access tokens: JWTs (RFC 9068) that stand for an API key for a few minutes, so that the key itself travels seldom.

Header: ``alg`` EdDSA, ``kid`` the RFC 7638 thumbprint of the ledger's token key, ``typ`` at+jwt; nothing else. Claims::

    iss, aud    the ledger's origin, both
    sub         the principal
    client_id   the API key that the token was issued for; when it is revoked the token is worth nothing
    env         live or sandbox
    iat, exp    whole seconds; exp is at most TOKEN_LIFETIME_S_MAX later
    jti         a name of its own, for the audit trail
    nbf         read when it is there; not written

The token key signs nothing else, and a receipt has another ``typ`` and another key: neither passes as the other. Whether
principal and API key still stand is not for this module to know: it has no store and no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.errors import VerificationError
from counterfoil.jws import format_jws, open_jws
from counterfoil.keys import SigningKey, Verifier
from counterfoil.limits import (
    ID_LENGTH_MAX,
    TIME_US_MAX,
    TOKEN_LEEWAY_S,
    TOKEN_LIFETIME_S_MAX,
    TOKEN_SIZE_BYTES_MAX,
)
from counterfoil.record.text import is_id

TYPE: Final = "at+jwt"
_TEXTS: Final = ("iss", "aud", "sub", "client_id", "env", "jti")
_CLAIMS: Final = {*_TEXTS, "iat", "exp"}
_TIME_S_MAX: Final = TIME_US_MAX // 1_000_000


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a token says beyond the ledger that it is for.

    Attributes:
        principal_id, key_id: who, and by which API key. token_id: the token's own name.
        issued_s, expires_s: seconds since 1970.
    """

    principal_id: str
    key_id: str
    token_id: str
    issued_s: int
    expires_s: int


@dataclass(frozen=True, slots=True)
class Realm:
    """The one ledger that a token is for: its origin, and ``live`` or ``sandbox``."""

    origin: str
    environment: str


def issue_token(signer: SigningKey, realm: Realm, token: AccessToken) -> str:
    """Sign a token; the same content gives the same text."""
    claims = {
        "iss": realm.origin,
        "aud": realm.origin,
        "sub": token.principal_id,
        "client_id": token.key_id,
        "env": realm.environment,
        "iat": token.issued_s,
        "exp": token.expires_s,
        "jti": token.token_id,
    }
    return format_jws(TYPE, claims, signer).decode()


def verify_token(text: bytes, keys: Iterable[Verifier], realm: Realm, now_s: int) -> AccessToken:
    """What a token says, if it is this ledger's and good at this time.

    Args:
        keys: the public halves of the ledger's token keys.

    Raises:
        VerificationError: it is no token of this ledger, or out of its time.
        UnverifiableError: it names a key that is none of these.
    """
    if len(text) > TOKEN_SIZE_BYTES_MAX:
        raise VerificationError(f"access token is longer than {TOKEN_SIZE_BYTES_MAX} bytes")
    claims = open_jws(text, TYPE, keys).claims
    if not _CLAIMS <= set(claims) <= _CLAIMS | {"nbf"}:
        raise VerificationError("access token lacks a claim or has one that is not written here")
    for name in _TEXTS:
        if not isinstance(claims[name], str) or not claims[name]:
            raise VerificationError(f"access token's {name} is not text")
    if claims["iss"] != realm.origin or claims["aud"] != realm.origin:
        raise VerificationError("access token is of another ledger, or for another one")
    if claims["env"] != realm.environment:
        raise VerificationError("access token is of another environment")
    if not all(_is_id(claims[name]) for name in ("sub", "client_id", "jti")):
        raise VerificationError("access token has an id that is none")
    _check_times(claims, now_s)
    return AccessToken(
        claims["sub"], claims["client_id"], claims["jti"], claims["iat"], claims["exp"]
    )


def _is_id(text: str) -> bool:
    # JSON can write half a character, which no encoding has.
    return len(text) <= ID_LENGTH_MAX and text.isascii() and is_id(text)


def _check_times(claims: Mapping[str, Any], now_s: int) -> None:
    times = [claims[name] for name in ("iat", "exp", "nbf") if name in claims]
    # `true` and 1.0 are equal to 1 in Python, and no whole numbers here.
    if not all(type(time) is int and 0 <= time <= _TIME_S_MAX for time in times):
        raise VerificationError("access token has a time that is not a whole number of seconds")
    if not 0 < claims["exp"] - claims["iat"] <= TOKEN_LIFETIME_S_MAX:
        raise VerificationError("access token lives too long, or not at all")
    if now_s >= claims["exp"] + TOKEN_LEEWAY_S:
        raise VerificationError("access token has expired")
    if max(claims["iat"], claims.get("nbf", 0)) > now_s + TOKEN_LEEWAY_S:
        raise VerificationError("access token is not good yet")
