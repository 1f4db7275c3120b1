"""One queue and one thread between many callers and the log: group commit with push-back.

While the thread commits one group, the next one gathers in the queue: groups grow with the load, and one durable write
serves all of them. The queue is bounded in batches, records and bytes. When it is full a caller is refused at once;
streams stand in line instead, before their batches are read, so that flow control holds their senders. They leave half
of the queue to the callers that cannot wait.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import structlog

from counterfoil.errors import Busy, CounterfoilError, OutcomeUnknown, Stopping, StoreFull
from counterfoil.limits import (
    GROUP_BATCHES_MAX,
    GROUP_RECORDS_MAX,
    QUEUE_BATCHES_MAX,
    QUEUE_RECORDS_MAX,
    QUEUE_SIZE_BYTES_MAX,
)
from counterfoil.log import Appended, Batch, Log
from counterfoil_server.clock import stopwatch_s

_log = structlog.get_logger(__name__)
_RETRY_AFTER_S: Final = 0.2
# A commit takes some milliseconds whatever it holds. In a crowd it waits as long as the next batch comes within this part
# of the time that commits take; but never longer than this in all, and not once there is enough.
_GATHER_GAP_PART: Final = 0.25
_GATHER_S: Final = 0.015
_ENOUGH_RECORDS: Final = 64
# The part of each new duration that goes into the mean of them.
_TAKEN_OVER: Final = 0.1
# Streams wait for room while the queue holds more than this part of its bounds.
_STREAMS_PART: Final = 2


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
        self.unanswered = 0
        self._changed = threading.Condition()
        self._crowd = False
        self._offered_s = self._commit_s = 0.0
        self._line = asyncio.Lock()
        self.stopping = False
        self.committed = asyncio.Event()
        self.closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="sequencer", daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        """Whether a batch that is offered now is refused; to be asked before a request costs anything."""
        return not self._has_room(1)

    def offer(self, batch: Batch) -> "asyncio.Future[Appended]":
        """Put a batch into the queue; the future ends with what became of it.

        Raises:
            Busy: the queue is full; nothing was done.
            Stopping: the server is going away; nothing was done.
        """
        if self.stopping:
            raise Stopping("the server is stopping; connect again")
        if self.full:
            raise busy()
        answer: asyncio.Future[Appended] = self._loop.create_future()
        size_bytes = len(batch.bodies.data)
        self.unanswered += 1
        with self._changed:
            self._queue.append(_Waiting(batch, size_bytes, answer))
            self._records += batch.weight
            self._size_bytes += size_bytes
            self._offered_s = stopwatch_s()
            # The thread is woken when there is enough to do: each needless wake-up costs two switches between threads.
            if len(self._queue) == 1 or self._records >= _ENOUGH_RECORDS:
                self._changed.notify()
        return answer

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Stand in line behind other streams; in the block, up to its first await, a batch can be offered."""
        async with self._line:
            while not self._has_room(_STREAMS_PART) and not self.stopping:
                await self.committed.wait()
            yield

    async def stop(self) -> None:
        """Take no more, finish what is in the queue, and end the thread."""
        with self._changed:
            self.stopping = True
            self._changed.notify()
        self.closing.set()
        self.committed.set()
        await asyncio.to_thread(self._thread.join)

    def _has_room(self, part: int) -> bool:
        # With room there is room for any batch: the queue may hold one more than its bounds say.
        return (
            self.unanswered * part < QUEUE_BATCHES_MAX
            and self._records * part < QUEUE_RECORDS_MAX
            and self._size_bytes * part < QUEUE_SIZE_BYTES_MAX
        )

    def _run(self) -> None:
        while group := self._take_group():
            begun_s = stopwatch_s()
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
            self._commit_s += _TAKEN_OVER * (stopwatch_s() - begun_s - self._commit_s)

    def _take_group(self) -> list[_Waiting]:
        """The next group, oldest first; empty when the queue is, and the server is stopping."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self.stopping)
            if self._crowd:
                self._gather()
            group: list[_Waiting] = []
            records = 0
            while self._queue and len(group) < GROUP_BATCHES_MAX:
                records += self._queue[0].batch.weight
                if group and records > GROUP_RECORDS_MAX:
                    break
                group.append(self._queue.popleft())
                self._records -= group[-1].batch.weight
                self._size_bytes -= group[-1].size_bytes
            # A lone caller is never made to wait for others.
            self._crowd = len(group) > 1
            return group

    def _gather(self) -> None:
        """Wait while batches keep coming; the lock is held but for the waiting."""
        end_s, gap_s = stopwatch_s() + _GATHER_S, _GATHER_GAP_PART * self._commit_s
        while self._records < _ENOUGH_RECORDS and not self.stopping:
            left_s = min(self._offered_s + gap_s, end_s) - stopwatch_s()
            if left_s <= 0:
                return
            self._changed.wait(left_s)

    def _answer(self, group: list[_Waiting], outcomes: list[Appended | CounterfoilError]) -> None:
        for waiting, outcome in zip(group, outcomes, strict=True):
            if waiting.answer.done():
                continue  # The caller went away; its records are in the log all the same.
            if isinstance(outcome, CounterfoilError):
                waiting.answer.set_exception(outcome)
            else:
                waiting.answer.set_result(outcome)
        self.unanswered -= len(group)
        self.committed.set()
        if not self.stopping:
            self.committed.clear()


def busy() -> Busy:
    """Push-back, as a caller is told of it."""
    told = "the server has more to write than it can take; slow down"
    return Busy(told, retry_after_s=_RETRY_AFTER_S)
