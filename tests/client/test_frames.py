"""Frames of the spool: whatever is whole is read, whatever is not is seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.errors import InvalidInput
from counterfoil_client.frames import (
    HEADER_SIZE,
    MAGIC,
    PAYLOAD_SIZE_BYTES_MAX,
    find_frame,
    format_frames,
    parse_frames,
)

ALL = 1 << 30
PAYLOADS = st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=6)
THREE = [b"first", MAGIC + b"\x00\x00\x00\x02", b"the third one"]


def ends_of(payloads: list[bytes]) -> list[int]:
    """The offset behind each frame."""
    ends = [0]
    for payload in payloads:
        ends.append(ends[-1] + HEADER_SIZE + len(payload))
    return ends


@given(PAYLOADS)
def test_frames_are_read_back(payloads: list[bytes]) -> None:
    """Parsing gives the payloads that were formatted, and uses all bytes."""
    data = format_frames(payloads)

    assert parse_frames(data, ALL, ALL) == (payloads, len(data))


@pytest.mark.parametrize("size", range(len(format_frames(THREE))))
def test_a_torn_end_costs_the_torn_frame_only(size: int) -> None:
    """Cut anywhere, the frames before the cut are read and nothing else."""
    whole = [end for end in ends_of(THREE) if end <= size]

    payloads, used = parse_frames(format_frames(THREE)[:size], ALL, ALL)

    assert used == whole[-1]
    assert payloads == THREE[: len(whole) - 1]


@pytest.mark.parametrize("at", range(len(format_frames(THREE))))
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_a_damaged_byte_costs_one_frame(at: int, flip: int) -> None:
    """Damaged anywhere, the frames before are read, and the search finds the one behind."""
    data = bytearray(format_frames(THREE))
    data[at] ^= flip
    ends = ends_of(THREE)
    hurt = sum(end <= at for end in ends) - 1

    payloads, used = parse_frames(bytes(data), ALL, ALL)
    found = find_frame(bytes(data), used + 1)

    assert (payloads, used) == (THREE[:hurt], ends[hurt])
    assert found == (ends[hurt + 1] if hurt + 1 < len(THREE) else None)


@given(st.binary(max_size=200))
def test_noise_holds_no_frames(noise: bytes) -> None:
    """Bytes that nobody framed are no frames, and the search ends."""
    assert parse_frames(noise, ALL, ALL) == ([], 0)
    assert find_frame(noise, 0) is None


@pytest.mark.parametrize("noise", [MAGIC * 50, (MAGIC + b"\x00\x00\x00\x05") * 40, b"\xc0" * 99])
def test_bytes_that_look_like_beginnings_are_searched_through(noise: bytes) -> None:
    """A frame is found behind bytes that look like the beginning of many."""
    assert find_frame(noise + format_frames([b"here"]), 0) == len(noise)


def test_reading_stops_at_the_count() -> None:
    """No more frames are read than were asked for."""
    assert parse_frames(format_frames(THREE), 2, ALL) == (THREE[:2], ends_of(THREE)[2])


def test_reading_stops_at_the_size_but_gives_one() -> None:
    """The payloads stay within the size together; the first is given out even alone above it."""
    data = format_frames(THREE)

    assert parse_frames(data, ALL, 5)[0] == THREE[:1]
    assert parse_frames(data, ALL, 1)[0] == THREE[:1]
    assert parse_frames(data, ALL, 5 + len(THREE[1]))[0] == THREE[:2]


@pytest.mark.parametrize(
    "payloads",
    [[b""], [b"fine", b""], [bytes(PAYLOAD_SIZE_BYTES_MAX + 1)]],
    ids=["empty", "one of two", "large"],
)
def test_payloads_that_could_not_be_read_back_are_refused(payloads: list[bytes]) -> None:
    """An empty payload and one that is too large are the caller's mistake."""
    with pytest.raises(InvalidInput):
        format_frames(payloads)


def test_a_frame_of_the_largest_size_is_found_behind_damage() -> None:
    """The search window is wide enough for the largest frame."""
    large = format_frames([bytes(PAYLOAD_SIZE_BYTES_MAX)])

    assert find_frame(b"damage" + large, 1) == 6
