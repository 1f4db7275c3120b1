"""The same identity is logged once: within a batch, across batches, groups, restarts and merges."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import counterfoil.log.batch
import counterfoil.log.fsck.lines
import counterfoil.log.read
from counterfoil.errors import Conflict, CounterfoilError, NotFound
from counterfoil.log import Appended, Existing
from counterfoil.log.fingerprint import Fingerprints
from counterfoil.log.read import find_identity, read_batch_receipts
from counterfoil.receipt import format_batch_receipt, verify_batch
from counterfoil.record import USAGE
from counterfoil.wire import field_bytes

from .bench import (
    SCHEMES,
    VKEY,
    Bench,
    Outcome,
    batch_receipt,
    bench,
    check_all,
    check_answer,
    usage_body,
)

SEED = 20260811


def original_receipts(subject: Bench, existing: list[Existing]) -> list[bytes]:
    """What the duplicates of a batch are answered with."""
    indexes = sorted({item.index for item in existing if item.field is None})
    with subject.store.snapshot() as snapshot:
        return [format_batch_receipt(r) for r in read_batch_receipts(snapshot, indexes)]


def accepted(outcome: Outcome) -> Appended:
    """The outcome of a batch that was not refused."""
    assert isinstance(outcome, Appended), outcome
    return outcome


def found(outcome: Outcome) -> list[tuple[int, int, str | None]]:
    """(position, original index, differing field) of what was in the log before."""
    return [(item.position, item.index, item.field) for item in accepted(outcome).existing]


def test_a_retry_gets_the_same_receipt(subject: Bench) -> None:
    """A batch sent again, under a new salt seed, is answered with the bytes of the first answer."""
    first = subject.usage("a", "b", "c")
    answer = batch_receipt(subject.add(first))
    subject.add(subject.usage("d"))

    for restart in (False, True):
        if restart:
            subject.restart()
        retry = subject.usage("a", "b", "c")
        assert retry.salt_seed != first.salt_seed
        outcome = subject.add(retry)
        assert outcome.head is None
        assert found(outcome) == [(0, 1, None), (1, 2, None), (2, 3, None)]
        assert original_receipts(subject, list(outcome.existing)) == [answer]
    assert subject.state().size == 5


def test_duplicates_within_one_batch(subject: Bench) -> None:
    """An id twice in a batch is logged once; the later place is told the index of the earlier."""
    batch = subject.usage("a", "b", "a", "c", "b", "a")
    outcome = subject.add(batch)

    assert list(outcome.positions) == [0, 1, 3]
    assert found(outcome) == [(2, 1, None), (4, 2, None), (5, 1, None)]
    check_answer(batch, outcome)
    check_all(subject)


def test_duplicates_across_the_batches_of_a_group(subject: Bench) -> None:
    """Batches of one group see each other's records, in their order."""
    one, two, three = subject.usage("a", "b"), subject.usage("b", "c"), subject.usage("c", "a", "d")
    outcomes = subject.append(one, two, three)

    assert [found(outcome) for outcome in outcomes] == [
        [],
        [(0, 2, None)],
        [(0, 3, None), (1, 1, None)],
    ]
    for batch, outcome in zip((one, two, three), outcomes, strict=True):
        check_answer(batch, accepted(outcome))
    assert subject.state().size == 5
    check_all(subject)
    assert subject.fsck().sound


def test_duplicates_across_groups(subject: Bench) -> None:
    """Records of earlier groups are found, whether they stand alone or among new ones."""
    subject.append(subject.usage("a", "b", "c"))
    batch = subject.usage("x", "b", "y", "a", "z")
    outcome = subject.add(batch)

    assert list(outcome.positions) == [0, 2, 4]
    assert found(outcome) == [(1, 2, None), (3, 1, None)]
    check_answer(batch, outcome)
    check_all(subject)


def test_what_is_left_of_a_batch_is_committed_anew(subject: Bench) -> None:
    """With duplicates left out, the salts follow each other without gaps from the batch's own seed."""
    subject.append(subject.usage("b", "d"))
    batch = subject.usage("a", "b", "c", "d", "e")
    outcome = subject.add(batch)
    again = subject.usage("a", "c", "e")

    assert outcome.head is not None
    assert (outcome.head.first, outcome.head.count) == (3, 3)
    assert outcome.head.salt_seed == batch.salt_seed
    receipt = batch_receipt(outcome)
    records = [entry.record for entry in subject.entries()]
    assert verify_batch(receipt, VKEY, records[3:]).count == 3
    retried = subject.add(again)
    assert original_receipts(subject, list(retried.existing)) == [receipt]
    assert subject.fsck().sound


def test_the_same_id_of_another_submitter_is_another_event(subject: Bench) -> None:
    """Identity is submitter and id together; kinds do not share ids either."""
    subject.append(subject.usage("a", submitter="one"))

    for batch in (
        subject.usage("a", submitter="two"),
        subject.usage("a", submitter="on"),
        subject.training(1, submitter="one", request_id="a"),
        subject.payout(1, submitter="one", request_id="a"),
        subject.training(1, submitter="two", request_id="a"),
    ):
        assert subject.add(batch).head is not None
    assert subject.state().size == 7


def test_single_records_are_known_by_their_request(subject: Bench) -> None:
    """A training sent again under its request id is a duplicate; under another it is a new record."""
    subject.append(subject.training(1, request_id="r1"))

    assert found(subject.append(subject.training(1, request_id="r1"))[0]) == [(0, 1, None)]
    assert found(subject.append(subject.training(2, request_id="r1"))[0]) == [(0, 1, "dataset_id")]
    assert found(subject.append(subject.training(1, request_id="r2"))[0]) == []


def test_the_same_fields_in_other_bytes_are_a_duplicate(subject: Bench) -> None:
    """A retry that another protobuf library serialized, with fields reordered or repeated, is the same event."""
    usual = usage_body("a", asset_id="x")
    head = field_bytes(1, b"a")
    assert usual.startswith(head)
    subject.append(subject.batch(USAGE, [usual]))

    for other in (usual[len(head) :] + head, head + usual, field_bytes(1, b"b") + usual):
        outcome = subject.add(subject.batch(USAGE, [other]))
        assert found(outcome) == [(0, 1, None)]
    assert subject.state().size == 2


CHANGES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("event_time_us", {"event_time_us": 1, "model_id": "z"}),
    ("model_id", {"model_id": "n", "metadata": {"k": "v"}}),
    ("input_tokens", {"input_tokens": 8, "action": "x"}),
    ("output_tokens", {"output_tokens": 1}),
    ("asset_id", {"asset_id": "x", "consents": [1]}),
    ("attributions", {"attributions": [{"asset_id": "a"}]}),
    ("consents", {"consents": [1]}),
    ("metadata", {"metadata": {"k": "v"}}),
)


@pytest.mark.parametrize(("field", "changes"), CHANGES, ids=[field for field, _ in CHANGES])
def test_a_conflict_names_the_first_differing_field(
    subject: Bench, field: str, changes: dict[str, Any]
) -> None:
    """The same id with another content is told the original's index and the first field that differs."""
    subject.append(subject.usage("x", "a", "y"))
    batch = subject.batch(USAGE, [usage_body("new"), usage_body("a", **changes)])
    outcome = subject.add(batch)

    assert found(outcome) == [(1, 2, field)]
    assert list(outcome.positions) == [0]
    check_answer(batch, outcome)
    check_all(subject)


def test_conflicts_within_a_batch_and_a_group(subject: Bench) -> None:
    """Two contents for one id conflict in one batch and across a group, too; the first one stands."""
    batch = subject.batch(USAGE, [usage_body("a"), usage_body("a", tokens=5), usage_body("a")])
    (outcome,) = subject.append(batch)
    assert found(outcome) == [(1, 1, "tokens"), (2, 1, None)]

    outcomes = subject.append(
        subject.batch(USAGE, [usage_body("b", tokens=5)]), subject.usage("b"), subject.usage("a")
    )
    assert [found(outcome) for outcome in outcomes] == [[], [(0, 2, "tokens")], [(0, 1, None)]]
    assert subject.fsck().sound


def test_an_atomic_batch_with_a_conflict_is_refused_whole(subject: Bench) -> None:
    """All or nothing: one conflict refuses the batch, and its neighbours in the group are taken."""
    subject.append(subject.usage("a"))
    conflicting = subject.batch(
        USAGE, [usage_body("n1"), usage_body("a", tokens=9), usage_body("n2")], atomic=True
    )
    before, after = subject.usage("before"), subject.usage("n1", "after")
    outcomes = subject.append(before, conflicting, after)

    error = outcomes[1]
    assert isinstance(error, Conflict)
    assert (error.field, error.original_index) == ("tokens", 1)
    assert "a is entry 1" in str(error)
    assert found(outcomes[0]) == found(outcomes[2]) == []
    assert subject.state().size == 1 + 1 + 1 + 2
    check_answer(after, accepted(outcomes[2]))
    assert subject.fsck().sound


def test_an_atomic_batch_takes_duplicates_for_what_they_are(subject: Bench) -> None:
    """A record that is there already is no conflict: an atomic batch may be retried."""
    subject.append(subject.usage("a", "b", atomic=True))
    outcome = subject.add(subject.usage("a", "b", atomic=True))

    assert found(outcome) == [(0, 1, None), (1, 2, None)]


def test_a_refused_batch_leaves_no_trace(subject: Bench) -> None:
    """After an atomic conflict as the only batch the store is as before, and its new ids are free."""
    subject.append(subject.usage("a"))
    before = subject.dump()
    (error,) = subject.append(
        subject.batch(USAGE, [usage_body("n"), usage_body("a", tokens=9)], atomic=True)
    )

    assert isinstance(error, CounterfoilError)
    assert subject.dump() == before
    assert subject.add(subject.usage("n")).head is not None


def test_random_histories_match_a_dictionary(subject: Bench) -> None:
    """Over many groups with repeated ids, every outcome is what a dictionary of first contents says."""
    chance = random.Random(SEED)
    known: dict[tuple[str, str], tuple[int, int]] = {}
    size = 1
    for round_ in range(40):
        batches, wanted = [], []
        for _ in range(chance.randrange(1, 4)):
            submitter = chance.choice(("one", "two"))
            rows = [
                (f"e{chance.randrange(120)}", chance.choice((1, 1, 1, 2)))
                for _ in range(chance.randrange(1, 20))
            ]
            existing: list[tuple[int, int, str | None]] = []
            for position, (event_id, tokens) in enumerate(rows):
                original = known.get((submitter, event_id))
                if original is None:
                    known[submitter, event_id] = (size, tokens)
                    size += 1
                else:
                    field = None if original[1] == tokens else "tokens"
                    existing.append((position, original[0], field))
            wanted.append(existing)
            bodies = [usage_body(event_id, tokens=tokens) for event_id, tokens in rows]
            batches.append(subject.batch(USAGE, bodies, submitter))
        outcomes = subject.append(*batches)
        assert [found(outcome) for outcome in outcomes] == wanted, (SEED, round_)
        for batch, outcome in zip(batches, outcomes, strict=True):
            check_answer(batch, accepted(outcome))
        if round_ % 15 == 14:
            subject.restart()

    assert subject.state().size == size
    check_all(subject)
    assert subject.fsck().sound


@pytest.mark.parametrize("scheme", SCHEMES)
def test_records_with_one_fingerprint_are_told_apart(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all fingerprints collide, every answer stays the same: a hit is a question, never an answer."""

    def collide(_secret: bytes, _domain: str, texts: Sequence[str]) -> Fingerprints:
        return np.full(len(texts), 7, dtype=np.uint64)

    for module in (counterfoil.log.batch, counterfoil.log.read, counterfoil.log.fsck.lines):
        monkeypatch.setattr(module, "fingerprints", collide)
    with bench(scheme, tmp_path) as subject:
        subject.append(subject.usage("a", "b"), subject.usage("a", submitter="other"))
        outcome = subject.add(subject.usage("c", "b", "d", "c"))

        assert list(outcome.positions) == [0, 2]
        assert found(outcome) == [(1, 2, None), (3, 4, None)]
        with subject.store.snapshot() as snapshot:
            for submitter, identity, index in (
                ("host", "b", 2),
                ("other", "a", 3),
                ("host", "d", 5),
            ):
                entry = find_identity(snapshot, subject.log.secret, USAGE, submitter, identity)
                assert entry.index == index
            with pytest.raises(NotFound):
                find_identity(snapshot, subject.log.secret, USAGE, "other", "b")
        assert subject.fsck().problems == []
