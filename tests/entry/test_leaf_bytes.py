"""The 74 bytes of a leaf, the commitment and the chain, against bytes put together by hand."""

from __future__ import annotations

import hashlib
import random
import struct

import pytest
from blake3 import blake3

from counterfoil import tlog
from counterfoil.entry import (
    KIND_USAGE,
    LEAF_SIZE,
    NO_PREVIOUS,
    Leaf,
    chain_batch,
    commit_batch,
    commit_packed,
    commitment,
    derive_salts,
    format_leaf,
    leaf_head,
    parse_leaf,
)
from counterfoil.errors import VerificationError
from counterfoil.limits import TIME_US_MAX
from counterfoil.packed import Packed
from counterfoil.twin import references

SEED = 20260801
TIME_US = 1_700_000_000_123_456
PREVIOUS = bytes(range(32))
COMMITMENT = bytes(range(100, 132))
LEAF = Leaf(KIND_USAGE, TIME_US, PREVIOUS, COMMITMENT)

# Offset, size and content of each field, as the format's table has them.
TABLE = (
    (0, 1, b"\x01"),
    (1, 1, b"\x03"),
    (2, 8, struct.pack(">Q", TIME_US)),
    (10, 32, PREVIOUS),
    (42, 32, COMMITMENT),
)


def by_hand() -> bytes:
    """The leaf, written field by field at its offset."""
    leaf = bytearray(74)
    for offset, size, content in TABLE:
        assert len(content) == size
        leaf[offset : offset + size] = content
    return bytes(leaf)


def reference_chain(
    kind: int, time_us: int, previous: bytes, seed: bytes, records: list[bytes]
) -> list[bytes]:
    """Leaf hashes straight from the definitions, one hash after the other."""
    stream = blake3(seed).digest(length=16 * len(records))
    hashes = []
    for at, record in enumerate(records):
        salt = stream[16 * at : 16 * at + 16]
        commit = hashlib.sha256(b"\x02" + salt + record).digest()
        leaf = b"\x01" + bytes([kind]) + struct.pack(">Q", time_us) + previous + commit
        previous = hashlib.sha256(b"\x00" + leaf).digest()
        hashes.append(previous)
    return hashes


def test_the_fields_fill_the_leaf() -> None:
    """The table covers 74 bytes without gap or overlap."""
    covered = [at for offset, size, _ in TABLE for at in range(offset, offset + size)]

    assert covered == list(range(LEAF_SIZE)) == list(range(74))


def test_a_leaf_is_the_bytes_of_the_table() -> None:
    """Formatting a leaf gives each field at its offset, and parsing gives the fields back."""
    assert format_leaf(LEAF) == by_hand()
    assert parse_leaf(by_hand()) == LEAF
    assert leaf_head(KIND_USAGE, TIME_US) == by_hand()[:10]


def test_the_leaf_hash_is_that_of_rfc_6962() -> None:
    """The leaf hash is SHA-256 over a zero byte and the leaf."""
    assert tlog.leaf_hash(by_hand()) == hashlib.sha256(b"\x00" + by_hand()).digest()


def test_every_bit_of_a_leaf_counts() -> None:
    """A leaf with one bit changed is refused or has other fields, and never the same hash."""
    good = by_hand()
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        assert tlog.leaf_hash(bytes(bad)) != tlog.leaf_hash(good)
        try:
            parsed = parse_leaf(bytes(bad))
        except VerificationError:
            continue
        assert parsed != LEAF, bit
        assert format_leaf(parsed) == bad


@pytest.mark.parametrize("size", [0, 1, 73, 75, 148])
def test_a_leaf_of_another_size_is_refused(size: int) -> None:
    """A leaf has 74 bytes and no other number of them."""
    with pytest.raises(VerificationError, match=f"not {size}"):
        parse_leaf((by_hand() * 2)[:size])


@pytest.mark.parametrize("version", [0, 2, 3, 128, 255])
def test_a_leaf_of_another_version_is_refused(version: int) -> None:
    """Only version 1 is read."""
    with pytest.raises(VerificationError, match=f"version {version}"):
        parse_leaf(bytes([version]) + by_hand()[1:])


def test_kind_zero_is_refused() -> None:
    """No entry has kind 0, which is what a missing kind would look like."""
    with pytest.raises(VerificationError, match="kind 0"):
        parse_leaf(b"\x01\x00" + by_hand()[2:])


@pytest.mark.parametrize("time_us", [TIME_US_MAX + 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_time_after_the_year_9999_is_refused(time_us: int) -> None:
    """A leaf whose time no calendar has is refused."""
    with pytest.raises(VerificationError, match="9999"):
        parse_leaf(by_hand()[:2] + struct.pack(">Q", time_us) + by_hand()[10:])


@pytest.mark.parametrize("time_us", [0, 1, TIME_US_MAX])
def test_the_ends_of_time_are_accepted(time_us: int) -> None:
    """Times from 1970 to 9999 are read, both ends included."""
    data = by_hand()[:2] + struct.pack(">Q", time_us) + by_hand()[10:]

    assert parse_leaf(data).time_us == time_us


def test_the_commitment_is_salted_and_separated() -> None:
    """A commitment is SHA-256 over 0x02, the salt and the record, in that order."""
    salt, record = b"s" * 16, b"a record"

    assert commitment(salt, record) == hashlib.sha256(b"\x02" + salt + record).digest()
    assert commitment(salt, record) != hashlib.sha256(b"\x00" + salt + record).digest()
    assert commitment(salt, record) != hashlib.sha256(b"\x02" + record + salt).digest()


def test_salts_are_slices_of_one_stream() -> None:
    """The salts are the 16-byte slices of BLAKE3-XOF over the seed; more of them only continue the stream."""
    seed = bytes(range(32))
    stream = blake3(seed).digest(length=16 * 1000)

    for count in (0, 1, 2, 3, 17, 1000):
        assert derive_salts(seed, count) == stream[: 16 * count]
    assert len({stream[at : at + 16] for at in range(0, len(stream), 16)}) == 1000


def test_another_seed_gives_other_salts() -> None:
    """Every bit of the seed changes the first salt."""
    seed = bytes(32)
    salts = {derive_salts(seed, 1)}
    for bit in range(256):
        salts.add(derive_salts((1 << bit).to_bytes(32, "big"), 1))

    assert len(salts) == 257


@pytest.mark.parametrize("count", [1, 2, 3, 16, 257])
def test_batches_are_hashed_as_single_entries_are(count: int) -> None:
    """Commitments and chain of a batch equal those of its records taken one by one."""
    chance = random.Random(SEED + count)
    records = [chance.randbytes(chance.randrange(200)) for _ in range(count)]
    seed, previous = chance.randbytes(32), chance.randbytes(32)
    kind, time_us = chance.randrange(1, 256), chance.randrange(TIME_US_MAX)

    commitments = commit_batch(derive_salts(seed, count), records)
    hashes = chain_batch(kind, time_us, previous, commitments)

    assert hashes == reference_chain(kind, time_us, previous, seed, records), SEED + count
    leaf = Leaf(kind, time_us, hashes[-2] if count > 1 else previous, commitments[-1])
    assert hashes[-1] == tlog.leaf_hash(format_leaf(leaf))


def test_the_chain_depends_on_every_entry_before() -> None:
    """Another record, salt, order, kind, time or predecessor changes the last leaf hash of the chain."""
    seed, records = b"a" * 32, [b"one", b"two", b"three"]

    def last(
        kind: int = 3,
        time_us: int = 9,
        previous: bytes = NO_PREVIOUS,
        seed: bytes = seed,
        records: list[bytes] = records,
    ) -> bytes:
        commitments = commit_batch(derive_salts(seed, len(records)), records)
        return chain_batch(kind, time_us, previous, commitments)[-1]

    others = [
        last(kind=2),
        last(time_us=10),
        last(previous=b"\x01" + bytes(31)),
        last(seed=b"b" * 32),
        last(records=[b"One", b"two", b"three"]),
        last(records=[b"two", b"one", b"three"]),
        last(records=[b"onet", b"wo", b"three"]),
        last(records=[b"two", b"three"]),
    ]

    assert len({last(), *others}) == 1 + len(others)


def test_salts_and_records_of_another_number_are_refused() -> None:
    """A batch whose salts do not fit its records is not silently cut to the shorter of both."""
    # The compiled function and the one in Python say so in words of their own.
    for commit in (commit_packed, references["commit_packed"]):
        for records in ([b"one", b"two", b"three"], [b"one"]):
            packed = Packed.of(records)
            with pytest.raises(ValueError):
                commit(bytes(32), b"", packed.data, packed.ends)
