"""A server and clients that call it on a schedule: what the measurements of latency and of overload share."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from harness.arrivals import ACCEPTED, Call
from harness.child import Failed, start_client
from harness.ledger import Directory, MemoryWatch, Server
from harness.plan import STREAMS

_PREPARE_S: Final = 120.0
_RUN_S: Final = 180.0
# For a closed loop, requests are numbered beforehand, and batches are made: more a second than any server takes.
_MOST_PER_S: Final = {"training": 20_000, "usage": 800}
# The first part of a closed loop, while it gets going, does not count.
_WARM_UP_PART: Final = 0.2

Phase = tuple[float | None, float]
"""Calls a second, None for a closed loop; and for how many seconds."""


class Load(NamedTuple):
    """What to call: a name in ``open_loop.WORK``, the phases one after the other, and who calls.

    Attributes:
        callers: at most so many calls of a process are under way. processes: they share the rates.
        patient: a call that finds no caller free waits; else it is held back.
    """

    work: str
    phases: Sequence[Phase]
    callers: int
    processes: int = 1
    patient: bool = True


class Called(NamedTuple):
    """All calls, and the processor time that server and clients took for them."""

    calls: list[Call]
    server_s: float
    client_s: float


@dataclass(frozen=True)
class Bench:
    """Where to measure: a ledger, how many workers serve it, and the folder for logs."""

    directory: Directory
    workers: int
    logs: Path

    @contextmanager
    def serve(self) -> Iterator[tuple[Server, MemoryWatch]]:
        """The server, watched."""
        with (
            Server(self.directory, self.workers, self.logs) as server,
            MemoryWatch(server) as memory,
        ):
            yield server, memory

    def call(self, server: Server, load: Load, seed: int) -> Called:
        """Put a load on the server; each seed may be used once on a ledger.

        Raises:
            Failed: a receipt did not verify.
        """
        with ExitStack() as stack:
            clients = [
                stack.enter_context(
                    start_client("open_loop", self._task(server, load, seed, number), self.logs)
                )
                for number in range(load.processes)
            ]
            for client in clients:
                client.read_line(_PREPARE_S)
            before_s = server.cpu_s()
            for client in clients:
                client.tell("go")
            for client in clients:
                client.read_line(_RUN_S)
            server_s = server.cpu_s() - before_s
            for client in clients:
                client.tell("verify")
            answers = [json.loads(client.read_line(_RUN_S)) for client in clients]
        calls = [Call(*call) for answer in answers for call in answer["calls"]]
        return Called(calls, server_s, sum(answer["cpu_s"] for answer in answers))

    def _task(self, server: Server, load: Load, seed: int, number: int) -> dict[str, object]:
        return {
            "address": server.address,
            "vkey": self.directory.vkey,
            "work": load.work,
            "seed": load.processes * seed + number,
            "phases": [(rate and rate / load.processes, length) for rate, length in load.phases],
            "most": int(_MOST_PER_S[load.work] * load.phases[0][1]),
            "callers": load.callers,
            "connections": STREAMS[self.workers],
            "patient": load.patient,
        }

    def capacity_per_s(
        self, server: Server, work: str, seed: int, callers: int, seconds: float
    ) -> float:
        """The calls a second that so many callers get answered, each of whom waits for its last answer.

        Raises:
            Failed: none was answered, or more than there were requests for.
        """
        calls = self.call(server, Load(work, [(None, seconds)], callers), seed).calls
        if len(calls) >= _MOST_PER_S[work] * seconds:
            raise Failed("the client ran out of requests: its capacity is not the server's")
        return rate_per_s(calls, seconds)


def rate_per_s(calls: Sequence[Call], seconds: float) -> float:
    """The answers a second of a closed loop, once it has got going.

    Raises:
        Failed: there were none.
    """
    begin_s = _WARM_UP_PART * seconds
    answered = sum(call.outcome == ACCEPTED and begin_s <= call.done_s < seconds for call in calls)
    if not answered:
        raise Failed(f"nothing was answered: {dict(Counter(call.outcome for call in calls))}")
    return answered / (seconds - begin_s)
