"""A process that has everything imported and forks servers and clients on request: a start costs milliseconds.

``python -m tests.fault.spawner``, from the top of the checkout. One JSON object a line in each direction:

    in   {"what": "serve", "tag": T, "log": PATH, ...}    also call, stream, report: see TASKS for what each needs
    out  {"tag": T, "pid": N}, then {"tag": T, "said": LINE} for each line, and {"tag": T, "ended": CODE}

A server is the command line's own ``serve`` with these arguments, in a session of its own; only the import was done
before. A code below 0 is the signal that ended the child. When standard input ends, all children are killed.
"""

from __future__ import annotations

import ctypes
import gc
import io
import json
import os
import selectors
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from counterfoil_cli.main import main as run_command

# What the command imports only when it is asked to serve.
from counterfoil_server import serve as _serve  # noqa: F401

from .producer import call_for_ever, report_a_script, report_for_ever, stream_for_ever
from .sabotage import SABOTAGES

Task = dict[str, Any]


def serve(task: Task) -> int:
    """Run a ledger; ``plan`` is for the shim, ``sabotage`` breaks a safety property."""
    if task["sabotage"]:
        SABOTAGES[task["sabotage"]]()
    if task["plan"]:
        # Workers are programs of their own, and arm themselves from the environment.
        os.environ["SHIM_PLAN"] = task["plan"]
        ctypes.CDLL(None).shim_arm(task["plan"].encode())
    command = ["serve", task["directory"], "--grpc", task["address"]]
    return run_command([*command, "--workers", str(task["workers"])])


def report(task: Task) -> None:
    """Be a host with a spool that runs through a script, with a plan for the shim."""
    ctypes.CDLL(None).shim_arm(task["plan"].encode())
    report_a_script(task["address"], task["vkey"], Path(task["folder"]), Path(task["journal"]))


TASKS: dict[str, Callable[[Task], int | None]] = {
    "serve": serve,
    "call": lambda task: call_for_ever(
        task["address"], Path(task["journal"]), task["size"], task.get("rate", 0.0)
    ),
    "stream": lambda task: stream_for_ever(task["address"], Path(task["journal"]), task["size"]),
    "script": report,
    "report": lambda task: report_for_ever(
        task["address"], task["vkey"], Path(task["folder"]), Path(task["journal"])
    ),
}


def say(**words: Any) -> None:
    """One line to the tests; short enough that lines of several processes do not mix."""
    os.write(1, json.dumps(words).encode() + b"\n")


class _Tagged(io.TextIOBase):
    """The standard output of a child: passes whole lines on with its tag."""

    def __init__(self, tag: int) -> None:
        self._tag, self._text = tag, ""

    def write(self, text: str) -> int:
        self._text += text
        *lines, self._text = self._text.split("\n")
        for line in lines:
            say(tag=self._tag, said=line)
        return len(text)


def _be(task: Task) -> None:
    """Be the child; never returns."""
    code = 99
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open(task["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
        sys.stdout = _Tagged(task["tag"])
        code = TASKS[task["what"]](task) or 0
    except BaseException:  # noqa: BLE001 - the child must not go on as a second spawner
        traceback.print_exc()
    finally:
        os._exit(code)


def main() -> None:
    """Fork and reap until standard input ends."""
    children: dict[int, tuple[int, int]] = {}
    # What a child's collector does not touch it need not copy.
    gc.collect()
    gc.freeze()
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        pending = b""
        while True:
            for key, _ in selector.select():
                if key.fd in children:
                    tag, pid = children.pop(key.fd)
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    say(tag=tag, ended=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                    continue
                data = os.read(0, 1 << 16)
                if not data:
                    for _, pid in children.values():
                        os.kill(pid, signal.SIGKILL)
                    return
                *lines, pending = (pending + data).split(b"\n")
                for task in map(json.loads, lines):
                    pid = os.fork()
                    if pid == 0:
                        _be(task)
                    handle = os.pidfd_open(pid)
                    children[handle] = (task["tag"], pid)
                    selector.register(handle, selectors.EVENT_READ)
                    say(tag=task["tag"], pid=pid)


if __name__ == "__main__":
    main()
