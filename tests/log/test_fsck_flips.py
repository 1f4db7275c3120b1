"""Random rot: fsck finds it, or it provably changes nothing that anyone could be told."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from counterfoil.errors import CounterfoilError
from counterfoil.log import Appended, read_stream
from counterfoil.record import USAGE

from .bench import Bench, check_all, flipped, usage_body
from .questions import ask, fill, sent, wrong_answers

SEED = 20260821
FLIPS = 300


@pytest.fixture
def filled(memory: Bench) -> Bench:
    """A small log of all kinds of records and of stored values."""
    fill(memory)
    ids = [f"s{n}" for n in range(300)]
    memory.append(memory.usage(*ids, stream_id="s", sequence=1))
    memory.append(memory.usage("late"), memory.usage("late2", stream_id="s", sequence=2))
    assert memory.fsck().sound
    return memory


def harm(subject: Bench, good: dict[str, object], records: list[bytes], aside: Path) -> str:
    """What a store that fsck calls sound would do to those who use it; empty when nothing."""
    if wrong := wrong_answers(good, ask(subject, records)):
        return f"answers {wrong}"
    other = subject.clone(aside)
    try:
        with subject.store.snapshot() as snapshot:
            if read_stream(snapshot, "host", "s") != 2:
                return "resume point"
        other.start()
        # Everything is known, nothing is new but the new, and the log is as sound as before.
        known = [
            usage_body(event_id) for event_id in ("a", "b", "c", "d", "e", "late", "s0", "s299")
        ]
        outcome = other.add(other.batch(USAGE, [*known, usage_body("new")]))
        if [item.field for item in outcome.existing] != [None] * len(known):
            return "duplicates"
        other.append(other.usage("more", stream_id="s", sequence=3), other.training(9))
        check_all(other)
        report = other.fsck()
        return "" if report.sound else f"later {report.problems[0]}"
    except (CounterfoilError, AssertionError) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        other.anchor.close()


def test_random_flips_are_found_or_harmless(filled: Bench, tmp_path: Path) -> None:
    """Each of three hundred single-bit changes is reported by fsck, or no answer, start or append depends on it."""
    chance = random.Random(SEED)
    aside = tmp_path / "aside"
    aside.mkdir()
    records = sent(filled)
    good = ask(filled, records)
    values = sorted(filled.dump().items())
    found, harmless, missed = 0, [], []
    for round_ in range(FLIPS):
        (space, key), value = values[round_ % len(values)]
        bit = chance.randrange(8 * len(value))
        filled.put(space, key, flipped(value, bit))
        if not filled.fsck().sound:
            found += 1
        elif told := harm(filled, good, records, aside):
            missed.append((space, key.hex(), bit, told))
        else:
            harmless.append((space, bit))
        filled.put(space, key, value)

    assert missed == [], SEED
    assert found > 0.9 * FLIPS, harmless


def test_harm_is_noticed(filled: Bench, tmp_path: Path) -> None:
    """The negative control: rot of each kind does harm where fsck is not asked."""
    aside = tmp_path / "aside"
    aside.mkdir()
    records = sent(filled)
    good = ask(filled, records)
    assert harm(filled, good, records, aside) == ""
    harmed = set()
    for (space, key), value in sorted(filled.dump().items()):
        # A bit in the middle: leaf hashes, fingerprints, roots, and the newest leaf hash.
        filled.put(space, key, flipped(value, 4 * len(value)))
        if harm(filled, good, records, aside):
            harmed.add(space)
        filled.put(space, key, value)

    assert harmed >= {"batch", "tile", "run", "meta", "checkpoint", "stream"}


def test_deleted_values_are_found(filled: Bench) -> None:
    """Any one stored value that is gone is reported, but for one that the log's first key gives again."""
    missed = []
    for (space, key), value in filled.dump().items():
        filled.delete(space, key)
        if filled.fsck().sound:
            missed.append((space, key))
        filled.put(space, key, value)

    assert missed == [("meta", b"secret")]


def test_after_every_flip_the_log_refuses_or_goes_on_rightly(filled: Bench) -> None:
    """Without any fsck, an append over rot in state or newest checkpoint is refused, or what it adds is sound."""
    chance = random.Random(SEED + 1)
    wrong = []
    for space, key in (
        ("meta", b"state"),
        ("meta", b"runs"),
        ("checkpoint", (311).to_bytes(8, "big")),
    ):
        value = filled.get(space, key)
        for _ in range(40):
            bit = chance.randrange(8 * len(value))
            before = filled.store
            filled.store = filled.log.store = before.reopen()  # type: ignore[attr-defined]
            filled.put(space, key, flipped(value, bit))
            filled.forgive()
            try:
                (outcome,) = filled.append(filled.usage("x", "y"))
                assert isinstance(outcome, Appended)
                records = sent(filled)
                assert len(records) == 313
            except (CounterfoilError, AssertionError) as error:
                if isinstance(error, AssertionError):
                    wrong.append((space, bit, str(error)))
            filled.store = filled.log.store = before

    filled.forgive()
    assert wrong == [], SEED
