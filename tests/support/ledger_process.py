"""A real ledger for tests: `counterfoil init` and `serve` in processes of their own, on a free port.

Fixtures (tests/conftest.py makes them known everywhere):

    ledger          a fresh ledger for one test, serving
    registry_ledger another one, for tests that register something
    shared_ledger   one ledger for the whole session, serving, for tests that do not care what else is in it
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from .forked import Forked, run_forked

ORIGIN = "test.example/ledger"

# How long a start or a stop may take on a busy machine before the test is told so. Nothing waits that long when all is well.
_PATIENCE_S = 60.0
_READY = re.compile(r"counterfoil: ready, .*\bgrpc ([^\s,]+)")


def run_cli(
    *arguments: str | Path, module: str = "counterfoil_cli", **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run the command line (or another module) in a process of its own and wait for its end."""
    words = [str(word) for word in arguments]
    if module == "counterfoil_cli" and options.keys() <= {"env", "cwd"}:
        return run_forked(*words, timeout_s=4 * _PATIENCE_S, **options)
    return subprocess.run(
        [sys.executable, "-m", module, *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=4 * _PATIENCE_S,
        **options,
    )


def run_json(*arguments: str | Path, code: int = 0) -> dict[str, Any]:
    """Run a command with --json, expect an exit code, and give its one object."""
    done = run_cli(*arguments, "--json")
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    lines = done.stdout.splitlines()
    assert len(lines) == 1, f"not one object: {done.stdout!r}"
    answer = json.loads(lines[0])
    assert isinstance(answer, dict)
    return answer


class LedgerProcess:
    """A ledger's directory and, between start and stop, the process that serves it.

    Attributes:
        directory: what `counterfoil init` made.
        vkey: the log's verifier key.
        address: where it serves; changes with each start.
        ready_line: what it said when it was ready.
    """

    def __init__(self, directory: Path, origin: str = ORIGIN, options: Sequence[str] = ()) -> None:
        self.directory = directory
        self.origin = origin
        # Without keys: what most tests are about is not who calls; those of access make their own.
        made = run_json("init", directory, "--origin", origin, "--no-key", *options)
        self.vkey = str(made["vkey"])
        self.address = ""
        self.ready_line = ""
        self._process: Forked | None = None

    @property
    def pid(self) -> int:
        """The process that was started; its workers are its children."""
        assert self._process is not None, "the ledger is not running"
        return self._process.pid

    @property
    def log(self) -> str:
        """What the server wrote to standard error since it was started first."""
        path = self._log_path
        return path.read_text("utf-8", "replace") if path.exists() else ""

    @property
    def _log_path(self) -> Path:
        return self.directory.with_name(f"{self.directory.name}.server.log")

    def start(
        self, *options: str, address: str = "127.0.0.1:0", env: dict[str, str] | None = None
    ) -> None:
        """Serve, and return when it says that it is ready."""
        command = ["serve", str(self.directory.absolute()), "--grpc", address, *options]
        with self._log_path.open("ab") as log:
            # A process group of its own: `kill` ends the workers too.
            self._process = Forked(*command, stderr=log.fileno(), env={**os.environ, **(env or {})})
        assert self._process.stdout is not None
        self.ready_line = _read_line(self._process.stdout)
        found = _READY.search(self.ready_line)
        if found is None:
            self.kill()
            pytest.fail(f"the ledger did not start: {self.ready_line!r}\n{self.log}")
        self.address = found[1]

    def stop(self) -> int:
        """Ask it to stop, wait until it has, and give the exit code."""
        assert self._process is not None, "the ledger is not running"
        self._process.send_signal(signal.SIGTERM)
        return self._end()

    def kill(self) -> None:
        """End it and its workers at once, as a crash would."""
        assert self._process is not None, "the ledger is not running"
        os.killpg(self._process.pid, signal.SIGKILL)
        self._end()

    def wait(self) -> int:
        """Wait until it ends by itself, and give the exit code."""
        return self._end()

    def close(self) -> None:
        """Make sure that nothing is left running."""
        if self._process is not None:
            self.stop()

    def cli(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command that speaks to this ledger, whose key is known."""
        return run_cli(*arguments, "--server", self.address, "--key", self.vkey)

    def json(self, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
        """The same with --json and an expected exit code."""
        return run_json(*arguments, "--server", self.address, "--key", self.vkey, code=code)

    def _end(self) -> int:
        process, self._process = self._process, None
        assert process is not None
        try:
            code = process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(_PATIENCE_S)
            pytest.fail(f"the ledger did not stop\n{self.log}")
        finally:
            if process.stdout is not None:
                process.stdout.close()
        return code


def _read_line(pipe: IO[str]) -> str:
    """The first line of a pipe; empty when the other end closed it or says nothing for too long."""
    readable, _, _ = select.select([pipe], [], [], _PATIENCE_S)
    return pipe.readline() if readable else ""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[LedgerProcess]:
    """A fresh ledger, serving."""
    with serving(tmp_path / "ledger") as process:
        yield process


@pytest.fixture(scope="session")
def shared_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerProcess]:
    """One ledger for the whole session, serving."""
    with serving(tmp_path_factory.mktemp("shared") / "ledger") as process:
        yield process


@contextmanager
def serving(directory: Path, *options: str, origin: str = ORIGIN) -> Iterator[LedgerProcess]:
    """A fresh ledger, served until the end of the block."""
    process = LedgerProcess(directory, origin)
    process.start(*options)
    try:
        yield process
    finally:
        process.close()


@pytest.fixture(scope="session")
def registry_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerProcess]:
    """A ledger like it, for tests that register something: behind what comes in afterwards stand verdicts."""
    with serving(tmp_path_factory.mktemp("registry") / "ledger") as process:
        yield process
