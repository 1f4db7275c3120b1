"""Generate the Python code of proto/ with the compiler that grpcio-tools bundles.

python scripts/generate.py [--output DIR]    DIR is `ledger` unless told otherwise.

Messages get a module and its type stub; only files that hold services get a gRPC module, so that reading a message
never imports gRPC. The protobuf package path equals the Python package path: what comes out imports as it is.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from importlib.resources import files as package_files
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
PACKAGE = Path("counterfoil", "v1")
PATTERNS = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py")


def compile_protos(output: Path) -> list[Path]:
    """Compile every file of proto/ into ``output``.

    Args:
        output: the folder that holds the top of the package path; made where it is missing.

    Returns:
        The generated files, sorted.

    Raises:
        subprocess.CalledProcessError: the compiler refused a file; what it said is on standard error.
    """
    protos = sorted(path.relative_to(PROTO) for path in PROTO.rglob("*.proto"))
    services = [path for path in protos if path.stem.endswith("_service")]
    output.mkdir(parents=True, exist_ok=True)
    _run_protoc(protos, f"--python_out={output}", f"--pyi_out={output}")
    _run_protoc(services, f"--grpc_python_out={output}")
    return generated_files(output)


def generated_files(output: Path) -> list[Path]:
    """The generated files below ``output``, sorted."""
    return sorted(path for pattern in PATTERNS for path in (output / PACKAGE).glob(pattern))


def _run_protoc(protos: list[Path], *options: str) -> None:
    google = package_files("grpc_tools") / "_proto"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"-I{google}", *options]
    subprocess.run([*command, *map(str, protos)], check=True, cwd=ROOT)


def main() -> None:
    """Generate into a folder of its own first, so that a refused file leaves the old code as it is."""
    parser = argparse.ArgumentParser(description="Generate the Python code of proto/.")
    parser.add_argument("--output", type=Path, default=ROOT / "ledger")
    output: Path = parser.parse_args().output
    with tempfile.TemporaryDirectory() as scratch:
        fresh = compile_protos(Path(scratch))
        for path in generated_files(output):
            path.unlink()
        (output / PACKAGE).mkdir(parents=True, exist_ok=True)
        for path in fresh:
            shutil.copyfile(path, output / PACKAGE / path.name)
    print(f"generated {len(fresh)} files in {output / PACKAGE}")


if __name__ == "__main__":
    main()
