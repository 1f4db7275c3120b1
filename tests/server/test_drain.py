"""SIGTERM: what was answered is in the log, what was not can be sent again, and nobody is kept waiting."""

from __future__ import annotations

import os
import signal

import grpc
import pytest

from counterfoil.v1 import log_service_pb2

from ..support.ledger_process import LedgerProcess
from .edge import PATIENCE_S, connected, event, fault_of, fresh
from .load import Journal, Load, expect_fsck_sound, expect_sound
from .streams import streaming

# What a client may hear of a server that stops: try again elsewhere or later.
RETRYABLE = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.OK,
}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_under_load_loses_nothing_that_was_answered(
    ledger: LedgerProcess, workers: int
) -> None:
    """SIGTERM in the middle of calls and streams ends the server with 0; answered batches are all in the log, once."""
    if workers > 1:
        assert ledger.stop() == 0
        ledger.start("--workers", str(workers))
    journal = Journal()
    with Load(ledger, journal, clients=6, size=40):
        journal.wait_for(60)
        assert ledger.stop() == 0
    assert {fault.code for fault in journal.faults} <= RETRYABLE, journal.faults
    assert journal.unanswered

    ledger.start()
    with connected(ledger) as edge:
        expect_sound(edge, journal)
        journal.resend(edge)
        expect_sound(edge, journal)
    assert ledger.stop() == 0
    expect_fsck_sound(ledger)


def test_a_stop_ends_idle_streams_and_tails_instead_of_waiting_for_them(
    ledger: LedgerProcess,
) -> None:
    """A stream without batches under way is told that the server stops, and a tail ends; neither is cut off."""
    with connected(ledger) as edge, streaming(edge, fresh("idle")) as (stream, _):
        stream.send_batch(1, [event()])
        stream.ack()
        request = log_service_pb2.TailEntriesRequest(start_index=edge.size())
        tail = edge.log.TailEntries(request, timeout=PATIENCE_S)
        edge.append([event()])
        assert len(next(tail).entries) == 1

        os.kill(ledger.pid, signal.SIGTERM)

        for call in (tail, stream.call):
            with pytest.raises(grpc.RpcError) as caught:
                list(call)
            end = fault_of(caught.value)
            assert (end.code, end.reason) == (grpc.StatusCode.UNAVAILABLE, "STOPPING"), end
            assert end.retry_after_s is not None
    assert ledger.wait() == 0


def test_a_stop_while_nothing_goes_on_is_clean(ledger: LedgerProcess) -> None:
    """A server that nobody uses stops with 0 on either signal, and starts again with the same tree."""
    with connected(ledger) as edge:
        info = edge.info()
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(ledger.pid, number)
        assert ledger.wait() == 0
        ledger.start()
    with connected(ledger) as edge:
        assert edge.info() == info
    assert "Traceback" not in ledger.log


def test_a_second_signal_does_not_break_the_drain(ledger: LedgerProcess) -> None:
    """Who presses Ctrl-C twice gets the same clean end."""
    journal = Journal()
    with Load(ledger, journal, clients=2, size=10):
        journal.wait_for(5)
        os.kill(ledger.pid, signal.SIGINT)
        os.kill(ledger.pid, signal.SIGINT)
        assert ledger.wait() == 0
    ledger.start()
    with connected(ledger) as edge:
        expect_sound(edge, journal)
