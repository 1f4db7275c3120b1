"""Builds the compiled twin of the batch functions where there is a compiler, and goes on without it where there is none.

The package is complete without it: `counterfoil.twin` takes the Python functions then, which are the reference.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
TWIN = "ledger/counterfoil/_native.abi3.so"


class TwinBuildHook(BuildHookInterface[Any]):
    """Called by hatchling before a wheel or an editable install is made."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; on success the wheel holds the twin and says what machine it is for."""
        del version
        command = [sys.executable, ROOT / "scripts" / "build_twin.py", ROOT / TWIN]
        if self.target_name == "wheel" and not subprocess.run(command, check=False).returncode:  # noqa: S603
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
            build_data["artifacts"].append(TWIN)
