"""A disk that is full to the last byte, where it hurts: writes are refused, reads go on, and room brings writes back by itself.

The disks are small file systems in memory, mounted for the test.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from counterfoil.log import SPACES
from counterfoil.log.compact import find_due
from counterfoil.log.runs import read_runs
from counterfoil.store import LmdbStore
from counterfoil_client import SpoolFull, UsageReporter
from counterfoil_server.directory import create, fsck, load_signer

from ..server.edge import Edge, event, exact, fault_of
from ..server.load import Journal, expect_sound
from ..server.settings import set_setting
from .cycles import ORIGIN
from .shim import Action, Calls, Plan, Rule
from .spawning import PATIENCE_S, Server, Spawner
from .sweep import EXIT_OK, EXIT_OUTCOME_UNKNOWN, EXIT_REFUSED

DISK_BYTES = 6 << 20
PAGE = 4096


class Disk:
    """A small file system that can be filled up to a number of free pages."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, free_pages: int = 0) -> None:
        """Leave so many pages free."""
        with self._filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(PAGE))
            except OSError:
                file.truncate(max(0, file.tell() - free_pages * PAGE))

    def make_room(self) -> None:
        """Give back what was filled."""
        self._filler.unlink()


@contextmanager
def mounted(path: Path) -> Iterator[Disk]:
    """A file system of 6 MiB; the test is skipped where it may not be mounted."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A file system of its own."""
    with mounted(tmp_path / "disk") as disk:
        yield disk


class Full:
    """A ledger on a disk, its server, and what was acknowledged."""

    def __init__(self, spawner: Spawner, directory: Path, *, anchor: Path | None = None) -> None:
        settings = create(directory, ORIGIN, anchor=anchor)
        self.vkey = load_signer(settings).verifier.vkey
        self.directory = directory
        self.log = directory.with_name("server.log")
        # Nothing is kept back: the last byte counts.
        set_setting(directory, "room_reserve_bytes", 0)
        self.server = Server(spawner, directory)
        self.journal = Journal()

    @property
    def address(self) -> str:
        """Where it serves."""
        return self.server.address

    @contextmanager
    def serving(self, **options: Any) -> Iterator[Edge]:
        """Serve with the log on another disk, and stop."""
        self.server.start(**{"log": self.log.parent.parent / "server.log", **options})
        ledger: Any = self
        edge = Edge(ledger)
        try:
            yield edge
            expect_sound(edge, self.journal)
        finally:
            edge.close()
        assert self.server.stop() == EXIT_OK
        assert fsck(self.directory, lambda *_: None).sound

    def append(self, edge: Edge, count: int = 10) -> None:
        """Write a batch."""
        bodies = batch(count)
        self.journal.took(bodies, edge.append(bodies))

    def fill(self, edge: Edge) -> None:
        """Write until the disk is full; that must be said so."""
        while True:
            bodies = batch(50)
            try:
                self.journal.took(bodies, edge.append(bodies))
            except grpc.RpcError as error:
                self.journal.failed([bodies], error)
                break
        assert self.journal.faults[-1].reason == "STORE_FULL", self.journal.faults[-1]

    def expect_refused(self, edge: Edge, count: int = 50) -> None:
        """Writes are refused, and leave no trace; reads go on."""
        before = edge.info()
        for _ in range(3):
            with pytest.raises(grpc.RpcError) as caught:
                edge.append(batch(count))
            assert fault_of(caught.value).reason == "STORE_FULL", fault_of(caught.value)
        assert edge.info() == before
        expect_sound(edge, self.journal)


def batch(count: int) -> list[bytes]:
    """Acceptable events of some size."""
    return [exact(event(metadata={"pad": "x" * 300})) for _ in range(count)]


def test_full_when_it_opens(spawner: Spawner, disk: Disk) -> None:
    """A ledger starts on a full disk, reads, refuses, and goes on when there is room."""
    full = Full(spawner, disk.path / "ledger")
    with full.serving() as edge:
        full.append(edge)
    disk.fill()
    with full.serving() as edge:
        full.expect_refused(edge)
        disk.make_room()
        full.append(edge)


@pytest.mark.parametrize("free_pages", [0, 1, 2, 3, 7, 20, 100])
def test_full_while_it_writes(spawner: Spawner, disk: Disk, free_pages: int) -> None:
    """Wherever in a commit the disk turns out to be full, that is known to be a refusal and no restart is needed."""
    full = Full(spawner, disk.path / "ledger")
    with full.serving() as edge:
        full.append(edge)
        disk.fill(free_pages)
        full.fill(edge)
        full.expect_refused(edge)
        disk.make_room()
        full.journal.resend(edge)
        full.append(edge)


def test_full_inside_a_merge_of_the_catalog(spawner: Spawner, disk: Disk) -> None:
    """A merge that finds no room is put off with a warning, and made when there is room."""
    full = Full(spawner, disk.path / "ledger")
    with full.serving(sabotage="merge_never") as edge:
        for _ in range(5):
            bodies = [exact(event()) for _ in range(2000)]
            full.journal.took(bodies, edge.append(bodies))
    assert merge_due(full.directory)
    disk.fill()
    with full.serving(sabotage="merge_early") as edge:
        until(edge, lambda: "no room to merge the catalog" in server_log(full))
        # A small batch might fit into pages that are free inside the file.
        full.expect_refused(edge, 2000)
        assert merge_due(full.directory)
        disk.make_room()
        full.append(edge)
        until(edge, lambda: not merge_due(full.directory))


def server_log(full: Full) -> str:
    """What the server wrote."""
    return (full.log.parent.parent / "server.log").read_text()


def merge_due(directory: Path) -> bool:
    """Whether a merge of the catalog waits in the store."""
    store = LmdbStore(directory / "store", SPACES, read_only=True)
    try:
        with store.snapshot() as snapshot:
            return find_due(read_runs(snapshot).runs) is not None
    finally:
        store.close()


def until(edge: Edge, done: Any) -> None:
    """Ask the server for its size, thousands of times, until something has happened beside that."""
    for _ in range(20_000):
        if done():
            return
        edge.size()
    pytest.fail("it did not happen")


def test_full_under_the_anchor(spawner: Spawner, disk: Disk, tmp_path: Path) -> None:
    """The anchor's two slots have their place from the beginning: a full disk under it stops nothing."""
    (tmp_path / "other").mkdir()
    full = Full(spawner, tmp_path / "other" / "ledger", anchor=disk.path / "anchor")
    disk.fill()
    with full.serving() as edge:
        for _ in range(3):
            full.append(edge)


def test_an_anchor_that_cannot_be_written_stops_the_server_until_it_can(
    spawner: Spawner, tmp_path: Path
) -> None:
    """On a file system where even that needs room: it ends after the commit, starts only with room, and nothing is lost."""
    full_now = tmp_path / "full-now"
    (tmp_path / "other").mkdir()
    full = Full(spawner, tmp_path / "other" / "ledger")
    no_room = Rule(
        Calls.WRITE, 1, Action.ERROR, file="anchor", error=28, always=True, while_there=full_now
    )
    plan = Plan(full.directory, (no_room,)).format()
    log = tmp_path / "server.log"
    child = full.server.start(plan=plan, log=log)
    ledger: Any = full
    edge = Edge(ledger)
    full.append(edge)
    full_now.touch()
    bodies = batch(5)
    with pytest.raises(grpc.RpcError) as caught:
        edge.append(bodies)
    assert fault_of(caught.value).reason == "OUTCOME_UNKNOWN"
    full.journal.unanswered.append(bodies)
    assert child.wait() == EXIT_OUTCOME_UNKNOWN
    edge.close()
    before = child.said()
    again = full.server.launch(plan=plan, log=log)
    assert not full.server.wait_ready(again)
    assert again.wait() == EXIT_REFUSED
    told = again.said().removeprefix(before).splitlines()
    assert len(told) == 1, told
    assert "No space left on device" in told[0]
    full_now.unlink()
    with full.serving(plan=plan) as edge:
        full.journal.resend(edge)
        assert full.journal.answered[-1][1].duplicates == 5


def test_full_under_the_log_file(spawner: Spawner, tmp_path: Path) -> None:
    """A server whose messages find no room goes on: it answers, and refuses what is wrong, as ever."""
    (tmp_path / "other").mkdir()
    full = Full(spawner, tmp_path / "other" / "ledger")
    with full.serving(log=Path(os.devnull).with_name("full")) as edge:
        for _ in range(3):
            full.append(edge)
            with pytest.raises(grpc.RpcError) as caught:
                edge.append([])
            assert fault_of(caught.value).field == "events"


def test_a_failed_commit_ends_a_server_that_cannot_say_so(spawner: Spawner, tmp_path: Path) -> None:
    """With the log's disk full too, a failed commit is answered and ends the server with its code, instead of hanging it."""
    (tmp_path / "other").mkdir()
    full = Full(spawner, tmp_path / "other" / "ledger")
    rule = Rule(Calls.SYNC, 3, Action.ERROR, file="store/data.mdb")
    plan = Plan(full.directory, (rule,)).format()
    child = full.server.start(plan=plan, log=Path(os.devnull).with_name("full"))
    ledger: Any = full
    edge = Edge(ledger)
    full.append(edge)
    with pytest.raises(grpc.RpcError) as caught:
        edge.append(batch(1))
    assert fault_of(caught.value).reason == "OUTCOME_UNKNOWN"
    edge.close()
    assert child.wait() == EXIT_OUTCOME_UNKNOWN


def test_full_under_the_spool(spawner: Spawner, disk: Disk, tmp_path: Path) -> None:
    """A host on a full disk is told SpoolFull; what was taken is delivered, with receipts, once there is room."""
    (tmp_path / "other").mkdir()
    full = Full(spawner, tmp_path / "other" / "ledger")
    with full.serving() as edge:
        options: Any = {"submitter": "host_1", "trust": full.vkey, "batch_age_s": 0.01, "seed": 1}
        with UsageReporter(full.address, disk.path / "spool", **options) as reporter:
            taken = [reporter.report(model_id="m1") for _ in range(100)]
            reporter.flush(PATIENCE_S).result()
            disk.fill(free_pages=1)
            with pytest.raises(SpoolFull):
                taken.extend(reporter.report(model_id="m1") for _ in range(1000))
            disk.make_room()
            taken.append(reporter.report(model_id="m1"))
            reporter.flush(PATIENCE_S).result()
        for name in taken:
            assert edge.find_event(name).index
        assert edge.size() == len(set(taken)) + 1
