"""Compile the twin of the batch functions to a file: ``python scripts/build_twin.py [TARGET [FLAG...]]``.

Exit code 1, with the reason on standard error, when there is no compiler or no Python.h: the package is complete without.
"""

import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "ledger" / "native"
TARGET = ROOT / "ledger" / "counterfoil" / "_native.abi3.so"
FLAGS = (
    "-O3",
    "-std=c11",
    "-fPIC",
    "-fvisibility=hidden",
    "-fstack-protector-strong",
    "-Wall",
    "-Wextra",
)


def main() -> int:
    """Compile; 0 on success."""
    target, *extra = sys.argv[1:] or [str(TARGET)]
    include = sysconfig.get_path("include")
    if sys.platform not in ("linux", "darwin") or not Path(include, "Python.h").exists():
        print("the compiled twin is left out: no Python.h here", file=sys.stderr)
        return 1
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")
    shared = (
        ("-bundle", "-undefined", "dynamic_lookup") if sys.platform == "darwin" else ("-shared",)
    )
    sources = [str(path) for path in sorted(SOURCES.glob("*.c"))]
    command = [*compiler, *FLAGS, *extra, *shared, f"-I{include}", *sources, "-o", target]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        told = getattr(error, "stderr", "") or error
        print(f"the compiled twin is left out: {told}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
