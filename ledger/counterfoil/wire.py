"""The protobuf wire format, as little of it as receipts and records need.

An auditor's install has no protobuf, so the few messages on the proof path are read and written here: varints and
length-delimited fields (https://protobuf.dev/programming-guides/encoding/). Reading is strict: shortest varints, no
groups, no fixed-width fields. A reader that also wants one single form compares with what it would write itself.
"""

from collections.abc import Iterator
from functools import lru_cache

from counterfoil.errors import VerificationError

VARINT = 0
LENGTH_DELIMITED = 2

_VARINT_SIZE_MAX = 10
_UINT64_MAX = (1 << 64) - 1


def encode_varint(number: int) -> bytes:
    """The base-128 form of a number in [0, 2^64)."""
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field_varint(number: int, value: int) -> bytes:
    """One integer field; nothing for zero, which is proto3's default."""
    return encode_varint(number << 3 | VARINT) + encode_varint(value) if value else b""


def field_bytes(number: int, value: bytes) -> bytes:
    """One length-delimited field; nothing for an empty value, which is proto3's default."""
    return element_bytes(number, value) if value else b""


def element_tag(number: int) -> bytes:
    """What stands before the size of a length-delimited field."""
    return encode_varint(number << 3 | LENGTH_DELIMITED)


def element_bytes(number: int, value: bytes) -> bytes:
    """One element of a repeated length-delimited field, which is written even when it is empty."""
    return _element_head(number, len(value)) + value


@lru_cache(maxsize=1024)
def _element_head(number: int, size: int) -> bytes:
    # Nearly all elements are hashes, all of one size.
    return element_tag(number) + encode_varint(size)


def parse_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at an offset and the offset behind it.

    Raises:
        VerificationError: the number is cut off, too long, or not in its shortest form.
    """
    number = shift = 0
    start = at
    while True:
        if at >= len(data):
            raise VerificationError(f"message ends inside the number at byte {start}")
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if at - start >= _VARINT_SIZE_MAX:
            raise VerificationError(f"number at byte {start} is too long")
    if (byte == 0 and at - start > 1) or number > _UINT64_MAX:
        raise VerificationError(f"number at byte {start} is not in its shortest form")
    return number, at


def parse_fields(data: bytes) -> Iterator[tuple[int, int | bytes, int]]:
    """All fields in order: (field number, value, offset of the field).

    Integers come as int in [0, 2^64), length-delimited fields as bytes.

    Raises:
        VerificationError: the bytes are not such a message.
    """
    at = 0
    while at < len(data):
        start = at
        tag, at = parse_varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise VerificationError(f"field number 0 at byte {start}")
        value: int | bytes
        if wire_type == VARINT:
            value, at = parse_varint(data, at)
        elif wire_type == LENGTH_DELIMITED:
            size, at = parse_varint(data, at)
            value = data[at : at + size]
            if len(value) != size:
                raise VerificationError(f"message ends inside the field at byte {start}")
            at += size
        else:
            raise VerificationError(f"wire type {wire_type} at byte {start} is not used here")
        yield number, value, start
