"""The receipt as a JWT, for people of the web (RFC 7519, RFC 7515, RFC 8037).

Header: ``alg`` EdDSA, ``kid`` the RFC 7638 thumbprint of the log's key, ``typ`` counterfoil-receipt+jwt; nothing else.
Claims: ``iss`` the origin, ``sub`` the record's id, ``iat`` the log's time in seconds, ``index``, ``payload`` (the record as
JSON, for reading) and ``receipt`` (the binary receipt in base64url). No ``exp`` unless asked for: evidence does not expire.

Verification checks the signature *and* the receipt inside. There is one algorithm and no symmetric path; a header that
names a key, a URL or a critical extension is refused.
"""

from collections.abc import Mapping
from typing import Any, Final

from counterfoil.errors import VerificationError
from counterfoil.jws import ALGORITHM, format_jws, open_jws, parse_base64url
from counterfoil.keys import SigningKey, format_base64url
from counterfoil.note import Policy
from counterfoil.receipt.single import Receipt, check_receipt, format_receipt, parse_receipt
from counterfoil.receipt.verified import VerifiedReceipt

TYPE: Final = "counterfoil-receipt+jwt"
# RFC 9864 names the curve in the algorithm; signers of both names make the same bytes.
ALGORITHMS: Final = (ALGORITHM, "Ed25519")
_CLAIMS = {"iss", "sub", "iat", "index", "payload", "receipt"}


def format_jwt(
    receipt: Receipt, signer: SigningKey, subject: str, time_us: int, payload: Mapping[str, Any]
) -> bytes:
    """The JWT of a receipt; the same bytes each time it is made.

    Args:
        subject: the record's id. time_us: the log's time in the leaf. payload: the record, as JSON shows it.
    """
    claims = {
        "iss": signer.verifier.name,
        "sub": subject,
        "iat": time_us // 1_000_000,
        "index": receipt.index,
        "payload": payload,
        "receipt": format_base64url(format_receipt(receipt)),
    }
    return format_jws(TYPE, claims, signer)


def check_jwt(data: bytes, policy: Policy) -> VerifiedReceipt:
    """Verify the JWT's signature, the receipt inside, and that both say the same.

    Raises:
        VerificationError: anything does not fit.
        UnverifiableError: the key is not one of the policy's logs.
    """
    opened = open_jws(data.strip(), TYPE, policy.logs, ALGORITHMS)
    claims = opened.claims
    if not _CLAIMS <= set(claims) <= _CLAIMS | {"exp"}:
        raise VerificationError("JWT lacks a claim or has one that this log does not write")
    if not isinstance(claims["receipt"], str):
        raise VerificationError("JWT's receipt claim is not text")
    inner = parse_receipt(parse_base64url(claims["receipt"].encode(errors="surrogatepass")))
    verified = check_receipt(inner, policy, "jwt")
    # The id of an entry ends with its index and the start of its leaf hash (counterfoil.record.ids).
    name = f"_{verified.index}_{verified.leaf_hashes[0][:4].hex()}"
    same = (
        claims["iss"] == verified.origin == opened.signer.name
        and claims["index"] == verified.index
        and claims["iat"] == verified.time_us // 1_000_000
        and type(claims["index"]) is type(claims["iat"]) is int
        and str(claims["sub"]).endswith(name)
    )
    # A key that was retired is so for JWTs as well: what it signs must hold a tree that it signed, and was good for.
    if opened.signer not in verified.checkpoint.keys:
        raise VerificationError("the JWT is signed by another key than the tree in its receipt")
    if not same:
        raise VerificationError("the JWT's claims are not those of the receipt inside")
    return verified
