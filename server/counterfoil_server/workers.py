"""Several processes on one port and one store: started, watched, and stopped together.

All are alike; the store's write transaction orders them. The parent holds the directory's lock and opens neither the store
nor gRPC, so that its children start clean (spawned, never forked). They inherit the lock, and a pipe that tells them
when the parent is gone: a parent that was killed leaves no workers behind, and no second server starts beside them.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from counterfoil.errors import StartupError

_log = structlog.get_logger(__name__)
_STOP_S: Final = 30.0
_EXIT_WORKER_ENDED: Final = 1
Worker = subprocess.Popen[str]


class Addresses(NamedTuple):
    """Where a ledger listens, ``host:port`` each; ``http`` is empty where there is no HTTP."""

    grpc: str
    http: str = ""


def run_workers(
    directory: Path,
    addresses: Addresses,
    workers: int,
    announce: Callable[[str], None],
    locks: Sequence[int],
) -> int:
    """Run workers until a signal or until one of them ends; then stop them all.

    Args:
        locks: the descriptors of the ledger's locks, which the workers hold with us.

    Returns:
        The first exit code that is not 0, else 0; 1 when a worker ended that nobody told to.

    Raises:
        StartupError: a worker could not start.
    """
    children: list[Worker] = []
    told = threading.Event()

    def stop(*_: object) -> None:
        told.set()
        _tell_all(children)

    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, stop)
    with ExitStack() as stack:
        for address in filter(None, addresses):
            stack.enter_context(_reserve(address))
        try:
            children.extend(
                _start(directory, addresses, number, workers, locks) for number in range(workers)
            )
            lines = [_wait_until_ready(child) for child in children]
            if not told.is_set():
                announce(f"{lines[0]}, {workers} workers")
                # Whichever ends first takes the others with it: a worker that stopped signing must be looked at.
                os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
                if not told.is_set():
                    _log_ended(children)
        except StartupError:
            # A worker that was told to stop before it was ready has nothing to say.
            if not told.is_set():
                raise
            return 0
        finally:
            _tell_all(children)
            for child in children:
                _wait(child)
    failed = next((child.returncode for child in children if child.returncode), 0)
    if told.is_set():
        return max(failed, 0)
    return failed if failed > 0 else _EXIT_WORKER_ENDED


def _log_ended(children: list[Worker]) -> None:
    for number, child in enumerate(children):
        if child.poll() is not None:
            _log.critical(
                "a worker ended, so all of them stop; start again",
                worker=number,
                process=child.pid,
                exit_code=child.returncode,
            )


def _reserve(address: str) -> socket.socket:
    """Hold the port without listening on it, so that it stays ours while workers come and go."""
    host, _, port = address.rpartition(":")
    name = host.removeprefix("[").removesuffix("]")
    holder = socket.socket(socket.AF_INET6 if ":" in name else socket.AF_INET, socket.SOCK_STREAM)
    # Connections of a server that was killed linger on the port; one that ran alone did not mark them as shared.
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.bind((name, int(port)))
    return holder


def _start(
    directory: Path, addresses: Addresses, number: int, workers: int, locks: Sequence[int]
) -> Worker:
    numbers = [str(number), str(workers)]
    command = [sys.executable, "-m", "counterfoil_server", str(directory), *addresses, *numbers]
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, pass_fds=locks
    )


def _wait_until_ready(child: Worker) -> str:
    line = child.stdout.readline().strip() if child.stdout else ""
    if not line.startswith("ready"):
        raise StartupError(line or "a worker ended before it was ready; its message is above")
    return line


def _tell_all(children: list[Worker]) -> None:
    for child in children:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)


def _wait(child: Worker) -> None:
    try:
        child.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
