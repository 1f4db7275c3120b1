"""The benchmark: see README.md beside this file.

python benchmarks/bench.py [--long | --tiny] [--rounds N] [--workdir FOLDER] [--keep] [--output FILE]
    [--immudb PROGRAM] [--immudb-python PYTHON] [--tessera FOLDER]
"""

import sys

from harness.main import main

if __name__ == "__main__":
    sys.exit(main())
