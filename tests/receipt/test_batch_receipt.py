"""Batch receipts: the records that were sent, all of them, in their order, and no others."""

from __future__ import annotations

import random
from typing import Any

import pytest
from blake3 import blake3

from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.receipt import (
    BatchReceipt,
    format_batch_receipt,
    keep_batch_receipt,
    parse_batch_receipt,
    verify_batch,
    verify_receipt,
)
from counterfoil.receipt.batch import check_batch_receipt
from counterfoil.receipt.verified import as_policy
from counterfoil.v1 import receipt_pb2
from counterfoil.wire import element_bytes, field_bytes, field_varint, parse_fields

from .small_log import (
    BATCH,
    HASHES,
    OTHER_KEY,
    OTHER_LOG,
    RECORDS,
    SALT_SEED,
    SALTS,
    VKEY,
    batch,
    changed,
    checkpoint,
    cover,
    record,
)

SEED = 20260804
SENT = list(RECORDS[BATCH.start : BATCH.stop])
GOOD = format_batch_receipt(batch())


def test_the_submitter_recomputes_the_leaves() -> None:
    """With the records that were sent the receipt verifies, and tells their leaf hashes."""
    verified = verify_batch(GOOD, VKEY, SENT)

    assert verified.leaf_hashes == HASHES[1:5]
    assert verified.records == tuple(SENT)
    assert verify_receipt(GOOD, VKEY, SENT) == verified
    assert verify_receipt(keep_batch_receipt(GOOD, SENT), VKEY) == verified


def test_the_binary_form_is_the_protobuf_message() -> None:
    """The protobuf library writes the same bytes for the same receipt, with and without records."""
    evidence = batch()
    message = receipt_pb2.BatchReceipt(
        format="counterfoil/batch-receipt@v1",
        first_index=1,
        count=4,
        kind=3,
        time_us=evidence.time_us,
        previous=evidence.previous,
        salt_seed=evidence.salt_seed,
        proof=evidence.proof,
        checkpoint=evidence.checkpoint,
    )

    assert message.SerializeToString(deterministic=True) == GOOD
    message.records.extend(SENT)
    assert keep_batch_receipt(GOOD, SENT) == message.SerializeToString(deterministic=True)
    assert parse_batch_receipt(GOOD) == evidence


@pytest.mark.parametrize("begin", BATCH)
def test_every_part_of_a_batch_has_a_receipt(begin: int) -> None:
    """Runs within a batch verify by their salts one by one."""
    for end in range(begin + 1, BATCH.stop + 1):
        data = format_batch_receipt(batch(begin=begin, end=end))
        verified = verify_batch(data, VKEY, list(RECORDS[begin:end]))
        assert verified.leaf_hashes == HASHES[begin:end]


def test_salts_and_seed_are_two_ways_to_say_the_same() -> None:
    """A whole batch may also give its salts one by one: the leaves are the same."""
    by_salts = changed(batch(), salt_seed=b"", salts=b"".join(SALTS[1:5]))

    verified = verify_batch(format_batch_receipt(by_salts), VKEY, SENT)

    assert verified.leaf_hashes == verify_batch(GOOD, VKEY, SENT).leaf_hashes


@pytest.mark.parametrize("records", [None, [], ()])
def test_without_records_it_cannot_be_judged(records: Any) -> None:
    """A batch receipt without the records proves nothing, and is not called bad."""
    with pytest.raises(UnverifiableError, match="together with its records"):
        verify_receipt(GOOD, VKEY, records)


WRONG_RECORDS: tuple[tuple[str, list[bytes]], ...] = (
    ("first missing", SENT[1:]),
    ("last missing", SENT[:-1]),
    ("one only", SENT[:1]),
    ("one more", [*SENT, record(9)]),
    ("one more in front", [RECORDS[0], *SENT]),
    ("the next entry too", [*SENT, RECORDS[5]]),
    ("the last twice", [*SENT, SENT[-1]]),
    ("two swapped", [SENT[1], SENT[0], *SENT[2:]]),
    ("reversed", SENT[::-1]),
    ("shifted", [*SENT[1:], SENT[0]]),
    ("one replaced", [*SENT[:-1], record(9)]),
    ("one empty", [*SENT[:-1], b""]),
    ("two joined", [SENT[0] + SENT[1], b"", *SENT[2:]]),
    ("a byte moved over", [SENT[0] + SENT[1][:1], SENT[1][1:], *SENT[2:]]),
    ("all of another batch", [record(n) for n in range(10, 14)]),
)


@pytest.mark.parametrize(
    ("fault", "records"), WRONG_RECORDS, ids=[fault for fault, _ in WRONG_RECORDS]
)
def test_other_records_are_refused(fault: str, records: list[bytes]) -> None:
    """Records missing, added, swapped or changed do not fit the receipt, given apart or kept inside."""
    assert records != SENT, fault
    with pytest.raises(VerificationError):
        verify_batch(GOOD, VKEY, records)
    with pytest.raises(VerificationError):
        verify_receipt(keep_batch_receipt(GOOD, records), VKEY)


WRONG: tuple[tuple[str, dict[str, Any]], ...] = (
    ("first index one less", {"first_index": 0}),
    ("first index one more", {"first_index": 2}),
    ("first index beyond the tree", {"first_index": 7}),
    ("first index at 2^63", {"first_index": 2**63}),
    ("first index at 2^64 - 4", {"first_index": 2**64 - 4}),
    ("count zero", {"count": 0}),
    ("count one less", {"count": 3}),
    ("count one more", {"count": 5}),
    ("count huge", {"count": 2**63}),
    ("kind zero", {"kind": 0}),
    ("another kind", {"kind": 2}),
    ("kind of two bytes", {"kind": 256 + 3}),
    ("time of another entry", {"time_us": batch().time_us + 1}),
    ("no time", {"time_us": 0}),
    ("time after the year 9999", {"time_us": 2**63}),
    ("time of 64 bits", {"time_us": 2**64 - 1}),
    ("another predecessor", {"previous": HASHES[1]}),
    ("no predecessor", {"previous": b""}),
    ("predecessor zero", {"previous": bytes(32)}),
    ("predecessor cut", {"previous": HASHES[0][:31]}),
    ("predecessor grown", {"previous": HASHES[0] + b"\x00"}),
    ("another seed", {"salt_seed": bytes(32)}),
    ("seed cut", {"salt_seed": SALT_SEED[:31]}),
    ("seed grown", {"salt_seed": SALT_SEED + b"\x00"}),
    ("neither seed nor salts", {"salt_seed": b""}),
    ("seed and salts", {"salts": b"".join(SALTS[1:5])}),
    ("salts of others", {"salt_seed": b"", "salts": b"".join(SALTS[0:4])}),
    ("salts swapped", {"salt_seed": b"", "salts": b"".join((SALTS[2], SALTS[1], *SALTS[3:5]))}),
    ("a salt missing", {"salt_seed": b"", "salts": b"".join(SALTS[1:4])}),
    ("a salt too many", {"salt_seed": b"", "salts": b"".join(SALTS[1:6])}),
    ("salts cut", {"salt_seed": b"", "salts": b"".join(SALTS[1:5])[:-1]}),
    ("seed as salts", {"salt_seed": b"", "salts": SALT_SEED * 2}),
    ("no proof", {"proof": ()}),
    ("proof cut", {"proof": batch().proof[:-1]}),
    ("proof without its left part", {"proof": batch().proof[1:]}),
    ("proof grown", {"proof": (*batch().proof, HASHES[0])}),
    ("proof reversed", {"proof": batch().proof[::-1]}),
    ("proof of another run", {"proof": (*cover(0, 2), *cover(6, 7))}),
    ("checkpoint of a smaller tree", {"checkpoint": checkpoint(size=6)}),
    ("checkpoint before the batch", {"checkpoint": checkpoint(size=1)}),
    ("checkpoint of another key", {"checkpoint": checkpoint(OTHER_KEY)}),
    ("checkpoint of another log", {"checkpoint": checkpoint(OTHER_LOG)}),
    ("no checkpoint", {"checkpoint": b""}),
)


@pytest.mark.parametrize(("fault", "fields"), WRONG, ids=[fault for fault, _ in WRONG])
def test_other_claims_are_refused(fault: str, fields: dict[str, Any]) -> None:
    """Any field of another batch, tree or log makes the receipt fail for the right records."""
    evidence: BatchReceipt = changed(batch(), **fields)
    assert evidence != batch(), fault

    with pytest.raises(VerificationError):
        verify_batch(format_batch_receipt(evidence), VKEY, SENT)


def test_a_count_that_allocates_nothing() -> None:
    """A count far beyond the records is refused before salts are derived for it."""
    evidence = changed(batch(), count=2**62)

    with pytest.raises(VerificationError, match="not 4"):
        check_batch_receipt(evidence, as_policy(VKEY), SENT)


def test_records_given_apart_take_the_place_of_those_inside() -> None:
    """Whoever brings records wants these checked: what the file holds does not stand in for them."""
    kept = keep_batch_receipt(GOOD, SENT)

    assert verify_receipt(kept, VKEY, SENT).records == tuple(SENT)
    with pytest.raises(VerificationError):
        verify_receipt(kept, VKEY, [*SENT[:-1], record(9)])


def test_fields_in_another_form_are_refused() -> None:
    """Repeated, unknown, reordered, mistyped or cut fields of the binary form are refused."""
    starts = [start for _, _, start in parse_fields(GOOD)]
    parts = [GOOD[a:b] for a, b in zip(starts, [*starts[1:], len(GOOD)], strict=True)]
    bad = [b"".join(parts[:at] + parts[at + 1 :]) for at in range(1, len(parts))]
    bad += [b"".join([*parts[:at], parts[at], *parts[at:]]) for at in range(len(parts))]
    bad += [
        b"".join([*parts[:at], parts[at + 1], parts[at], *parts[at + 2 :]])
        for at in range(1, len(parts) - 1)
    ]
    bad += [GOOD[:size] for size in range(len(parts[0]), len(GOOD))]
    bad += [
        GOOD + field_varint(11, 1),
        GOOD + field_bytes(16, b"x"),
        GOOD.replace(b"\x18\x04", b"\x18\x84\x00"),
        GOOD.replace(b"\x18\x04", b"\x1a\x01\x04"),
        element_bytes(1, b"counterfoil/batch-receipt@v2") + GOOD[len(parts[0]) :],
    ]

    for data in bad:
        assert data != GOOD
        with pytest.raises(VerificationError):
            verify_receipt(data, VKEY, SENT)


def test_random_salts_never_open_the_batch() -> None:
    """Two hundred other seeds, of any bits, give other leaves."""
    chance = random.Random(SEED)
    for round_ in range(200):
        seed = chance.randbytes(32)
        assert blake3(seed).digest(length=64) != b"".join(SALTS[1:5])
        with pytest.raises(VerificationError):
            (
                verify_batch(format_batch_receipt(changed(batch(), salt_seed=seed)), VKEY, SENT),
                (SEED, round_),
            )
