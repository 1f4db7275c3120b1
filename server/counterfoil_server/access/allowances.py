"""What is left of everybody's quotas in this worker, and the sums of the day on their way to the store."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from counterfoil.errors import QuotaExceeded
from counterfoil.limits import CALLERS_KNOWN_MAX
from counterfoil_server.access.caller import Caller, Identity
from counterfoil_server.access.ops import OpsStore
from counterfoil_server.access.quota import DAY_S, UNBOUNDED, Allowance, Bucket, DaySums
from counterfoil_server.clock import now_us, stopwatch_s

_log = structlog.get_logger(__name__)
FLUSH_S: Final = 1.0
# A stream that asks for too much is made to wait, as flow control does, and not ended, for pauses up to this long.
STREAM_WAIT_S_MAX: Final = 60.0


class Allowances:
    """The allowances of one worker; belongs to its event loop."""

    def __init__(self, ops: OpsStore, workers: int) -> None:
        """Keep allowances; each of ``workers`` processes has its share of the rates."""
        self._ops = ops
        self._workers = workers
        self._sums = DaySums()
        self._known: dict[str, tuple[bytes, Allowance]] = {}

    def find(self, identity: Identity) -> Allowance:
        """What is left for somebody. It begins anew when the principal's quotas are changed."""
        quotas = identity.quotas
        if quotas is None:
            return UNBOUNDED
        stated = quotas.SerializeToString(deterministic=True)
        found = self._known.get(identity.principal_id)
        if found is None or found[0] != stated:
            if len(self._known) >= CALLERS_KNOWN_MAX:
                self._known.clear()
            now_s = stopwatch_s()
            rates = (quotas.requests_per_s, quotas.records_per_s)
            requests, records = (
                Bucket(rate / self._workers, now_s) if rate else None for rate in rates
            )
            if quotas.tokens_per_day:
                self._learn_day()
            allowance = Allowance(
                identity.principal_id, self._sums, requests, records, quotas.tokens_per_day
            )
            found = self._known[identity.principal_id] = stated, allowance
        return found[1]

    async def run(self) -> None:
        """Bring the sums of the day to the store once a second, and learn those of the other workers."""
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.flush()

    async def flush(self) -> None:
        """Bring the sums of the day to the store. What cannot be written is counted here all the same."""
        day, added = self._sums.day, self._sums.take_added()
        try:
            if added:
                await asyncio.to_thread(self._ops.add_tokens, day, added)
            if any(allowance.counts_tokens for _, allowance in self._known.values()):
                self._learn_day()
        except Exception as error:  # noqa: BLE001 - told, and tried again a second later: the ledger goes on
            _log.error("the sums of quotas cannot be stored", error=str(error))

    def _learn_day(self) -> None:
        day = now_us() // 1_000_000 // DAY_S
        self._sums.begin(day)
        self._sums.learn(day, self._ops.read_tokens(day))


def charge(caller: Caller, records: int, tokens: Callable[[], int] | None = None) -> None:
    """Take records, and the tokens that they report, from the caller's quotas.

    Raises:
        QuotaExceeded: there is not so much left; nothing was taken, but for records when it is tokens that are missing.
    """
    allowance = caller.allowance
    allowance.take_records(records, stopwatch_s())
    if tokens is not None and allowance.counts_tokens:
        allowance.take_tokens(tokens(), now_us())


async def charge_stream(
    caller: Caller, records: int, tokens: Callable[[], int] | None = None
) -> None:
    """The same for a stream, which waits for a rate instead of being refused: nothing more is read from it meanwhile.

    Raises:
        QuotaExceeded: the day's tokens are used up, or the wait would be longer than a minute.
    """
    while True:
        try:
            charge(caller, records, tokens)
            return
        except QuotaExceeded as error:
            if error.quota == "tokens_per_day" or error.retry_after_s > STREAM_WAIT_S_MAX:
                raise
            await asyncio.sleep(error.retry_after_s)
