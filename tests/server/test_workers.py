"""Several processes on one port and one store: one history, and all of them stop together."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import Any

import psutil
import pytest

from counterfoil.note import parse_checkpoint
from counterfoil.tlog import verify_consistency
from counterfoil.v1 import log_service_pb2, training_service_pb2

from ..support.ledger_process import LedgerProcess, serving
from .edge import (
    PATIENCE_S,
    Edge,
    connected,
    event,
    exact,
    fresh,
    now_us,
    training,
    verify_accepted,
)
from .load import Journal, Load, expect_fsck_sound, expect_sound

# Connections are spread by the kernel; that all of these land on one of two workers does not happen.
CONNECTIONS = 24
# How long workers without calls under way may take to notice that they are alone.
STOP_S_MAX = 15.0


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerProcess]:
    """A fresh ledger with two workers."""
    with serving(tmp_path_factory.mktemp("pair") / "ledger", "--workers", "2") as process:
        yield process


def workers_of(ledger: LedgerProcess) -> list[psutil.Process]:
    """The worker processes."""
    found: list[psutil.Process] = psutil.Process(ledger.pid).children()
    assert len(found) == 2
    return found


@contextmanager
def many_connections(ledger: LedgerProcess) -> Iterator[list[Edge]]:
    """Connections that reach both workers."""
    with ExitStack() as stack:
        edges = [stack.enter_context(connected(ledger)) for _ in range(CONNECTIONS)]
        for edge in edges:
            edge.info()
        port = int(ledger.address.rpartition(":")[2])
        served = [
            sum(
                connection.status == psutil.CONN_ESTABLISHED and connection.laddr.port == port
                for connection in worker.net_connections("tcp")
            )
            for worker in workers_of(ledger)
        ]
        assert sum(served) == CONNECTIONS
        assert all(served), "both workers must have connections"
        yield edges


def test_two_workers_write_one_history(pair: LedgerProcess) -> None:
    """Through both workers each event and record is logged once, every view is a prefix of the next, and all stop with 0."""
    with many_connections(pair) as edges, ThreadPoolExecutor(CONNECTIONS) as pool:
        body, request_id = training(notes=fresh()), fresh("req")
        request = training_service_pb2.RecordTrainingRequest(
            submitter="host_1", request_id=request_id, training=body
        )
        calls = [edge.training.RecordTraining.future(request, timeout=PATIENCE_S) for edge in edges]
        assert len({call.result().receipt for call in calls}) == 1
        assert sum(not call.result().duplicate for call in calls) == 1

        present, name = now_us(), fresh("both")
        bodies = [exact(event(f"{name}-{at}", event_time_us=present)) for at in range(200)]
        answers = list(pool.map(lambda edge: edge.append(bodies), edges))
        assert sum(answer.accepted for answer in answers) == 200
        assert sum(answer.duplicates for answer in answers) == 200 * (CONNECTIONS - 1)
        first = next(answer for answer in answers if answer.accepted)
        verify_accepted(edges[0], first, bodies)
        assert {tuple(answer.receipts) for answer in answers} == {tuple(first.receipts)}

        expect_one_view(edges)
        seen = [parse_checkpoint(edges[0].checkpoint(), [pair.vkey])]
        for writer, reader in zip(edges, reversed(edges), strict=True):
            # What one worker answered, the other one shows at once.
            index = writer.append([event()]).first_index
            assert reader.entry(index).index == index
            seen.append(parse_checkpoint(reader.checkpoint(), [pair.vkey]))
        for before, after in pairwise(seen):
            proof = (
                edges[0]
                .log.GetConsistencyProof(
                    log_service_pb2.GetConsistencyProofRequest(
                        old_size=before.size, new_size=after.size
                    )
                )
                .proof
            )
            verify_consistency(
                before.size, after.size, before.root_hash, after.root_hash, list(proof)
            )
    assert stop_and_expect_nobody(pair, workers_of(pair)) == 0
    expect_fsck_sound(pair)


def expect_one_view(edges: list[Edge]) -> None:
    """Tails at both workers get every entry, whoever logged it; a page token of one is good at the other."""
    start = edges[0].size()
    request = log_service_pb2.TailEntriesRequest(start_index=start)
    tails = [edge.log.TailEntries(request, timeout=PATIENCE_S) for edge in edges]
    known = edges[0].train().training_id
    assert {next(tail).entries[0].id for tail in tails} == {known}
    for tail in tails:
        tail.cancel()
    page = log_service_pb2.ListEntriesRequest(start_index=start - 1, page_size=1)
    page.page_token = edges[0].log.ListEntries(page).next_page_token
    assert {edge.log.ListEntries(page).entries[0].id for edge in edges} == {known}


def stop_and_expect_nobody(ledger: LedgerProcess, workers: list[psutil.Process]) -> int:
    """Stop with SIGTERM; no worker may be left."""
    code = ledger.stop()
    assert not [worker for worker in workers if worker.is_running()]
    return code


@pytest.mark.parametrize(("which", "number"), [(0, signal.SIGKILL), (1, signal.SIGTERM)])
def test_the_end_of_one_worker_ends_all_with_a_message(
    pair: LedgerProcess, which: int, number: signal.Signals
) -> None:
    """When a worker dies under load the others stop, the exit code says so, one line names it, and nothing is lost."""
    workers, journal = workers_of(pair), Journal()
    with Load(pair, journal, clients=4, size=20):
        journal.wait_for(10)
        os.kill(workers[which].pid, number)
        code = pair.wait()
    assert not [worker for worker in workers if worker.is_running()]
    assert 0 < code < 128, code
    assert [line for line in pair.log.splitlines() if "worker" in line], pair.log
    assert "Traceback" not in pair.log
    pair.start()
    with connected(pair) as edge:
        expect_sound(edge, journal)
        journal.resend(edge)
        expect_sound(edge, journal)


def test_workers_end_when_their_parent_is_killed(pair: LedgerProcess) -> None:
    """Nobody goes on writing after kill -9 of the parent, which held the lock of the directory."""
    workers: list[Any] = workers_of(pair)
    os.kill(pair.pid, signal.SIGKILL)
    try:
        _, alive = psutil.wait_procs(workers, timeout=STOP_S_MAX)
        assert not alive, "workers serve on although a second server may start beside them"
    finally:
        for worker in workers:
            if worker.is_running():
                worker.kill()
        pair.wait()


def test_workers_take_over_the_port_of_a_server_that_was_killed(ledger: LedgerProcess) -> None:
    """Connections that a killed server of one process leaves behind do not keep several workers from its address."""
    with connected(ledger) as edge:
        edge.info()
        ledger.kill()
    ledger.start("--workers", "2", address=ledger.address)
    with connected(ledger) as edge:
        assert edge.size() == 1
