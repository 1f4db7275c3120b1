"""Targets: access tokens, what the token endpoint is sent, keys, and names of certificates."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from counterfoil.errors import InvalidInput, Unauthenticated, VerificationError
from counterfoil.keys import Signer, format_base64url, jwk_thumbprint
from counterfoil.limits import ID_LENGTH_MAX, TOKEN_LIFETIME_S_MAX
from counterfoil_server.access.certificates import check_name
from counterfoil_server.access.keys import make_key, parse_key
from counterfoil_server.access.token import AccessToken, Realm, issue_token, verify_token
from counterfoil_server.http.body import MalformedForm, parse_form
from counterfoil_server.http.oauth import _parse_basic, _Refusal

from .target import Target, as_text, must

_KEY = Signer.from_seed("fuzz.example/ledger/token", bytes(range(32)))
_REALM = Realm("fuzz.example/ledger", "sandbox")
_NOW_S = 1_790_000_000
_TOKEN = AccessToken("host-1", "abcdefghijkl", "j1", _NOW_S, _NOW_S + 300)
_WORDS = (b'"exp":', b'"nbf":', b'"typ":"at+jwt"', b'"alg":"none"', b"\\ud800", b"1e400", b"-0")


def _read_claims(data: bytes) -> None:
    """Header and claims as they came, well signed: past the signature, to the checks behind it."""
    header, _, claims = data.partition(b"\n")
    signed = f"{format_base64url(header)}.{format_base64url(claims)}".encode()
    _verify(signed + b"." + format_base64url(_KEY.sign(signed)).encode())


def _read_token(data: bytes) -> None:
    """A token as a caller sends it: only the one that was issued is signed."""
    _verify(data)
    must(data == issue_token(_KEY, _REALM, _TOKEN).encode(), "a token is believed that nobody made")


def _verify(data: bytes) -> None:
    token = verify_token(data, [_KEY.verifier], _REALM, _NOW_S)
    must(0 < token.expires_s - token.issued_s <= TOKEN_LIFETIME_S_MAX, "a lifetime is too long")
    ids = (token.principal_id, token.key_id, token.token_id)
    must(all(0 < len(each) <= ID_LENGTH_MAX for each in ids), "an id is none")
    again = issue_token(_KEY, _REALM, token).encode()
    must(verify_token(again, [_KEY.verifier], _REALM, _NOW_S) == token, "it means something else")


def _claims() -> Iterator[bytes]:
    header = {"alg": "EdDSA", "kid": jwk_thumbprint(_KEY.verifier.public_key), "typ": "at+jwt"}
    good = issue_token(_KEY, _REALM, _TOKEN).encode().split(b".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(good + b"=" * (-len(good) % 4)))
    for extra in ({}, {"nbf": _NOW_S}):
        yield json.dumps(header).encode() + b"\n" + json.dumps({**claims, **extra}).encode()


def _read_form(data: bytes) -> None:
    fields = parse_form(data)
    must(all(fields.values()), "a field without a value is there")


def _read_basic(data: bytes) -> None:
    client_id, _ = _parse_basic(data.decode("latin-1"))
    must(isinstance(client_id, str), "an id is no text")


def _read_key(data: bytes) -> None:
    key = parse_key(as_text(data))
    must(key.text == as_text(data), "a key is read as another")


def _read_name(data: bytes) -> None:
    name = as_text(data)
    check_name(name)
    must(name.isascii() and len(name) <= 500, "a name has no key in the store")


ACCESS = (
    Target("access-token-claims", _claims, _read_claims, (VerificationError,), _WORDS),
    Target(
        "access-token",
        lambda: [issue_token(_KEY, _REALM, _TOKEN).encode()],
        _read_token,
        (VerificationError,),
        (b".", b"="),
    ),
    Target(
        "oauth-form",
        lambda: [b"grant_type=client_credentials&client_id=abc&client_secret=x%2By&scope="],
        _read_form,
        (MalformedForm,),
        (b"&", b"%", b"="),
    ),
    Target(
        "oauth-basic",
        lambda: [b"Basic " + base64.b64encode(b"abc:x%2By+z")],
        _read_basic,
        (_Refusal,),
        (b"Basic ", b"="),
    ),
    Target(
        "api-key",
        lambda: [make_key("sandbox", bytes(8), bytes(32)).text.encode()],
        _read_key,
        (Unauthenticated,),
        (b"cf_live_", b"_"),
    ),
    Target(
        "certificate-name",
        lambda: [b"uri:spiffe://example.com/host", b"dns:host.example.com", b"email:a@b.example"],
        _read_name,
        (InvalidInput,),
        (b"uri:", b"dns:", b"email:"),
    ),
)
