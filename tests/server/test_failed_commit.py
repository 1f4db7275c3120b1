"""A disk that fails while a commit is on its way: the server stops with a message, and a restart finds out what is true."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import psutil
import pytest

from ..support.ledger_process import LedgerProcess
from .edge import Edge, connected, event, exact, fault_of, refused, training
from .load import Journal, expect_fsck_sound, expect_sound, logged_bodies, missing

EXIT_OUTCOME_UNKNOWN = 70
# The flushes of one commit in the writer's thread: first the pages of the store, then the anchor.
FLUSH_PAGES, FLUSH_ANCHOR = "fdatasync:error=EIO:when=1", "fdatasync:error=EIO:when=2"
NOTHING = "fdatasync:error=EIO:when=65535"


def can_trace() -> bool:
    """Whether strace is there and may attach to a process."""
    if shutil.which("strace") is None:
        return False
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        try:
            with traced(sleeper.pid, NOTHING):
                return True
        except AssertionError:
            return False
        finally:
            sleeper.kill()


@contextmanager
def traced(pid: int, fault: str) -> Iterator[None]:
    """Attach strace to every thread of a process, so that a system call of it fails."""
    tracer = subprocess.Popen(
        ["strace", "-f", "-p", str(pid), "-e", "trace=fdatasync", "-e", f"inject={fault}"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert tracer.stderr is not None
        said = tracer.stderr.readline()
        assert "attached" in said, said
        yield
    finally:
        tracer.terminate()
        tracer.communicate()


pytestmark = pytest.mark.skipif(not can_trace(), reason="strace is missing or may not attach")


def write_until_it_fails(edge: Edge, journal: Journal, bodies: list[bytes]) -> None:
    """Send one batch whose commit fails; its answer must say that the outcome is unknown."""
    try:
        journal.took(bodies, edge.append(bodies))
    except grpc.RpcError as error:
        journal.failed([bodies], error)


@pytest.mark.parametrize(
    ("fault", "stored"),
    [(FLUSH_PAGES, False), (FLUSH_ANCHOR, True)],
    ids=["pages", "anchor"],
)
def test_a_commit_that_fails_stops_the_server_and_a_restart_reconciles(
    ledger: LedgerProcess, fault: str, stored: bool
) -> None:
    """Whatever was stored of the failed commit, nobody was told a lie, and sending it again logs it once."""
    journal = Journal()
    before = [exact(event()) for _ in range(5)]
    doomed = [exact(event()) for _ in range(5)]
    with connected(ledger) as edge:
        journal.took(before, edge.append(before))
        with traced(ledger.pid, fault):
            write_until_it_fails(edge, journal, doomed)
            assert [(f.code, f.reason) for f in journal.faults] == [
                (grpc.StatusCode.UNAVAILABLE, "OUTCOME_UNKNOWN")
            ]
            assert journal.faults[0].retry_after_s is not None
            assert ledger.wait() == EXIT_OUTCOME_UNKNOWN
    told = ledger.log
    assert "start again to reconcile" in told
    assert "Traceback" not in told

    ledger.start()
    with connected(ledger) as edge:
        expect_sound(edge, journal)
        gone = missing(doomed, logged_bodies(edge))
        # Had the batch been acknowledged before its commit, this check would have missed it.
        assert gone == ([] if stored else doomed)
        journal.resend(edge)
        answer = journal.answered[-1][1]
        assert (answer.accepted, answer.duplicates) == ((0, 5) if stored else (5, 0))
        expect_sound(edge, journal)
    assert ledger.stop() == 0
    expect_fsck_sound(ledger)


def test_without_a_fault_the_same_write_is_answered(ledger: LedgerProcess) -> None:
    """Being watched alone stops nothing: the write is acknowledged and the server ends with 0."""
    journal, bodies = Journal(), [exact(event())]
    with connected(ledger) as edge:
        with traced(ledger.pid, NOTHING):
            write_until_it_fails(edge, journal, bodies)
        assert not journal.faults
        expect_sound(edge, journal)
    assert ledger.stop() == 0
    assert "reconcile" not in ledger.log


def test_everybody_who_waits_for_a_failed_commit_is_told(ledger: LedgerProcess) -> None:
    """Callers of the failed group and those behind it hear that the outcome is unknown; none hangs, none is acknowledged."""
    with connected(ledger) as edge, traced(ledger.pid, FLUSH_PAGES):
        faults = []
        for _ in range(20):
            try:
                edge.train(training(notes="x"))
                pytest.fail("it was acknowledged after the failed commit")
            except grpc.RpcError as error:
                faults.append(fault_of(error))
        assert ledger.wait() == EXIT_OUTCOME_UNKNOWN
    # Who comes while the server is already closing is cancelled by gRPC itself.
    assert {fault.code for fault in faults} <= {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
    }
    assert (faults[0].code, faults[0].reason) == (
        grpc.StatusCode.UNAVAILABLE,
        "OUTCOME_UNKNOWN",
    )
    ledger.start()
    with connected(ledger) as edge:
        assert edge.size() == 1
        assert not edge.train(training(notes="x")).duplicate


def test_a_worker_whose_commit_fails_stops_all_with_its_exit_code(ledger: LedgerProcess) -> None:
    """With several workers the failed commit of one ends the command with the same code, and all of them."""
    assert ledger.stop() == 0
    ledger.start("--workers", "2")
    workers = psutil.Process(ledger.pid).children()
    with (
        connected(ledger) as edge,
        traced(workers[0].pid, FLUSH_PAGES),
        traced(workers[1].pid, FLUSH_PAGES),
    ):
        fault = refused(lambda: edge.append([event()]))
        assert fault.reason == "OUTCOME_UNKNOWN"
        assert ledger.wait() == EXIT_OUTCOME_UNKNOWN
    assert not [worker for worker in workers if worker.is_running()]
