"""One worker process; started by ``counterfoil serve --workers N``, not by people."""

import faulthandler
import sys
from pathlib import Path

from counterfoil.errors import CounterfoilError
from counterfoil_server.directory import load
from counterfoil_server.serve import run_worker
from counterfoil_server.workers import Addresses


def _say(line: str) -> None:
    """Tell the parent process: its end of the pipe waits for one line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run the worker that the command line names: directory, two addresses, number, and of how many."""
    faulthandler.enable()
    directory, grpc, http, number, workers = sys.argv[1:]
    try:
        return run_worker(
            load(Path(directory)),
            Addresses(grpc, http),
            _say,
            workers=int(workers),
            first=number == "0",
        )
    except CounterfoilError as error:
        _say(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
