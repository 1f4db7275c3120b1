"""One queue and one thread between many callers and the log: group commit with push-back.

While the thread commits one group, the next one gathers in the queue: groups grow with the load, and one durable write
serves all of them. The queue is bounded in records and bytes; when it is full a caller is refused at once, or waits if
it can be made to wait (a stream, whose sender is then held by flow control).
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

import structlog

from counterfoil.errors import Busy, CounterfoilError, OutcomeUnknown, Stopping, StoreFull
from counterfoil.limits import (
    GROUP_BATCHES_MAX,
    GROUP_RECORDS_MAX,
    QUEUE_RECORDS_MAX,
    QUEUE_SIZE_BYTES_MAX,
)
from counterfoil.log import Appended, Batch, Log

_log = structlog.get_logger(__name__)
_RETRY_AFTER_S: Final = 0.2
# A commit costs about a millisecond whatever it holds. Callers that come together are gathered until there are as
# many as came last time, but no longer than this, or until the commit no longer counts.
_GATHER_S: Final = 0.015
_ENOUGH_RECORDS: Final = 64


class _Waiting(NamedTuple):
    batch: Batch
    size_bytes: int
    answer: "asyncio.Future[Appended]"


class Sequencer:
    """Hands batches to the log, many at a time, and their outcomes back to the event loop."""

    def __init__(self, log: Log, on_failure: Callable[[BaseException], None]) -> None:
        """Start the thread; call from the event loop.

        Args:
            on_failure: called in the event loop once the log will append no more.
        """
        self._ledger = log
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        self._queue: deque[_Waiting] = deque()
        self._records = self._size_bytes = 0
        self._changed = threading.Condition()
        self._room = asyncio.Condition()
        self.stopping = False
        self._wanted = 1
        self.committed = asyncio.Event()
        self.closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="sequencer", daemon=True)
        self._thread.start()

    def offer(self, batch: Batch) -> "asyncio.Future[Appended]":
        """Put a batch into the queue; the future ends with what became of it.

        Raises:
            Busy: the queue is full; nothing was done.
            Stopping: the server is going away; nothing was done.
        """
        if self.stopping:
            raise Stopping("the server is stopping; connect again")
        size_bytes = len(batch.bodies.data)
        if not self._fits(len(batch.bodies), size_bytes):
            raise Busy(
                "the server has more to write than it can take; slow down",
                retry_after_s=_RETRY_AFTER_S,
            )
        answer: asyncio.Future[Appended] = self._loop.create_future()
        with self._changed:
            self._queue.append(_Waiting(batch, size_bytes, answer))
            self._records += len(batch.bodies)
            self._size_bytes += size_bytes
            # The thread is woken when there is enough to do: each needless wake-up costs two switches between threads.
            if len(self._queue) == 1 or self._records >= self._wanted:
                self._changed.notify()
        return answer

    async def offer_when_room(self, batch: Batch) -> "asyncio.Future[Appended]":
        """Wait for room, then put a batch into the queue."""
        size_bytes = len(batch.bodies.data)
        async with self._room:
            await self._room.wait_for(
                lambda: self.stopping or self._fits(len(batch.bodies), size_bytes)
            )
        return self.offer(batch)

    async def stop(self) -> None:
        """Take no more, finish what is in the queue, and end the thread."""
        with self._changed:
            self.stopping = True
            self._changed.notify()
        self.closing.set()
        async with self._room:
            self._room.notify_all()
        await asyncio.to_thread(self._thread.join)

    def _fits(self, records: int, size_bytes: int) -> bool:
        # An empty queue takes anything that passed the request's own limits.
        return not self._queue or (
            self._records + records <= QUEUE_RECORDS_MAX
            and self._size_bytes + size_bytes <= QUEUE_SIZE_BYTES_MAX
        )

    def _run(self) -> None:
        while group := self._take_group():
            try:
                outcomes: list[Appended | CounterfoilError] = self._ledger.append(
                    [waiting.batch for waiting in group]
                )
            except (Busy, StoreFull) as error:
                outcomes = [error] * len(group)
            except OutcomeUnknown as error:
                _log.critical("commit failed, no more will be signed", error=str(error))
                outcomes = [error] * len(group)
                self._loop.call_soon_threadsafe(self._on_failure, error)
            self._loop.call_soon_threadsafe(self._answer, group, outcomes)

    def _take_group(self) -> list[_Waiting]:
        """The next group, oldest first; empty when the queue is, and the server is stopping."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self.stopping)
            if self._wanted > 1:
                self._changed.wait_for(
                    lambda: self._records >= self._wanted or self.stopping, _GATHER_S
                )
            group: list[_Waiting] = []
            records = 0
            while self._queue and len(group) < GROUP_BATCHES_MAX:
                records += len(self._queue[0].batch.bodies)
                if group and records > GROUP_RECORDS_MAX:
                    break
                group.append(self._queue.popleft())
                self._records -= len(group[-1].batch.bodies)
                self._size_bytes -= group[-1].size_bytes
            # A lone caller is never made to wait. Of a crowd one part gathers while another is committed.
            self._wanted = min(max(records, 1), _ENOUGH_RECORDS) if len(group) > 1 else 1
            return group

    def _answer(self, group: list[_Waiting], outcomes: list[Appended | CounterfoilError]) -> None:
        for waiting, outcome in zip(group, outcomes, strict=True):
            if waiting.answer.done():
                continue  # The caller went away; its records are in the log all the same.
            if isinstance(outcome, CounterfoilError):
                waiting.answer.set_exception(outcome)
            else:
                waiting.answer.set_result(outcome)
        self.committed.set()
        self.committed.clear()
        self._loop.create_task(self._tell_room())

    async def _tell_room(self) -> None:
        async with self._room:
            self._room.notify_all()
