"""UsageReporter against a real ledger: what it takes is logged once and proven, from threads and from asyncio."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from counterfoil.errors import InvalidInput, StartupError
from counterfoil.limits import EVENT_SIZE_BYTES_MAX
from counterfoil.v1.record_pb2 import UsageEvent
from counterfoil.v1.usage_service_pb2 import StreamUsageResponse
from counterfoil_client import (
    LedgerClient,
    ReporterClosed,
    UsageReporter,
)

from ..support.ledger_process import LedgerProcess, run_cli
from .making import make_event
from .proxy import Proxy
from .reporting import NOBODY, PATIENCE_S, logged_ids, open_reporter, proven_ids


def test_what_is_reported_is_logged_once_and_proven(
    shared_ledger: LedgerProcess, tmp_path: Path, submitter: str
) -> None:
    """Every event is in the log one time, and a kept receipt proves it offline."""
    receipts: list[int] = []
    with open_reporter(
        shared_ledger.address,
        tmp_path,
        submitter,
        shared_ledger,
        on_receipt=lambda verified: receipts.append(verified.count),
    ) as reporter:
        ids = [reporter.report(model_id="m1", input_tokens=number) for number in range(950)]
        reporter.flush(PATIENCE_S).result()
        status = reporter.status()

    assert (status.accepted, status.duplicates, status.rejected) == (950, 0, 0)
    assert (status.unsettled_bytes, status.halted, status.connected) == (0, None, True)
    assert sum(receipts) == 950
    assert logged_ids(shared_ledger, submitter) == Counter(ids)
    assert proven_ids(tmp_path, shared_ledger) == set(ids)
    kept = max(tmp_path.rglob("*.receipt"))
    assert run_cli("verify", kept, "--key", shared_ledger.vkey).returncode == 0
    kept.write_bytes(kept.read_bytes()[:-1] + b"?")
    assert run_cli("verify", kept, "--key", shared_ledger.vkey).returncode == 1


@pytest.mark.parametrize(
    "report",
    [
        lambda reporter: reporter.report(model="m1"),
        lambda reporter: reporter.report(model_id=7),
        lambda reporter: reporter.report(input_tokens="many"),
        lambda reporter: reporter.report(input_tokens=2**64),
        lambda reporter: reporter.report(metadata={"k": "x" * EVENT_SIZE_BYTES_MAX}),
        lambda reporter: reporter.report(make_event("e"), colour="red"),
    ],
)
def test_events_that_cannot_be_made_are_refused(
    tmp_path: Path, submitter: str, report: Callable[[UsageReporter], str]
) -> None:
    """A field that does not exist, a wrong type and an event too large are told at once, and nothing is taken."""
    with open_reporter(NOBODY, tmp_path, submitter) as reporter:
        with pytest.raises(InvalidInput):
            report(reporter)
        assert reporter.status().spool_size_bytes == 0
        reporter.close(0.0)


def test_fields_complete_an_event_and_leave_it_alone(
    shared_ledger: LedgerProcess, tmp_path: Path, submitter: str
) -> None:
    """Id and time are made when they are missing, in a copy; the caller's event is not touched."""
    event = UsageEvent(model_id="m1")
    with open_reporter(shared_ledger.address, tmp_path, submitter, shared_ledger) as reporter:
        first, second = reporter.report(event), reporter.report(event, tokens=5)
        named = reporter.report(make_event("mine"))
        reporter.flush(PATIENCE_S).result()

    assert event == UsageEvent(model_id="m1")
    assert named == "mine"
    with LedgerClient(shared_ledger.address, submitter=submitter) as client:
        assert client.usage_event(first).event.tokens == 0
        assert client.usage_event(second).event.tokens == 5


def test_callbacks_that_fail_stop_nothing(
    shared_ledger: LedgerProcess, tmp_path: Path, submitter: str
) -> None:
    """What the host's code raises is told, and the delivery goes on."""

    def fail(_: object) -> None:
        raise RuntimeError("the host's own fault")

    with open_reporter(
        shared_ledger.address,
        tmp_path,
        submitter,
        shared_ledger,
        on_receipt=fail,
        on_rejected=fail,
        on_error=fail,
    ) as reporter:
        ids = [reporter.report(model_id="m1") for _ in range(150)]
        reporter.report(make_event("nameless", model_id=""))
        reporter.flush(PATIENCE_S).result()
        status = reporter.status()

    assert logged_ids(shared_ledger, submitter) == Counter(ids)
    assert isinstance(status.last_error, RuntimeError)
    assert status.halted is None


def test_one_process_one_folder(tmp_path: Path, submitter: str) -> None:
    """A second reporter on the folder is refused, and may have it afterwards."""
    first = open_reporter(NOBODY, tmp_path, submitter)
    with pytest.raises(StartupError):
        open_reporter(NOBODY, tmp_path, submitter)
    first.close(0.0)

    open_reporter(NOBODY, tmp_path, submitter).close(0.0)


def test_a_closed_reporter_takes_nothing(tmp_path: Path, submitter: str) -> None:
    """After close, report and flush say so; closing twice is harmless."""
    reporter = open_reporter(NOBODY, tmp_path, submitter)
    reporter.close(0.0)
    reporter.close(0.0)

    with pytest.raises(ReporterClosed):
        reporter.report(model_id="m1")
    for durable in (False, True):
        with pytest.raises(ReporterClosed):
            reporter.flush(durable=durable).result(PATIENCE_S)


def test_those_who_wait_hear_of_the_close(tmp_path: Path, submitter: str) -> None:
    """A flush that cannot be kept any more fails instead of hanging."""
    reporter = open_reporter(NOBODY, tmp_path, submitter)
    reporter.report(model_id="m1")
    future = reporter.flush()
    reporter.close(0.0)

    with pytest.raises(ReporterClosed):
        future.result(PATIENCE_S)


@pytest.mark.parametrize("durable", ["group", "each", "never"])
def test_events_are_on_disk_when_it_was_asked_for(
    tmp_path: Path, submitter: str, durable: Any
) -> None:
    """flush(durable=True) needs no ledger; with "each" there is nothing left for it to do."""
    reporter = open_reporter(NOBODY, tmp_path, submitter, durable=durable, batch_age_s=3600.0)
    reporter.report(model_id="m1")
    unsynced = reporter._spool.unsynced
    future = reporter.flush(durable=True)

    assert future.done()
    assert future.result() is None
    assert unsynced == (durable != "each")
    assert not reporter._spool.unsynced
    reporter.close(0.0)


async def test_asyncio_waits_without_blocking_the_loop(
    shared_ledger: LedgerProcess, tmp_path: Path, submitter: str
) -> None:
    """While one task awaits the ledger, others run; the same reporter serves threads too."""
    ran = 0

    async def others() -> None:
        nonlocal ran
        while True:
            ran += 1
            await asyncio.sleep(0)

    async with open_reporter(shared_ledger.address, tmp_path, submitter, shared_ledger) as reporter:
        ids = [reporter.report(model_id="m1") for _ in range(100)]
        busy = asyncio.create_task(others())
        await asyncio.gather(reporter.aflush(PATIENCE_S), reporter.aflush(durable=True))
        busy.cancel()
        ids.append(await asyncio.to_thread(reporter.report, model_id="m1"))

    assert ran > 0
    assert logged_ids(shared_ledger, submitter) == Counter(ids)


async def test_a_cancelled_wait_harms_nobody(
    shared_ledger: LedgerProcess, tmp_path: Path, submitter: str
) -> None:
    """Cancelling the task that waits leaves delivery and other waiters alone."""
    async with open_reporter(shared_ledger.address, tmp_path, submitter, shared_ledger) as reporter:
        name = reporter.report(model_id="m1")
        waiting = asyncio.create_task(reporter.aflush(PATIENCE_S))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await reporter.aflush(PATIENCE_S)

    assert logged_ids(shared_ledger, submitter) == Counter([name])


def test_many_threads_report_through_one_reporter(
    shared_ledger: LedgerProcess, tmp_path: Path, submitter: str
) -> None:
    """Events of all threads are delivered, each one time."""
    ids: list[str] = []
    lock = threading.Lock()
    with open_reporter(shared_ledger.address, tmp_path, submitter, shared_ledger) as reporter:

        def work() -> None:
            mine = [reporter.report(model_id="m1") for _ in range(200)]
            reporter.flush(PATIENCE_S).result()
            with lock:
                ids.extend(mine)

        threads = [threading.Thread(target=work) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(ids) == 1000
    assert logged_ids(shared_ledger, submitter) == Counter(ids)


def test_memory_bounds_what_is_on_its_way(
    proxy: Proxy, shared_ledger: LedgerProcess, tmp_path: Path, submitter: str
) -> None:
    """No more events are unanswered at a time than the reporter was allowed to hold."""
    on_way = most = 0

    def on_request(method: str, data: bytes) -> bytes:
        nonlocal on_way, most
        if method == "StreamUsage" and b"m1" in data:
            on_way += 1
            most = max(most, on_way)
        return data

    def on_answer(method: str, data: bytes) -> bytes:
        nonlocal on_way
        if method == "StreamUsage" and StreamUsageResponse.FromString(data).HasField("ack"):
            on_way -= 1
        return data

    proxy.on_request, proxy.on_answer = on_request, on_answer
    with open_reporter(
        proxy.address, tmp_path, submitter, shared_ledger, batch_events=10, memory_events_max=25
    ) as reporter:
        for _ in range(1000):
            reporter.report(model_id="m1")
        reporter.flush(PATIENCE_S).result()

    assert 1 <= most <= 2
