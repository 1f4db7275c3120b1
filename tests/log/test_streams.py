"""Streams: batches in sequence, resume points, and nothing lost over a restart."""

from __future__ import annotations

import random

import pytest

from counterfoil.errors import InvalidInput
from counterfoil.log import Appended, read_stream
from counterfoil.record import USAGE

from .bench import Bench, check_all, usage_body

SEED = 20260812


def resume_point(subject: Bench, submitter: str = "host", stream_id: str = "s") -> int:
    """The last durable sequence of a stream."""
    with subject.store.snapshot() as snapshot:
        return read_stream(snapshot, submitter, stream_id)


def test_a_stream_goes_on_where_it_was(subject: Bench) -> None:
    """Each durable batch moves the resume point by one, and a restart does not lose it."""
    assert resume_point(subject) == 0
    for sequence in range(1, 6):
        subject.add(subject.usage(f"e{sequence}", stream_id="s", sequence=sequence))
        assert resume_point(subject) == sequence
        if sequence == 3:
            subject.restart()
            assert resume_point(subject) == 3
    assert subject.fsck().sound


@pytest.mark.parametrize("sequence", [2, 3, 100, 2**63 - 1])
def test_a_gap_is_refused(subject: Bench, sequence: int) -> None:
    """A batch that is not the next of its stream is refused, with its neighbours taken and nothing moved."""
    outcomes = subject.append(
        subject.usage("before"),
        subject.usage("gap", stream_id="s", sequence=sequence),
        subject.usage("after"),
    )

    error = outcomes[1]
    assert isinstance(error, InvalidInput)
    assert (error.field, error.reason) == ("batch.sequence", "SEQUENCE_GAP")
    assert "next of stream s is 1" in str(error)
    assert resume_point(subject) == 0
    assert subject.state().size == 3
    assert subject.add(subject.usage("gap", stream_id="s", sequence=1)).head is not None


def test_a_sequence_seen_before_is_answered_again(subject: Bench) -> None:
    """A batch sent again gets its originals, and does not move the resume point back."""
    for sequence in (1, 2, 3):
        subject.append(subject.usage(f"e{sequence}", stream_id="s", sequence=sequence))
    outcome = subject.add(subject.usage("e2", stream_id="s", sequence=2))

    assert [(item.index, item.field) for item in outcome.existing] == [(2, None)]
    assert resume_point(subject) == 3


def test_several_batches_of_a_stream_in_one_group(subject: Bench) -> None:
    """A group may hold the next batches of a stream in order; out of order the later ones are refused."""
    outcomes = subject.append(
        *(subject.usage(f"e{n}", stream_id="s", sequence=n) for n in (1, 2, 4, 3, 4))
    )

    assert [isinstance(outcome, Appended) for outcome in outcomes] == [
        True,
        True,
        False,
        True,
        True,
    ]
    assert resume_point(subject) == 4
    assert subject.state().size == 5


def test_streams_are_kept_apart(subject: Bench) -> None:
    """Submitter and stream id together name a stream."""
    for submitter, stream_id in (("a", "s"), ("a", "t"), ("b", "s"), ("as", "t"), ("a", "st")):
        subject.append(subject.usage("e", submitter=submitter, stream_id=stream_id, sequence=1))
    subject.append(subject.usage("f", submitter="a", stream_id="s", sequence=2))

    points = [
        resume_point(subject, *name) for name in (("a", "s"), ("a", "t"), ("b", "s"), ("b", "t"))
    ]
    assert points == [2, 1, 1, 0]


def test_a_batch_of_duplicates_moves_the_stream(subject: Bench) -> None:
    """A batch of which nothing is new was still answered durably: the stream goes on behind it."""
    subject.append(subject.usage("a", "b"))
    outcome = subject.add(subject.usage("a", "b", stream_id="s", sequence=1))

    assert outcome.head is None
    assert resume_point(subject) == 1
    subject.restart()
    assert resume_point(subject) == 1
    assert subject.fsck().sound


def test_a_batch_of_which_nothing_was_acceptable_moves_the_stream(subject: Bench) -> None:
    """Where all events were refused before, the empty batch is durable all the same."""
    subject.append(subject.batch(USAGE, [], stream_id="s", sequence=1))

    assert resume_point(subject) == 1


def test_an_atomic_conflict_does_not_move_the_stream(subject: Bench) -> None:
    """A refused batch was not taken: the stream still waits for its sequence."""
    subject.append(subject.usage("a"))
    batch = subject.batch(
        USAGE, [usage_body("a", tokens=1)], atomic=True, stream_id="s", sequence=1
    )
    (outcome,) = subject.append(batch)

    assert not isinstance(outcome, Appended)
    assert resume_point(subject) == 0


def test_batches_outside_streams_leave_no_resume_point(subject: Bench) -> None:
    """Unary batches do not touch the streams."""
    subject.append(subject.usage("a"), subject.training(1))

    assert not [key for space, key in subject.dump() if space == "stream"]


def test_a_lossy_producer_loses_nothing(subject: Bench) -> None:
    """A producer that resends from the resume point, at random, logs each event once, in order."""
    chance = random.Random(SEED)
    sent = 40
    while (last := resume_point(subject)) < sent:
        first = max(1, last + 1 - chance.randrange(4))
        count = chance.randrange(1, 5)
        sequences = range(first, min(sent, first + count) + 1)
        subject.append(
            *(subject.usage(f"e{n}a", f"e{n}b", stream_id="s", sequence=n) for n in sequences)
        )
        if chance.randrange(5) == 0:
            subject.restart()

    ids = [USAGE.identity("", USAGE.message.FromString(e.body)) for e in subject.entries()[1:]]
    assert ids == [f"e{n}{half}" for n in range(1, sent + 1) for half in "ab"], SEED
    check_all(subject)
    assert subject.fsck().sound
