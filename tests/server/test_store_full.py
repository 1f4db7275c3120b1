"""A store without room: writes are told so, reads go on, nothing is half stored, and room brings writes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from counterfoil.receipt import verify_receipt
from counterfoil.v1 import log_service_pb2

from ..support.ledger_process import LedgerProcess
from .edge import (
    Edge,
    connected,
    event,
    exact,
    fault_of,
    fresh,
    payout,
    refused,
    training,
    verify_accepted,
)
from .load import Journal, expect_fsck_sound, expect_sound
from .settings import set_setting
from .streams import streaming

MAP_SIZE = 2 << 20
BATCH = 100


@pytest.fixture(params=[64 << 10, 0], ids=["reserve", "to the last page"])
def full(ledger: LedgerProcess, request: pytest.FixtureRequest) -> LedgerProcess:
    """A ledger with a map of 2 MiB, serving; with and without a reserve that is kept free."""
    assert ledger.stop() == 0
    set_setting(ledger.directory, "map_size_bytes", MAP_SIZE)
    set_setting(ledger.directory, "room_reserve_bytes", request.param)
    ledger.start()
    return ledger


def padded() -> bytes:
    """An acceptable event of about 700 bytes."""
    return exact(event(metadata={"pad": "x" * 500}))


def expect_full(call: Callable[[], Any]) -> None:
    """The call must be refused because there is no room, with a time to come back."""
    fault = refused(call)
    assert (fault.code, fault.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "STORE_FULL"), fault
    assert fault.retry_after_s is not None
    assert fault.retry_after_s >= 1


def fill(edge: Edge, journal: Journal) -> list[bytes]:
    """Write until there is no room; the batch that was refused."""
    while True:
        bodies = [padded() for _ in range(BATCH)]
        try:
            journal.took(bodies, edge.append(bodies))
        except grpc.RpcError as error:
            fault = fault_of(error)
            assert (fault.code, fault.reason) == (
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                "STORE_FULL",
            ), fault
            return bodies


def test_a_full_store_refuses_writes_and_goes_on_reading(full: LedgerProcess) -> None:
    """Every kind of write is refused, every read works, the log stays as it was, and room brings everything back."""
    journal, stream_id = Journal(), fresh("stream")
    body, paid = training(notes=fresh()), payout(tx_ref=fresh())
    with connected(full) as edge:
        with streaming(edge, stream_id) as (stream, _):
            first = [padded()]
            stream.send_batch(1, first)
            journal.took(first, stream.ack().result)
            refused_batch = fill(edge, journal)
            # What is smaller may still fit where the last batch did not; a batch of this size never does.
            large = [padded() for _ in range(10 * BATCH)]
            info = edge.info()
            stream.send_batch(2, large)
            expect_full(stream.receive)
        expect_full(lambda: edge.append(large))
        expect_full(lambda: edge.append(large, atomic=True))
        assert edge.info() == info

        expect_reads(edge, journal)
        expect_sound(edge, journal)
        with streaming(edge, stream_id) as (_, last):
            assert last == 1
    assert full.stop() == 0
    expect_fsck_sound(full)

    set_setting(full.directory, "map_size_bytes", 64 << 20)
    full.start()
    with connected(full) as edge:
        assert edge.info() == info
        for bodies in (refused_batch, large):
            journal.took(bodies, edge.append(bodies))
            verify_accepted(edge, journal.answered[-1][1], bodies)
        assert verify_receipt(edge.train(body).receipt, edge.vkey).kind == 2
        assert verify_receipt(edge.pay(paid).receipt, edge.vkey).kind == 4
        with streaming(edge, stream_id) as (stream, last):
            assert last == 1
            stream.send_batch(2, large)
            assert stream.ack().result.duplicates == len(large)
        expect_sound(edge, journal)
    assert full.stop() == 0
    expect_fsck_sound(full)


def expect_reads(edge: Edge, journal: Journal) -> None:
    """Entries, lists, proofs, receipts and look-ups of a full store are those of any other."""
    size = edge.size()
    answer = journal.answered[-1][1]
    request = log_service_pb2.GetReceiptRequest(id=str(answer.first_index))
    assert verify_receipt(edge.log.GetReceipt(request).receipt, edge.vkey).index
    assert edge.entry(size - 1).index == size - 1
    assert len(edge.entries()) == size
    proof = log_service_pb2.GetConsistencyProofRequest(old_size=1, new_size=size)
    assert edge.log.GetConsistencyProof(proof).new_size == size


def test_single_records_are_refused_when_there_is_no_room(full: LedgerProcess) -> None:
    """Trainings and payouts are refused as well once even they do not fit, and each is whole or not there."""
    with connected(full) as edge:
        fill(edge, Journal())
        for record in (edge.train, edge.pay):
            answers = []
            while True:
                before = edge.size()
                try:
                    answers.append(record())
                except grpc.RpcError as error:
                    reason = fault_of(error).reason
                    break
            assert reason == "STORE_FULL"
            assert edge.size() == before
            for answer in answers:
                assert verify_receipt(answer.receipt, edge.vkey).index == answer.index
    assert full.stop() == 0
    expect_fsck_sound(full)
