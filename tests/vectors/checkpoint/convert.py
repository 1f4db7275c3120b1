"""Pack the test log of transparency-dev/tessera into one JSON file.

Usage: python convert.py CHECKOUT, where CHECKOUT is a checkout of that repository. Checkpoints are
kept as text, tiles and bundles as hex; keys and leaves are those of its testdata/build_log.sh.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent


def read_log(testdata: Path) -> dict[str, object]:
    """Return keys, leaves, checkpoints by size, and tiles and bundles by width."""
    script = (testdata / "build_log.sh").read_text()
    log = testdata / "log"
    leaves = re.search(r"for i in ([a-z ]+);", script)
    private, public = (
        re.search(rf'LOG_{which}_KEY="([^"]+)"', script) for which in ("PRIVATE", "PUBLIC")
    )
    if not (leaves and private and public):
        raise SystemExit("build_log.sh does not look as expected")
    return {
        "private_key": private[1],
        "vkey": public[1],
        "leaves": leaves[1].split(),
        "checkpoints": {str(n): (log / f"checkpoint.{n}").read_text() for n in range(16)},
        "tiles": {str(n): (log / f"tile/0/000.p/{n}").read_bytes().hex() for n in range(1, 16)},
        "bundles": {
            str(n): (log / f"tile/entries/000.p/{n}").read_bytes().hex() for n in range(1, 16)
        },
    }


def main() -> None:
    """Convert the log."""
    log = read_log(Path(sys.argv[1]) / "testdata")
    (HERE / "tessera.json").write_text(json.dumps(log, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
