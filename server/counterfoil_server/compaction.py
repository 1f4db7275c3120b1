"""The thread that does the catalog's large merges, beside the commits."""

import asyncio
import threading
from collections.abc import Callable
from typing import Final

import structlog

from counterfoil.errors import IntegrityError, StoreFull
from counterfoil.log.compact import compact
from counterfoil.store import Store

_log = structlog.get_logger(__name__)
# A merge falls due every few tens of thousands of records; looking for one costs microseconds.
_LOOK_EVERY_S: Final = 0.5


class Compaction:
    """Merges what is due until told to stop; one for a store, in the first worker."""

    def __init__(
        self,
        store: Store,
        on_failure: Callable[[BaseException], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Start the thread; ``on_failure`` is called in the loop if a commit of the merge fails."""
        self._store = store
        self._on_failure = on_failure
        self._loop = loop
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="compaction", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the merge under way and end."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            try:
                while not self._stop.is_set() and compact(self._store):
                    pass
            except StoreFull as error:
                _log.warning("no room to merge the catalog; look-ups stay slower", error=str(error))
            except IntegrityError as error:
                # Nothing was built on it. Who asks for what is damaged is refused, and the rest is served on.
                _log.critical(
                    "a chunk of the catalog is damaged; run counterfoil fsck", detail=str(error)
                )
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing more may be signed
                self._loop.call_soon_threadsafe(self._on_failure, error)
                return
