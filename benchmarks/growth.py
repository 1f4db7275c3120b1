"""How the ledger behaves as its log grows: see README.md beside this file.

python benchmarks/growth.py [--long | --tiny] [--workdir FOLDER] [--keep] [--output FILE]
"""

import sys

from harness.growth_main import main

if __name__ == "__main__":
    sys.exit(main())
