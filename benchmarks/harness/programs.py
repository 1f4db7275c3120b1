"""Programs of other projects that this one does not bring along: where they are, if they are here at all."""

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

TESSERA_POSIX: Final = "posix"
TESSERA_HAMMER: Final = "hammer"
_IMPORT_S: Final = 60.0


@dataclass(frozen=True)
class Programs:
    """What the options of bench.py name.

    Attributes:
        immudb: the server. immudb_python: a Python that has the package immudb-py.
        tessera: the folder with the programs ``posix`` and ``hammer``.
    """

    immudb: Path | None = None
    immudb_python: Path = Path(sys.executable)
    tessera: Path | None = None

    def no_immudb(self) -> str:
        """Why immudb cannot be measured; empty when it can."""
        if self.immudb is None:
            return "no immudb on the path, and none named with --immudb: see the README"
        if not self.immudb.is_file():
            return f"there is no program {self.immudb.name} where --immudb says"
        if not _imports(self.immudb_python, "immudb"):
            return "its client immudb-py is missing: name a Python that has it with --immudb-python"
        return ""

    def no_tessera(self) -> str:
        """Why Tessera cannot be measured; empty when it can."""
        if self.tessera is None:
            return "its programs were not named with --tessera: see the README"
        for name in (TESSERA_POSIX, TESSERA_HAMMER):
            if not (self.tessera / name).is_file():
                return f"there is no program {name} where --tessera says"
        return ""

    def digests(self) -> dict[str, Any]:
        """SHA-256 of each program that is there: they print no version when they were built from source."""
        found = {"immudb": self.immudb}
        if self.tessera is not None:
            found |= {
                f"tessera {name}": self.tessera / name for name in (TESSERA_POSIX, TESSERA_HAMMER)
            }
        return {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in found.items()
            if path is not None and path.is_file()
        }


def _imports(python: Path, package: str) -> bool:
    try:
        done = subprocess.run(
            [str(python), "-c", f"import {package}"],
            capture_output=True,
            timeout=_IMPORT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
