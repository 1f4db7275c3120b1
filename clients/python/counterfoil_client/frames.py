"""Frames: how single events stand in a spool file, so that damage is seen and what lies behind it is still read.

    0xC0F7 | length 4, big-endian | CRC-32 of the payload, begun with the length | payload

A crash can leave any prefix of the last write, and a disk can damage anything. A frame that is whole is recognised by
its checksum; behind a damaged one the next whole frame is searched for by its first two bytes. CRC-32 is a guard
against accidents. Against forgery there is the ledger.
"""

import struct
from collections.abc import Sequence
from typing import Final
from zlib import crc32

from counterfoil.errors import InvalidInput
from counterfoil.limits import BODY_SIZE_BYTES_MAX

MAGIC: Final = b"\xc0\xf7"
_HEADER: Final = struct.Struct(">2sII")
HEADER_SIZE: Final = _HEADER.size
PAYLOAD_SIZE_BYTES_MAX: Final = BODY_SIZE_BYTES_MAX
FRAME_SIZE_BYTES_MAX: Final = HEADER_SIZE + PAYLOAD_SIZE_BYTES_MAX


def format_frames(payloads: Sequence[bytes]) -> bytes:
    """The frames of some payloads, one after the other.

    Raises:
        InvalidInput: a payload is empty, or larger than PAYLOAD_SIZE_BYTES_MAX.
    """
    sizes = [len(payload) for payload in payloads]
    if sizes and not 0 < min(sizes) <= max(sizes) <= PAYLOAD_SIZE_BYTES_MAX:
        raise InvalidInput(
            f"an event has 1 to {PAYLOAD_SIZE_BYTES_MAX} bytes", field="event", reason="TOO_LARGE"
        )
    pack = _HEADER.pack
    return b"".join(
        [
            part
            for payload in payloads
            for part in (pack(MAGIC, len(payload), crc32(payload, len(payload))), payload)
        ]
    )


def parse_frames(data: bytes, count_max: int, size_bytes_max: int) -> tuple[list[bytes], int]:
    """The whole frames at the beginning of ``data``: their payloads, and the offset behind the last of them.

    Stops at the first frame that is not whole, after ``count_max`` frames, or before the payloads exceed
    ``size_bytes_max`` together; the first frame is given out however large it is.
    """
    payloads: list[bytes] = []
    at = filled = 0
    end = len(data)
    unpack = _HEADER.unpack_from
    while len(payloads) < count_max and at + HEADER_SIZE <= end:
        magic, size, checksum = unpack(data, at)
        begin = at + HEADER_SIZE
        payload = data[begin : begin + size]
        if magic != MAGIC or not 0 < size == len(payload) or crc32(payload, size) != checksum:
            break
        filled += size
        if filled > size_bytes_max and payloads:
            break
        payloads.append(payload)
        at = begin + size
    return payloads, at


def find_frame(data: bytes, begin: int) -> int | None:
    """The offset of the first whole frame at or behind ``begin``, or None."""
    at = data.find(MAGIC, begin)
    while at >= 0:
        # A slice, so that a damaged length cannot make each attempt read the rest of the file.
        if parse_frames(data[at : at + FRAME_SIZE_BYTES_MAX], 1, 0)[0]:
            return at
        at = data.find(MAGIC, at + 1)
    return None
