"""One worker process; started by ``counterfoil serve --workers N``, not by people."""

import sys
from pathlib import Path

from counterfoil.errors import CounterfoilError
from counterfoil_server.directory import load
from counterfoil_server.serve import run_worker


def main() -> int:
    """Run the worker that the command line names: directory, address, number."""
    directory, address, number = sys.argv[1:]
    try:
        return run_worker(
            load(Path(directory)),
            address,
            lambda line: print(line, flush=True),
            shared=True,
            first=number == "0",
        )
    except CounterfoilError as error:
        print(error, flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())
