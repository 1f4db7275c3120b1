"""Ed25519 keys with a name: C2SP signed-note verifier keys, their private twins, and JWKs.

A key is known by its name and its *key id*, the first four bytes of a hash over name, type and
public key. The id only says which key to try; it is always computed and never believed::

    example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k        verifier key
    PRIVATE+KEY+<name>+<8 hex digits>+<base64 of type and 32-byte seed>          signing key

Text is read strictly: what is accepted is exactly what would be written.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Protocol

from nacl.bindings import (
    crypto_core_ed25519_is_valid_point,
    crypto_sign,
    crypto_sign_open,
    crypto_sign_seed_keypair,
)
from nacl.exceptions import BadSignatureError

from counterfoil.errors import InvalidInput, UnverifiableError, VerificationError
from counterfoil.limits import ORIGIN_SIZE_BYTES_MAX

KEY_TYPE_ED25519 = 0x01
"""A plain Ed25519 signature over the text of a note (C2SP signed-note)."""

KEY_TYPE_COSIGNATURE = 0x04
"""An Ed25519 cosignature with the cosigner's time (C2SP tlog-cosignature)."""

KEY_TYPES = (KEY_TYPE_ED25519, KEY_TYPE_COSIGNATURE)

PUBLIC_KEY_SIZE = 32
SEED_SIZE = 32
SIGNATURE_SIZE = 64
KEY_ID_SIZE = 4

_PRIVATE_MARK = "PRIVATE+KEY+"
_UNFIT_IN_NAME = re.compile(r"[\s\x00-\x1f+]")


def key_id(name: str, key_type: int, public_key: bytes) -> bytes:
    """Return the key id: SHA-256(name ‖ newline ‖ type ‖ public key), first 4 bytes.

    Raises:
        VerificationError: If the name is not a key name or the type not one byte.
    """
    check_key_name(name)
    if type(key_type) is not int or not 0 <= key_type <= 0xFF:
        raise VerificationError("key type is not one byte")
    material = name.encode() + b"\n" + bytes([key_type]) + public_key
    return sha256(material).digest()[:KEY_ID_SIZE]


def check_key_name(name: str) -> None:
    """Refuse what cannot name a key: no spaces, plus signs or control characters, 1 to 255 bytes.

    Raises:
        VerificationError: If it breaks the rules of C2SP signed-note, or is longer.
    """
    if type(name) is not str or not name:
        raise VerificationError("key name is empty")
    if _UNFIT_IN_NAME.search(name):
        raise VerificationError("key name has a space, a plus sign or a control character")
    try:
        size_bytes = len(name.encode())
    except UnicodeEncodeError as error:
        raise VerificationError("key name cannot be written as UTF-8") from error
    if size_bytes > ORIGIN_SIZE_BYTES_MAX:
        raise VerificationError(f"key name is longer than {ORIGIN_SIZE_BYTES_MAX} bytes")


def check_public_key(public_key: bytes) -> None:
    """Refuse a public key under which signatures prove nothing.

    A point of small order makes one signature fit many messages; a second encoding of one point
    would give one key two ids. Only the canonical points of the prime-order group remain.

    Raises:
        VerificationError: For a wrong length, no point, a non-canonical encoding, or another group.
    """
    if type(public_key) is not bytes or len(public_key) != PUBLIC_KEY_SIZE:
        raise VerificationError(f"public key is not {PUBLIC_KEY_SIZE} bytes long")
    if not crypto_core_ed25519_is_valid_point(public_key):
        raise VerificationError("public key is not a canonical point of the prime-order group")


def parse_base64(text: str) -> bytes:
    """Return the bytes of canonical base64: standard alphabet, padded, unused bits zero.

    Raises:
        VerificationError: If encoding the result would not give the same text.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise VerificationError("this is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise VerificationError("this is not canonical base64")
    return data


@dataclass(frozen=True)
class Verifier:
    """A named public key, checked when it is made.

    Attributes:
        name: The key name; for the key of a log, the log's origin.
        key_type: KEY_TYPE_ED25519 or KEY_TYPE_COSIGNATURE.
        public_key: 32 bytes.
        key_id: 4 bytes, computed from the three others.

    Raises:
        VerificationError: If name or public key are refused.
        UnverifiableError: If the type is none of these two.
    """

    name: str
    key_type: int
    public_key: bytes
    key_id: bytes = field(init=False)

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if type(self.key_type) is not int or self.key_type not in KEY_TYPES:
            raise UnverifiableError(f"keys of type {self.key_type!r:.20} are not known here")
        check_public_key(self.public_key)
        object.__setattr__(self, "key_id", key_id(self.name, self.key_type, self.public_key))

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """Read a C2SP verifier key.

        Raises:
            VerificationError: If it is malformed, or its key id is not that of its key.
            UnverifiableError: If it is a key of a type that is not known here.
        """
        if type(vkey) is not str:
            raise VerificationError("verifier key is not text")
        # Base64 may contain plus signs, the name and the id may not.
        parts = vkey.split("+", 2)
        if len(parts) != 3:
            raise VerificationError("verifier key does not have the parts name+id+key")
        name, hex_id, encoded = parts
        material = parse_base64(encoded)
        if not material:
            raise VerificationError("verifier key is empty")
        verifier = cls(name, material[0], material[1:])
        if verifier.key_id.hex() != hex_id:
            raise VerificationError(
                f"verifier key of {name}: its id should be {verifier.key_id.hex()}"
            )
        return verifier

    @property
    def vkey(self) -> str:
        """The C2SP verifier key, the inverse of parse."""
        material = base64.b64encode(bytes([self.key_type]) + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{material}"

    def verify(self, message: bytes, signature: bytes) -> None:
        """Check a bare Ed25519 signature (RFC 8032) over the message.

        Raises:
            VerificationError: If it is not this key's signature.
        """
        if type(signature) is not bytes or len(signature) != SIGNATURE_SIZE:
            raise VerificationError(f"signature of {self.name} is not {SIGNATURE_SIZE} bytes long")
        try:
            crypto_sign_open(signature + message, self.public_key)
        except BadSignatureError as error:
            raise VerificationError(f"signature of {self.name} does not verify") from error


class SigningKey(Protocol):
    """Whatever signs under a name: a Signer, or a key that never leaves the device that holds it."""

    @property
    def verifier(self) -> Verifier:
        """The public half."""

    @property
    def name(self) -> str:
        """The key name."""

    @property
    def key_type(self) -> int:
        """KEY_TYPE_ED25519 or KEY_TYPE_COSIGNATURE."""

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature of the message: 64 bytes.

        Raises:
            SigningFailed: If the device that holds the key does not answer, or refuses.
        """


class Signer:
    """A named private key. Its seed appears in format() and nowhere else.

    Attributes:
        verifier: The public half.
    """

    __slots__ = ("_secret_key", "verifier")

    def __init__(self, verifier: Verifier, secret_key: bytes) -> None:
        """Use from_seed or parse: they make the two halves from one seed."""
        self.verifier = verifier
        self._secret_key = secret_key

    @classmethod
    def from_seed(cls, name: str, seed: bytes, key_type: int = KEY_TYPE_ED25519) -> Signer:
        """Return the key pair of a 32-byte seed (RFC 8032 section 5.1.5).

        Raises:
            InvalidInput: If the seed has another length, or name or type are refused.
        """
        if type(seed) is not bytes or len(seed) != SEED_SIZE:
            raise InvalidInput(
                f"a seed is {SEED_SIZE} bytes long", field="private_key", reason="SEED_LENGTH"
            )
        public_key, secret_key = crypto_sign_seed_keypair(seed)
        try:
            verifier = Verifier(name, key_type, public_key)
        except VerificationError as error:
            raise InvalidInput(
                str(error), field="private_key", reason="KEY_NAME_OR_TYPE"
            ) from error
        return cls(verifier, secret_key)

    @classmethod
    def parse(cls, text: str) -> Signer:
        """Read "PRIVATE+KEY+name+id+base64(type ‖ seed)", with or without a final newline.

        Raises:
            InvalidInput: If it is anything else. The message never quotes the text.
        """
        line = text.removesuffix("\n")
        parts = line.removeprefix(_PRIVATE_MARK).split("+", 2)
        if not line.startswith(_PRIVATE_MARK) or len(parts) != 3:
            raise _malformed_private_key()
        try:
            material = parse_base64(parts[2])
        except VerificationError:
            # Without the cause: a traceback must not show what the key file holds.
            raise _malformed_private_key() from None
        if len(material) != 1 + SEED_SIZE:
            raise _malformed_private_key()
        signer = cls.from_seed(parts[0], material[1:], material[0])
        if signer.format() != line:
            raise _malformed_private_key()
        return signer

    def format(self) -> str:
        """Return the private key as one line of text, without a newline. Keep it secret."""
        seed = self._secret_key[:SEED_SIZE]
        material = base64.b64encode(bytes([self.key_type]) + seed).decode()
        return f"{_PRIVATE_MARK}{self.name}+{self.verifier.key_id.hex()}+{material}"

    @property
    def name(self) -> str:
        """The key name."""
        return self.verifier.name

    @property
    def key_type(self) -> int:
        """KEY_TYPE_ED25519 or KEY_TYPE_COSIGNATURE."""
        return self.verifier.key_type

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature of the message: 64 bytes, always the same for one message."""
        return crypto_sign(message, self._secret_key)[:SIGNATURE_SIZE]

    def __repr__(self) -> str:
        return f"<Signer {self.verifier.vkey}>"


def jwk(public_key: bytes) -> dict[str, str]:
    """Return the public key as a JWK (RFC 8037) with its thumbprint as kid.

    There is no "alg": some libraries know the algorithm as EdDSA, others as Ed25519 (RFC 9864), and
    each refuses the other's name.

    Raises:
        VerificationError: If check_public_key refuses the key.
    """
    return {**_jwk_members(public_key), "kid": jwk_thumbprint(public_key), "use": "sig"}


@lru_cache(maxsize=64)
def jwk_thumbprint(public_key: bytes) -> str:
    """Return the JWK thumbprint (RFC 7638): base64url of a SHA-256, without padding.

    Raises:
        VerificationError: If check_public_key refuses the key.
    """
    canonical = json.dumps(_jwk_members(public_key), separators=(",", ":"), sort_keys=True)
    return format_base64url(sha256(canonical.encode()).digest())


def _jwk_members(public_key: bytes) -> dict[str, str]:
    check_public_key(public_key)
    return {"crv": "Ed25519", "kty": "OKP", "x": format_base64url(public_key)}


def format_base64url(data: bytes) -> str:
    """Return base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _malformed_private_key() -> InvalidInput:
    return InvalidInput(
        "this is not a private key of the form PRIVATE+KEY+name+id+base64",
        field="private_key",
        reason="PRIVATE_KEY_FORMAT",
    )
