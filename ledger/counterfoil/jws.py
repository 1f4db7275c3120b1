"""Signed JSON in its one compact form (RFC 7515 section 7.1, RFC 7519, RFC 8037), read so strictly that it has one meaning.

What is signed is ``base64url(header) "." base64url(claims)``. The header has exactly ``alg``, ``kid`` and ``typ``: nothing in a
token says where a key comes from (``jwk``, ``jku``, ``x5u``, ``x5c``), how it is to be read (``crit``, ``b64``, ``zip``), or that it
needs no signature. ``kid`` is the RFC 7638 thumbprint of a key that the reader trusts already, and is only compared.

A ``typ`` for each use keeps tokens of one use from passing as another's (RFC 8725 section 3.11).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.keys import SigningKey, Verifier, format_base64url, jwk_thumbprint

ALGORITHM: Final = "EdDSA"
"""What is written. RFC 9864 calls it Ed25519; libraries that know only this name are still many."""

_HEADER: Final = {"alg", "kid", "typ"}


@dataclass(frozen=True, slots=True)
class Opened:
    """Claims under a good signature.

    Attributes:
        signer: the trusted key that signed.
        claims: the JSON object; what its members say is for the caller to check.
    """

    signer: Verifier
    claims: dict[str, Any]


def format_jws(typ: str, claims: Mapping[str, Any], signer: SigningKey) -> bytes:
    """Sign claims; the same claims give the same bytes each time."""
    header = {"alg": ALGORITHM, "kid": jwk_thumbprint(signer.verifier.public_key), "typ": typ}
    signed = f"{format_base64url(_json(header))}.{format_base64url(_json(claims))}"
    return f"{signed}.{format_base64url(signer.sign(signed.encode()))}".encode()


def open_jws(
    data: bytes, typ: str, keys: Iterable[Verifier], algorithms: Container[str] = (ALGORITHM,)
) -> Opened:
    """Verify a signature, and only then read the claims under it.

    Args:
        typ: the one type that is accepted here. keys: whom the reader trusts for it.
        algorithms: names of Ed25519 that are accepted; there is no other algorithm.

    Raises:
        VerificationError: it is not such a token, or the signature does not verify.
        UnverifiableError: it names a key that is none of these.
    """
    parts = data.split(b".")
    if len(parts) != 3:
        raise VerificationError("a JWT has three parts")
    header = parse_json_object(parse_base64url(parts[0]), "JWT header")
    if set(header) != _HEADER:
        raise VerificationError("JWT header must have exactly alg, kid and typ")
    # The types first: a list or an object is no name, and not every container can be asked for one.
    if not all(isinstance(value, str) for value in header.values()):
        raise VerificationError("JWT header has a member that is not text")
    if header["alg"] not in algorithms or header["typ"] != typ:
        raise VerificationError("JWT header has another algorithm or type")
    signer = _find_key(header["kid"], keys)
    signer.verify(parts[0] + b"." + parts[1], parse_base64url(parts[2]))
    return Opened(signer, parse_json_object(parse_base64url(parts[1]), "JWT claims"))


def parse_base64url(text: bytes) -> bytes:
    """The bytes of canonical base64url: no padding, unused bits zero (RFC 7515 section 2).

    Raises:
        VerificationError: encoding the result would not give the same text.
    """
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise VerificationError("JWT part is not base64url") from error
    if format_base64url(data).encode() != text:
        raise VerificationError("JWT part is not base64url in its canonical form")
    return data


def parse_json_object(data: bytes, name: str) -> dict[str, Any]:
    """A JSON object in UTF-8, read so that no two readers of JSON can see two things in it.

    Readers disagree about other encodings, about a name that is repeated, about ``-0``, and about constants such as
    ``NaN`` that Python knows and JSON does not (RFC 8259 sections 4, 6 and 8.1): there must be none of these.

    Raises:
        VerificationError: it is no such object.
    """
    try:
        value = json.loads(
            data.decode(),
            object_pairs_hook=_unique_names,
            parse_int=_parse_integer,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError) as error:
        raise VerificationError(f"{name} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise VerificationError(f"{name} is not a JSON object")
    return value


def _find_key(kid: str, keys: Iterable[Verifier]) -> Verifier:
    for verifier in keys:
        if jwk_thumbprint(verifier.public_key) == kid:
            return verifier
    raise UnverifiableError("the JWT names a key that is not trusted here")


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise VerificationError("a JSON object repeats a name")
    return document


def _parse_integer(text: str) -> int:
    if text == "-0":
        raise VerificationError("a JSON number is -0")
    return int(text)


def _refuse_constant(text: str) -> NoReturn:
    raise VerificationError(f"{text} is not JSON")
