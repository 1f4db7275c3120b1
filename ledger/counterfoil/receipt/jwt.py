"""The receipt as a JWT, for people of the web (RFC 7519, RFC 7515, RFC 8037).

Header: ``alg`` EdDSA, ``kid`` the RFC 7638 thumbprint of the log's key, ``typ`` counterfoil-receipt+jwt; nothing else.
Claims: ``iss`` the origin, ``sub`` the record's id, ``iat`` the log's time in seconds, ``index``, ``payload`` (the record as
JSON, for reading) and ``receipt`` (the binary receipt in base64url). No ``exp`` unless asked for: evidence does not expire.

Verification checks the signature *and* the receipt inside. There is one algorithm and no symmetric path; a header that
names a key, a URL or a critical extension is refused.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final

from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.keys import SigningKey, Verifier, jwk_thumbprint
from counterfoil.note import Policy
from counterfoil.receipt.single import Receipt, check_receipt, format_receipt, parse_receipt
from counterfoil.receipt.verified import VerifiedReceipt, parse_json_object

TYPE: Final = "counterfoil-receipt+jwt"
# RFC 9864 names the curve in the algorithm; signers of both names make the same bytes.
ALGORITHMS: Final = ("EdDSA", "Ed25519")
_CLAIMS = {"iss", "sub", "iat", "index", "payload", "receipt"}


def format_jwt(
    receipt: Receipt, signer: SigningKey, subject: str, time_us: int, payload: Mapping[str, Any]
) -> bytes:
    """The JWT of a receipt; the same bytes each time it is made.

    Args:
        subject: the record's id. time_us: the log's time in the leaf. payload: the record, as JSON shows it.
    """
    header = {
        "alg": ALGORITHMS[0],
        "kid": jwk_thumbprint(signer.verifier.public_key),
        "typ": TYPE,
    }
    claims = {
        "iss": signer.verifier.name,
        "sub": subject,
        "iat": time_us // 1_000_000,
        "index": receipt.index,
        "payload": payload,
        "receipt": _base64url(format_receipt(receipt)),
    }
    signed = _base64url(_json(header)) + "." + _base64url(_json(claims))
    return f"{signed}.{_base64url(signer.sign(signed.encode()))}".encode()


def check_jwt(data: bytes, policy: Policy) -> VerifiedReceipt:
    """Verify the JWT's signature, the receipt inside, and that both say the same.

    Raises:
        VerificationError: anything does not fit.
        UnverifiableError: the key is not one of the policy's logs.
    """
    parts = data.strip().split(b".")
    if len(parts) != 3:
        raise VerificationError("a JWT has three parts")
    header = parse_json_object(_parse_base64url(parts[0]), "JWT header")
    claims = parse_json_object(_parse_base64url(parts[1]), "JWT claims")
    verifier = _find_key(header, policy)
    verifier.verify(parts[0] + b"." + parts[1], _parse_base64url(parts[2]))
    if not _CLAIMS <= set(claims) <= _CLAIMS | {"exp"}:
        raise VerificationError("JWT lacks a claim or has one that this log does not write")
    if not isinstance(claims["receipt"], str):
        raise VerificationError("JWT's receipt claim is not text")
    inner = parse_receipt(_parse_base64url(claims["receipt"].encode(errors="surrogatepass")))
    verified = check_receipt(inner, policy, "jwt")
    # The id of an entry ends with its index and the start of its leaf hash (counterfoil.record.ids).
    name = f"_{verified.index}_{verified.leaf_hashes[0][:4].hex()}"
    same = (
        claims["iss"] == verified.origin == verifier.name
        and claims["index"] == verified.index
        and claims["iat"] == verified.time_us // 1_000_000
        and type(claims["index"]) is type(claims["iat"]) is int
        and str(claims["sub"]).endswith(name)
    )
    # A key that was retired is so for JWTs as well: what it signs must hold a tree that it signed, and was good for.
    if verifier not in verified.checkpoint.keys:
        raise VerificationError("the JWT is signed by another key than the tree in its receipt")
    if not same:
        raise VerificationError("the JWT's claims are not those of the receipt inside")
    return verified


def _find_key(header: dict[str, Any], policy: Policy) -> Verifier:
    if set(header) != {"alg", "kid", "typ"}:
        raise VerificationError("JWT header must have exactly alg, kid and typ")
    if header["alg"] not in ALGORITHMS or header["typ"] != TYPE:
        raise VerificationError("JWT header has another algorithm or type")
    for verifier in policy.logs:
        if jwk_thumbprint(verifier.public_key) == header["kid"]:
            return verifier
    raise UnverifiableError("the JWT names a key that is not trusted here")


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _parse_base64url(text: bytes) -> bytes:
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise VerificationError("JWT part is not base64url") from error
    if _base64url(data).encode() != text:
        raise VerificationError("JWT part is not base64url in its canonical form")
    return data
