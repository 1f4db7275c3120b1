"""UsageReporter and what fails around it: nothing that it took is lost, whoever crashes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import grpc
import pytest

from counterfoil.errors import StartupError
from counterfoil.v1.usage_service_pb2 import StreamUsageResponse
from counterfoil_client import (
    ReporterClosed,
    SpoolDamaged,
    SpoolFull,
)

from ..support.ledger_process import LedgerProcess
from .making import make_event
from .proxy import Proxy, Refused
from .reporting import NOBODY, PATIENCE_S, logged_ids, open_reporter, proven_ids


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
