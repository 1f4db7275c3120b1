"""Where the time of a record goes, step by step, on the server and in the client: one process, no network.

python benchmarks/steps.py [--batches N] [--group N] [--rounds N] [--workdir FOLDER]

``COUNTERFOIL_TWIN=off`` in the environment shows the Python functions instead of the compiled ones.
"""

import sys

from harness.steps import main

if __name__ == "__main__":
    sys.exit(main())
