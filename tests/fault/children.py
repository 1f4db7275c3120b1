"""Running the steps of a check in processes of their own, which a damaged file may kill."""

from __future__ import annotations

import json
import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final, TypeVar

T = TypeVar("T")

# A step that hangs is ended. None takes a tenth of this. Processor time, because a machine may be suspended meanwhile;
# one that waits for ever uses none, and has an hour.
_BUSY_S: Final = 120
_PATIENCE_S: Final = 3600
CRASHED: Final = "crashed"
HUNG: Final = "hung"
_IMPATIENT: Final = (signal.SIGPROF, signal.SIGALRM)
BROKE: Final = "broke"


def in_child(step: Callable[[], str]) -> str:
    """What a step says in a fork of this process; ``crashed: SIGBUS`` and the like when it was killed,
    ``hung: SIGPROF`` when it came to no end.

    An exception that nobody caught is ``broke`` with its last lines: no step may end so.
    """
    (said,) = in_children(lambda _: step(), [None])
    return said


def in_children(step: Callable[[T], str], tasks: Sequence[T], share: int = 100) -> Iterator[str]:
    """The same for many tasks, so many to a child; one that was killed is followed by another one."""
    done = 0
    while done < len(tasks):
        some = tasks[done : done + share]
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            try:
                _work(step, some, writer)
            finally:
                # Whatever happened, this copy of the caller goes no further.
                os._exit(0)
        os.close(writer)
        told = 0
        try:
            with os.fdopen(reader) as pipe:
                for line in pipe:
                    yield str(json.loads(line))
                    told += 1
        except GeneratorExit:
            # Nobody asks for the rest.
            os.kill(child, signal.SIGKILL)
            raise
        finally:
            _, status = os.waitpid(child, 0)
        done += told
        if told < len(some):
            yield _ending(status)
            done += 1


def _ending(status: int) -> str:
    """How a child ended that did not finish its tasks."""
    if not os.WIFSIGNALED(status):
        return f"{CRASHED}: {status}"
    ended_by = signal.Signals(os.WTERMSIG(status))
    return f"{HUNG if ended_by in _IMPATIENT else CRASHED}: {ended_by.name}"


def _work(step: Callable[[T], str], tasks: Sequence[T], writer: int) -> None:
    """Do the tasks, a line for each; a reader that has gone ends them."""
    with suppress(BrokenPipeError), os.fdopen(writer, "w", buffering=1) as pipe:
        for task in tasks:
            signal.setitimer(signal.ITIMER_PROF, _BUSY_S)
            signal.alarm(_PATIENCE_S)
            try:
                said = step(task)
            except BaseException:  # noqa: BLE001 - whatever it is, it is told
                said = f"{BROKE}: {traceback.format_exc(limit=-4)}"
            pipe.write(json.dumps(said) + "\n")
