"""Running child.py and other programs beside the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def child(command: str, path: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command of child.py; it is killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("child.py")), command, str(path), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    """The next line that the child says."""
    assert process.stdout is not None
    said = process.stdout.readline()
    assert said, f"the child ended with {process.wait()}"
    return said.strip()


def verify(path: Path) -> str:
    """What LMDB's offline checker finds wrong with a store: every page, key and count, and the free list."""
    done = subprocess.run(
        [sys.executable, "-m", "lmdb", "verify", str(path)], capture_output=True, text=True
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr
