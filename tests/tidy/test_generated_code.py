"""The committed generated code is what the generator writes for the protos of this checkout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .sources import GENERATED, ROOT


def differences(committed: Path, fresh: Path) -> list[str]:
    """Names of generated files that are missing, stale or left over in ``committed``."""
    names = {path.name for folder in (committed, fresh) for path in folder.glob("*_pb2*.py*")}
    return sorted(n for n in names if _content(committed / n) != _content(fresh / n))


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _generate(output: Path) -> Path:
    command = [sys.executable, "scripts/generate.py", "--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return output / "counterfoil" / "v1"


def test_generated_code_is_current(tmp_path: Path) -> None:
    """Regenerating changes no byte; otherwise run `make generate`."""
    assert differences(ROOT / GENERATED, _generate(tmp_path)) == []


def test_a_stale_a_missing_and_a_leftover_file_are_caught(tmp_path: Path) -> None:
    """Each way to be out of date is reported."""
    committed, fresh = tmp_path / "committed", tmp_path / "fresh"
    for folder in (committed, fresh):
        folder.mkdir()
        (folder / "same_pb2.py").write_text("same")
        (folder / "stale_pb2.pyi").write_text(folder.name)
    (committed / "leftover_pb2_grpc.py").write_text("old")
    (fresh / "missing_pb2.py").write_text("new")

    assert differences(committed, fresh) == [
        "leftover_pb2_grpc.py",
        "missing_pb2.py",
        "stale_pb2.pyi",
    ]
