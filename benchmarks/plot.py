"""Draw the result of growth.py: see README.md beside this file.

python benchmarks/plot.py RESULT.json [--output docs/growth.svg]
"""

import argparse
import json
from pathlib import Path
from typing import Final

from harness.child import ROOT
from harness.plots import draw

_PICTURE: Final = ROOT / "docs" / "growth.svg"


def main() -> None:
    """Read a result and write its picture."""
    parser = argparse.ArgumentParser(prog="plot.py", description="Draw the result of growth.py.")
    parser.add_argument("result", type=Path, help="the JSON that growth.py wrote")
    parser.add_argument("--output", type=Path, default=_PICTURE, help="where the SVG goes")
    arguments = parser.parse_args()
    draw(json.loads(arguments.result.read_text("utf-8")), arguments.output)
    print(arguments.output)


if __name__ == "__main__":
    main()
