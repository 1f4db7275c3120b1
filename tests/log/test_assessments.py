"""What is said about a batch stands right behind it, in the same commit, and about what of it is new only."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import pytest

from counterfoil.entry import SALT_SIZE, derive_salts
from counterfoil.log import Appended, Batch
from counterfoil.log.batch import prepare_assessment
from counterfoil.record import ASSESSMENT, Verdicts
from counterfoil.record.assessment import verdict_of
from counterfoil.v1 import assessment_pb2

from .bench import ORIGIN, SANDBOX, Bench, batch_receipt, check_all, usage_body

FLAGS = (
    assessment_pb2.FLAG_KIND_EVENT_TOKENS,
    assessment_pb2.FLAG_KIND_CLOCK_AHEAD,
    assessment_pb2.FLAG_KIND_VELOCITY,
)


def assessed(subject: Bench, batch: Batch, numbers: list[int]) -> Batch:
    """A batch with one of three verdicts for each of its records."""
    kept = sorted(set(numbers))
    verdicts = [
        assessment_pb2.Verdict(flags=[assessment_pb2.Flag(kind=FLAGS[number])]).SerializeToString()
        for number in kept
    ]
    packed = struct.pack(f"<{len(numbers)}H", *map(kept.index, numbers))
    made = prepare_assessment(
        Verdicts(subject.state().size, len(numbers), verdicts, packed if len(kept) > 1 else b""),
        origin=ORIGIN,
        secret=subject.log.secret,
        environment=SANDBOX,
        salt_seed=batch.salt_seed,
    )
    return replace(batch, assessment=made)


def told(subject: Bench, index: int) -> Any:
    """The assessment at an index."""
    entry = subject.entries()[index]
    assert entry.kind is ASSESSMENT
    assert list(ASSESSMENT.check(ASSESSMENT.message.FromString(entry.body), entry.body)) == []
    return assessment_pb2.Assessment.FromString(entry.body)


def flags(assessment: Any) -> list[int]:
    """The flag of each entry that an assessment is about."""
    return [verdict_of(assessment, at).flags[0].kind for at in range(assessment.count)]


def test_an_assessment_follows_its_batch_in_the_same_commit(subject: Bench) -> None:
    """Behind three events stands one entry about them, under the same checkpoint; proofs of all verify."""
    outcome = subject.add(assessed(subject, subject.usage("a", "b", "c"), [2, 0, 2]))

    assert outcome.head is not None
    assert (outcome.head.first, outcome.head.count, subject.state().size) == (1, 3, 5)
    assert flags(told(subject, 4)) == [FLAGS[2], FLAGS[0], FLAGS[2]]
    assert {entry.leaf.time_us for entry in subject.entries()[1:]} == {outcome.head.time_us}
    check_all(subject)
    assert subject.fsck().sound


def test_one_verdict_for_all_takes_no_numbers(subject: Bench) -> None:
    """Where all records have one verdict, only that is stored."""
    subject.add(assessed(subject, subject.usage("a", "b", "c"), [1, 1, 1]))

    assessment = told(subject, 4)
    assert (len(assessment.verdicts), assessment.verdict_numbers) == (1, b"")
    assert flags(assessment) == [FLAGS[1]] * 3


def test_only_new_records_are_assessed(subject: Bench) -> None:
    """A record that is in the log already has no part in what is said about the others."""
    subject.add(subject.usage("b"))
    outcome = subject.add(assessed(subject, subject.usage("a", "b", "c"), [0, 1, 2]))

    assert list(outcome.positions) == [0, 2]
    assert flags(told(subject, 4)) == [FLAGS[0], FLAGS[2]]
    check_all(subject)


def test_a_repeated_batch_is_not_assessed_again(subject: Bench) -> None:
    """A batch of which nothing is new leaves the log as it was."""
    batch = assessed(subject, subject.usage("a", "b"), [0, 1])
    subject.add(batch)
    before = subject.state()
    outcome = subject.add(batch)

    assert outcome.head is None
    assert subject.state() == before


def test_a_refused_batch_leaves_no_assessment(subject: Bench) -> None:
    """All or nothing: a conflict in an atomic batch leaves neither records nor a verdict."""
    subject.add(subject.usage("a"))
    before = subject.state()
    other = subject.batch(
        subject.usage("x").kind,
        [usage_body("b"), usage_body("a", input_tokens=9)],
        atomic=True,
    )
    (outcome,) = subject.append(assessed(subject, other, [0, 1]))

    assert not isinstance(outcome, Appended)
    assert subject.state() == before


@pytest.mark.parametrize("count", [1, 2, 300])
def test_batches_of_a_group_each_have_their_own(subject: Bench, count: int) -> None:
    """In one commit every batch is followed by what is said about it, however many parts it has."""
    batches = [
        assessed(
            subject,
            subject.usage(*(f"{name}{at}" for at in range(count))),
            [at % 3 for at in range(count)],
        )
        for name in "xyz"
    ]
    outcomes = subject.append(*batches)

    for number, outcome in enumerate(outcomes):
        assert isinstance(outcome, Appended)
        assert outcome.head is not None
        assert outcome.head.first == 1 + number * (count + 1)
        behind = outcome.head.first + count
        assert flags(told(subject, behind)) == [FLAGS[at % 3] for at in range(count)]
    check_all(subject)
    assert subject.fsck().sound


def test_the_receipt_of_a_batch_does_not_open_its_assessment(subject: Bench) -> None:
    """Who has the salt seed of the batch cannot derive the salt of the entry behind it."""
    batch = assessed(subject, subject.usage("a"), [0])
    outcome = subject.add(batch)

    salt = subject.entries()[2].salt
    assert salt not in batch_receipt(outcome)
    assert salt != derive_salts(batch.salt_seed, 2)[SALT_SIZE:]
