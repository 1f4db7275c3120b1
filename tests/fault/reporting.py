"""The result of a long form: printed, and written to a file of tests/fault/results."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def run_form(name: str, area: Path, *options: str) -> dict[str, Any]:
    """Run a form, a program of this folder, in a process of its own; its result, whether it was good or bad."""
    path = area / "result.json"
    command = [sys.executable, "-m", f"tests.fault.{name}", *options, "--result", str(path)]
    # No threads: a form forks.
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert path.exists(), done.stderr
    result = json.loads(path.read_text())
    assert isinstance(result, dict)
    return result


def memory_folder() -> Path | None:
    """A folder in memory, where there is one: files are made there by the thousand."""
    folder = Path("/dev/shm")
    return folder if os.access(folder, os.W_OK) else None


def machine() -> str:
    """The machine in a few words."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return (
        f"{os.cpu_count()} processors, {memory_gib:.0f} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}"
    )


@cache
def commit() -> str:
    """The commit of the checkout when it was first asked for, marked when files differ from it, as results soon will."""
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return found.stdout.strip() or "unknown"


def run_facts() -> dict[str, str]:
    """What each result begins with: date, commit and machine."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "machine": machine(),
    }


class LongRun:
    """One run of a long form: how long it took, and the result."""

    def __init__(self) -> None:
        # Now, before results change files of the checkout.
        commit()
        self._began_s = time.monotonic()

    def report(self, result: dict[str, Any], path: Path | None) -> None:
        """Print a result with date, commit, machine and seconds, and write it to a file if one is named."""
        head = {
            **run_facts(),
            "seconds": round(time.monotonic() - self._began_s),
        }
        text = json.dumps(head | result, indent=2) + "\n"
        sys.stdout.write(text)
        if path is not None:
            path.write_text(text)
