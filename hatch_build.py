"""Builds the compiled twin of the batch functions where there is a compiler, and goes on without it where there is none.

The package is complete without it: `counterfoil.twin` takes the Python functions then, which are the reference.
"""

import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
SOURCES = ROOT / "ledger" / "native"
TARGET = ROOT / "ledger" / "counterfoil" / "_native.abi3.so"
FLAGS = (
    "-O2",
    "-std=c11",
    "-fPIC",
    "-fvisibility=hidden",
    "-fstack-protector-strong",
    "-Wall",
    "-Wextra",
)


class TwinBuildHook(BuildHookInterface[Any]):
    """Called by hatchling before a wheel or an editable install is made."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; on success the wheel holds the twin and says what machine it is for."""
        del version
        if self.target_name == "wheel" and compile_twin(TARGET):
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
            build_data["artifacts"].append("ledger/counterfoil/_native.abi3.so")


def compile_twin(target: Path, *extra: str) -> bool:
    """Compile the twin to a file; False, with the reason on standard error, when that is not possible."""
    include = sysconfig.get_path("include")
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")
    if sys.platform not in ("linux", "darwin") or not Path(include, "Python.h").exists():
        _say("no Python.h here")
        return False
    shared = (
        ("-bundle", "-undefined", "dynamic_lookup") if sys.platform == "darwin" else ("-shared",)
    )
    sources = [str(path) for path in sorted(SOURCES.glob("*.c"))]
    command = [*compiler, *FLAGS, *extra, *shared, f"-I{include}", *sources, "-o", str(target)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - the compiler
    except (OSError, subprocess.CalledProcessError) as error:
        told = getattr(error, "stderr", "") or error
        _say(str(told))
        return False
    return True


def _say(reason: str) -> None:
    sys.stderr.write(f"the compiled twin is left out: {reason}\n")


if __name__ == "__main__":
    sys.exit(
        0 if compile_twin(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET, *sys.argv[2:]) else 1
    )
