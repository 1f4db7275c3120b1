"""The benchmark: see README.md beside this file.

python benchmarks/bench.py [--long | --tiny] [--rounds N] [--workdir FOLDER] [--output FILE]
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    # A script's own folder is on the path, and not the one above it, where the package `benchmarks` begins.
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    from benchmarks.harness.main import main

    sys.exit(main())
