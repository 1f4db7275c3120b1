"""The command line in processes of its own that begin with everything imported: a start costs a fork, and no second of imports.

``python -m tests.support.forker`` takes requests from the socket that is its standard input: a JSON object with arguments,
environment and folder, and with it three descriptors: standard output, standard error, and a pipe that is told the process id,
and at the end the exit code, a line each. What runs is ``counterfoil``'s own ``main``, in a session of its own, as if it had been
typed. When the socket closes, all that still runs is killed.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import sys
from typing import Any

from counterfoil_cli.main import main as run_command

# What commands import only when they are asked to do something.
from counterfoil_server import serve as _serve  # noqa: F401

REQUEST_SIZE_MAX = 1 << 18
_STREAMS = 3
_DESCRIPTORS_MAX = 4096


def main() -> int:
    """Fork until the socket closes; in a child, be the command."""
    gc.collect()
    # What a child's collector does not touch it need not copy.
    gc.freeze()
    task = _fork_on_request(socket.socket(fileno=0))
    if task is None:
        return 0
    os.environ.clear()
    os.environ.update(task["environment"])
    os.chdir(task["folder"])
    sys.argv = ["counterfoil", *task["arguments"]]
    return run_command()


def _fork_on_request(control: socket.socket) -> dict[str, Any] | None:
    """The request, in a child that was forked for it; None when there are no more."""
    children: dict[int, tuple[int, int]] = {}
    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is not control:
                pid, told = children.pop(key.fd)
                selector.unregister(key.fd)
                os.close(key.fd)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                os.write(told, f"{code}\n".encode())
                os.close(told)
                continue
            data, streams, _, _ = socket.recv_fds(control, REQUEST_SIZE_MAX, _STREAMS)
            if not data:
                for pid, _ in children.values():
                    os.kill(pid, signal.SIGKILL)
                return None
            pid = os.fork()
            if pid == 0:
                selector.close()
                _take_streams(control, streams)
                task: dict[str, Any] = json.loads(data)
                return task
            out, error, told = streams
            os.close(out)
            os.close(error)
            os.write(told, f"{pid}\n".encode())
            handle = os.pidfd_open(pid)
            children[handle] = (pid, told)
            selector.register(handle, selectors.EVENT_READ)


def _take_streams(control: socket.socket, streams: list[int]) -> None:
    """Let go of all that is the forker's, and take the streams of the request."""
    os.setsid()
    control.detach()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(streams[0], 1)
    os.dup2(streams[1], 2)
    os.closerange(3, _DESCRIPTORS_MAX)


if __name__ == "__main__":
    sys.exit(main())
