"""The text of an API key: ``cf_live_<id>_<secret>_<checksum>``, or ``cf_test_`` for a sandbox.

    id        12 characters: 60 random bits, the name under which the key is kept and talked about
    secret    52 characters: 32 random bytes
    checksum  8 characters: the first 40 bits of BLAKE3 of everything before, so that a typing error is told offline

All in lower-case base32 (RFC 4648) without padding. The beginning is for scanners that look for leaked secrets. What is
kept of a key is a hash of the whole text; 256 random bits need no slow one.
"""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Final

from blake3 import blake3

from counterfoil.errors import Unauthenticated

WORDS: Final = {"live": "live", "sandbox": "test"}
"""What a key says of each environment."""

ID_DRAW_SIZE: Final = 8
SECRET_SIZE: Final = 32
HASH_SIZE: Final = 32
_ID_LENGTH: Final = 12
_CHECKSUM_LENGTH: Final = 8
_CHECKSUM_CONTEXT: Final = "counterfoil 2026 api key checksum v1"
_HASH_CONTEXT: Final = "counterfoil 2026 api key v1"
_FORM: Final = re.compile(r"cf_(live|test)_([a-z2-7]{12})_([a-z2-7]{52})_([a-z2-7]{8})")
_LONGEST: Final = 96


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key as its holder has it.

    Attributes:
        environment: ``live`` or ``sandbox``.
        key_id: its name; no secret.
        text: all of it; whoever has it is the caller.
    """

    environment: str
    key_id: str
    text: str = field(repr=False)

    @property
    def hash(self) -> bytes:
        """What is kept of it, 32 bytes."""
        return hash_text(self.text)


def make_key(environment: str, drawn_id: bytes, secret: bytes) -> KeyText:
    """A key from randomness: 8 bytes for its id, of which 60 bits are used, and 32 for its secret."""
    if len(drawn_id) != ID_DRAW_SIZE or len(secret) != SECRET_SIZE:
        raise ValueError("a key is made from 8 and 32 random bytes")
    key_id = _base32(drawn_id)[:_ID_LENGTH]
    body = f"cf_{WORDS[environment]}_{key_id}_{_base32(secret)}"
    return KeyText(environment, key_id, f"{body}_{_checksum(body)}")


def parse_key(text: str) -> KeyText:
    """Read a key; says nothing of whether any ledger knows it.

    Raises:
        Unauthenticated: it is no key, or a mistyped one. The message quotes nothing of it.
    """
    found = _FORM.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        raise Unauthenticated(
            "this is no key of a ledger: it is not of the form cf_live_… or cf_test_…"
        )
    word, key_id, secret, checksum = found.groups()
    body = text[: -_CHECKSUM_LENGTH - 1]
    if checksum != _checksum(body) or _base32(_unbase32(secret)) != secret:
        raise Unauthenticated("the key is mistyped or cut short: its checksum is wrong")
    environment = next(name for name, each in WORDS.items() if each == word)
    return KeyText(environment, key_id, text)


def looks_like_key(text: str) -> bool:
    """Whether a credential is meant as an API key, by its first letters alone."""
    return text.startswith("cf_")


def hash_text(text: str) -> bytes:
    """What is kept of a key, and what callers are remembered under: 32 bytes, for any text."""
    return blake3(
        text.encode("utf-8", "surrogateescape"), derive_key_context=_HASH_CONTEXT
    ).digest()


def _checksum(body: str) -> str:
    return _base32(blake3(body.encode(), derive_key_context=_CHECKSUM_CONTEXT).digest(length=5))


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()


def _unbase32(text: str) -> bytes:
    try:
        return base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except binascii.Error as error:
        raise Unauthenticated("the key is mistyped or cut short: its checksum is wrong") from error
