"""Who sends how much, kept in the operational store: all processes of a ledger count together, and a restart forgets little."""

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from counterfoil_server.access.ops import OpsStore
from counterfoil_server.assessing.pace import HOUR_US, HOURS_KEPT, Pace
from counterfoil_server.clock import now_us

_log = structlog.get_logger(__name__)
# Each time costs a commit on the log's own disk. A process that is killed forgets what it counted since, and the cap of a day
# is looked at with what the other processes had counted by then.
FLUSH_S: Final = 10.0


class Pacing:
    """Brings what one process counted to the store and what the others counted back; belongs to the event loop."""

    def __init__(self, ops: OpsStore, pace: Pace) -> None:
        """Learn what is known, and begin.

        Raises:
            IntegrityError: what is stored is damaged.
        """
        self._ops, self._pace = ops, pace
        self._hour = now_us() // HOUR_US
        pace.learn(ops.read_hours(self._hour - HOURS_KEPT))
        self._task = asyncio.create_task(self._run(), name=type(self).__name__)

    async def close(self) -> None:
        """Store what has gathered."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self.flush()

    async def flush(self) -> None:
        """Store what has gathered. What cannot be stored now is stored later, and counts here meanwhile."""
        hour, unsaved = now_us() // HOUR_US, self._pace.take_unsaved()
        try:
            if unsaved:
                await asyncio.to_thread(self._ops.add_hours, unsaved, hour - HOURS_KEPT)
            # Others may have stored the end of an hour after this process last looked.
            known = self._ops.read_hours(min(self._hour, hour))
        except Exception as error:  # noqa: BLE001 - told, and tried again: the ledger goes on
            self._pace.put_back(unsaved)
            _log.error("what submitters send cannot be stored", error=str(error))
            return
        self._pace.learn(known)
        self._hour = hour

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.flush()
