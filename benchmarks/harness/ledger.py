"""The ledger under test: its own command line in processes of their own."""

import json
import re
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

from harness.child import Child, Failed, run_json
from harness.clock import stopwatch_s
from harness.processes import cpu_s, rss_anon_bytes

ORIGIN: Final = "bench.example/ledger"
_CLI: Final = (sys.executable, "-m", "counterfoil_cli")
_READY: Final = re.compile(r"ready, .*\bgrpc ([^\s,]+)")
_START_S: Final = 60.0
_SAMPLE_EVERY_S: Final = 0.2


@dataclass(frozen=True)
class Directory:
    """A ledger's directory and its key."""

    path: Path
    vkey: str

    @property
    def data_file(self) -> Path:
        """LMDB's file."""
        return self.path / "store" / "data.mdb"


def init(path: Path) -> Directory:
    """Make a ledger."""
    answer = run_json(
        [*_CLI, "init", str(path), "--origin", ORIGIN, "--no-key", "--json"], _START_S
    )
    return Directory(path, answer["vkey"])


def fsck(directory: Directory, timeout_s: float) -> float:
    """Check a ledger that nobody serves, and give the records per second.

    Raises:
        Failed: it is not sound.
    """
    return _sound(directory, run_json(_fsck_command(directory), timeout_s))


def fsck_watched(directory: Directory, logs: Path, timeout_s: float) -> tuple[float, int]:
    """The same, and the most anonymous memory that the check held, in bytes.

    Raises:
        Failed: it is not sound.
    """
    with Child("fsck", _fsck_command(directory), logs) as child, MemoryWatch(child) as memory:
        answer = json.loads(child.read_line(timeout_s))
    return _sound(directory, answer), memory.peak_bytes


def _fsck_command(directory: Directory) -> list[str]:
    return [*_CLI, "fsck", str(directory.path), "--json"]


def _sound(directory: Directory, answer: dict[str, Any]) -> float:
    if not answer["ok"]:
        raise Failed(f"fsck of {directory.path.name} found {answer['problem_count']} problems")
    return float(answer["records_per_second"])


class Server:
    """A server on a directory, from its start to the end of a ``with`` block.

    Attributes:
        address: where it listens. ready_s: how long its start took.
    """

    def __init__(self, directory: Directory, workers: int, logs: Path, **options: Any) -> None:
        """Start it and wait until it says that it is ready."""
        started_s = stopwatch_s()
        command = [*_CLI, "serve", str(directory.path), "--grpc", "127.0.0.1:0"]
        self._child = Child("the server", [*command, "--workers", str(workers)], logs, **options)
        try:
            found = _READY.search(self._child.read_line(_START_S))
            if found is None:
                raise Failed(f"the server did not start: {self._child.errors()}")
        except BaseException:
            self._child.stop()
            raise
        self.ready_s = stopwatch_s() - started_s
        self.address = found[1]

    def __enter__(self) -> Self:
        """The server itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Drain and stop it."""
        code = self._child.stop()
        if code and kind is None:
            raise Failed(f"the server ended with {code}: {self._child.errors()}")

    @property
    def pids(self) -> list[int]:
        """Its processes: the one that was started and its workers."""
        return self._child.pids

    def cpu_s(self) -> float:
        """Processor time of all its processes so far, in seconds."""
        return sum(map(cpu_s, self.pids))


class Watched(Protocol):
    """Processes that can be looked at."""

    @property
    def pids(self) -> list[int]:
        """Those that run now."""
        ...


class MemoryWatch:
    """The most anonymous memory that some processes held together during a ``with`` block.

    RssAnon leaves out the pages of mapped files: the store's pages belong to the page cache and are given back to
    whoever needs the memory.
    """

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.peak_bytes = 0

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Look a last time."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self.peak_bytes = max(self.peak_bytes, sum(map(rss_anon_bytes, self._watched.pids)))
            if self._stop.wait(_SAMPLE_EVERY_S):
                return
