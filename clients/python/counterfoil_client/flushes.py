"""Who waits until everything before a position of the spool is settled."""

import threading
from concurrent.futures import Future
from dataclasses import dataclass


@dataclass(frozen=True, eq=False, slots=True)
class _Flush:
    future: Future[None]
    position: int
    deadline_s: float | None


class Flushes:
    """Futures by position. They are made in any thread and answered in one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Flush] = []
        self._closed: Exception | None = None

    def __bool__(self) -> bool:
        """Whether anybody waits."""
        return bool(self._waiting)

    @property
    def deadlines_s(self) -> list[float]:
        """When the waiting ends for those who do not wait for ever."""
        return [each.deadline_s for each in self._waiting if each.deadline_s is not None]

    def add(self, position: int, deadline_s: float | None) -> Future[None]:
        """A future that is done when everything before the position is settled."""
        future: Future[None] = Future()
        # From here on it cannot be cancelled, so that setting its result never fails.
        future.set_running_or_notify_cancel()
        with self._lock:
            if self._closed is not None:
                future.set_exception(self._closed)
            else:
                self._waiting = [*self._waiting, _Flush(future, position, deadline_s)]
        return future

    def any_ready(self, settled: int) -> bool:
        """Whether somebody waits for no more than this."""
        return any(each.position <= settled for each in self._waiting)

    def answer(self, settled: int, now_s: float, trouble: str) -> None:
        """Answer those whose position is settled, and those whose time is over."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                if each.position > settled and (each.deadline_s is None or now_s < each.deadline_s):
                    self._waiting = [*self._waiting, each]
        for each in waiting:
            if each.position <= settled:
                each.future.set_result(None)
            elif each.deadline_s is not None and now_s >= each.deadline_s:
                each.future.set_exception(TimeoutError(f"not settled in time; {trouble}"))

    def close(self, error: Exception) -> None:
        """Tell everybody who waits, and everybody who comes later, that there will be no more."""
        with self._lock:
            self._closed = error
            waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.future.set_exception(error)
