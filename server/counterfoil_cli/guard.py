"""Commands that read a whole store run in a child process, because a damaged file can end a process without a word.

LMDB maps its file and follows page numbers. A number that has rotted leads beyond the end of the file, and a disk may
refuse to give a page: both are no error that could be caught, but a signal. Somebody has to be left to tell.
"""

import os
import signal
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Final

from counterfoil_cli import console

GUARDED: Final = frozenset({"fsck", "backup", "restore", "export", "drill"})
"""The commands that read stores from end to end."""
_OF_DAMAGE: Final = frozenset({signal.SIGBUS, signal.SIGSEGV})
# What is passed on to the child. A terminal sends SIGINT to both of them by itself.
_PASSED_ON: Final = (signal.SIGTERM, signal.SIGHUP)
_TOLD: Final = (
    "the store's file is damaged, or its disk cannot be read: reading it ended the process with {}. "
    "Look at the disk, and restore a backup"
)


def is_guarded(arguments: Sequence[str]) -> bool:
    """Whether a command line is one of those that read a whole store."""
    return bool(arguments) and arguments[0] in GUARDED


def guarded(run: Callable[[], int]) -> int:
    """The exit code of a function that runs in a child; 2, and one line, when a damaged store has killed it.

    In the child this returns as well, with the code that it is to exit with. No thread may have been started.
    """
    waiting = {*_PASSED_ON, signal.SIGINT}
    # Whatever comes before the handlers are there is kept until then.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waiting)
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return run()
    handlers = {number: signal.signal(number, _passing_on(child)) for number in _PASSED_ON}
    handlers[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    for number, handler in handlers.items():
        signal.signal(number, handler)
    if code >= 0:
        return code
    if -code in _OF_DAMAGE:
        console.note(_TOLD.format(signal.Signals(-code).name))
        return 2
    # Somebody ended the child: this process ends in the same way.
    if -code in _PASSED_ON:
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
    return 2


def _passing_on(child: int) -> Callable[[int, FrameType | None], None]:
    return lambda number, _: os.kill(child, number)
