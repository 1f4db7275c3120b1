"""The verifier's part imports nothing but the standard library, pynacl and blake3."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LEDGER = Path(__file__).parents[2] / "ledger"
PURE = ("errors", "limits", "keys", "tlog", "note", "entry", "receipt", "webhook")
BLOCKED = ("grpc", "google.protobuf", "lmdb", "structlog", "numpy", "psycopg", "starlette", "typer")

# What an auditor installs, as top-level module names; cffi is how pynacl calls libsodium (_sodium).
ALLOWED = {"blake3", "cffi", "_cffi_backend", "counterfoil", "nacl", "_sodium"}

PROGRAM = """
import sys

for name in {blocked!r}:
    sys.modules[name] = None
before = set(sys.modules)
import {module}

foreign = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(sorted(foreign - set(sys.stdlib_module_names) - {allowed!r}))
"""


def exists(name: str) -> bool:
    """Whether the ledger has this module or package."""
    folder = LEDGER / "counterfoil"
    return (folder / f"{name}.py").exists() or (folder / name / "__init__.py").exists()


def run(module: str) -> subprocess.CompletedProcess[str]:
    """Import a module in a new process in which the heavy packages cannot be imported."""
    program = PROGRAM.format(blocked=BLOCKED, module=module, allowed=ALLOWED)
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(LEDGER)},
        timeout=60,
    )


@pytest.mark.parametrize("name", [name for name in PURE if exists(name)])
def test_pure_module_needs_nothing_heavy(name: str) -> None:
    """Each pure module can be imported without the server's packages, and imports no others."""
    result = run(f"counterfoil.{name}")

    assert result.returncode == 0, result.stderr
    assert result.stdout == "[]\n"


@pytest.mark.parametrize("name", BLOCKED)
def test_blocking_works(name: str) -> None:
    """In that process the blocked packages really cannot be imported."""
    result = run(name)

    assert result.returncode != 0
    assert "ModuleNotFoundError" in result.stderr
