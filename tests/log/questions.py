"""All that a server answers from the store, asked at once: to compare a damaged log with the sound one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from counterfoil.errors import CounterfoilError, IntegrityError
from counterfoil.log.read import (
    find_identity,
    list_entries,
    list_kind,
    read_batch_receipts,
    read_consistency_proof,
    read_entries,
    read_entry,
    read_inclusion_proof,
    read_receipt,
    resolve_id,
)
from counterfoil.receipt import format_batch_receipt, format_receipt, verify_batch
from counterfoil.record import TRAINING, USAGE
from counterfoil.store import Snapshot

from .bench import VKEY, Bench

SIZE = 9


def fill(subject: Bench) -> None:
    """Some batches of several kinds."""
    subject.append(subject.usage("a", "b", "c"), subject.training(1))
    subject.append(subject.training(2), subject.payout(3), subject.usage("d", "e"))


def answers(
    subject: Bench, snapshot: Snapshot, records: Sequence[bytes]
) -> dict[str, Callable[[], object]]:
    """All questions that a server answers from the store, by name."""
    secret = subject.log.secret
    found: dict[str, Callable[[], object]] = {
        "entries": lambda: list(read_entries(snapshot, 0, SIZE)),
        "trainings": lambda: list_entries(snapshot, secret, TRAINING, {}, 0, 100),
        "one creator": lambda: list_entries(
            snapshot, secret, TRAINING, {"creator_id": "creator_1"}, 0, 9
        ),
        "usage": lambda: list_kind(snapshot, secret, USAGE, 0, 100),
        "identity": lambda: find_identity(snapshot, secret, USAGE, "host", "b"),
        "batch receipts": lambda: batch_receipts(snapshot, range(SIZE), records),
        "parts of batches": lambda: batch_receipts(snapshot, [2, 3, 8], records),
        "consistency": lambda: read_consistency_proof(snapshot, 5, SIZE),
    }
    for index in range(SIZE):
        found[f"entry {index}"] = partial(read_entry, snapshot, index)
        found[f"name {index}"] = partial(resolve_id, snapshot, str(index))
        found[f"receipt {index}"] = partial(receipt_of, snapshot, index)
        found[f"inclusion {index}"] = partial(read_inclusion_proof, snapshot, index, SIZE)
    return found


def batch_receipts(
    snapshot: Snapshot, indexes: Sequence[int], records: Sequence[bytes]
) -> list[tuple[int, bytes]]:
    """What the receipts of some entries prove to those who sent the records: indexes and leaf hashes."""
    proved: list[tuple[int, bytes]] = []
    for receipt in read_batch_receipts(snapshot, indexes):
        first, end = receipt.first_index, receipt.first_index + receipt.count
        verified = verify_batch(format_batch_receipt(receipt), VKEY, records[first:end])
        proved += zip(range(first, end), verified.leaf_hashes, strict=True)
    return proved


def receipt_of(snapshot: Snapshot, index: int) -> bytes:
    """The receipt of one entry."""
    return format_receipt(read_receipt(snapshot, read_entry(snapshot, index)))


def ask(subject: Bench, records: Sequence[bytes]) -> dict[str, object]:
    """Every answer, or the error in its place; ``records`` are those that were sent."""
    given: dict[str, object] = {}
    with subject.store.snapshot() as snapshot:
        for name, question in answers(subject, snapshot, records).items():
            try:
                given[name] = question()
            except IntegrityError:
                given[name] = IntegrityError
            except CounterfoilError as error:
                given[name] = f"{type(error).__name__}: {error}"
    return given


def wrong_answers(good: dict[str, object], given: dict[str, object]) -> list[str]:
    """The questions whose answer is neither the right one nor a refusal."""
    return [
        name
        for name, answer in given.items()
        if answer != good[name] and answer is not IntegrityError
    ]


def sent(subject: Bench) -> list[bytes]:
    """The records of a sound log, as their submitters know them."""
    return [entry.record for entry in subject.entries()]
