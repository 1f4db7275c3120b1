"""Clients that write until the server goes away, and remember what they were answered."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import grpc

from counterfoil.entry import parse_record
from counterfoil.receipt import verify_batch

from ..support.ledger_process import LedgerProcess, run_cli
from .edge import PATIENCE_S, Edge, connected, event, exact, fault_of, fresh, records_of
from .streams import frame_batch, streaming

WINDOW = 8


@dataclass
class Journal:
    """What the clients of one or more runs know.

    Attributes:
        answered: bodies and answer of each batch that was acknowledged.
        unanswered: bodies of each batch whose call failed: they may be in the log or not.
        faults: how the calls failed.
    """

    answered: list[tuple[list[bytes], Any]] = field(default_factory=list)
    unanswered: list[list[bytes]] = field(default_factory=list)
    faults: list[Any] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def took(self, bodies: list[bytes], answer: Any) -> None:
        """A batch was acknowledged."""
        with self.changed:
            self.answered.append((bodies, answer))
            self.changed.notify_all()

    def failed(self, batches: Iterable[list[bytes]], error: Any) -> None:
        """The server went away with these batches unanswered."""
        with self.changed:
            self.unanswered += batches
            self.faults.append(fault_of(error))

    def wait_for(self, count: int) -> None:
        """Wait until so many batches have been acknowledged."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.answered) >= count, PATIENCE_S)

    def bodies(self) -> list[bytes]:
        """Every body that was acknowledged."""
        return [body for bodies, _ in self.answered for body in bodies]

    def resend(self, edge: Edge) -> None:
        """Send again what was not answered; all of it must be answered now."""
        while self.unanswered:
            bodies = self.unanswered.pop()
            self.took(bodies, edge.append(bodies))


class Load:
    """Threads that write to a ledger until it goes away; a context manager that waits for their end."""

    def __init__(self, ledger: LedgerProcess, journal: Journal, *, clients: int, size: int) -> None:
        self._journal, self._ledger, self._size = journal, ledger, size
        # Each second client sends batches over a stream, the others one call after the other.
        work: list[Callable[[], None]] = [self._call, self._stream]
        self._threads = [threading.Thread(target=work[at % 2]) for at in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()

    def _batch(self) -> list[bytes]:
        return [exact(event()) for _ in range(self._size)]

    def _call(self) -> None:
        with connected(self._ledger) as edge:
            while True:
                bodies = self._batch()
                try:
                    answer = edge.append(bodies)
                except grpc.RpcError as error:
                    self._journal.failed([bodies], error)
                    return
                self._journal.took(bodies, answer)

    def _stream(self) -> None:
        pending: list[list[bytes]] = []
        sequence = 0
        with connected(self._ledger) as edge:
            try:
                with streaming(edge, fresh("load")) as (stream, _):
                    while True:
                        while len(pending) < WINDOW:
                            sequence += 1
                            pending.append(self._batch())
                            stream.send(frame_batch(sequence, pending[-1]))
                        result = stream.ack().result
                        self._journal.took(pending.pop(0), result)
            except (grpc.RpcError, StopIteration) as error:
                self._journal.failed(
                    pending, error if isinstance(error, grpc.RpcError) else stream.call
                )


def missing(answered: Iterable[bytes], logged: Iterable[bytes]) -> list[bytes]:
    """What was acknowledged and is not in the log."""
    have = set(logged)
    return [body for body in answered if body not in have]


def repeated(bodies: Iterable[bytes]) -> list[bytes]:
    """What occurs more than once."""
    return [body for body, count in Counter(bodies).items() if count > 1]


def logged_bodies(edge: Edge) -> list[bytes]:
    """The bodies of all usage in the log."""
    return [parse_record(entry.record).body for entry in edge.entries() if entry.kind == 3]


def expect_sound(edge: Edge, journal: Journal) -> None:
    """Whatever was acknowledged is in the log, once, at the place its receipt says; the check is shown to see faults."""
    logged = logged_bodies(edge)
    assert missing(journal.bodies(), logged) == []
    assert repeated(logged) == []
    by_index = {entry.index: entry.record for entry in edge.entries()}
    for bodies, answer in journal.answered:
        known = {result.position: result.original_index for result in answer.results}
        fresh_ones = [body for at, body in enumerate(bodies) if at not in known]
        if fresh_ones:
            records = records_of(fresh_ones)
            verified = verify_batch(answer.receipts[0], edge.vkey, records)
            first = verified.first_index
            assert [by_index[first + at] for at in range(len(records))] == records
        for position, index in known.items():
            assert [by_index[index]] == records_of([bodies[position]])
    invented = exact(event("never-sent"))
    assert missing([*journal.bodies(), invented], logged) == [invented]
    assert repeated([*logged, logged[0]]) == [logged[0]]


def expect_fsck_sound(ledger: LedgerProcess) -> None:
    """The operator's own check finds nothing wrong."""
    done = run_cli("fsck", ledger.directory)
    assert done.returncode == 0, done.stdout + done.stderr
