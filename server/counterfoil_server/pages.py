"""Page tokens: opaque, sealed, bound to the method and its filters, good for 72 hours, and without any authority.

A token is a sealed box (XSalsa20-Poly1305) of expiry, next index, and a digest of method and filters. Whoever changes
one, or uses it with other filters, gets a clear error instead of another page.
"""

import base64
import binascii
import struct
from collections.abc import Sequence
from typing import Final

from blake3 import blake3
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from counterfoil.errors import InvalidInput
from counterfoil.limits import (
    PAGE_SIZE_BYTES_MAX,
    PAGE_SIZE_DEFAULT,
    PAGE_SIZE_MAX,
    PAGE_TOKEN_AGE_S_MAX,
)
from counterfoil.log import Entry
from counterfoil_server.clock import now_us
from counterfoil_server.entropy import fresh_nonce

_CONTEXT: Final = "counterfoil 2026 page tokens v1"
_INSIDE = struct.Struct(">QQ16s")


class Pages:
    """Seals and opens the page tokens of one log; all its workers understand each other's."""

    def __init__(self, secret: bytes) -> None:
        """Derive the sealing key from the log's secret."""
        self._box = SecretBox(blake3(secret, derive_key_context=_CONTEXT).digest())

    def seal(self, next_index: int, *bound: object) -> str:
        """A token for the page that begins at an index, bound to a method and its filters."""
        expiry_s = now_us() // 1_000_000 + PAGE_TOKEN_AGE_S_MAX
        inside = _INSIDE.pack(expiry_s, next_index, _digest(bound))
        return base64.urlsafe_b64encode(self._box.encrypt(inside, fresh_nonce())).decode()

    def open(self, token: str, *bound: object) -> int:
        """The index at which the page begins.

        Raises:
            InvalidInput: not a token of this log and these filters, or an old one.
        """
        try:
            inside = self._box.decrypt(base64.b64decode(token, altchars=b"-_", validate=True))
            expiry_s, next_index, digest = _INSIDE.unpack(inside)
        except (CryptoError, binascii.Error, ValueError, struct.error, TypeError) as error:
            told = "page_token is not one that this log gave; begin again without it"
            raise InvalidInput(told, field="page_token", reason="PAGE_TOKEN_INVALID") from error
        if digest != _digest(bound):
            told = "page_token belongs to a list with other filters; begin again without it"
            raise InvalidInput(told, field="page_token", reason="PAGE_TOKEN_INVALID")
        if expiry_s * 1_000_000 < now_us():
            told = "page_token is older than 72 hours; begin again without it"
            raise InvalidInput(told, field="page_token", reason="PAGE_TOKEN_EXPIRED")
        return int(next_index)


def page_size(asked: int) -> int:
    """How many items a page may have.

    Raises:
        InvalidInput: a negative size.
    """
    if asked < 0:
        raise InvalidInput(
            "page_size must not be negative", field="page_size", reason="QUANTITY_NEGATIVE"
        )
    return min(asked or PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)


def fitting(entries: Sequence[Entry]) -> int:
    """How many entries, one at least, a page can hold without outgrowing a gRPC message of the default size."""
    filled = 0
    for at, entry in enumerate(entries):
        filled += len(entry.record)
        if at and filled > PAGE_SIZE_BYTES_MAX:
            return at
    return len(entries)


def _digest(bound: tuple[object, ...]) -> bytes:
    return blake3(repr(bound).encode()).digest(length=16)
