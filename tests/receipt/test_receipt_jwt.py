"""Receipts as JWTs: verified by a foreign library too, and no way round the one key and algorithm."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import jwt as pyjwt
import pytest

from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.keys import Signer, jwk, jwk_thumbprint
from counterfoil.note import Policy
from counterfoil.receipt import format_jwt, format_receipt, parse_receipt, verify_receipt

from .small_log import (
    HASHES,
    ORIGIN,
    OTHER_KEY,
    OTHER_LOG,
    SIGNER,
    THIRD_LOG,
    TIMES_US,
    VKEY,
    base64url,
    changed,
    checkpoint,
    jwt,
    receipt,
    subject,
)

PUBLIC_KEY = SIGNER.verifier.public_key
KID = jwk_thumbprint(PUBLIC_KEY)
TYPE = "counterfoil-receipt+jwt"
HEADER: dict[str, Any] = {"alg": "EdDSA", "kid": KID, "typ": TYPE}
NO_RECEIPT: tuple[Any, ...] = ("", None, 5, [], {}, "é", "\ud800")
CLAIMS: dict[str, Any] = {
    "iss": ORIGIN,
    "sub": subject(1),
    "iat": TIMES_US[1] // 1_000_000,
    "index": 1,
    "payload": {"a": 1},
    "receipt": base64url(format_receipt(receipt(1))).decode(),
}
# SubjectPublicKeyInfo of Ed25519: a fixed head before the key (RFC 8410).
PEM = (
    b"-----BEGIN PUBLIC KEY-----\n"
    + base64.b64encode(bytes.fromhex("302a300506032b6570032100") + PUBLIC_KEY)
    + b"\n-----END PUBLIC KEY-----\n"
)


def encode(value: Any) -> bytes:
    """A JSON value, or text that shall be taken as JSON, in base64url."""
    text = value if isinstance(value, str) else json.dumps(value)
    return base64url(text.encode())


def token(header: Any = HEADER, claims: Any = CLAIMS, signer: Signer = SIGNER) -> bytes:
    """A JWT with any header and claims, signed by a key whatever they say."""
    signed = encode(header) + b"." + encode(claims)
    return signed + b"." + base64url(signer.sign(signed))


def with_hmac(header: Mapping[str, Any], secret: bytes) -> bytes:
    """A JWT that is authenticated by a secret which everybody knows."""
    signed = encode(header) + b"." + encode(CLAIMS)
    return signed + b"." + base64url(hmac.new(secret, signed, hashlib.sha256).digest())


def refused(data: bytes, policy: Policy | str = VKEY) -> VerificationError:
    """The error that verification of this raises."""
    with pytest.raises(VerificationError) as caught:
        verify_receipt(data, policy)
    return caught.value


def test_the_token_made_by_hand_is_the_one_that_is_issued() -> None:
    """The corpus below starts from a token that is accepted, and equal in meaning to the issued one."""
    assert verify_receipt(token(), VKEY) == verify_receipt(jwt(receipt(1)), VKEY)
    assert jwt(receipt(1)) == jwt(receipt(1))


def test_a_foreign_library_verifies_it_with_the_jwk() -> None:
    """PyJWT accepts the token under the JWK as it is published, and reads the same claims."""
    data = jwt(receipt(1)).decode()
    key = pyjwt.PyJWK({**jwk(PUBLIC_KEY), "alg": "EdDSA"})

    claims = pyjwt.decode(data, key, algorithms=["EdDSA"], issuer=ORIGIN)

    assert claims == CLAIMS
    assert pyjwt.get_unverified_header(data) == HEADER
    assert "exp" not in claims


def test_a_foreign_library_refuses_what_is_changed() -> None:
    """The negative control of the oracle: PyJWT refuses another key and another claim."""
    data = jwt(receipt(1)).decode()
    key = pyjwt.PyJWK({**jwk(PUBLIC_KEY), "alg": "EdDSA"})
    other = pyjwt.PyJWK({**jwk(OTHER_KEY.verifier.public_key), "alg": "EdDSA"})
    head, _, signature = data.split(".")
    forged = f"{head}.{encode({**CLAIMS, 'index': 2}).decode()}.{signature}"

    for bad, bad_key in ((data, other), (forged, key)):
        with pytest.raises(pyjwt.InvalidSignatureError):
            pyjwt.decode(bad, bad_key, algorithms=["EdDSA"])


def test_the_receipt_inside_stands_alone() -> None:
    """The binary receipt in the claim is the one that verifies by itself."""
    claims = json.loads(base64.urlsafe_b64decode(jwt(receipt(1)).split(b".")[1] + b"=="))
    inner = base64.urlsafe_b64decode(claims["receipt"] + "==")

    assert parse_receipt(inner) == receipt(1)
    assert verify_receipt(inner, VKEY).leaf_hashes == (HASHES[1],)


@pytest.mark.parametrize("algorithm", ["EdDSA", "Ed25519"])
def test_both_names_of_the_algorithm_are_known(algorithm: str) -> None:
    """The name of RFC 8037 and that of RFC 9864 stand for the same signature."""
    assert verify_receipt(token({**HEADER, "alg": algorithm}), VKEY).index == 1


def test_an_expiry_may_be_given() -> None:
    """A token with exp is read; as nothing here has a clock, it is for the reader to heed."""
    assert verify_receipt(token(claims={**CLAIMS, "exp": 1}), VKEY).index == 1


HEADERS: tuple[tuple[str, Any], ...] = (
    *((f"alg {alg}", {**HEADER, "alg": alg}) for alg in ("none", "None", "NONE", "nOnE", "", None)),
    *(
        (f"alg {alg}", {**HEADER, "alg": alg})
        for alg in (
            "HS256",
            "HS512",
            "RS256",
            "ES256",
            "ES256K",
            "PS256",
            "Ed448",
            "eddsa",
            "EDDSA",
        )
    ),
    ("alg a list", {**HEADER, "alg": ["EdDSA"]}),
    ("alg an object", {**HEADER, "alg": {"EdDSA": 1}}),
    ("alg a number", {**HEADER, "alg": 0}),
    ("alg left out", {"kid": KID, "typ": TYPE}),
    ("jku", {**HEADER, "jku": "https://attacker.example/keys"}),
    ("x5u", {**HEADER, "x5u": "https://attacker.example/cert"}),
    ("x5c", {**HEADER, "x5c": ["AAAA"]}),
    ("x5t", {**HEADER, "x5t": "AAAA"}),
    ("own jwk", {**HEADER, "jwk": jwk(PUBLIC_KEY)}),
    ("attacker's jwk", {**HEADER, "jwk": jwk(OTHER_KEY.verifier.public_key)}),
    ("crit", {**HEADER, "crit": ["exp"]}),
    ("crit empty", {**HEADER, "crit": []}),
    ("crit unknown", {**HEADER, "crit": ["b64"], "b64": False}),
    ("b64", {**HEADER, "b64": True}),
    ("zip", {**HEADER, "zip": "DEF"}),
    ("cty", {**HEADER, "cty": "JWT"}),
    ("enc", {**HEADER, "enc": "A128GCM"}),
    ("epk", {**HEADER, "epk": {}}),
    *(
        (f"typ {typ}", {**HEADER, "typ": typ})
        for typ in (
            "JWT",
            "at+jwt",
            "counterfoil-webhook+jwt",
            "counterfoil-receipt+JWT",
            "application/counterfoil-receipt+jwt",
            "",
            None,
            ["counterfoil-receipt+jwt"],
        )
    ),
    ("typ left out", {"alg": "EdDSA", "kid": KID}),
    ("kid left out", {"alg": "EdDSA", "typ": TYPE}),
    *(
        (f"kid {kid!r}", {**HEADER, "kid": kid})
        for kid in (
            "",
            None,
            0,
            [KID],
            "../../dev/null",
            "' OR 1=1 --",
            KID + "=",
            KID[:-1],
            KID.lower(),
            jwk_thumbprint(OTHER_KEY.verifier.public_key),
            SIGNER.verifier.key_id.hex(),
        )
    ),
    ("header a list", [HEADER]),
    ("header a string", '"EdDSA"'),
    ("header null", "null"),
    ("header empty", "{}"),
    ("alg twice, good last", f'{{"alg":"none","alg":"EdDSA","kid":"{KID}","typ":"{TYPE}"}}'),
    ("alg twice, good first", f'{{"alg":"EdDSA","alg":"none","kid":"{KID}","typ":"{TYPE}"}}'),
    ("kid twice", f'{{"alg":"EdDSA","kid":"x","kid":"{KID}","typ":"{TYPE}"}}'),
    ("same name twice", f'{{"alg":"EdDSA","kid":"{KID}","typ":"{TYPE}","typ":"{TYPE}"}}'),
    ("header not closed", f'{{"alg":"EdDSA","kid":"{KID}","typ":"{TYPE}"'),
    ("text behind", json.dumps(HEADER) + "x"),
    ("deeply nested", '{"alg":' * 50_000),
)


@pytest.mark.parametrize(("name", "header"), HEADERS, ids=[name for name, _ in HEADERS])
def test_another_header_is_refused(name: str, header: Any) -> None:
    """Other algorithms, types, keys, URLs and extensions are refused even under the right signature."""
    assert header != HEADER, name
    refused(token(header))


@pytest.mark.parametrize("signature", [b"", b"AA", base64url(bytes(64)), base64url(bytes(32))])
@pytest.mark.parametrize("algorithm", ["none", "None", "EdDSA"])
def test_a_missing_signature_is_refused(algorithm: str, signature: bytes) -> None:
    """A token without a signature, or with zeros for one, is refused under any algorithm."""
    refused(encode({**HEADER, "alg": algorithm}) + b"." + encode(CLAIMS) + b"." + signature)


@pytest.mark.parametrize(
    "secret",
    [
        PUBLIC_KEY,
        PEM,
        PEM.strip(),
        PUBLIC_KEY.hex().encode(),
        base64.b64encode(PUBLIC_KEY),
        base64url(PUBLIC_KEY),
        VKEY.encode(),
        json.dumps(jwk(PUBLIC_KEY)).encode(),
        b"",
    ],
)
@pytest.mark.parametrize("algorithm", ["HS256", "EdDSA", "Ed25519"])
def test_the_public_key_is_no_secret(algorithm: str, secret: bytes) -> None:
    """An HMAC with the public key, in whatever form, is no signature."""
    refused(with_hmac({**HEADER, "alg": algorithm}, secret))


@pytest.mark.parametrize("signer", [OTHER_KEY, THIRD_LOG], ids=["same origin", "another log"])
def test_another_key_is_refused_whatever_it_calls_itself(signer: Signer) -> None:
    """A signature of another key fails under the right kid, and is unknown under its own."""
    own = {**HEADER, "kid": jwk_thumbprint(signer.verifier.public_key)}

    assert not isinstance(refused(token(signer=signer)), UnverifiableError)
    assert isinstance(refused(token(own, signer=signer)), UnverifiableError)


def test_two_trusted_logs_do_not_vouch_for_each_other() -> None:
    """A log that is trusted for itself cannot wrap the receipt of another trusted log."""
    policy = Policy.trust(SIGNER.verifier.vkey, THIRD_LOG.verifier.vkey)
    kid = jwk_thumbprint(THIRD_LOG.verifier.public_key)

    assert verify_receipt(token(), policy).origin == ORIGIN
    for issuer in (ORIGIN, THIRD_LOG.name):
        refused(token({**HEADER, "kid": kid}, {**CLAIMS, "iss": issuer}, THIRD_LOG), policy)


def test_the_same_key_under_another_origin_is_refused() -> None:
    """A key that serves two logs signs for one origin at a time: receipts of the other are refused."""
    other = checkpoint(OTHER_LOG)
    inner = base64url(format_receipt(receipt(1, other))).decode()

    for issuer in (ORIGIN, OTHER_LOG.name):
        refused(token(claims={**CLAIMS, "iss": issuer, "receipt": inner}))


def inner(**fields: Any) -> str:
    """The claim with a receipt that differs from the good one."""
    return base64url(format_receipt(changed(receipt(1), **fields))).decode()


BAD_CLAIMS: tuple[tuple[str, Any], ...] = (
    *((f"{name} left out", {k: v for k, v in CLAIMS.items() if k != name}) for name in CLAIMS),
    *(
        (f"{name} added", {**CLAIMS, name: value})
        for name, value in (("nbf", 0), ("aud", "x"), ("jti", "1"), ("scope", "all"), ("", 1))
    ),
    *((f"iss {iss!r}", {**CLAIMS, "iss": iss}) for iss in ("", None, ORIGIN + "/", [ORIGIN])),
    *((f"index {at!r}", {**CLAIMS, "index": at}) for at in (0, 2, -1, "1", 1.0, True, None, [1])),
    *(
        (f"iat {iat!r}", {**CLAIMS, "iat": iat})
        for iat in (0, CLAIMS["iat"] + 1, CLAIMS["iat"] - 1, str(CLAIMS["iat"]), None)
    ),
    ("iat a float", {**CLAIMS, "iat": float(CLAIMS["iat"])}),
    *(
        (f"sub {sub!r}", {**CLAIMS, "sub": sub})
        for sub in (
            "",
            None,
            "ev_1",
            subject(2),
            subject(1) + "0",
            subject(1).upper(),
            [subject(1)],
        )
    ),
    (
        "receipt of another entry",
        {**CLAIMS, "receipt": base64url(format_receipt(receipt(2))).decode()},
    ),
    ("receipt with another index", {**CLAIMS, "receipt": inner(index=2)}),
    ("receipt with another record", {**CLAIMS, "receipt": inner(record=receipt(2).record)}),
    ("receipt of another log", {**CLAIMS, "receipt": inner(checkpoint=checkpoint(THIRD_LOG))}),
    ("receipt unsigned", {**CLAIMS, "receipt": inner(checkpoint=b"x\n")}),
    ("receipt padded", {**CLAIMS, "receipt": CLAIMS["receipt"] + "="}),
    (
        "receipt in base64",
        {**CLAIMS, "receipt": CLAIMS["receipt"].replace("-", "+").replace("_", "/") + "+"},
    ),
    ("receipt cut", {**CLAIMS, "receipt": CLAIMS["receipt"][:-4]}),
    *((f"receipt {bad!r}", {**CLAIMS, "receipt": bad}) for bad in NO_RECEIPT),
    ("claims a list", [CLAIMS]),
    ("claims null", "null"),
    ("claims empty", "{}"),
    ("index twice", json.dumps(CLAIMS)[:-1] + ', "index": 1}'),
    ("index twice, wrong first", '{"index": 2, ' + json.dumps(CLAIMS)[1:]),
    ("name twice in the payload", json.dumps(CLAIMS).replace('{"a": 1}', '{"a": 1, "a": 2}')),
    ("claims not JSON", json.dumps(CLAIMS)[:-1]),
    ("not a number", json.dumps(CLAIMS).replace('"index": 1', '"index": NaN')),
)


@pytest.mark.parametrize(("name", "claims"), BAD_CLAIMS, ids=[name for name, _ in BAD_CLAIMS])
def test_claims_that_do_not_match_the_receipt_are_refused(name: str, claims: Any) -> None:
    """Signed by the right key, a token whose claims are not those of the receipt inside is refused."""
    assert claims != CLAIMS or "True" in name or "float" in name or "1.0" in name
    refused(token(claims=claims))


def spellings() -> list[tuple[str, bytes]]:
    """The good token, spelled otherwise."""
    good = token()
    head, claims, signature = good.split(b".")
    last = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # Of the last character of 64 bytes in base64url only two bits count.
    loose = (
        signature[:-1] + last[last.index(signature[-1:]) | 1 : (last.index(signature[-1:]) | 1) + 1]
    )
    return [
        ("two parts", head + b"." + claims),
        ("four parts", good + b"."),
        ("five parts", good + b".x.y"),
        ("padding", head + b"." + claims + b"." + signature + b"=="),
        ("padded head", head + b"=." + claims + b"." + signature),
        ("unused bits set", head + b"." + claims + b"." + loose),
        ("newline inside", head + b".\n" + claims + b"." + signature),
        ("space inside", head + b" ." + claims + b"." + signature),
        ("standard base64", good.replace(b"-", b"+").replace(b"_", b"/") + b"+"),
        ("prefix", b"Bearer " + good),
        ("JSON serialization", json.dumps({"payload": claims.decode()}).encode()),
        ("empty head", b"." + claims + b"." + signature),
        ("NUL behind", good + b"\x00"),
    ]


@pytest.mark.parametrize(("name", "data"), spellings(), ids=[name for name, _ in spellings()])
def test_another_spelling_of_a_good_token_is_refused(name: str, data: bytes) -> None:
    """Padding, other alphabets, white space, unused bits and other numbers of parts are refused."""
    assert data != token(), name
    refused(data)


def test_white_space_around_a_token_is_let_pass() -> None:
    """A token that was copied with white space before it or a newline at its end is the same token."""
    assert verify_receipt(token() + b"\n", VKEY) == verify_receipt(token(), VKEY)
    assert verify_receipt(b" \r\n\t" + token(), VKEY) == verify_receipt(token(), VKEY)


def test_a_signature_of_something_else_is_no_signature_of_the_token() -> None:
    """The log's signature of a checkpoint, of the claims alone, or of another token does not carry over."""
    head, claims, _ = token().split(b".")
    elsewhere = (
        SIGNER.sign(claims),
        SIGNER.sign(head + claims),
        SIGNER.sign(base64.urlsafe_b64decode(claims + b"==")),
        SIGNER.sign(checkpoint().split(b"\n\n")[0] + b"\n"),
        base64.urlsafe_b64decode(jwt(receipt(2)).split(b".")[2] + b"=="),
    )

    for signature in elsewhere:
        refused(head + b"." + claims + b"." + base64url(signature))


def test_the_inner_receipt_alone_does_not_make_a_token() -> None:
    """A good receipt in a token that another key signed is refused: both layers count."""
    forged = format_jwt(receipt(1), OTHER_KEY, subject(1), TIMES_US[1], {"a": 1})

    assert isinstance(refused(forged), UnverifiableError)
