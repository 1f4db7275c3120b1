"""Foreign libraries that judge tokens as docs/API.md tells the reader of a token to: PyJWT and joserfc."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt as pyjwt
from joserfc import jwt as joserfc_jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.jws import extract_compact

from counterfoil.keys import jwk

from .corpus import KID, LOG_KEY, ORIGIN, PUBLIC_KEY

LEEWAY_S = 30
LIFETIME_S_MAX = 3600
REQUIRED = ("iss", "aud", "sub", "client_id", "env", "iat", "exp", "jti")
# What /.well-known/jwks.json shows: the log's key, for receipts, and the token key.
JWKS: Mapping[str, Mapping[str, Any]] = {
    key["kid"]: key for key in (jwk(LOG_KEY.verifier.public_key), jwk(PUBLIC_KEY))
}


class NotAccepted(Exception):
    """A step of the reader's own refuses the token."""


def _check_header(header: Mapping[str, Any]) -> Mapping[str, Any]:
    if set(header) != {"alg", "kid", "typ"}:
        raise NotAccepted("other members than alg, kid and typ")
    if header["alg"] != "EdDSA" or header["typ"] != "at+jwt":
        raise NotAccepted("another algorithm or type")
    if not isinstance(header["kid"], str) or header["kid"] not in JWKS:
        raise NotAccepted("another key")
    if header["kid"] != KID:
        raise NotAccepted("the key of another use")
    return JWKS[header["kid"]]


def _check_claims(claims: Mapping[str, Any]) -> None:
    if claims["env"] != "live":
        raise NotAccepted("another environment")
    if not type(claims["exp"]) is type(claims["iat"]) is int:
        raise NotAccepted("times that are not whole numbers")
    if claims["exp"] - claims["iat"] > LIFETIME_S_MAX:
        raise NotAccepted("lives too long")


def accepted_by_pyjwt(data: bytes) -> bool:
    """What PyJWT says with those steps around it."""
    try:
        key = _check_header(pyjwt.get_unverified_header(data))
        claims = pyjwt.decode(
            data,
            pyjwt.PyJWK({**key, "alg": "EdDSA"}),
            algorithms=["EdDSA"],
            audience=ORIGIN,
            issuer=ORIGIN,
            leeway=LEEWAY_S,
            options={"require": list(REQUIRED), "strict_aud": True},
        )
        _check_claims(claims)
    except (pyjwt.PyJWTError, NotAccepted):
        return False
    return True


def accepted_by_joserfc(data: bytes) -> bool:
    """What joserfc says with those steps around it."""
    try:
        key = _check_header(extract_compact(data).headers())
        token = joserfc_jwt.decode(data, OKPKey.import_key(dict(key)), algorithms=["EdDSA"])
        rules: dict[str, Any] = {name: {"essential": True} for name in REQUIRED}
        rules["iss"]["value"] = rules["aud"]["value"] = ORIGIN
        registry = joserfc_jwt.JWTClaimsRegistry(int(time.time()), LEEWAY_S, **rules)
        registry.validate(token.claims)
        _check_claims(token.claims)
    except (JoseError, NotAccepted):
        return False
    return True


FOREIGN: Mapping[str, Callable[[bytes], bool]] = {
    "PyJWT": accepted_by_pyjwt,
    "joserfc": accepted_by_joserfc,
}
