"""The tests' side of spawner.py: servers and clients that start in milliseconds and can be killed at any time."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
# Nothing takes that long when all is well; a machine may be suspended meanwhile.
PATIENCE_S = 3600.0
_READY = re.compile(r"counterfoil: ready, .*\bgrpc ([^\s,]+)")


@dataclass
class Child:
    """A forked process.

    Attributes:
        pid: its id, which is that of its process group too.
        code: how it ended; below 0 the signal. None while it runs.
    """

    tag: int
    log: Path
    pid: int = 0
    code: int | None = None
    lines: queue.SimpleQueue[str | None] = field(default_factory=queue.SimpleQueue)
    ended: threading.Event = field(default_factory=threading.Event)

    def kill(self, *, group: bool = True) -> None:
        """kill -9, at once; of the whole group or of this process alone."""
        try:
            (os.killpg if group else os.kill)(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            # It has just ended, or was forked just now and has not made its group yet.
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait for its end; the code."""
        assert self.ended.wait(timeout_s), f"process {self.pid} does not end\n{self.said()}"
        assert self.code is not None
        return self.code

    def end(self) -> None:
        """Kill it if it runs, and wait for its end."""
        if not self.ended.is_set():
            self.kill()
            self.wait()

    def said(self) -> str:
        """What it wrote to standard error, and whoever else wrote into that file."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""


class Spawner:
    """The process that forks; with a shim, its children are loaded with it."""

    def __init__(self, shim: Path | None = None) -> None:
        # Threads of a library that nobody uses here would not survive a fork.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        if shim is not None:
            environment["LD_PRELOAD"] = str(shim)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fault.spawner"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._children: dict[int, Child] = {}
        self._spawned: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        """The spawner itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill everything."""
        self.close()

    def spawn(self, what: str, log: Path, **arguments: Any) -> Child:
        """Fork a child that does one of the spawner's tasks."""
        child = Child(len(self._children) + 1, log)
        self._children[child.tag] = child
        shown = {
            name: str(value) if isinstance(value, Path) else value
            for name, value in arguments.items()
        }
        task = {"what": what, "tag": child.tag, "log": str(log), **shown}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        child.pid = self._spawned.get(timeout=PATIENCE_S)
        return child

    def close(self) -> None:
        """Kill all children and end."""
        for child in self._children.values():
            child.end()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            child = self._children[told["tag"]]
            if "pid" in told:
                self._spawned.put(told["pid"])
            elif "said" in told:
                child.lines.put(told["said"])
            else:
                child.code = told["ended"]
                child.lines.put(None)
                child.ended.set()


@dataclass
class Server:
    """A served directory: started, killed and started again, on one address.

    Attributes:
        ready_s: how long the last start took, from the request to "ready".
    """

    spawner: Spawner
    directory: Path
    address: str = "127.0.0.1:0"
    ready_s: float = 0.0
    child: Child | None = None

    @property
    def log(self) -> Path:
        """Where its standard error goes."""
        return self.directory.with_name(f"{self.directory.name}.server.log")

    def launch(
        self, *, workers: int = 1, plan: str = "", sabotage: str = "", log: Path | None = None
    ) -> Child:
        """Start it without waiting for it."""
        self.child = self.spawner.spawn(
            "serve",
            self.log if log is None else log,
            directory=self.directory,
            address=self.address,
            workers=workers,
            plan=plan,
            sabotage=sabotage,
        )
        return self.child

    def start(self, **options: Any) -> Child:
        """Start it and wait until it is ready."""
        began_s = time.monotonic()
        child = self.launch(**options)
        assert self.wait_ready(child), f"ended with {child.wait()}\n{child.said()}"
        self.ready_s = time.monotonic() - began_s
        return child

    def wait_ready(self, child: Child) -> bool:
        """Wait until a launched server is ready; False when it ended instead."""
        line = child.lines.get(timeout=PATIENCE_S)
        if line is None:
            return False
        found = _READY.search(line)
        assert found is not None, line
        self.address = found[1]
        return True

    def stop(self) -> int:
        """Ask it to stop, if it has not ended by itself, and wait; the exit code."""
        assert self.child is not None
        with suppress(ProcessLookupError):
            os.kill(self.child.pid, signal.SIGTERM)
        return self.child.wait()
