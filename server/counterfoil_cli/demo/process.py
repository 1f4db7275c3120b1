"""A ledger in processes of its own, as anybody would start it: `counterfoil init`, `serve`, `fsck`, and the verifier."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from counterfoil_cli.console import CommandError

_READY: Final = re.compile(r"grpc (\S+?),? ")
# Longer than the server gives calls to finish.
_STOP_S: Final = 30.0
_LOG_LINES_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a child process ended: its exit code and what it printed."""

    code: int
    output: str


def run_program(*arguments: str) -> Outcome:
    """Run `counterfoil` in a process of its own; its progress bars show on our terminal."""
    return _run("counterfoil_cli", *arguments)


def run_verifier(*arguments: str) -> Outcome:
    """Run the offline verifier, which needs neither the server's code nor gRPC, in a process of its own."""
    return _run("counterfoil", "verify", *arguments)


def make_ledger(directory: Path, origin: str) -> tuple[str, str]:
    """Make a sandbox ledger; returns its verifier key, and its operator's API key."""
    made = run_program("init", str(directory), "--origin", origin, "--sandbox", "--json")
    if made.code:
        raise CommandError("the demonstration's ledger could not be made")
    answer: dict[str, Any] = json.loads(made.output)
    return str(answer["vkey"]), str(answer["operator_key"])


@contextmanager
def running_ledger(directory: Path, log: Path) -> Iterator[str]:
    """Serve a ledger on a free port while the block runs; gives its address.

    Args:
        directory: what `make_ledger` made.
        log: where the server's own remarks go.

    Raises:
        CommandError: it did not start.
    """
    command = [
        sys.executable,
        "-m",
        "counterfoil_cli",
        "serve",
        str(directory),
        "--grpc",
        "127.0.0.1:0",
    ]
    with (
        log.open("wb") as remarks,
        # A session of its own, so that Ctrl-C reaches us first and the server is stopped in order.
        subprocess.Popen(  # noqa: S603 - our own program
            command, stdout=subprocess.PIPE, stderr=remarks, text=True, start_new_session=True
        ) as child,
    ):
        try:
            ready = child.stdout.readline() if child.stdout else ""
            found = _READY.search(f"{ready.strip()} ")
            if found is None:
                child.terminate()
                child.wait(_STOP_S)
                last = " ".join(log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES_SHOWN:])
                raise CommandError(
                    f"the demonstration's ledger did not start: {ready.strip() or last}"
                )
            yield found[1]
        finally:
            child.terminate()
            try:
                child.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()


def _run(module: str, *arguments: str) -> Outcome:
    done = subprocess.run(  # noqa: S603 - our own programs
        [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True, check=False
    )
    return Outcome(done.returncode, done.stdout)
