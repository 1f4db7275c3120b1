"""The load whose system calls are recorded: ``python -m tests.fault.power_load DIRECTORY JOURNAL EVENTS``.

It makes a ledger, serves it, writes to it as a client in all ways that there are, merges the catalog, serves it again,
and writes on. Each answer that the client has verified is a line of the journal, written before the next call: so the
place of that write among the server's system calls is the moment from which the promise holds.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from counterfoil.log import Appended, prepare_batch, runs
from counterfoil.log.compact import compact
from counterfoil.receipt import VerifiedReceipt, verify_receipt
from counterfoil.record import USAGE
from counterfoil.v1.record_pb2 import UsageEvent
from counterfoil_server.directory import hold_lock, load, open_log

from ..server.edge import Edge, connected, event, exact, verify_accepted
from ..server.streams import frame_batch, streaming
from ..support.ledger_process import LedgerProcess
from .power_judge import STREAM

SEED = 20261101


class Client:
    """Writes to a ledger, and notes what was acknowledged."""

    def __init__(self, journal: int) -> None:
        self._journal = journal
        self._sequence = 0
        self._chance = random.Random(SEED)

    def note(self, first: int, leaves: bytes, size: int, sequence: int = 0) -> None:
        """One line of the journal, by one system call: these leaf hashes are in the log, in a tree of this size."""
        said = {"first": first, "leaves": leaves.hex(), "size": size, "sequence": sequence}
        os.write(self._journal, (json.dumps(said) + "\n").encode())

    def work(self, edge: Edge, batches: Sequence[int]) -> None:
        """Write batches of these sizes, with single records and a stream between them."""
        for number, size in enumerate(batches):
            self._append(edge, size)
            if number % 3 == 0:
                self._note_receipt(verify_receipt(edge.train().receipt, edge.vkey))
            if number % 5 == 0:
                self._note_receipt(verify_receipt(edge.pay().receipt, edge.vkey))
            if number % 8 == 0:
                self._stream(edge, [self._chance.randrange(1, 20) for _ in range(3)])

    def _append(self, edge: Edge, size: int) -> None:
        bodies = [exact(event()) for _ in range(size)]
        self._note_receipt(verify_accepted(edge, edge.append(bodies), bodies))

    def _stream(self, edge: Edge, sizes: Sequence[int]) -> None:
        """Several batches under way at once, so that some share a commit."""
        with streaming(edge, STREAM[1], STREAM[0]) as (stream, last):
            assert last == self._sequence
            sent = []
            for size in sizes:
                self._sequence += 1
                sent.append([exact(event()) for _ in range(size)])
                stream.send(frame_batch(self._sequence, sent[-1]))
            for at, bodies in enumerate(sent):
                result = stream.ack().result
                sequence = self._sequence - len(sent) + at + 1
                self._note_receipt(verify_accepted(edge, result, bodies), sequence)

    def _note_receipt(self, verified: VerifiedReceipt, sequence: int = 0) -> None:
        leaves = b"".join(verified.leaf_hashes)
        self.note(verified.first_index, leaves, verified.size, sequence)


def merge(directory: Path, client: Client) -> None:
    """Let large merges of the catalog happen on a small one, as the server's first worker does them."""
    settings = load(directory)
    with pytest.MonkeyPatch.context() as patch, hold_lock(settings):
        patch.setattr(runs, "INLINE_COUNT_MAX", 63)
        log = open_log(settings)
        for number in range(4):
            bodies = [exact(event()) for _ in range(70)]
            ids = [UsageEvent.FromString(body).event_id for body in bodies]
            batch = prepare_batch(
                USAGE,
                STREAM[0],
                bodies,
                ids,
                secret=log.secret,
                environment=log.environment,
                salt_seed=sha256(b"%d" % number).digest(),
            )
            (outcome,) = log.append([batch])
            assert isinstance(outcome, Appended)
            assert outcome.head is not None
            client.note(outcome.head.first, b"".join(outcome.leaf_hashes), outcome.nodes.size)
        merges = 0
        while compact(log.store):
            merges += 1
        assert merges
        log.store.close()


def run(directory: Path, journal: Path, events: int) -> None:
    """The whole load: two lives of a server, small batches in each, and one of ``events`` in eight calls between."""
    handle = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    client = Client(handle)
    chance = random.Random(SEED)
    ledger: LedgerProcess = LedgerProcess(directory)
    client.note(0, b"", 1)
    for life in range(2):
        ledger.start()
        with connected(ledger) as edge:
            client.work(edge, [chance.randrange(1, 40) for _ in range(24)])
            if life == 0:
                client.work(edge, [events // 8] * 8)
        assert ledger.stop() == 0
        if life == 0:
            merge(directory, client)
    os.close(handle)


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
