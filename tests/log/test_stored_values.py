"""The values that the log stores: written and read back, and refused when they cannot be what was written."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.entry import frame_records, record_prefix
from counterfoil.errors import IntegrityError
from counterfoil.limits import BODY_SIZE_BYTES_MAX, ID_LENGTH_MAX, VALUE_SIZE_BYTES_MAX
from counterfoil.log.layout import (
    RECORD_OVERHEAD,
    BatchHead,
    BatchPart,
    format_part,
    index_key,
    parse_index_key,
    seal,
    split_parts,
    unseal,
)
from counterfoil.log.state import EMPTY, State, format_state, parse_state
from counterfoil.packed import Hashes, Packed

SEED = 20260822
HEAD = BatchHead(
    kind=3,
    time_us=1_700_000_000_000_000,
    first=40,
    count=3,
    previous=b"p" * 32,
    salt_seed=b"s" * 32,
    prefix=record_prefix("host", 2),
    stream_id=b"stream",
    sequence=7,
)
KEY = index_key(HEAD.first)


def part(head: BatchHead, begin: int, bodies: list[bytes]) -> tuple[bytes, list[bytes]]:
    """A stored part with distinct columns, and these columns one after the other."""
    count = len(bodies)
    columns = [bytes([at % 251]) * 32 for at in range(2 * count)]
    salts = b"".join(bytes([at % 241]) * 16 for at in range(count))
    value = format_part(
        head,
        begin,
        Hashes.of(columns[:count]),
        Hashes.of(columns[count:]),
        salts,
        Packed.of(bodies),
    )
    return value, [*columns, salts]


@given(
    st.lists(st.binary(max_size=50), min_size=1, max_size=20),
    st.integers(0, 2**62),
    st.integers(0, 1000),
    st.integers(1, 255),
    st.binary(max_size=300),
    st.binary(max_size=130),
)
@settings(derandomize=True, deadline=None)
def test_a_part_comes_back(
    bodies: list[bytes], first: int, begin: int, kind: int, prefix: bytes, stream_id: bytes
) -> None:
    """Head, columns and bodies of a stored part are read as they were written, wholly and in any slice."""
    head = BatchHead(
        kind, 5, first, begin + len(bodies), b"p" * 32, b"s" * 32, prefix, stream_id, 9
    )
    value, columns = part(head, begin, bodies)
    read = BatchPart(index_key(first + begin), memoryview(value))
    count = len(bodies)

    assert (read.head, read.first, read.count) == (head, first + begin, count)
    assert read.leaf_hashes() == columns[:count]
    assert read.commitments() == columns[count : 2 * count]
    assert read.salts() == columns[-1]
    assert read.bodies() == bodies
    assert read.records() == frame_records(prefix, bodies)
    low, high = count // 3, count - count // 3
    assert read.leaf_hashes(low, high) == columns[low:high]
    assert read.salts(low, high) == columns[-1][16 * low : 16 * high]
    assert read.bodies(low, high) == bodies[low:high]


def test_a_part_of_another_size_is_refused() -> None:
    """Cut or grown by a byte anywhere, a part is refused when it is opened or when its bodies are asked for."""
    value, _ = part(HEAD, 0, [b"one", b"", b"three"])
    for bad in (*(value[:size] for size in range(len(value))), value + b"\x00"):
        with pytest.raises(IntegrityError):
            BatchPart(KEY, memoryview(bad)).bodies()


@pytest.mark.parametrize("version", [0, 1, 255])
def test_a_part_of_another_version_is_refused(version: int) -> None:
    """Only the layout of this program is read."""
    value, _ = part(HEAD, 0, [b"one"])

    with pytest.raises(IntegrityError, match="entry 40"):
        BatchPart(KEY, memoryview(bytes([version]) + value[1:]))


def test_a_part_without_records_is_refused() -> None:
    """A part holds at least one record."""
    value, _ = part(HEAD, 0, [b"one"])

    with pytest.raises(IntegrityError):
        BatchPart(KEY, memoryview(value[:12] + bytes(4) + value[16:]))


def test_random_damage_raises_nothing_else() -> None:
    """Whatever the bytes are, a part is read or refused as damaged; no other error is raised."""
    chance = random.Random(SEED)
    value, _ = part(HEAD, 0, [b"one", b"two", b"three"])
    for _ in range(3000):
        bad = bytearray(value)
        for _ in range(chance.randrange(1, 5)):
            bad[chance.randrange(min(len(bad), 140))] = chance.randrange(256)
        try:
            read = BatchPart(KEY, memoryview(bytes(bad)))
            read.bodies()
        except IntegrityError:
            continue
        assert len(read.leaf_hashes()) == len(read.commitments()) == read.count, SEED


@given(st.lists(st.integers(0, BODY_SIZE_BYTES_MAX), max_size=60))
@settings(derandomize=True, deadline=None, max_examples=50)
def test_parts_cover_a_batch_and_fit_a_value(sizes: list[int]) -> None:
    """The parts of a batch follow each other without gaps, and each fits one stored value with the longest head."""
    bodies = [bytes(size) for size in sizes]
    parts = split_parts(Packed.of(bodies))

    assert [at for begin, end in parts for at in range(begin, end)] == list(range(len(bodies)))
    longest = 112 + len(record_prefix("x" * ID_LENGTH_MAX, 2, "x" * ID_LENGTH_MAX, True)) + 128
    for begin, end in parts:
        assert begin < end or not bodies
        size = sum(sizes[begin:end]) + RECORD_OVERHEAD * (end - begin)
        assert size + longest <= VALUE_SIZE_BYTES_MAX


def test_keys_order_as_their_numbers() -> None:
    """Keys of numbers sort as the numbers do, and are read back."""
    numbers = sorted({0, 1, 255, 256, 2**32, 2**63, 2**64 - 1})

    keys = [index_key(a, b) for a in numbers for b in numbers]
    assert keys == sorted(keys)
    assert [parse_index_key(key) for key in keys] == [(a, b) for a in numbers for b in numbers]


@pytest.mark.parametrize("size", [0, 1, 7, 9, 15])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    """A key that rotted to something that is no row of numbers is damage, to who reads the key and to who reads the part."""
    with pytest.raises(IntegrityError):
        parse_index_key(bytes(size))
    with pytest.raises(IntegrityError):
        BatchPart(bytes(size), memoryview(bytes(500)))


def test_the_state_comes_back() -> None:
    """The state of any size is read as it was written."""
    chance = random.Random(SEED)
    for size in (0, 1, 2, 3, 255, 256, 2**40 + 5, 2**63 - 1):
        frontier = tuple(chance.randbytes(32) for _ in range(size.bit_count()))
        state = State(size, 7, chance.randbytes(32), frontier)
        assert parse_state(format_state(state)) == state
    assert EMPTY.tree().size == 0


def test_a_state_that_cannot_be_is_refused() -> None:
    """A state that is cut, grown, of another version, or whose frontier does not fit its size, is refused."""
    value = format_state(State(5, 7, b"l" * 32, (b"a" * 32, b"b" * 32)))
    bad = [value[:size] for size in range(len(value))]
    bad += [value + b"\x00", value + bytes(32), b"\x02" + value[1:]]
    bad += [value[:1] + size.to_bytes(8, "little") + value[9:] for size in (0, 1, 4, 7, 2**63)]

    # Once as rot would leave them, and once as a faulty writer would, with a checksum that fits.
    inside = unseal(value, "state")
    written = [inside[:size] for size in range(len(inside))]
    written += [inside + b"\x00", inside + bytes(32), b"\x02" + inside[1:]]
    written += [inside[:1] + size.to_bytes(8, "little") + inside[9:] for size in (0, 1, 4, 7)]
    for data in (*bad, *map(seal, written)):
        with pytest.raises(IntegrityError):
            parse_state(data)


@pytest.mark.parametrize("value", [b"", b"x", b"some value", bytes(100)])
def test_a_checksum_tells_every_flipped_bit(value: bytes) -> None:
    """A sealed value comes back; with any bit changed, cut or grown it does not."""
    sealed = seal(value)

    assert unseal(sealed, "value") == value
    bad = [sealed[:size] for size in range(len(sealed))] + [sealed + b"\x00"]
    for bit in range(8 * len(sealed)):
        number = int.from_bytes(sealed, "big") ^ 1 << bit
        bad.append(number.to_bytes(len(sealed), "big"))
    for data in bad:
        with pytest.raises(IntegrityError, match="stored value"):
            unseal(data, "value")
