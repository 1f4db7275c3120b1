"""Where a run happens: a folder of its own, removed at the end, also when the run is ended from outside."""

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from harness.child import HERE

WORK: Final = HERE / "out"
RESULTS: Final = HERE / "results"


@contextmanager
def work_folder(workdir: Path, *, keep: bool) -> Iterator[Path]:
    """A new folder below ``workdir``, which is made where it is missing; ``keep`` leaves the new one there."""
    # Ended from outside, a run still ends its own children and removes its folder.
    signal.signal(signal.SIGTERM, _leave)
    workdir = workdir.resolve()
    workdir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=workdir))
    # PostgreSQL may have to run as another user, who has to come through here.
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def say(line: str) -> None:
    """Tell how it goes, beside the result."""
    print(line, file=sys.stderr, flush=True)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
