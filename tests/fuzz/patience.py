"""How long a case may take: processor time, because a machine that was suspended meanwhile is no finding."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from .target import Finding

CASE_S_MAX = 10


@contextmanager
def patience(name: str, case_s_max: float = CASE_S_MAX) -> Iterator[Callable[[], None]]:
    """A function to call before each case; a case that takes longer than it may is ended by a finding."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise Finding(f"{name}: a case takes more than {case_s_max} seconds of the processor")

    before = signal.signal(signal.SIGPROF, ring)
    try:
        yield lambda: _set(case_s_max)
    finally:
        _set(0)
        signal.signal(signal.SIGPROF, before)


def _set(seconds: float) -> None:
    signal.setitimer(signal.ITIMER_PROF, seconds)
