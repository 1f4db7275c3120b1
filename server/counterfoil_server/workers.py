"""Several processes on one port and one store: started, watched, and stopped together.

All are alike; the store's write transaction orders them. The parent holds the directory's lock and opens neither the store
nor gRPC, so that its children start clean (spawned, never forked).
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from counterfoil.errors import StartupError

_STOP_S: Final = 30.0


def run_workers(
    directory: Path, address: str, workers: int, announce: Callable[[str], None]
) -> int:
    """Run workers until a signal or until one of them ends; then stop them all.

    Returns:
        The first exit code that is not 0, else 0.

    Raises:
        StartupError: a worker could not start.
    """
    with _reserve(address):
        children = [_start(directory, address, number) for number in range(workers)]
        try:
            lines = [_wait_until_ready(child) for child in children]
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: _tell_all(children))
            announce(f"{lines[0]}, {workers} workers")
            # Whichever ends first takes the others with it: a worker that stopped signing must be looked at.
            for child in _as_they_end(children):
                _tell_all([other for other in children if other is not child])
            return next((child.returncode for child in children if child.returncode), 0)
        finally:
            _tell_all(children)
            for child in children:
                child.wait(_STOP_S)


def _reserve(address: str) -> socket.socket:
    """Hold the port without listening on it, so that it stays ours while workers come and go."""
    host, _, port = address.rpartition(":")
    name = host.removeprefix("[").removesuffix("]")
    holder = socket.socket(socket.AF_INET6 if ":" in name else socket.AF_INET, socket.SOCK_STREAM)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.bind((name, int(port)))
    return holder


def _start(directory: Path, address: str, number: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "counterfoil_server", str(directory), address, str(number)]
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )


def _wait_until_ready(child: "subprocess.Popen[str]") -> str:
    line = child.stdout.readline().strip() if child.stdout else ""
    if not line.startswith("ready"):
        raise StartupError(line or "a worker ended before it was ready; its message is above")
    return line


def _as_they_end(children: list["subprocess.Popen[str]"]) -> list["subprocess.Popen[str]"]:
    """Wait until one child has ended; returns those that have."""
    os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    return [child for child in children if child.poll() is not None]


def _tell_all(children: list["subprocess.Popen[str]"]) -> None:
    for child in children:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
