"""Refusing writes while there are more than can be answered in time, for as little as a refusal can cost.

Two things can be too slow. The writer: then its queue is full. Or the event loop: then calls pile up in gRPC, which hands
them over one by one, and the queue stays short. How long those have waited is known from how many calls are open and how
many end in a second (Little's law), and gRPC counts both.

A server that refuses late spends most of its work on calls that it refuses. So this happens before a request is looked
at, with a status that was made once, and with one line in the log for all calls of a second.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import structlog
from grpc_channelz.v1.channelz import ChannelzServicer
from grpc_channelz.v1.channelz_pb2 import GetServersRequest

from counterfoil_server.clock import stopwatch_s
from counterfoil_server.rpc.status import to_status
from counterfoil_server.sequencer import Sequencer, busy

_log = structlog.get_logger(__name__)
_LOG_EVERY_S: Final = 1.0
# Counting takes gRPC some hundred microseconds.
_LOOK_EVERY_S: Final = 0.05
# A call that has waited so long before it is looked at is still answered within a second.
WAIT_S_MAX: Final = 0.5
# So many calls in hand keep writer and event loop busy; fewer open ones are no backlog.
IN_HAND: Final = 32
# Calls a second, until a backlog shows it. Of each new figure a small part is taken over, so that a disk that stands
# still for a moment is no overload.
RATE_AT_START: Final = 2_000.0
_TAKEN_OVER: Final = 0.05


class CallCounts(NamedTuple):
    """Calls of this process's gRPC servers, from the moment that gRPC knows of them."""

    started: int
    ended: int


def count_calls() -> CallCounts:
    """Ask gRPC."""
    found = [it.data for it in ChannelzServicer.GetServers(GetServersRequest(), None).server]
    return CallCounts(
        sum(it.calls_started for it in found),
        sum(it.calls_succeeded + it.calls_failed for it in found),
    )


class PushBack:
    """Says when to refuse, and refuses."""

    def __init__(
        self,
        sequencer: Sequencer,
        count: Callable[[], CallCounts] = count_calls,
        clock: Callable[[], float] = stopwatch_s,
    ) -> None:
        """Push back for one process; make it in the event loop."""
        self._sequencer = sequencer
        self._count = count
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._status = to_status(busy())
        self._refused: Counter[str] = Counter()
        self._streams = 0
        self._looked_s = clock()
        self._ended = self._open = 0
        self._rate = RATE_AT_START

    @property
    def wanted(self) -> bool:
        """Whether a write that comes now is to be refused."""
        if self._clock() - self._looked_s > _LOOK_EVERY_S:
            self._look()
        # The longer calls wait, the fewer are let in: refusing takes a third of the time, and so shortens the wait.
        wait_s = self._open / self._rate
        late = wait_s > WAIT_S_MAX and self._sequencer.unanswered * wait_s >= IN_HAND * WAIT_S_MAX
        return self._sequencer.full or late

    @contextmanager
    def stream(self) -> Iterator[None]:
        """A call that stays open as long as the client likes: it is none that waits."""
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1

    def refuse(self, context: Any, method: str) -> bytes:
        """Give a call the status; the answer to return, which gRPC drops."""
        if not self._refused:
            self._loop.call_later(_LOG_EVERY_S, self._log)
        self._refused[method] += 1
        # Cheaper than aborting, which goes through an exception.
        context.set_code(self._status.code)
        context.set_details(self._status.details)
        context.set_trailing_metadata(self._status.trailing_metadata)
        return b""

    def _look(self) -> None:
        """Count the calls. Only a backlog, before and after, shows what the server can do in a second."""
        counts, now_s = self._count(), self._clock()
        waiting = counts.started - counts.ended - self._streams
        if min(waiting, self._open) >= IN_HAND:
            rate = (counts.ended - self._ended) / (now_s - self._looked_s)
            self._rate = max(1.0, self._rate + _TAKEN_OVER * (rate - self._rate))
        self._open, self._ended, self._looked_s = waiting, counts.ended, now_s

    def _log(self) -> None:
        for method, count in self._refused.items():
            _log.info("refused", method=method, error="Busy", count=count)
        self._refused.clear()
