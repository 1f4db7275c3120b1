r"""Composite keys: tuples of numbers, text and bytes as bytes that order as the tuples do.

    integer   0x10 | 8 bytes, big-endian           0 <= n < 2^64
    bytes     0x20 | escaped | 0x00 0x00           escaped: every 0x00 becomes 0x00 0xFF
    text      0x30 | escaped UTF-8 | 0x00 0x00

Numbers order by value, bytes by byte, text by code point, a shorter tuple before every tuple that
continues it, and between kinds: number, bytes, text. The terminator 0x00 0x00 is below every
continuation of a string, including an escaped zero (0x00 0xFF); hence "a" < "a\0" < "ab". The
encoding of the first parts is a prefix of the encoding of all, so ``encode_key("leaf", 7)`` and
`prefix_end` bound a scan over everything below it.
"""

from __future__ import annotations

from typing import Final, TypeAlias

Part: TypeAlias = int | bytes | str

INTEGER_SIZE_BYTES: Final = 8
_INTEGER: Final = 0x10
_BYTES: Final = 0x20
_TEXT: Final = 0x30
_ZERO: Final = b"\x00"
_ESCAPED_ZERO: Final = b"\x00\xff"
_END: Final = b"\x00\x00"


def encode_key(*parts: Part) -> bytes:
    """Return the order-preserving encoding of a tuple.

    Raises:
        ValueError: A number is not in [0, 2^64), or text is not encodable as UTF-8.
        TypeError: A part is of another type (bool is one).
    """
    encoded = []
    for part in parts:
        if type(part) is int:
            if not 0 <= part < 1 << 64:
                raise ValueError(f"{part} does not fit 64 bits without a sign")
            encoded.append(b"\x10" + part.to_bytes(INTEGER_SIZE_BYTES, "big"))
        elif isinstance(part, str):
            encoded.append(b"\x30" + part.encode().replace(_ZERO, _ESCAPED_ZERO) + _END)
        elif isinstance(part, bytes):
            encoded.append(b"\x20" + part.replace(_ZERO, _ESCAPED_ZERO) + _END)
        else:
            raise TypeError(f"a key part is {type(part).__name__}, not int, bytes or str")
    return b"".join(encoded)


def decode_key(key: bytes | memoryview) -> tuple[Part, ...]:
    """Return the tuple that `encode_key` made ``key`` from.

    Raises:
        ValueError: ``key`` is no such encoding.
    """
    data = bytes(key)
    parts: list[Part] = []
    position = 0
    while position < len(data):
        tag = data[position]
        position += 1
        if tag == _INTEGER:
            digits = data[position : position + INTEGER_SIZE_BYTES]
            if len(digits) < INTEGER_SIZE_BYTES:
                raise ValueError("a key ends inside a number")
            parts.append(int.from_bytes(digits, "big"))
            position += INTEGER_SIZE_BYTES
        elif tag in (_BYTES, _TEXT):
            text, position = _decode_string(data, position)
            parts.append(text if tag == _BYTES else text.decode())
        else:
            raise ValueError(f"a key has the unknown tag {tag:#04x} at {position - 1}")
    return tuple(parts)


def _decode_string(data: bytes, position: int) -> tuple[bytes, int]:
    pieces = []
    while True:
        zero = data.find(_ZERO, position)
        if zero < 0 or zero + 1 == len(data):
            raise ValueError("a key ends inside a string")
        pieces.append(data[position:zero])
        position = zero + 2
        if data[zero + 1] == 0:
            return b"".join(pieces), position
        if data[zero + 1] != 0xFF:
            raise ValueError(f"a key has a zero that is not escaped at {zero}")
        pieces.append(_ZERO)


def prefix_end(prefix: bytes) -> bytes | None:
    """Return the first key that does not start with ``prefix``, as the end of a scan.

    None means that there is no such key: the prefix is empty or all 0xFF.
    """
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None
