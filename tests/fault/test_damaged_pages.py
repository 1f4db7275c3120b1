"""A number that leads beyond the end of the store's file ends whoever follows it; somebody is left to tell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from counterfoil.log.layout import index_key

from . import small_ledger
from .rot_pages import PageMap

# The highest byte of a value's size stands before the flags, the size of the key and the key.
_SIZE_BEFORE_KEY = 5
TOLD = "the store's file is damaged, or its disk cannot be read"


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A ledger with one bit changed: a batch that has pages of its own is said to be 2 GiB long."""
    directory = tmp_path / "ledger"
    small_ledger.grow(directory, small_ledger.make(directory), 1, 300)
    path = directory / "store" / "data.mdb"
    data = bytearray(path.read_bytes())
    pages, key = PageMap(bytes(data)), index_key(1)
    at = data.find(key)
    while (pages.place(at).kind, pages.place(at).space) != ("leaf", "batch"):
        at = data.find(key, at + 1)
    data[at - _SIZE_BEFORE_KEY] ^= 0x80
    path.write_bytes(data)
    return directory


def python(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Python to its end."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("command", ["backup", "drill", "export"])
def test_a_command_tells_of_the_damage(damaged: Path, tmp_path: Path, command: str) -> None:
    """Whoever reads such a store from end to end ends with one line that says what to do, and with code 2."""
    target = [] if command == "drill" else [tmp_path / "target"]
    done = python("-m", "counterfoil_cli", command, damaged, *target)

    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"counterfoil: {TOLD}")
    assert "SIGBUS" in done.stderr
    assert "restore a backup" in done.stderr
    assert not (tmp_path / "target").exists()


def test_fsck_looks_at_the_pages_first(damaged: Path) -> None:
    """fsck finds the number without following it."""
    done = python("-m", "counterfoil_cli", "fsck", damaged)

    assert done.returncode == 1, done.stderr
    assert "pages: " in done.stdout


def test_a_server_says_that_it_was_killed(damaged: Path) -> None:
    """A server that meets such a number leaves a trace of what it was doing."""
    done = python("-m", "counterfoil_cli", "serve", damaged, "--grpc", "127.0.0.1:0")

    assert done.returncode == -signal.SIGBUS
    assert "Fatal Python error: Bus error" in done.stderr
    assert "check_right_edge" in done.stderr


def test_without_a_guard_nobody_tells(damaged: Path, tmp_path: Path) -> None:
    """The negative control: the same command without the process that watches ends by the signal, without a word."""
    run = "import sys; from counterfoil_cli.main import main; sys.exit(main(sys.argv[1:]))"
    done = python("-c", run, "backup", damaged, tmp_path / "target")

    assert (done.returncode, done.stderr) == (-signal.SIGBUS, "")


def guarded(run: str) -> list[str]:
    """The arguments for a guarded function of some text."""
    imports = "import os, signal, sys; from counterfoil_cli.guard import guarded"
    return ["-c", f"{imports}\nsys.exit(guarded(lambda: {run}))"]


@pytest.mark.parametrize(
    ("run", "code"),
    [
        ("0", 0),
        ("1", 1),
        ("sys.exit(5)", 5),
        ("1 // 0", 1),
        ("os.kill(os.getpid(), signal.SIGSEGV)", 2),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    ],
)
def test_the_end_of_the_child_is_that_of_the_command(run: str, code: int) -> None:
    """Exit codes come through, a traceback too, and signals that are not those of damage."""
    done = python(*guarded(run))

    assert done.returncode == code, done.stderr
    assert (TOLD in done.stderr) == (code == 2)
    assert ("ZeroDivisionError" in done.stderr) == ("//" in run)


def test_a_command_that_is_ended_leaves_no_child() -> None:
    """A SIGTERM for the command ends the child that does the work."""
    run = "(print(os.getpid(), flush=True), signal.pause())"
    with subprocess.Popen(
        [sys.executable, *guarded(run)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert child != process.pid
        process.terminate()
        assert process.wait(60) == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
