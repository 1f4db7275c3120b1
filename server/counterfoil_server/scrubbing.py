"""The thread that goes over the whole store again and again, and raises an alarm where it finds rot."""

import threading
from collections.abc import Callable
from typing import Final

import structlog

from counterfoil.errors import Busy
from counterfoil.log.fsck import Fault, Scrub

_log = structlog.get_logger(__name__)
_LOOK_EVERY_S: Final = 1.0
# A batch that is damaged all over has a thousand faults; the first ones say where.
_ALARMS_AT_A_TIME: Final = 20


class Scrubbing:
    """Scrubs until told to stop; one for a store, in the first worker. What is sound is served on meanwhile."""

    def __init__(self, scrub: Scrub, now_us: Callable[[], int]) -> None:
        """Start the thread."""
        self._scrub = scrub
        self._now_us = now_us
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scrub", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the look under way and end."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            try:
                raise_alarms(self._scrub.look(self._now_us()))
            except Busy:
                continue  # Too many readers just now; the next look catches up.
            except Exception:  # noqa: BLE001 - told, and the server goes on without a scrub
                _log.critical("the scrub stopped; run counterfoil fsck", exc_info=True)
                return


def raise_alarms(faults: list[Fault]) -> None:
    """One line of the log for each fault, at level critical."""
    for fault in faults[:_ALARMS_AT_A_TIME]:
        _log.critical(
            "the store is damaged; run counterfoil fsck",
            entry=fault.index,
            part=fault.what,
            detail=fault.detail,
        )
    if len(faults) > _ALARMS_AT_A_TIME:
        _log.critical("more of the store is damaged", faults=len(faults) - _ALARMS_AT_A_TIME)
