"""Pack the inclusion and consistency probes of transparency-dev/merkle into two JSON files.

Usage: python convert.py CHECKOUT, where CHECKOUT is a checkout of that repository. Each probe keeps
its path below testdata/ as its name; its fields and values are unchanged.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent


def read_probes(folder: Path) -> list[dict[str, object]]:
    """Return every probe below a folder, sorted by name."""
    probes = []
    for path in sorted(folder.rglob("*.json")):
        probe = json.loads(path.read_text())
        probes.append({"name": path.relative_to(folder).with_suffix("").as_posix(), **probe})
    return probes


def write_lines(path: Path, probes: list[dict[str, object]]) -> None:
    """Write a JSON list with one probe on each line."""
    lines = ",\n".join(json.dumps(probe, separators=(",", ":")) for probe in probes)
    path.write_text(f"[\n{lines}\n]\n")


def main() -> None:
    """Convert both kinds."""
    testdata = Path(sys.argv[1]) / "testdata"
    for kind in ("inclusion", "consistency"):
        write_lines(HERE / f"{kind}.json", read_probes(testdata / kind))


if __name__ == "__main__":
    main()
