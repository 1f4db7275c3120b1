"""Calls to a device that may hang: one at a time, in a thread of their own, and given up after a while."""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

from counterfoil.errors import SigningFailed, StartupError

T = TypeVar("T")
_Call = tuple[Callable[[], object], SimpleQueue[tuple[object, str]]]


class Patience:
    """What calls a device, and loses patience.

    A call into a library cannot be interrupted. So a thread of the daemon kind makes it: one that hangs holds up neither
    its caller nor the end of the process. After the first failure nothing is asked any more: a device that was gone and
    came back may not be the one that was there, and starting again opens and tries it anew.
    """

    def __init__(self, name: str, seconds_max: float) -> None:
        """Start the thread; ``name`` says in errors who did not answer."""
        self._name = name
        self._seconds_max = seconds_max
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        self._failed = ""
        threading.Thread(target=self._run, name="signing device", daemon=True).start()

    def call(self, function: Callable[[], T]) -> T:
        """What the function returns.

        Raises:
            SigningFailed: it raised, it takes too long, or an earlier call did. Its own error is named by its class
                alone, since nobody knows what a library says in it.
            StartupError: it raised one.
        """
        if self._failed:
            raise SigningFailed(self._failed)
        answers: SimpleQueue[tuple[object, str]] = SimpleQueue()
        self._calls.put((function, answers))
        try:
            answer, error = answers.get(timeout=self._seconds_max)
        except Empty:
            error = f"has not answered for {self._seconds_max:g} seconds"
        if error:
            self._failed = f"{self._name} {error}"
            raise SigningFailed(self._failed)
        if isinstance(answer, StartupError):
            raise answer
        return answer  # type: ignore[return-value] # what came through the queue is what the function gave

    def _run(self) -> None:
        while True:
            function, answers = self._calls.get()
            try:
                answers.put((function(), ""))
            except StartupError as error:
                answers.put((error, ""))
            except Exception as error:  # noqa: BLE001 - whatever a library raises means the same: it did not sign
                answers.put((None, f"failed: {type(error).__name__}"))
