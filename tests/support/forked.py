"""The tests' side of forker.py: one forker for the whole test process, started when it is needed first."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]


class Forked:
    """A command that runs in a process of its own, much like a ``subprocess.Popen``.

    Attributes:
        pid: its process id, which is that of its session and group too.
        stdout: what it says, when it was asked for a pipe.
    """

    def __init__(
        self,
        *arguments: str,
        stdout: int | None = None,
        stderr: int,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Start it; without ``stdout`` there is a pipe to read from."""
        ours, theirs = (None, stdout) if stdout is not None else os.pipe()
        told, tell = os.pipe()
        request = {
            "arguments": arguments,
            "environment": dict(os.environ if env is None else env),
            "folder": str(cwd or Path.cwd()),
        }
        assert theirs is not None
        socket.send_fds(_forker()[0], [json.dumps(request).encode()], [theirs, stderr, tell])
        os.close(tell)
        if ours is not None:
            os.close(theirs)
        self.stdout: IO[str] | None = None if ours is None else os.fdopen(ours, encoding="utf-8")
        self._told = os.fdopen(told)
        self.pid = int(self._told.readline())
        self._code: int | None = None

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self._code is None:
            os.kill(self.pid, number)

    def wait(self, timeout_s: float) -> int:
        """Wait for its end; the exit code, below 0 the signal.

        Raises:
            subprocess.TimeoutExpired: it runs on.
        """
        if self._code is None:
            if not select.select([self._told], [], [], timeout_s)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout_s)
            self._code = int(self._told.readline())
            self._told.close()
        return self._code


def run_forked(
    *arguments: str,
    timeout_s: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
        process = Forked(*arguments, stdout=out.fileno(), stderr=error.fileno(), env=env, cwd=cwd)
        code = process.wait(timeout_s)
        texts = []
        for file in (out, error):
            file.seek(0)
            texts.append(file.read().decode())
    return subprocess.CompletedProcess(arguments, code, *texts)


@cache
def _forker() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """The socket of the forker, which lives as long as the test process does, and its process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forker"],
            cwd=ROOT,
            # Threads of a library that nobody uses here would not survive a fork.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            stdin=theirs.fileno(),
        )
    return ours, process
