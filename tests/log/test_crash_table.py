"""Each step of an append, lost or done but reported lost, then the same batch again or another one.

Whatever happens there is one history: what was acknowledged stays, with the same receipt, and every tree that was
ever signed and stored is the beginning of the last one.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from counterfoil.errors import OutcomeUnknown, VerificationError
from counterfoil.log import Appended, Batch, read_stream
from counterfoil.log.layout import unseal
from counterfoil.log.read import read_batch_receipts, read_consistency_proof
from counterfoil.note import KeyHistory, parse_checkpoint
from counterfoil.receipt import format_batch_receipt, verify_batch
from counterfoil.tlog import verify_consistency

from .bench import VKEY, Bench, batch_receipt, check_all, check_answer

SEED = 20260816
STEPS = (
    "before the transaction",
    "first write",
    "later write",
    "before the commit",
    "commit lost",
    "commit stored",
    "own signature",
    "anchor not written",
    "anchor written",
)
STORED = {"commit stored", "own signature", "anchor not written", "anchor written"}


class Struck(RuntimeError):
    """Stands for whatever can go wrong."""


@contextmanager
def strike(subject: Bench, step: str) -> Iterator[None]:
    """Make one step of the next append fail."""
    with pytest.MonkeyPatch.context() as patch:
        if step in ("own signature", "anchor not written", "anchor written"):
            _strike_behind_the_commit(subject, step, patch)
        else:
            patch.setattr(subject.store, "transact", _faulty(subject.store.transact, step))
        yield


def _strike_behind_the_commit(subject: Bench, step: str, patch: pytest.MonkeyPatch) -> None:
    advance = subject.anchor.advance

    def fail(*args: Any) -> None:
        if step == "anchor written":
            advance(*args)
        raise Struck(step)

    if step == "own signature":
        check, calls = KeyHistory.check, itertools.count()
        # The first look is that of the signer, inside the transaction.
        patch.setattr(KeyHistory, "check", lambda *all_: fail() if next(calls) else check(*all_))
    else:
        patch.setattr(subject.anchor, "advance", fail)


def _faulty(transact: Callable[[Any], Any], step: str) -> Callable[[Any], Any]:
    """A transact that fails at a step, as the store's own would."""

    class Failing:
        """A transaction whose n-th write fails."""

        def __init__(self, transaction: Any, writes: int) -> None:
            self._transaction, self._left = transaction, writes

        def __getattr__(self, name: str) -> Any:
            return getattr(self._transaction, name)

        def put(self, *args: Any) -> None:
            self._left -= 1
            if self._left == 0:
                raise Struck(step)
            self._transaction.put(*args)

    def failing(fn: Callable[[Any], Any]) -> Any:
        if step == "before the transaction":
            raise Struck(step)
        if step == "commit stored":
            transact(fn)
            raise OutcomeUnknown(step)

        def inside(transaction: Any) -> Any:
            writes = {"first write": 1, "later write": 3}.get(step, 0)
            fn(Failing(transaction, writes))
            raise Struck(step)

        try:
            transact(inside)
        except Struck as error:
            if step == "commit lost":
                raise OutcomeUnknown(step) from error
            raise

    return failing


class Auditor:
    """Remembers every answer and every stored checkpoint, and compares with what the log says later."""

    def __init__(self, subject: Bench) -> None:
        self.subject = subject
        self.answers: dict[bytes, tuple[int, int]] = {}
        self.notes: set[bytes] = set()

    def acknowledge(self, batch: Batch, appended: Appended) -> bytes:
        """Take in an answer that a submitter got."""
        check_answer(batch, appended)
        assert appended.head is not None
        receipt = batch_receipt(appended)
        self.answers[receipt] = (appended.head.first, appended.head.first + appended.head.count)
        self.notes.add(appended.checkpoint)
        return receipt

    def look(self) -> None:
        """Take in all checkpoints that are stored now."""
        values = self.subject.dump().items()
        self.notes |= {
            unseal(value, "note") for (space, _), value in values if space == "checkpoint"
        }

    def check(self) -> None:
        """There is one history, with every answer in it."""
        self.look()
        records = [entry.record for entry in self.subject.entries()]
        with self.subject.store.snapshot() as snapshot:
            for receipt, (first, end) in self.answers.items():
                assert verify_batch(receipt, VKEY, records[first:end]).first_index == first
                (again,) = read_batch_receipts(snapshot, range(first, end))
                assert format_batch_receipt(again) == receipt
            trees = [parse_checkpoint(note, [VKEY]) for note in self.notes]
            assert len({tree.size for tree in trees}) == len(trees), "two roots for one size"
            last = max(trees, key=lambda tree: tree.size)
            assert last.size == self.subject.state().size
            for tree in trees:
                proof = read_consistency_proof(snapshot, tree.size, last.size)
                verify_consistency(tree.size, last.size, tree.root_hash, last.root_hash, proof)
        anchored = self.subject.anchor.read()
        assert anchored is not None
        assert anchored.size == last.size


@pytest.mark.parametrize("following", ["the same batch", "another batch", "both"])
@pytest.mark.parametrize("step", STEPS)
def test_one_history_after_any_failure(subject: Bench, step: str, following: str) -> None:
    """No failure of an append loses an answer, makes a second history, or logs a retried record twice."""
    auditor = Auditor(subject)
    for number in range(3):
        batch = subject.usage(f"a{number}", f"b{number}")
        auditor.acknowledge(batch, subject.add(batch))
    size = subject.state().size
    lost = subject.usage("x", "y", "z", stream_id="s", sequence=1)

    with strike(subject, step), pytest.raises(OutcomeUnknown):
        subject.append(lost)
    auditor.look()
    # The log that does not know what was stored takes no more, and writes no more.
    before = subject.dump()
    with pytest.raises(OutcomeUnknown):
        subject.append(subject.usage("never"))
    assert subject.dump() == before
    subject.restart()

    there = step in STORED
    assert subject.state().size == size + 3 * there
    stored = subject.receipts()
    if following != "another batch":
        _retry(subject, auditor, there=there, first=size)
    if following != "the same batch":
        other = subject.usage("o", "p")
        auditor.acknowledge(other, subject.add(other))
    assert subject.receipts()[: len(stored)] == stored
    check_all(subject)
    auditor.check()
    assert subject.fsck().sound


def _retry(subject: Bench, auditor: Auditor, *, there: bool, first: int) -> None:
    """Send the lost batch again: it is new, or it is answered as the original."""
    retry = subject.usage("x", "y", "z", stream_id="s", sequence=1)
    outcome = subject.add(retry)
    with subject.store.snapshot() as snapshot:
        assert read_stream(snapshot, "host", "s") == 1
    if there:
        assert outcome.head is None
        assert [item.index for item in outcome.existing] == [first, first + 1, first + 2]
        assert all(item.field is None for item in outcome.existing)
    else:
        receipt = auditor.acknowledge(retry, outcome)
        with subject.store.snapshot() as snapshot:
            (again,) = read_batch_receipts(snapshot, range(first, first + 3))
        assert format_batch_receipt(again) == receipt


@pytest.mark.parametrize("point", ["begin", "put", "before-commit", "after-commit"])
@pytest.mark.parametrize("following", ["the same batch", "another batch"])
def test_the_faults_of_the_memory_store(memory: Bench, point: str, following: str) -> None:
    """The same holds for the faults that the reference store itself can produce."""
    auditor = Auditor(memory)
    first = memory.usage("a", "b")
    auditor.acknowledge(first, memory.add(first))

    def fault(at: str) -> None:
        if at == point:
            raise Struck(at)

    memory.fault = fault
    with pytest.raises(OutcomeUnknown):
        memory.append(memory.usage("x", "y", "z", stream_id="s", sequence=1))
    memory.fault = None
    auditor.look()
    memory.restart()

    there = point == "after-commit"
    assert memory.state().size == 3 + 3 * there
    if following == "the same batch":
        _retry(memory, auditor, there=there, first=3)
    else:
        other = memory.usage("o")
        auditor.acknowledge(other, memory.add(other))
    auditor.check()
    assert memory.fsck().sound


def test_random_failures_one_after_the_other(subject: Bench) -> None:
    """A producer that resends after every failure ends with each record once, and every answer true."""
    chance = random.Random(SEED)
    auditor = Auditor(subject)
    for number in range(25):
        batch = subject.usage(f"a{number}", f"b{number}", f"a{chance.randrange(number + 1)}")
        if chance.randrange(2):
            with strike(subject, chance.choice(STEPS)), pytest.raises(OutcomeUnknown):
                subject.append(batch)
            auditor.look()
            subject.restart()
        retry = subject.usage(f"a{number}", f"b{number}", f"c{number}")
        outcome = subject.add(retry)
        auditor.acknowledge(retry, outcome)

    auditor.check()
    names = {
        (e.kind.name, e.kind.identity("", e.kind.message.FromString(e.body)))
        for e in subject.entries()[1:]
    }
    assert len(names) == subject.state().size - 1 == 75, SEED
    assert subject.fsck().sound


def test_a_second_history_would_be_noticed(memory: Bench) -> None:
    """The negative control: with the store and its anchor rolled back under a running log, the auditor objects."""
    auditor = Auditor(memory)
    old, old_anchor = memory.dump(), memory.anchor_path.read_bytes()
    batch = memory.usage("a", "b")
    auditor.acknowledge(batch, memory.add(batch))
    for space, key in set(memory.dump()) - set(old):
        memory.delete(space, key)
    for (space, key), value in old.items():
        memory.put(space, key, value)
    memory.anchor_path.write_bytes(old_anchor)
    other = memory.usage("c", "d")
    memory.append(other)

    with pytest.raises((AssertionError, VerificationError)):
        auditor.check()
