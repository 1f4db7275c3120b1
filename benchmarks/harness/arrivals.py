"""An open loop: calls become due on a schedule of their own, whatever became of those before.

A closed loop, in which a caller sends when it has its answer, sends nothing while the server stands still, so that a stall
of a second counts as one slow call. Here everything that became due in that second counts, from the moment when it was
due: its waiting for a caller to be free, for the network, and for the server.
"""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

ACCEPTED = "accepted"
# Every caller was busy, and those who wanted the call do not wait.
HELD_BACK = "held back"


class Call(NamedTuple):
    """What became of one call, in seconds since the schedule began."""

    due_s: float
    sent_s: float
    done_s: float
    outcome: str


Send = Callable[[int], Awaitable[str]]
"""send(number) makes the call of that number and says how it ended."""


def poisson(rate_per_s: float, begin_s: float, end_s: float, seed: str) -> list[float]:
    """The arrivals of many callers that know nothing of each other, between two times."""
    draw = random.Random(seed).expovariate
    due_s = []
    at_s = begin_s + draw(rate_per_s)
    while at_s < end_s:
        due_s.append(at_s)
        at_s += draw(rate_per_s)
    return due_s


async def run_schedule(
    due_s: Sequence[float],
    callers: int,
    send: Send,
    clock: Callable[[], float],
    *,
    patient: bool,
) -> list[Call]:
    """Make each call when it is due, or as soon as one of the callers is free.

    Args:
        due_s: ascending. clock: seconds since some moment, as the event loop's timers count them.
        patient: a call that finds all callers busy waits for one, and its waiting counts; else it is held back.

    Returns:
        All calls, in the order in which they ended.
    """
    begun_s = clock()
    calls: list[Call] = []
    waiting: deque[int] = deque()
    idle = callers

    async def work(number: int) -> None:
        nonlocal idle
        while True:
            sent_s = clock() - begun_s
            outcome = await send(number)
            calls.append(Call(due_s[number], sent_s, clock() - begun_s, outcome))
            if not waiting:
                break
            number = waiting.popleft()
        idle += 1

    async with asyncio.TaskGroup() as tasks:
        for number, due in enumerate(due_s):
            if (early_s := begun_s + due - clock()) > 0:
                await asyncio.sleep(early_s)
            if idle:
                idle -= 1
                tasks.create_task(work(number))
            elif patient:
                waiting.append(number)
            else:
                now_s = clock() - begun_s
                calls.append(Call(due, now_s, now_s, HELD_BACK))
    return calls
