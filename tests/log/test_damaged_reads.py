"""Rot in the store is never served as if it were the log."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from counterfoil.errors import IntegrityError
from counterfoil.log.layout import index_key, seal
from counterfoil.log.read import (
    Entry,
    read_batch_receipts,
    read_consistency_proof,
    read_entry,
    read_inclusion_proof,
    read_receipt,
)

from .bench import Bench, flipped
from .questions import SIZE, ask, fill, sent, wrong_answers

SEED = 20260819


def test_all_questions_have_answers(subject: Bench) -> None:
    """The questions below are all answered by a sound store."""
    fill(subject)

    assert subject.state().size == SIZE
    given = ask(subject, sent(subject))
    assert len(given) == 8 + 4 * SIZE
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
    records = sent(memory)
    good = ask(memory, records)
    wanted = entries_of(good)
    for first, last in ((1, 3), (4, 4), (5, 5), (6, 6), (7, 8)):
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


def rotting(subject: Bench) -> list[tuple[str, bytes, bytes, int]]:
    """Stored values that feed answers, each with how many of its bytes do.

    The catalog and the state are left out: what rot in them hides is for the start, the next append and fsck to find.
    Of a checkpoint the text counts here; its signature is checked by whoever gets it.
    """
    return [
        (space, key, value, value.index(b"\n\n") if space == "checkpoint" else len(value))
        for (space, key), value in sorted(subject.dump().items())
        if space in {"batch", "tile", "checkpoint"}
    ]


def test_damage_anywhere_is_never_answered(memory: Bench) -> None:
    """With one random bit of any batch, tile or tree head changed, every answer is right, or an integrity error."""
    fill(memory)
    records = sent(memory)
    good = ask(memory, records)
    chance = random.Random(SEED)
    values = rotting(memory)
    failures: dict[str, list[object]] = {}
    for round_ in range(500):
        space, key, value, size = values[round_ % len(values)]
        bit = chance.randrange(8 * size)
        memory.put(space, key, flipped(value, bit))
        for name in wrong_answers(good, ask(memory, records)):
            failures.setdefault(name, []).append((space, int.from_bytes(key, "big"), bit))
        memory.put(space, key, value)

    assert failures == {}, SEED


def test_missing_values_are_never_answered(memory: Bench) -> None:
    """With any one batch or tile gone, every answer is the right one or an integrity error."""
    fill(memory)
    records = sent(memory)
    good = ask(memory, records)
    failures = {}
    for space, key, value, _ in rotting(memory):
        # Without its own checkpoint a receipt comes with a later one, which proves as much.
        if space == "checkpoint":
            continue
        memory.delete(space, key)
        if wrong := wrong_answers(good, ask(memory, records)):
            failures[space, key.hex()] = wrong
        memory.put(space, key, value)

    assert failures == {}


def test_misplaced_values_are_never_answered(memory: Bench) -> None:
    """A batch stored in the place of another, as by a misdirected write, is refused."""
    fill(memory)
    records = sent(memory)
    good = ask(memory, records)
    batches = [(key, value) for (space, key), value in memory.dump().items() if space == "batch"]
    failures = {}
    for key, value in batches:
        for _, other in batches:
            if other != value:
                memory.put("batch", key, other)
                if wrong := wrong_answers(good, ask(memory, records)):
                    failures[key.hex()] = wrong
        memory.put("batch", key, value)

    assert failures == {}


def test_a_damaged_tile_makes_no_proof(subject: Bench) -> None:
    """A proof that would go through a damaged tile is not given out: it would prove nothing."""
    subject.add(subject.usage(*(f"e{n}" for n in range(300))))
    subject.add(subject.usage(*(f"f{n}" for n in range(300))))
    key = index_key(1, 0)
    value = subject.get("tile", key)
    subject.put("tile", key, flipped(value, 77))

    with subject.store.snapshot() as snapshot:
        entry = read_entry(snapshot, 590)
        questions: tuple[Callable[[], object], ...] = (
            lambda: read_receipt(snapshot, entry),
            lambda: read_inclusion_proof(snapshot, 590, 601),
            lambda: list(read_batch_receipts(snapshot, [590, 591])),
            lambda: read_consistency_proof(snapshot, 301, 601),
        )
        for question in questions:
            with pytest.raises(IntegrityError):
                question()


@pytest.mark.parametrize("note", [b"", b"not a note", b"\xff\n", None])
def test_a_checkpoint_that_was_stored_wrongly_proves_nothing(
    subject: Bench, note: bytes | None
) -> None:
    """A value that is no checkpoint, or that of another size, is not handed out though its checksum fits."""
    fill(subject)
    other = subject.get("checkpoint", index_key(5))
    subject.put("checkpoint", index_key(SIZE), other if note is None else seal(note))

    with subject.store.snapshot() as snapshot:
        entry = read_entry(snapshot, 7)
        questions: tuple[Callable[[], object], ...] = (
            lambda: read_receipt(snapshot, entry),
            lambda: read_inclusion_proof(snapshot, 2, SIZE),
            lambda: list(read_batch_receipts(snapshot, [7, 8])),
            lambda: read_consistency_proof(snapshot, 5, SIZE),
        )
        for question in questions:
            with pytest.raises(IntegrityError):
                question()


def test_the_damaged_entry_is_named(subject: Bench) -> None:
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


def test_a_checkpoint_under_another_key_is_missed(memory: Bench) -> None:
    """Where the key of a checkpoint has rotted, receipts are refused as damaged, not made with the checkpoint behind it."""
    fill(memory)
    good = ask(memory, sent(memory))
    sizes = [
        int.from_bytes(key) for (space, key), _ in memory.dump().items() if space == "checkpoint"
    ]
    refused = 0
    for size in sorted(sizes)[:-1]:
        note = memory.get("checkpoint", index_key(size))
        for bit in range(64):
            elsewhere = index_key(size ^ (1 << bit))
            if bit < 63 and memory.dump().get(("checkpoint", elsewhere)) is None:
                memory.delete("checkpoint", index_key(size))
                memory.put("checkpoint", elsewhere, note)
                given = ask(memory, sent(memory))
                assert wrong_answers(good, given) == [], (size, bit)
                refused += sum(answer is IntegrityError for answer in given.values())
                memory.delete("checkpoint", elsewhere)
                memory.put("checkpoint", index_key(size), note)
    assert refused
