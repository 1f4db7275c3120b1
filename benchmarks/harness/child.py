"""Child processes that are always ended: started in a group of their own, spoken to in lines, with time limits."""

import itertools
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from harness.processes import family

HERE: Final = Path(__file__).resolve().parents[1]
ROOT: Final = HERE.parent
_STOP_S: Final = 30.0
_numbers = itertools.count(1)


class Failed(Exception):
    """A child process did not do what it was started for; the message says which and why."""


class Child:
    """A running program. As a context manager it ends the program and everything that the program started."""

    def __init__(self, name: str, command: Sequence[str], logs: Path, **options: Any) -> None:
        """Start it; its standard error goes to a file of its own in the folder ``logs``."""
        self.name = name
        self._log = logs / f"{name.replace(' ', '-')}-{next(_numbers)}"
        with self._log.open("wb") as errors:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stderr=errors,
                cwd=HERE,
                start_new_session=True,
                **{"stdout": subprocess.PIPE, **options},
            )

    def __enter__(self) -> Self:
        """The child itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it, politely first."""
        self.stop()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def pids(self) -> list[int]:
        """Its process and those that it started."""
        return family(self.pid)

    def read_line(self, timeout_s: float) -> str:
        """The next line of its standard output.

        Raises:
            Failed: it ended, or nothing came in time.
        """
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], timeout_s)
        # What a line's reader buffers, select does not see: each child writes one line and waits, or ends.
        line = self._process.stdout.readline().decode() if readable else ""
        if not line:
            told = "ended" if readable else f"said nothing for {timeout_s:.0f} s"
            raise Failed(f"{self.name} {told}: {self.errors()}")
        return line.strip()

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def ended(self, timeout_s: float) -> bool:
        """Whether it has ended, after waiting for that at most this long."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def errors(self) -> str:
        """The end of what it wrote to standard error."""
        return self._log.read_text("utf-8", "replace")[-1500:].strip()

    def stop(self) -> int:
        """Ask it to end, wait, and if need be end its whole group."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            code = self._process.wait(_STOP_S)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        return code


def start_client(module: str, task: dict[str, Any], logs: Path, **options: Any) -> Child:
    """Start one of the client programs beside this module."""
    command = [sys.executable, "-m", f"harness.{module}", json.dumps(task)]
    return Child(module, command, logs, **options)


def run_json(command: Sequence[str], timeout_s: float) -> dict[str, Any]:
    """Run a program that prints one JSON object.

    Raises:
        Failed: it did not.
    """
    try:
        done = subprocess.run(
            list(command), cwd=HERE, capture_output=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{' '.join(command)} took more than {timeout_s:.0f} s") from error
    lines = done.stdout.decode().splitlines()
    if done.returncode or not lines:
        told = done.stderr.decode("utf-8", "replace")[-1500:].strip()
        raise Failed(f"{' '.join(command)} ended with {done.returncode}: {told}")
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer
