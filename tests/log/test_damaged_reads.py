"""Rot in the store is never served as if it were the log."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from counterfoil.errors import CounterfoilError, IntegrityError
from counterfoil.log.layout import index_key
from counterfoil.log.read import (
    Entry,
    find_identity,
    list_entries,
    read_batch_receipts,
    read_consistency_proof,
    read_entries,
    read_entry,
    read_inclusion_proof,
    read_receipt,
    resolve_id,
)
from counterfoil.receipt import format_batch_receipt, format_receipt
from counterfoil.record import TRAINING, USAGE
from counterfoil.store import Snapshot

from .bench import Bench, flipped

SEED = 20260819
Key = tuple[str, bytes]


def fill(subject: Bench) -> None:
    """Some batches of several kinds."""
    subject.append(subject.usage("a", "b", "c"), subject.training(1))
    subject.append(subject.training(2), subject.payout(3), subject.usage("d", "e"))


def answers(subject: Bench, snapshot: Snapshot) -> dict[str, Callable[[], object]]:
    """All questions that a server answers from the store, by name."""
    secret, size = subject.log.secret, 10
    found: dict[str, Callable[[], object]] = {
        "entries": lambda: list(read_entries(snapshot, 0, size)),
        "trainings": lambda: list_entries(snapshot, secret, TRAINING, {}, 0, 100),
        "one creator": lambda: list_entries(
            snapshot, secret, TRAINING, {"creator_id": "creator_1"}, 0, 9
        ),
        "usage": lambda: list_entries(snapshot, secret, USAGE, {}, 0, 100),
        "identity": lambda: find_identity(snapshot, secret, USAGE, "host", "b"),
        "batch receipts": lambda: [
            format_batch_receipt(receipt) for receipt in read_batch_receipts(snapshot, range(size))
        ],
        "part of a batch": lambda: [
            format_batch_receipt(receipt) for receipt in read_batch_receipts(snapshot, [2, 3, 8])
        ],
        "consistency": lambda: read_consistency_proof(snapshot, 3, size),
    }
    for index in range(size):
        found |= {
            f"entry {index}": lambda index=index: read_entry(snapshot, index),
            f"name {index}": lambda index=index: resolve_id(snapshot, str(index)),
            f"receipt {index}": lambda index=index: format_receipt(
                read_receipt(snapshot, read_entry(snapshot, index))
            ),
            f"inclusion {index}": lambda index=index: read_inclusion_proof(snapshot, index, size),
        }
    return found


def ask(subject: Bench) -> dict[str, object]:
    """Every answer, or the error in its place."""
    given: dict[str, object] = {}
    with subject.store.snapshot() as snapshot:
        for name, question in answers(subject, snapshot).items():
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


def test_all_questions_have_answers(subject: Bench) -> None:
    """The questions below are all answered by a sound store."""
    fill(subject)

    assert subject.state().size == 10
    given = ask(subject)
    assert len(given) == 48
    assert not [
        name
        for name, answer in given.items()
        if answer is IntegrityError or isinstance(answer, str)
    ]


def entries_of(good: dict[str, object]) -> list[Entry]:
    """The entries among the answers."""
    entries = good["entries"]
    assert isinstance(entries, list)
    return entries


def test_every_flipped_bit_of_an_entry_is_noticed(memory: Bench) -> None:
    """With any bit of a stored batch changed, each of its entries is served as it was, or refused as damaged."""
    fill(memory)
    good = ask(memory)
    wanted = entries_of(good)
    for first, last in ((1, 3), (4, 4), (5, 5), (6, 6), (7, 8)):
        if first == 7:
            first_key = index_key(7)
        else:
            first_key = index_key(first)
        value = memory.get("batch", first_key)
        for bit in range(8 * len(value)):
            memory.put("batch", first_key, flipped(value, bit))
            with memory.store.snapshot() as snapshot:
                for index in range(first, last + 1):
                    try:
                        entry = read_entry(snapshot, index)
                    except IntegrityError:
                        continue
                    assert entry == wanted[index], (first, bit)
        memory.put("batch", first_key, value)


def test_damage_anywhere_is_never_answered(memory: Bench) -> None:
    """With one random bit of any stored value changed, every answer is the right one or an integrity error."""
    fill(memory)
    good = ask(memory)
    chance = random.Random(SEED)
    values = sorted(memory.dump().items())
    failures: dict[str, list[object]] = {}
    for round_ in range(400):
        (space, key), value = values[round_ % len(values)]
        bit = chance.randrange(8 * len(value))
        memory.put(space, key, flipped(value, bit))
        for name in wrong_answers(good, ask(memory)):
            failures.setdefault(name, []).append((space, key.hex(), bit))
        memory.put(space, key, value)

    assert failures == {}, SEED


def test_missing_values_are_never_answered(memory: Bench) -> None:
    """With any one stored value gone, every answer is the right one or an integrity error."""
    fill(memory)
    good = ask(memory)
    failures = {}
    for (space, key), value in memory.dump().items():
        # Without the state there is no log; without a checkpoint a receipt comes with a later one.
        if space in {"meta", "stream", "checkpoint"}:
            continue
        memory.delete(space, key)
        if wrong := wrong_answers(good, ask(memory)):
            failures[space, key.hex()] = wrong
        memory.put(space, key, value)

    assert failures == {}


def test_misplaced_values_are_never_answered(memory: Bench) -> None:
    """A batch stored in the place of another, as by a misdirected write, is refused."""
    fill(memory)
    good = ask(memory)
    batches = [(key, value) for (space, key), value in memory.dump().items() if space == "batch"]
    failures = {}
    for key, value in batches:
        for _, other in batches:
            if other != value:
                memory.put("batch", key, other)
                if wrong := wrong_answers(good, ask(memory)):
                    failures[key.hex()] = wrong
        memory.put("batch", key, value)

    assert failures == {}


def test_a_damaged_tile_makes_no_proof(subject: Bench) -> None:
    """A proof that would go through a damaged tile is not given out: it would prove nothing."""
    subject.add(subject.usage(*(f"e{n}" for n in range(600))))
    key = index_key(1, 0)
    value = subject.get("tile", key)
    subject.put("tile", key, flipped(value, 77))

    with subject.store.snapshot() as snapshot:
        entry = read_entry(snapshot, 590)
        for question in (
            lambda: read_receipt(snapshot, entry),
            lambda: read_inclusion_proof(snapshot, 590, 601),
            lambda: list(read_batch_receipts(snapshot, [590, 591])),
            lambda: read_consistency_proof(snapshot, 300, 601),
        ):
            with pytest.raises(IntegrityError):
                question()


@pytest.mark.parametrize("space", ["batch", "tile"])
def test_the_damaged_entry_is_named(subject: Bench, space: str) -> None:
    """The error of a damaged entry says which one it is."""
    fill(subject)
    value = subject.get("batch", index_key(1))
    body = subject.entries()[2].body
    subject.put("batch", index_key(1), value.replace(body, body[:-1] + b"\x00"))

    with subject.store.snapshot() as snapshot:
        with pytest.raises(IntegrityError) as caught:
            read_entry(snapshot, 2)
        assert caught.value.index == 2
        assert read_entry(snapshot, 1).index == 1
        assert read_entry(snapshot, 3).index == 3
