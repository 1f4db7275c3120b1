"""UsageReporter and events or receipts that are refused: all of it is kept, with the reason."""

from __future__ import annotations

import base64
import json
import queue
from collections import Counter
from pathlib import Path

import grpc
import pytest

from counterfoil.errors import VerificationError
from counterfoil.v1.record_pb2 import UsageEvent
from counterfoil.v1.usage_service_pb2 import StreamUsageResponse
from counterfoil_client import (
    LedgerClient,
    RejectedEvent,
)

from ..support.ledger_process import LedgerProcess
from .making import make_event
from .proxy import Proxy, Refused
from .reporting import PATIENCE_S, logged_ids, open_reporter, proven_ids, rejected


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
