"""UsageReporter against a real ledger: nothing that it took is lost, whoever crashes."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from counterfoil.entry import KIND_USAGE, parse_record
from counterfoil.errors import InvalidInput, StartupError, VerificationError
from counterfoil.limits import EVENT_SIZE_BYTES_MAX
from counterfoil.receipt import verify_receipt
from counterfoil.v1.record_pb2 import UsageEvent
from counterfoil.v1.usage_service_pb2 import StreamUsageResponse
from counterfoil_client import (
    LedgerClient,
    RejectedEvent,
    ReporterClosed,
    SpoolDamaged,
    SpoolFull,
    UsageReporter,
)

from ..support.ledger_process import LedgerProcess
from .making import make_event, new_name
from .proxy import Proxy, Refused

PATIENCE_S = 60.0
NOBODY = "127.0.0.1:1"


@pytest.fixture
def submitter() -> str:
    """A name of its own for each test."""
    return new_name()


@pytest.fixture
def proxy(shared_ledger: LedgerProcess) -> Iterator[Proxy]:
    """A proxy before the session's ledger."""
    with Proxy(shared_ledger.address) as made:
        yield made


def open_reporter(
    target: str, folder: Path, submitter: str, ledger: LedgerProcess | None = None, **options: Any
) -> UsageReporter:
    """A reporter that sends soon."""
    trust = None if ledger is None else ledger.vkey
    settings = {"trust": trust, "batch_age_s": 0.05, "seed": 1, "batch_events": 100, **options}
    return UsageReporter(target, folder, submitter=submitter, **settings)


def logged_ids(ledger: LedgerProcess, submitter: str) -> Counter[str]:
    """The ids of all events of a submitter, as often as they are in the log."""
    found: Counter[str] = Counter()
    with LedgerClient(ledger.address, trust=ledger.vkey) as client:
        for entry in client.entries(kind=KIND_USAGE):
            record = parse_record(entry.record)
            if record.submitter == submitter:
                found[UsageEvent.FromString(record.body).event_id] += 1
    return found


def proven_ids(folder: Path, ledger: LedgerProcess) -> set[str]:
    """The ids of all events that the receipts in a folder prove, offline."""
    proven = set()
    for path in folder.rglob("*.receipt"):
        for record in verify_receipt(path.read_bytes(), ledger.vkey).records:
            proven.add(UsageEvent.FromString(parse_record(record).body).event_id)
    return proven


def rejected(folder: Path) -> list[dict[str, Any]]:
    """What the file of refused events holds."""
    path = folder / "rejected.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


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


def test_events_wait_on_disk_for_a_ledger_that_is_not_there(
    shared_ledger: LedgerProcess, tmp_path: Path, submitter: str
) -> None:
    """Reporting does not need the ledger; the next reporter on the folder delivers."""
    with open_reporter(NOBODY, tmp_path, submitter, shared_ledger) as reporter:
        ids = [reporter.report(model_id="m1") for _ in range(300)]
        with pytest.raises(TimeoutError):
            reporter.flush(0.01).result()
        reporter.close(0.0)

    with open_reporter(shared_ledger.address, tmp_path, submitter, shared_ledger) as reporter:
        reporter.flush(PATIENCE_S).result()

    assert logged_ids(shared_ledger, submitter) == Counter(ids)


def test_an_outage_is_waited_out(ledger: LedgerProcess, tmp_path: Path, submitter: str) -> None:
    """Killed and started again while events come in, the ledger has each of them one time in the end."""
    errors: list[Exception] = []
    ids = []
    with open_reporter(
        ledger.address, tmp_path, submitter, ledger, on_error=errors.append, batch_events=20
    ) as reporter:
        for _ in range(3):
            ids += [reporter.report(model_id="m1") for _ in range(400)]
            ledger.kill()
            ids += [reporter.report(model_id="m1") for _ in range(400)]
            ledger.start(address=ledger.address)
        reporter.flush(PATIENCE_S).result()
        status = reporter.status()

    assert logged_ids(ledger, submitter) == Counter(ids)
    assert proven_ids(tmp_path, ledger) == set(ids)
    assert status.accepted + status.duplicates >= len(ids)


@pytest.mark.parametrize("after", [1, 200, 900])
def test_a_host_that_is_killed_loses_nothing_that_it_reported(
    shared_ledger: LedgerProcess, tmp_path: Path, submitter: str, after: int
) -> None:
    """After kill -9 a new reporter on the folder delivers the rest: each event that was taken is logged one time."""
    script = Path(__file__).with_name("reporting_host.py")
    command = [sys.executable, str(script), shared_ledger.address, str(tmp_path), submitter]
    with subprocess.Popen(
        [*command, shared_ledger.vkey], stdout=subprocess.PIPE, text=True
    ) as host:
        assert host.stdout is not None
        taken = [host.stdout.readline().strip() for _ in range(after)]
        host.send_signal(signal.SIGKILL)
        # What it printed before it died counts; half a line does not.
        rest = host.stdout.read()
        taken += rest.splitlines() if rest.endswith("\n") else rest.splitlines()[:-1]

    with open_reporter(shared_ledger.address, tmp_path, submitter, shared_ledger) as reporter:
        reporter.flush(PATIENCE_S).result()

    logged = logged_ids(shared_ledger, submitter)
    assert set(taken) <= set(logged)
    assert set(logged.values()) == {1}
    assert len(logged) <= len(taken) + 1
    assert proven_ids(tmp_path, shared_ledger) == set(logged)


def test_an_answer_that_got_lost_is_asked_for_again(
    proxy: Proxy, shared_ledger: LedgerProcess, tmp_path: Path, submitter: str
) -> None:
    """When the ledger logged a batch and the answer was lost, the events come back as duplicates, with receipts."""
    lost = 2

    def on_answer(method: str, data: bytes) -> bytes:
        nonlocal lost
        if (
            method == "StreamUsage"
            and lost
            and StreamUsageResponse.FromString(data).HasField("ack")
        ):
            lost -= 1
            raise Refused(grpc.StatusCode.UNAVAILABLE)
        return data

    proxy.on_answer = on_answer
    with open_reporter(proxy.address, tmp_path, submitter, shared_ledger) as reporter:
        ids = [reporter.report(model_id="m1") for _ in range(250)]
        reporter.flush(PATIENCE_S).result()
        status = reporter.status()

    assert lost == 0
    assert status.duplicates >= 1
    assert logged_ids(shared_ledger, submitter) == Counter(ids)
    assert proven_ids(tmp_path, shared_ledger) == set(ids)


def test_refused_events_are_put_aside_with_the_reason(
    shared_ledger: LedgerProcess, tmp_path: Path, submitter: str
) -> None:
    """A bad event and a conflict go to a file, their neighbours to the log."""
    heard: list[RejectedEvent] = []
    with open_reporter(
        shared_ledger.address, tmp_path, submitter, shared_ledger, on_rejected=heard.append
    ) as reporter:
        good = reporter.report(make_event("good"))
        reporter.report(make_event("nameless", model_id=""))
        reporter.report(make_event("good", tokens=5))
        reporter.report(make_event("future", event_time_us=2**52))
        reporter.flush(PATIENCE_S).result()
        assert reporter.status().rejected == 3

    assert logged_ids(shared_ledger, submitter) == Counter([good])
    lines = {(line["event_id"], line["outcome"], line["reason"]) for line in rejected(tmp_path)}
    assert lines == {
        ("nameless", "REJECTED", "FIELD_MISSING"),
        ("good", "CONFLICT", "CONFLICT"),
        ("future", "REJECTED", "TIME_OUTSIDE_WINDOW"),
    }
    assert {(each.event_id, each.outcome, each.reason) for each in heard} == lines
    kept = [UsageEvent.FromString(base64.b64decode(line["event"])) for line in rejected(tmp_path)]
    assert {event.event_id for event in kept} == {"nameless", "good", "future"}


@pytest.mark.parametrize("backfill_late", [True, False])
def test_events_that_became_too_old_are_sent_as_backfill(
    shared_ledger: LedgerProcess, tmp_path: Path, submitter: str, backfill_late: bool
) -> None:
    """What waited longer than the window is logged and marked; unless the host wants it refused."""
    with open_reporter(
        shared_ledger.address, tmp_path, submitter, shared_ledger, backfill_late=backfill_late
    ) as reporter:
        reporter.report(make_event("new"))
        reporter.report(make_event("old", event_time_us=1_000_000))
        reporter.report(make_event("new-2"))
        reporter.flush(PATIENCE_S).result()

    expected = {"new", "new-2"} | ({"old"} if backfill_late else set())
    assert logged_ids(shared_ledger, submitter) == Counter(expected)
    assert len(rejected(tmp_path)) == (0 if backfill_late else 1)
    if backfill_late:
        with LedgerClient(shared_ledger.address, submitter=submitter) as client:
            assert client.usage_event("old").backfill
            assert not client.usage_event("new").backfill
    assert proven_ids(tmp_path, shared_ledger) == expected


def test_one_event_that_sinks_its_batch_is_found_and_put_aside(
    proxy: Proxy, shared_ledger: LedgerProcess, tmp_path: Path, submitter: str
) -> None:
    """When whole batches are refused for one event, that event ends in the file and all others in the log."""

    def on_request(method: str, data: bytes) -> bytes:
        if method == "StreamUsage" and b"poison" in data:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "cannot read this batch")
        return data

    proxy.on_request = on_request
    with open_reporter(proxy.address, tmp_path, submitter, shared_ledger) as reporter:
        ids = [
            reporter.report(make_event(f"poison-{at}" if at in (0, 77, 78, 249) else f"e-{at}"))
            for at in range(250)
        ]
        reporter.flush(PATIENCE_S).result()

    good = [name for name in ids if not name.startswith("poison")]
    assert logged_ids(shared_ledger, submitter) == Counter(good)
    assert [line["event_id"] for line in rejected(tmp_path)] == [
        "poison-0",
        "poison-77",
        "poison-78",
        "poison-249",
    ]
    assert "cannot read this batch" in rejected(tmp_path)[0]["message"]


def test_a_bad_receipt_stops_the_delivery_and_keeps_everything(
    proxy: Proxy, shared_ledger: LedgerProcess, tmp_path: Path, submitter: str
) -> None:
    """Evidence of misbehaviour is kept with the spool; later, with an honest ledger, nothing is missing."""

    def on_answer(method: str, data: bytes) -> bytes:
        message = StreamUsageResponse.FromString(data) if method == "StreamUsage" else None
        if message is None or not message.HasField("ack"):
            return data
        spoiled = bytearray(message.ack.result.receipts[0])
        spoiled[len(spoiled) // 2] ^= 1
        message.ack.result.receipts[0] = bytes(spoiled)
        return message.SerializeToString()

    proxy.on_answer = on_answer
    errors: queue.Queue[Exception] = queue.Queue()
    with open_reporter(
        proxy.address, tmp_path, submitter, shared_ledger, on_error=errors.put
    ) as reporter:
        ids = [reporter.report(model_id="m1") for _ in range(30)]
        with pytest.raises(VerificationError):
            reporter.flush(PATIENCE_S).result()
        assert isinstance(errors.get(timeout=PATIENCE_S), VerificationError)
        ids.append(reporter.report(model_id="m1"))
        status = reporter.status()
        assert isinstance(status.halted, VerificationError)
        assert status.unsettled_bytes > 0
        with pytest.raises(VerificationError):
            reporter.flush(PATIENCE_S).result()

    assert list(tmp_path.rglob("*.receipt")) == []
    (evidence,) = (tmp_path / "evidence").iterdir()
    told = json.loads((evidence / "evidence.json").read_text())
    sent = [UsageEvent.FromString(base64.b64decode(event)).event_id for event in told["events"]]
    assert sent == ids[: len(sent)]
    answer = StreamUsageResponse.FromString((evidence / "answer.bin").read_bytes())
    assert answer.ack.sequence == told["sequence"]

    with open_reporter(shared_ledger.address, tmp_path, submitter, shared_ledger) as reporter:
        reporter.flush(PATIENCE_S).result()
    assert logged_ids(shared_ledger, submitter) == Counter(ids)
    assert proven_ids(tmp_path, shared_ledger) == set(ids)


def test_a_spool_belongs_to_one_log(
    shared_ledger: LedgerProcess, ledger: LedgerProcess, tmp_path: Path, submitter: str
) -> None:
    """The key that was trusted first is kept in the folder, and another log is refused, with a key or without."""
    with open_reporter(shared_ledger.address, tmp_path, submitter) as reporter:
        reporter.report(model_id="m1")
        reporter.flush(PATIENCE_S).result()
    assert (tmp_path / "log.vkey").read_text().strip() == shared_ledger.vkey

    for known in (None, ledger):
        with open_reporter(ledger.address, tmp_path, submitter, known) as reporter:
            reporter.report(model_id="m1")
            with pytest.raises(VerificationError):
                reporter.flush(PATIENCE_S).result()

    assert logged_ids(ledger, submitter) == Counter()


def test_damage_in_the_spool_is_told_and_the_rest_is_delivered(
    shared_ledger: LedgerProcess, tmp_path: Path, submitter: str
) -> None:
    """One damaged event is reported and kept aside; its neighbours are logged."""
    with open_reporter(NOBODY, tmp_path, submitter, shared_ledger) as reporter:
        ids = [reporter.report(make_event(f"e-{at}")) for at in range(50)]
        reporter.close(0.0)
    (segment,) = tmp_path.glob("*.seg")
    data = bytearray(segment.read_bytes())
    data[data.index(b"e-20")] ^= 1
    segment.write_bytes(data)
    errors: list[Exception] = []

    with open_reporter(
        shared_ledger.address, tmp_path, submitter, shared_ledger, on_error=errors.append
    ) as reporter:
        reporter.flush(PATIENCE_S).result()
        (damage,) = reporter.status().damages

    assert logged_ids(shared_ledger, submitter) == Counter(set(ids) - {"e-20"})
    assert any(isinstance(error, SpoolDamaged) for error in errors)
    assert damage.file is not None
    assert b"d-20" in damage.file.read_bytes()


def test_a_full_spool_refuses_and_loses_nothing(
    shared_ledger: LedgerProcess, tmp_path: Path, submitter: str
) -> None:
    """SpoolFull is raised at once, and every event that was taken before is delivered."""
    taken = []
    with open_reporter(
        NOBODY, tmp_path, submitter, shared_ledger, spool_size_bytes_max=20_000
    ) as reporter:
        full = False
        while not full:
            try:
                taken.append(reporter.report(model_id="m1"))
            except SpoolFull:
                full = True
        assert reporter.status().spool_size_bytes <= 20_000
        reporter.close(0.0)

    with open_reporter(
        shared_ledger.address, tmp_path, submitter, shared_ledger, spool_size_bytes_max=20_000
    ) as reporter:
        for _ in range(3):
            reporter.flush(PATIENCE_S).result()
            taken += [reporter.report(model_id="m1") for _ in range(50)]
        reporter.flush(PATIENCE_S).result()

    assert len(taken) > 200
    assert logged_ids(shared_ledger, submitter) == Counter(taken)


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


def test_a_forked_child_takes_nothing(tmp_path: Path, submitter: str) -> None:
    """In a child process the thread is gone, so report refuses, and closing there leaves the parent's alone."""
    reporter = open_reporter(NOBODY, tmp_path, submitter)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            reporter.report(model_id="m1")
        except ReporterClosed:
            reporter.close()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert reporter.report(model_id="m1")
    with pytest.raises(StartupError):
        open_reporter(NOBODY, tmp_path, submitter)
    reporter.close(0.0)


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
