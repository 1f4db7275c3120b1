"""Consumers by pseudonym: the same person is one id with one creator, and another with every other.

The body of a usage event is hashed and logged as it was sent, so that the ledger cannot take a name out of it any more. Who
sends makes the pseudonym, before anything is stored; docs/SPEC.md has the form. The ledger cannot know what an opaque id is:
it only sees whether one has the form of a pseudonym or of a hash.
"""

import base64
import re
import unicodedata
from typing import Final

from blake3 import blake3

from counterfoil.errors import InvalidInput
from counterfoil.limits import ID_LENGTH_MAX
from counterfoil.record import problem
from counterfoil.record.text import is_id

SECRET_SIZE: Final = 32
"""The secret that all pseudonyms of a submitter are made with, in bytes."""

PREFIX: Final = "anon1_"
HASH_NAMES: Final = (
    *("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3-256", "sha3-512"),
    *("blake2b", "blake2s", "blake3", "hmac-sha1", "hmac-sha256", "hmac-sha512"),
)
"""What may stand before the digits of a hash, with a colon."""

_CONTEXT: Final = "counterfoil 2026 consumer pseudonym v1"
_SIZE: Final = 16
# 128 bits are 25 characters of base32 and three bits more, which leave eight letters for the last one.
_FORM: Final = re.compile(
    rf"{PREFIX}[a-z2-7]{{25}}[aeimquy4]|(?:(?:{'|'.join(HASH_NAMES)}):)?[0-9a-f]{{32,128}}"
)


def is_pseudonym(consumer_id: str) -> bool:
    """Whether an id has the form of our pseudonyms, or that of a hash: 32 to 128 lower-case hexadecimal digits.

    A form is no proof. Thirty-two digits may be somebody's name in hexadecimal, and a hash without a key of something that
    can be guessed is found by guessing.
    """
    return _FORM.fullmatch(consumer_id) is not None


def make_pseudonym(secret: bytes, creator_id: str, consumer: str) -> str:
    """The pseudonym of a consumer towards a creator.

    Args:
        secret: SECRET_SIZE random bytes, the same ones for ever. creator_id: whose works are used.
        consumer: whatever tells this consumer from others: any text. It is taken as it is, but in Unicode form NFC.

    Raises:
        InvalidInput: there is no consumer, it is no text, or ``creator_id`` is no id. What was given is never quoted.
        ValueError: the secret has another size.
    """
    if len(secret) != SECRET_SIZE:
        raise ValueError(f"the secret of pseudonyms has {SECRET_SIZE} bytes")
    if not creator_id or len(creator_id) > ID_LENGTH_MAX or not is_id(creator_id):
        told = "a pseudonym is made for one creator, and creator_id is no id of one"
        raise InvalidInput(told, field="creator_id", reason=problem.MALFORMED)
    if not consumer:
        told = "there is no consumer to make a pseudonym of"
        raise InvalidInput(told, field="consumer_id", reason=problem.MISSING)
    try:
        text = unicodedata.normalize("NFC", consumer).encode()
    except UnicodeEncodeError:
        # Without the cause, which holds the text.
        told = "the consumer is no text: it holds half a character (a lone surrogate)"
        raise InvalidInput(told, field="consumer_id", reason=problem.MALFORMED) from None
    creator = creator_id.encode()
    material = secret + len(creator).to_bytes(2, "big") + creator
    key = blake3(material, derive_key_context=_CONTEXT).digest()
    code = base64.b32encode(blake3(text, key=key).digest(length=_SIZE)).decode()
    return PREFIX + code.rstrip("=").lower()
