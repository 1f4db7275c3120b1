"""The conformance suite: random histories on a store and on a dictionary must look the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from counterfoil.store import Snapshot, Transaction

from .opened import SPACES, Opened

Model = dict[str, dict[bytes, bytes]]
SNAPSHOTS_MAX = 3
MIB = 1 << 20


class Abandoned(Exception):
    """What a transaction raises to be aborted."""


@dataclass(frozen=True)
class Range:
    """The arguments of a scan. A bound that is a number stands for a key that is stored at the time."""

    space: str
    start: bytes | int
    end: bytes | int | None
    limit: int | None
    reverse: bool

    def on(self, model: Model) -> Scan:
        """The scan with its bounds looked up in the model."""
        stored = sorted(model[self.space]) or [b"a"]
        start = stored[self.start % len(stored)] if isinstance(self.start, int) else self.start
        end = stored[self.end % len(stored)] if isinstance(self.end, int) else self.end
        return Scan(self.space, start, end, self.limit, self.reverse)


@dataclass(frozen=True)
class Scan:
    """A scan, of a store and of the model."""

    space: str
    start: bytes
    end: bytes | None
    limit: int | None
    reverse: bool

    def model(self, model: Model) -> list[tuple[bytes, bytes]]:
        """The pairs that are right."""
        inside = [
            pair
            for pair in sorted(model[self.space].items(), reverse=self.reverse)
            if self.start <= pair[0] and (self.end is None or pair[0] < self.end)
        ]
        return inside[: self.limit]

    def store(self, reader: Snapshot) -> Iterator[tuple[bytes, memoryview]]:
        """The pairs that the store yields."""
        return reader.scan(self.space, self.start, self.end, self.limit, self.reverse)

    def compare(self, reader: Snapshot, model: Model) -> None:
        """Assert that they are the same."""
        assert [(key, bytes(value)) for key, value in self.store(reader)] == self.model(model)


@dataclass(frozen=True)
class Put:
    """One write; a value of None deletes."""

    space: str
    key: bytes
    value: bytes | None


Step = Put | Range | tuple[Range, list[Put]]


def _long_key(size: int, last: int) -> bytes:
    return b"a" * (size - 1) + bytes([last])


def _filled(size: int, byte: int) -> bytes:
    return bytes([byte]) * size


def _after(key: bytes) -> bytes:
    return key + b"\x00"


# Few distinct keys, so that histories meet themselves; zeros and 0xFF, because order goes wrong there.
_short_keys = st.lists(st.sampled_from([0, 0x61, 0xFF]), min_size=1, max_size=2).map(bytes)
_long_keys = st.builds(_long_key, st.sampled_from([510, 511]), st.sampled_from([0, 0x61, 0xFF]))
keys = _short_keys | _short_keys | _long_keys
bounds = (
    st.integers(0, 20)
    | keys
    | st.just(b"")
    | keys.map(_after)
    | st.builds(_filled, st.just(600), st.just(0x61))
)
values = st.binary(max_size=20) | st.builds(
    _filled, st.sampled_from([0, 1, 2000, 5000, 5000, 300_000, MIB]), st.integers(0, 255)
)
spaces = st.sampled_from(SPACES)
ranges = st.builds(
    Range,
    spaces,
    st.just(b"") | bounds,
    st.none() | bounds,
    st.sampled_from([None, None, 0, 1, 2, 3]),
    st.booleans(),
)
puts = st.builds(Put, spaces, keys, values | st.none())
# The pair is a scan with one write after each of its first steps.
steps: st.SearchStrategy[Step] = puts | puts | ranges | st.tuples(ranges, st.lists(puts))


class StoreMachine(RuleBasedStateMachine):
    """Histories of transactions, snapshots and restarts."""

    open_subject: ClassVar[Callable[[], AbstractContextManager[Opened]]]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.subject = self.stack.enter_context(type(self).open_subject())
        self.model: Model = {space: {} for space in SPACES}
        self.snapshots: list[tuple[ExitStack, Snapshot, Model]] = []

    @rule(
        history=st.lists(steps, min_size=1, max_size=8),
        abandon=st.sampled_from([False, False, True]),
    )
    def transact(self, history: list[Step], abandon: bool) -> None:
        """A transaction sees its own writes; it happens whole, or not at all if it raises."""
        outcome = Model()

        def run(transaction: Transaction) -> int:
            outcome.clear()
            outcome.update(_copy(self.model))
            for step in history:
                _take(step, transaction, outcome)
            for space in SPACES:
                _same(transaction.scan(space), outcome[space])
            if abandon:
                raise Abandoned
            return len(history)

        if abandon:
            with pytest.raises(Abandoned):
                self.subject.store.transact(run)
        else:
            assert self.subject.store.transact(run) == len(history)
            self.model = outcome
        for _, snapshot, model in self.snapshots:
            self._look_up(snapshot, model)

    def _look_up(self, snapshot: Snapshot, model: Model) -> None:
        """What is stored now and what was stored then, key by key, is as it was then."""
        for space in SPACES:
            wanted = sorted({*model[space], *self.model[space], b"absent"})
            got = snapshot.get_many(space, wanted)
            assert [None if view is None else bytes(view) for view in got] == [
                model[space].get(key) for key in wanted
            ]

    @initialize(space=spaces, stored=st.sets(keys, min_size=4, max_size=8))
    def begin(self, space: str, stored: set[bytes]) -> None:
        """A history begins with some keys, so that there is something to scan."""
        self.transact([Put(space, key, key[-1:]) for key in sorted(stored)], abandon=False)

    @rule(areas=st.lists(ranges, min_size=1, max_size=4))
    def compare(self, areas: list[Range]) -> None:
        """A new snapshot shows what was committed last."""
        with self.subject.store.snapshot() as snapshot:
            for area in areas:
                area.on(self.model).compare(snapshot, self.model)
            for space in SPACES:
                _same(snapshot.scan(space), self.model[space])

    @precondition(lambda self: len(self.snapshots) < SNAPSHOTS_MAX)
    @rule()
    def open_snapshot(self) -> None:
        """A snapshot is opened to be read after later commits."""
        stack = ExitStack()
        snapshot = stack.enter_context(self.subject.store.snapshot())
        self.snapshots.append((stack, snapshot, _copy(self.model)))

    @precondition(lambda self: self.snapshots)
    @rule(which=st.integers(0, SNAPSHOTS_MAX - 1), areas=st.lists(ranges, min_size=1, max_size=4))
    def read_snapshot(self, which: int, areas: list[Range]) -> None:
        """An open snapshot shows what it showed when it was opened."""
        _, snapshot, model = self.snapshots[which % len(self.snapshots)]
        for area in areas:
            area.on(model).compare(snapshot, model)

    @precondition(lambda self: self.snapshots)
    @rule(which=st.integers(0, SNAPSHOTS_MAX - 1))
    def close_snapshot(self, which: int) -> None:
        """A closed snapshot takes its views with it."""
        stack, snapshot, model = self.snapshots.pop(which % len(self.snapshots))
        views = [view for space in SPACES for _, view in snapshot.scan(space)]
        assert len(views) == sum(len(table) for table in model.values())
        stack.close()
        for view in views:
            with pytest.raises(ValueError, match="released"):
                view.tobytes()

    @precondition(lambda self: not self.snapshots)
    @rule()
    def reopen(self) -> None:
        """A restart loses nothing."""
        self.subject.reopen()

    def teardown(self) -> None:
        """Close what is open, in the order that is allowed."""
        for stack, _, _ in self.snapshots:
            stack.close()
        self.stack.close()


def _copy(model: Model) -> Model:
    return {space: dict(table) for space, table in model.items()}


def _same(scanned: Iterator[tuple[bytes, memoryview]], table: dict[bytes, bytes]) -> None:
    assert [(key, bytes(value)) for key, value in scanned] == sorted(table.items())


def _take(step: Step, transaction: Transaction, model: Model) -> None:
    if isinstance(step, Put):
        _write(step, transaction, model)
    elif isinstance(step, Range):
        step.on(model).compare(transaction, model)
    else:
        area, writes = step
        _scan_and_write(area.on(model), writes, transaction, model)


def _write(put: Put, transaction: Transaction, model: Model) -> None:
    table = model[put.space]
    old = table.get(put.key)
    before = transaction.get(put.space, put.key)
    assert (None if before is None else bytes(before)) == old
    if put.value is None:
        assert transaction.delete(put.space, put.key) == (old is not None)
        table.pop(put.key, None)
    else:
        transaction.put(put.space, put.key, put.value)
        table[put.key] = put.value
    # The view that was taken before the write still shows the value of then.
    assert (None if before is None else bytes(before)) == old


def _scan_and_write(scan: Scan, writes: list[Put], transaction: Transaction, model: Model) -> None:
    """Each step of a scan yields the next key in order as of that step."""
    left, found = scan, 0
    for key, value in scan.store(transaction):
        assert [(key, bytes(value))] == replace(left, limit=1).model(model)
        if found < len(writes):
            _write(writes[found], transaction, model)
        left = replace(left, end=key) if scan.reverse else replace(left, start=_after(key))
        found += 1
    if found != scan.limit:
        assert replace(left, limit=1).model(model) == []


def check_store(
    open_subject: Callable[[], AbstractContextManager[Opened]],
    *,
    histories: int,
    shrink: bool = True,
) -> None:
    """Run the suite; raises AssertionError (or what the store raised) at the first difference."""

    class Machine(StoreMachine):
        pass

    Machine.open_subject = staticmethod(partial(open_subject))
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=histories,
            stateful_step_count=20,
            deadline=None,
            database=None,
            phases=phases,
            print_blob=True,
            derandomize=not shrink,
            suppress_health_check=list(HealthCheck),
        ),
    )
