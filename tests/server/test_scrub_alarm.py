"""Rot under a running server: the scrub raises an alarm in the log, and what is sound is served on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from counterfoil.log.fsck import Fault
from counterfoil_server.scrubbing import raise_alarms

from ..support.ledger_process import LedgerProcess
from .edge import Edge, connected, event, exact, fault_of
from .settings import set_setting

ALARM = "the store is damaged; run counterfoil fsck"
MARK = b"a-mark-that-stands-in-one-record-only"


@pytest.fixture
def stopped(tmp_path: Path) -> LedgerProcess:
    """A ledger with 20 events in two batches, not serving; the second batch holds the mark."""
    ledger = LedgerProcess(tmp_path / "ledger")
    ledger.start()
    with connected(ledger) as edge:
        edge.append([event(f"before-{n}") for n in range(10)])
        edge.append([event(MARK.decode()), *(event(f"after-{n}") for n in range(9))])
    assert ledger.stop() == 0
    return ledger


class Watched:
    """A server whose log is read as it is written."""

    def __init__(self, ledger: LedgerProcess) -> None:
        command = [sys.executable, "-m", "counterfoil_cli", "serve", str(ledger.directory)]
        self.process = subprocess.Popen(
            [*command, "--grpc", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        ready = self.process.stdout.readline()
        ledger.address = ready.rpartition("grpc ")[2].strip()

    def alarm(self) -> dict[str, Any]:
        """Wait for the next alarm."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            told = json.loads(line)
            if told["event"] == ALARM:
                return dict(told)
        raise AssertionError("the server ended without an alarm")

    def stop(self) -> str:
        """Stop it; what it still had to say."""
        self.process.terminate()
        _, said = self.process.communicate()
        assert self.process.returncode == 0, said
        return said


@pytest.fixture
def watched(stopped: LedgerProcess) -> Iterator[Watched]:
    """The ledger served, with a scrub that goes round in a second."""
    set_setting(stopped.directory, "scrub_period_s", 1)
    server = Watched(stopped)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.communicate()


def rot(ledger: LedgerProcess) -> None:
    """Change a bit of the marked record where it lies in the file, behind LMDB's back."""
    path = ledger.directory / "store" / "data.mdb"
    at = path.read_bytes().index(MARK)
    with path.open("r+b") as file:
        file.seek(at)
        file.write(bytes([MARK[0] ^ 1]))


def answer(edge: Edge, index: int) -> str:
    """What comes of asking for an entry: served, or the reason of the refusal."""
    try:
        return "served" if edge.entry(index).record else "empty"
    except grpc.RpcError as error:
        return fault_of(error).reason


def test_rot_under_a_running_server_is_alarmed_and_the_rest_served(
    stopped: LedgerProcess, watched: Watched
) -> None:
    """A record that rots while it is served is told with its entry; all others are served, and new ones logged."""
    with connected(stopped) as edge:
        assert {answer(edge, index) for index in range(21)} == {"served"}
        rot(stopped)
        told = watched.alarm()
        assert (told["level"], told["entry"], told["part"]) == ("critical", 11, "record")
        answers = [answer(edge, index) for index in range(21)]
        assert answers == ["served"] * 11 + ["STORE_DAMAGED"] + ["served"] * 9
        assert edge.append([exact(event())]).first_index == 21
    assert "Traceback" not in watched.stop()


def test_a_sound_store_raises_no_alarm(stopped: LedgerProcess, watched: Watched) -> None:
    """A server whose scrub went round over a sound store stops without having told anything of damage."""
    with connected(stopped) as edge:
        for number in range(5):
            edge.append([event(f"more-{number}")])
    (told,) = watched.stop().splitlines()
    assert "this ledger has no keys" in told


def test_without_a_scrub_nothing_is_told(stopped: LedgerProcess) -> None:
    """The negative control: with the setting at 0 no thread looks, and the same rot is told by nobody."""
    set_setting(stopped.directory, "scrub_period_s", 0)
    server = Watched(stopped)
    rot(stopped)
    with connected(stopped) as edge:
        assert answer(edge, 11) == "STORE_DAMAGED"

    assert ALARM not in server.stop()


def test_many_faults_are_counted() -> None:
    """Of a thousand faults the first are told one by one, and the others as a number."""
    faults = [Fault(index, "record", "rotten") for index in range(1000)]
    with capture_logs() as told:
        raise_alarms(faults)
        raise_alarms([])

    assert [line["entry"] for line in told[:-1]] == list(range(20))
    assert told[-1]["faults"] == 980
    assert {line["log_level"] for line in told} == {"critical"}
