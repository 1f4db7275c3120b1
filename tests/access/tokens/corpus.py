"""Tokens that nobody may accept: each is a good token but for one thing, and most are signed with the right key.

``GOOD`` are accepted by everybody; ``ATTACKS`` by nobody, but for what foreign libraries overlook (test_token_corpus.py).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from counterfoil.entry import KIND_TRAINING, Leaf, commitment, format_leaf, frame_records
from counterfoil.keys import Signer, jwk, jwk_thumbprint
from counterfoil.note import sign_checkpoint
from counterfoil.receipt import Receipt, format_jwt
from counterfoil.tlog import leaf_hash
from counterfoil_server.access.token import TYPE, AccessToken, Realm, issue_token

ORIGIN = "example.com/ledger"
REALM = Realm(ORIGIN, "live")
KEY = Signer.from_seed(f"{ORIGIN}/token", b"t" * 32)
# The log's own key, that of another ledger, and one that an attacker made.
LOG_KEY = Signer.from_seed(ORIGIN, b"l" * 32)
OTHER_LEDGER = Signer.from_seed("other.example/ledger/token", b"o" * 32)
ATTACKER = Signer.from_seed(f"{ORIGIN}/token", b"a" * 32)
PUBLIC_KEY = KEY.verifier.public_key
KID = jwk_thumbprint(PUBLIC_KEY)
# Foreign libraries look at the clock, so that the corpus is of today, and its good tokens live for as long as a run of all tests.
NOW_S = int(time.time())
HOUR_S = 3600

HEADER: Mapping[str, Any] = {"alg": "EdDSA", "kid": KID, "typ": TYPE}
CLAIMS: Mapping[str, Any] = {
    "iss": ORIGIN,
    "aud": ORIGIN,
    "sub": "host-1",
    "client_id": "ABCDEFGHIJKL",
    "env": "live",
    "iat": NOW_S,
    "exp": NOW_S + HOUR_S,
    "jti": "jti-1",
}
# SubjectPublicKeyInfo of Ed25519: a fixed head before the key (RFC 8410).
PEM = (
    b"-----BEGIN PUBLIC KEY-----\n"
    + base64.b64encode(bytes.fromhex("302a300506032b6570032100") + PUBLIC_KEY)
    + b"\n-----END PUBLIC KEY-----\n"
)
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
# Points of order 1, 2, 4 and 8, as they are encoded.
SMALL_POINTS = (
    bytes([1]) + bytes(31),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes(32),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
)


@dataclass(frozen=True)
class Case:
    """A token and what is special about it."""

    name: str
    data: bytes


def base64url(data: bytes) -> bytes:
    """Without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def encoded(value: Any) -> bytes:
    """A JSON value, or text or bytes that stand for one as they are, in base64url."""
    data = value if isinstance(value, str | bytes) else json.dumps(value)
    return base64url(data if isinstance(data, bytes) else data.encode())


def signed(header: Any = HEADER, claims: Any = CLAIMS, signer: Signer = KEY) -> bytes:
    """A token with any header and claims under a good signature."""
    body = encoded(header) + b"." + encoded(claims)
    return body + b"." + base64url(signer.sign(body))


def with_hmac(header: Mapping[str, Any], secret: bytes, digest: str) -> bytes:
    """A token under a MAC whose secret everybody knows."""
    body = encoded(header) + b"." + encoded(CLAIMS)
    return body + b"." + base64url(hmac.new(secret, body, digest).digest())


def without(members: Mapping[str, Any], name: str) -> dict[str, Any]:
    """All but one member."""
    return {key: value for key, value in members.items() if key != name}


def issued() -> bytes:
    """A token from the code that issues them."""
    token = AccessToken("host-1", "ABCDEFGHIJKL", "jti-1", NOW_S, NOW_S + HOUR_S)
    return issue_token(KEY, REALM, token).encode()


def receipt_jwt(signer: Signer) -> bytes:
    """A receipt of a log with one entry, as a JWT, whoever signs it."""
    record = frame_records(b"", [b"\x0a\x01x"])[0]
    salt = bytes(16)
    leaf = format_leaf(Leaf(KIND_TRAINING, NOW_S * 1_000_000, bytes(32), commitment(salt, record)))
    note = sign_checkpoint(ORIGIN, 1, leaf_hash(leaf), LOG_KEY)
    receipt = Receipt(0, leaf, salt, record, (), note)
    return format_jwt(receipt, signer, f"pt_0_{leaf_hash(leaf)[:4].hex()}", NOW_S * 1_000_000, {})


def _headers() -> Iterator[tuple[str, Any]]:
    for alg in ("none", "None", "NONE", "nOnE", "none ", "", "\uff4e\uff4f\uff4e\uff45"):
        yield f"alg {alg!r} over a good signature", {**HEADER, "alg": alg}
    for alg in (
        "HS256",
        "RS256",
        "ES256",
        "PS256",
        "Ed448",
        "eddsa",
        "EDDSA",
        "EdDSA ",
        "\u0415dDSA",
    ):
        yield f"alg {alg!r}", {**HEADER, "alg": alg}
    yield "alg Ed25519", {**HEADER, "alg": "Ed25519"}
    odd: Any
    for odd in (None, ["EdDSA"], {"EdDSA": 1}, 0, True):
        yield f"alg {odd!r}", {**HEADER, "alg": odd}
    yield "alg left out", without(HEADER, "alg")
    for kid in (
        "../../../../dev/null",
        "/proc/self/environ",
        "' UNION SELECT 'key' --",
        "http://attacker.example/key",
        "",
        KID + "=",
        KID[:-1],
        KID.swapcase(),
        KID + "\0",
        jwk_thumbprint(LOG_KEY.verifier.public_key),
        KEY.verifier.key_id.hex(),
    ):
        yield f"kid {kid!r}", {**HEADER, "kid": kid}
    for odd in (None, 0, [KID], {"kid": KID}):
        yield f"kid {odd!r:.20}", {**HEADER, "kid": odd}
    yield "kid left out", without(HEADER, "kid")
    yield "jku", {**HEADER, "jku": "https://attacker.example/jwks.json"}
    yield "x5u", {**HEADER, "x5u": "https://attacker.example/cert.pem"}
    yield "x5c", {**HEADER, "x5c": ["MIIB"]}
    yield "x5t#S256", {**HEADER, "x5t#S256": "AAAA"}
    yield "jwk of the ledger", {**HEADER, "jwk": jwk(PUBLIC_KEY)}
    yield "crit of a known claim", {**HEADER, "crit": ["exp"], "exp": NOW_S}
    yield "crit unknown", {**HEADER, "crit": ["http://attacker.example/x"]}
    yield "crit empty", {**HEADER, "crit": []}
    yield "crit b64 true", {**HEADER, "crit": ["b64"], "b64": True}
    yield "b64 false", {**HEADER, "b64": False}
    yield "zip", {**HEADER, "zip": "DEF"}
    yield "cty", {**HEADER, "cty": "JWT"}
    yield "enc", {**HEADER, "enc": "A128GCM"}
    for typ in (
        *("JWT", "counterfoil-receipt+jwt", "application/at+jwt", "AT+JWT", "at+jwt "),
        *("at+jw\u200bt", "\u0430t+jwt", "", None, ["at+jwt"]),
    ):
        yield f"typ {typ!r}", {**HEADER, "typ": typ}
    yield "typ left out", without(HEADER, "typ")


def _header_texts() -> Iterator[tuple[str, Any]]:
    text = json.dumps(HEADER)
    yield "alg twice, good last", '{"alg":"none",' + text[1:]
    yield "alg twice, good first", text[:-1] + ',"alg":"none"}'
    yield "kid twice", '{"kid":"x",' + text[1:]
    yield "typ twice", text[:-1] + ',"typ":"at+jwt"}'
    yield "header with text behind", text + " x"
    yield "header a list", [dict(HEADER)]
    yield "header null", "null"
    yield "header nested deeply", '{"alg":' + "[" * 900 + "]" * 900 + "}"
    yield "header in UTF-16", text.encode("utf-16")
    yield "header with a byte order mark", b"\xef\xbb\xbf" + text.encode()
    yield "header not UTF-8", text.encode()[:-2] + b'\xff"}'


def _claims() -> Iterator[tuple[str, Any]]:
    value: Any
    for name in CLAIMS:
        yield f"{name} left out", without(CLAIMS, name)
    for name in ("iss", "aud"):
        for value in ("other.example/ledger", ORIGIN + "/", ORIGIN.upper(), "", None, 7):
            yield f"{name} {value!r}", {**CLAIMS, name: value}
    yield "aud a list with ours", {**CLAIMS, "aud": [ORIGIN, "other.example/ledger"]}
    yield "aud a list of ours alone", {**CLAIMS, "aud": [ORIGIN]}
    yield "aud an object", {**CLAIMS, "aud": {ORIGIN: 1}}
    for env in ("sandbox", "LIVE", "", None, ["live"]):
        yield f"env {env!r}", {**CLAIMS, "env": env}
    for name in ("sub", "client_id", "jti"):
        for value in ("", None, 7, ["host-1"]):
            yield f"{name} {value!r}", {**CLAIMS, name: value}
        yield f"{name} too long", {**CLAIMS, name: "x" * 129}
    yield "expired", {**CLAIMS, "iat": NOW_S - 4 * HOUR_S, "exp": NOW_S - 3 * HOUR_S}
    yield "expired in 1970", {**CLAIMS, "iat": 0, "exp": 1}
    late = {"iat": NOW_S + 4 * HOUR_S, "exp": NOW_S + 5 * HOUR_S}
    yield "issued in the future", {**CLAIMS, **late}
    yield "nbf in the future", {**CLAIMS, "nbf": NOW_S + 4 * HOUR_S}
    yield "nbf text", {**CLAIMS, "nbf": str(NOW_S)}
    yield "exp before iat", {**CLAIMS, "iat": NOW_S - HOUR_S, "exp": NOW_S - 2 * HOUR_S}
    yield "exp in a hundred years", {**CLAIMS, "exp": NOW_S + 876_000 * HOUR_S}
    yield "exp beyond all bounds", json.dumps(CLAIMS).replace(str(NOW_S + HOUR_S), "9" * 400)
    yield "exp in exponents", json.dumps(CLAIMS).replace(str(NOW_S + HOUR_S), "1e400")
    for odd in (str(NOW_S + HOUR_S), float(NOW_S + HOUR_S), -1, None, True, [NOW_S + HOUR_S]):
        yield f"exp {type(odd).__name__}", {**CLAIMS, "exp": odd}
    for odd in (str(NOW_S), float(NOW_S), -1, None, True):
        yield f"iat {type(odd).__name__}", {**CLAIMS, "iat": odd}
    yield "NaN", json.dumps(CLAIMS).replace(str(NOW_S + HOUR_S), "NaN")
    yield "Infinity", json.dumps(CLAIMS).replace(str(NOW_S + HOUR_S), "Infinity")
    yield "minus zero", json.dumps({**CLAIMS, "nbf": 7}).replace('"nbf": 7', '"nbf": -0')
    yield "a scope that is not ours", {**CLAIMS, "scope": "operator"}
    yield "a role in the token", {**CLAIMS, "role": "operator"}
    text = json.dumps(CLAIMS)
    yield "sub twice, good last", '{"sub":"operator",' + text[1:]
    yield "sub twice, good first", text[:-1] + ',"sub":"operator"}'
    yield "exp twice", text[:-1] + f',"exp":{NOW_S + HOUR_S}}}'
    yield "sub twice, once escaped", text[:-1] + ',"\\u0073ub":"operator"}'
    yield "claims a list", [dict(CLAIMS)]
    yield "claims null", "null"
    yield "claims empty", ""
    yield "claims nested deeply", text[:-1] + ',"x":' + "[" * 900 + "]" * 900 + "}"
    yield "claims with text behind", text + "}"
    yield "claims not UTF-8", text.encode().replace(b"host-1", b"host\xff1")
    yield "claims with a lone surrogate", text.replace("host-1", "\\ud800")


def _macs() -> Iterator[tuple[str, bytes]]:
    secrets = {
        "raw": PUBLIC_KEY,
        "PEM": PEM,
        "PEM stripped": PEM.strip(),
        "JWK": json.dumps(jwk(PUBLIC_KEY)).encode(),
        "x of the JWK": base64url(PUBLIC_KEY),
        "hex": PUBLIC_KEY.hex().encode(),
        "vkey": KEY.verifier.vkey.encode(),
        "empty": b"",
    }
    for name, secret in secrets.items():
        yield (
            f"HS256 with the public key, {name}",
            with_hmac({**HEADER, "alg": "HS256"}, secret, "sha256"),
        )
        yield (
            f"HMAC under alg EdDSA with the public key, {name}",
            with_hmac(HEADER, secret, "sha512"),
        )
    yield "HS512 with the public key", with_hmac({**HEADER, "alg": "HS512"}, PUBLIC_KEY, "sha512")


def _signatures() -> Iterator[tuple[str, bytes]]:
    good = signed()
    head, claims, signature = good.split(b".")
    raw = base64.urlsafe_b64decode(signature + b"==")
    body = head + b"." + claims
    for alg in ("none", "None", "NONE"):
        yield f"alg {alg} unsigned", signed({**HEADER, "alg": alg}).rpartition(b".")[0] + b"."
    yield "no signature", body + b"."
    yield "zero signature", body + b"." + base64url(bytes(64))
    yield "short signature", body + b"." + base64url(raw[:63])
    yield "long signature", body + b"." + base64url(raw + b"\0")
    yield "S + L", body + b"." + base64url(_raise_s(raw, 1))
    yield "S + 2 L", body + b"." + base64url(_raise_s(raw, 2))
    for at, point in enumerate(SMALL_POINTS):
        yield f"small point {at} for R and S = 0", body + b"." + base64url(point + bytes(32))
    yield "signature bit flipped", body + b"." + base64url(bytes([raw[0] ^ 1]) + raw[1:])
    yield "signature over the claims alone", body + b"." + base64url(KEY.sign(claims))
    yield (
        "signature over decoded JSON",
        body + b"." + base64url(KEY.sign(json.dumps(CLAIMS).encode())),
    )
    yield (
        "signature of the digest",
        body + b"." + base64url(KEY.sign(hashlib.sha512(body).digest())),
    )
    yield (
        "another token's signature",
        body + b"." + signed(HEADER, {**CLAIMS, "jti": "2"}).split(b".")[2],
    )
    yield "header changed", encoded({**HEADER, "x": 1}) + b"." + claims + b"." + signature
    yield (
        "principal changed",
        head + b"." + encoded({**CLAIMS, "sub": "operator"}) + b"." + signature,
    )
    yield (
        "exp changed",
        head + b"." + encoded({**CLAIMS, "exp": NOW_S + HOUR_S - 1}) + b"." + signature,
    )
    yield "another key, our kid", signed(signer=ATTACKER)
    own = {**HEADER, "kid": jwk_thumbprint(ATTACKER.verifier.public_key)}
    yield "another key, its own kid", signed(own, signer=ATTACKER)
    yield (
        "another key, its jwk in the header",
        signed({**own, "jwk": jwk(ATTACKER.verifier.public_key)}, signer=ATTACKER),
    )
    yield "the log's key instead of the token key", signed(signer=LOG_KEY)
    log_kid = {**HEADER, "kid": jwk_thumbprint(LOG_KEY.verifier.public_key)}
    yield "the log's key under its own kid", signed(log_kid, signer=LOG_KEY)
    elsewhere = {**CLAIMS, "iss": "other.example/ledger", "aud": "other.example/ledger"}
    other_kid = {**HEADER, "kid": jwk_thumbprint(OTHER_LEDGER.verifier.public_key)}
    yield "another ledger's token", signed(other_kid, elsewhere, OTHER_LEDGER)
    yield "a receipt of this log", receipt_jwt(LOG_KEY)
    yield "a receipt that the token key signed", receipt_jwt(KEY)


def _raise_s(signature: bytes, times: int) -> bytes:
    s = int.from_bytes(signature[32:], "little") + times * GROUP_ORDER
    return signature[:32] + s.to_bytes(32, "little")


def _spellings() -> Iterator[tuple[str, bytes]]:
    good = signed()
    head, claims, signature = good.split(b".")
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # Of the last character of 64 bytes in base64url only two of six bits count.
    last = alphabet[alphabet.index(signature[-1:]) | 1]
    yield "empty", b""
    yield "dots", b".."
    yield "one part", head
    yield "two parts", head + b"." + claims
    yield "four parts", good + b"."
    yield "five parts, as if encrypted", good + b"." + claims + b"." + signature
    yield "two signatures", good + b"." + signature
    yield "truncated by one", good[:-1]
    yield "truncated by half", good[: len(good) // 2]
    yield "signature padded", good + b"=="
    yield "header padded", head + b"=." + claims + b"." + signature
    # One byte beyond a multiple of three asks for two characters of padding.
    padded = base64.urlsafe_b64encode(
        json.dumps(CLAIMS).encode() + b" " * (-len(json.dumps(CLAIMS)) % 3 + 1)
    )
    body = head + b"." + padded
    yield "claims padded, and signed so", body + b"." + base64url(KEY.sign(body))
    yield "unused bits set in the signature", good[:-1] + bytes([last])
    # A header of 3n + 1 bytes leaves four bits unused.
    loose = encoded(json.dumps(HEADER) + " " * (-len(json.dumps(HEADER)) % 3 + 1))
    loose = loose[:-1] + bytes([alphabet[alphabet.index(loose[-1:]) | 1]])
    body = loose + b"." + claims
    yield "unused bits set in the header, and signed so", body + b"." + base64url(KEY.sign(body))
    yield "standard base64", head + b"." + claims + b"." + base64.b64encode(_raw(signature))
    yield "space before", b" " + good
    yield "newline behind", good + b"\n"
    yield "NUL behind", good + b"\0"
    yield "newline inside", head + b".\n" + claims + b"." + signature
    yield "space inside a part", head[:8] + b" " + head[8:] + b"." + claims + b"." + signature
    body = head[:8] + b"\n" + head[8:] + b"." + claims
    yield "newline inside the header, and signed so", body + b"." + base64url(KEY.sign(body))
    yield "Bearer in front", b"Bearer " + good
    yield "quoted", b'"' + good + b'"'
    yield "not ASCII", good.replace(b".", "\uff0e".encode())
    yield "detached payload", head + b".." + signature
    unencoded = encoded({**HEADER, "b64": False, "crit": ["b64"]})
    body = unencoded + b"." + json.dumps({**CLAIMS, "iss": "x"}).replace(".", " ").encode()
    yield "unencoded payload", body + b"." + base64url(KEY.sign(body))
    flat = {"protected": head.decode(), "payload": claims.decode(), "signature": signature.decode()}
    yield "flattened JSON serialization", json.dumps(flat).encode()
    several = {
        "payload": claims.decode(),
        "signatures": [without(flat, "payload"), without(flat, "payload")],
    }
    yield "general JSON serialization", json.dumps(several).encode()
    yield "nested token", signed({**HEADER, "cty": "JWT"}, good)
    yield "huge", signed(HEADER, {**CLAIMS, "x": "x" * 1_000_000})
    yield "longer than a token may be", signed(HEADER, json.dumps(CLAIMS) + " " * 4096)
    yield "a megabyte of dots", b"." * 1_000_000


def _raw(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))


GOOD = (
    Case("issued", issued()),
    Case("by hand", signed()),
    Case("with nbf", signed(HEADER, {**CLAIMS, "nbf": NOW_S - 1})),
    Case("members in another order", signed(dict(reversed(list(HEADER.items()))))),
)
ATTACKS = (
    *(Case(name, signed(header)) for name, header in _headers()),
    *(Case(name, signed(header)) for name, header in _header_texts()),
    *(Case(name, signed(HEADER, claims)) for name, claims in _claims()),
    *(Case(name, data) for name, data in _macs()),
    *(Case(name, data) for name, data in _signatures()),
    *(Case(name, data) for name, data in _spellings()),
)
