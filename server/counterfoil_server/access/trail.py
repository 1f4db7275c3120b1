"""Denials, counted and written down once a second: a flood of them is a few lines, and costs its sender more than us."""

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple

import structlog

from counterfoil.limits import DENIAL_LINES_MAX
from counterfoil.v1.access_service_pb2 import AuditEvent
from counterfoil_server.access.ops import DENIED, SIGNED_IN, OpsStore

_log = structlog.get_logger(__name__)
FLUSH_S: Final = 1.0


class Denial(NamedTuple):
    """What denials of one second are counted by.

    Attributes:
        method: such as ``LogService.GetEntry``; of a sign-in the key. reason: as the caller was told it.
        principal_id, key_id: who was denied; empty when nobody knows. peer: the address without its port.
    """

    method: str
    reason: str
    principal_id: str
    key_id: str
    peer: str
    action: str = DENIED


# What does not fit a second's lines is counted together.
_OTHERS: Final = Denial("", "OTHERS", "", "", "")


class Trail:
    """Gathers the denials of one worker; belongs to the event loop."""

    def __init__(self, ops: OpsStore, clock: Callable[[], int]) -> None:
        """Write to a store; ``clock`` is the time, microseconds since 1970."""
        self._ops = ops
        self._clock = clock
        self._counts: dict[Denial, tuple[int, int]] = {}

    def deny(self, denial: Denial) -> None:
        """Count a denial."""
        if denial not in self._counts and len(self._counts) >= DENIAL_LINES_MAX:
            denial = _OTHERS
        first_us, count = self._counts.get(denial, (self._clock(), 0))
        self._counts[denial] = first_us, count + 1

    def sign_in(self, principal_id: str, key_id: str, peer: str) -> None:
        """Count an access token that was issued for a key; many in a second are one line too."""
        self.deny(Denial(key_id, "", principal_id, key_id, peer, SIGNED_IN))

    async def run(self) -> None:
        """Write what has gathered once a second, until this is cancelled."""
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.flush()

    async def flush(self) -> None:
        """Write what has gathered. What cannot be written is in the log all the same."""
        if not self._counts:
            return
        counts, self._counts = self._counts, {}
        for denial, (_, count) in counts.items():
            shown = {name: value for name, value in denial._asdict().items() if value}
            _log.info(shown.pop("action"), count=count, **shown)
        events = [
            AuditEvent(
                time_us=first_us,
                action=denial.action,
                principal_id=denial.principal_id,
                key_id=denial.key_id,
                subject=denial.method,
                detail=denial.reason,
                peer=denial.peer,
                count=count,
            )
            for denial, (first_us, count) in counts.items()
        ]
        try:
            await asyncio.to_thread(self._ops.append_events, events)
        except Exception as error:  # noqa: BLE001 - told, and tried again with what comes: the ledger goes on
            _log.error("the audit trail cannot be written", error=str(error))
