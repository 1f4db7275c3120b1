"""More writes than a server can answer: the rest is refused with a time to come back, and nothing is lost or doubled."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from counterfoil.entry import parse_record
from counterfoil.receipt import verify_receipt
from counterfoil.v1 import training_service_pb2
from counterfoil_server.rpc.push_back import (
    IN_HAND,
    RATE_AT_START,
    WAIT_S_MAX,
    CallCounts,
    PushBack,
    count_calls,
)

from ..support.virtual_time import run_virtually
from .edge import PATIENCE_S, Edge, connected, event, fault_of, frame_append, fresh, training
from .held import as_done, writer_held
from .streams import streaming

CALLS = 1800
BACKLOG = int(RATE_AT_START * WAIT_S_MAX)


def requests(count: int) -> dict[str, training_service_pb2.RecordTrainingRequest]:
    """As many records that are in no log yet, by request_id."""
    return {
        name: training_service_pb2.RecordTrainingRequest(
            submitter="host_1", request_id=name, training=training()
        )
        for name in (fresh("flood") for _ in range(count))
    }


def send_all(edges: list[Edge], wanted: dict[str, Any]) -> dict[str, Any]:
    """Begin all calls at a time, spread over some connections."""
    return {
        name: edges[at % len(edges)].training.RecordTraining.future(request, timeout=PATIENCE_S)
        for at, (name, request) in enumerate(wanted.items())
    }


def logged_since(edge: Edge, start: int) -> list[str]:
    """The request_ids of the entries from an index on."""
    return [parse_record(entry.record).request_id for entry in edge.entries(start)]


def test_what_is_refused_is_not_logged_and_what_is_sent_again_is_logged_once(edge: Edge) -> None:
    """While the disk stands still some calls are taken and the others refused; reads go on; then all are logged once."""
    before, wanted = edge.size(), requests(CALLS)
    with ExitStack() as stack:
        edges = [stack.enter_context(connected(edge.ledger)) for _ in range(3)]
        with writer_held(edge.ledger.directory) as release:
            calls = send_all(edges, wanted)
            first = next(as_done(list(calls.values())))
            assert first.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert edge.size() == before, "reads are served, and nothing was answered too early"
            assert edge.entry(0).index == 0
            release.set()
        faults = {name: fault_of(call) for name, call in calls.items() if call.exception()}
        accepted = {name: call.result() for name, call in calls.items() if name not in faults}
        for fault in faults.values():
            assert (fault.code, fault.reason, fault.domain, fault.retry_after_s) == (
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                "BUSY",
                "counterfoil",
                0.2,
            )
        assert sorted(logged_since(edge, before)) == sorted(accepted)
        for answer in accepted.values():
            assert verify_receipt(answer.receipt, edge.vkey).index == answer.index

        for name in faults:
            assert not edge.training.RecordTraining(wanted[name], timeout=PATIENCE_S).duplicate
    assert sorted(logged_since(edge, before)) == sorted(wanted)
    name, answer = next(iter(accepted.items()))
    again = edge.training.RecordTraining(wanted[name], timeout=PATIENCE_S)
    assert (again.duplicate, again.receipt) == (True, answer.receipt)


def test_streams_leave_room_for_callers_that_cannot_wait(edge: Edge) -> None:
    """While the disk stands still and streams offer more than the queue holds, a single batch is taken, not refused."""
    with ExitStack() as stack:
        streams = [stack.enter_context(streaming(edge, fresh("stream")))[0] for _ in range(8)]
        with writer_held(edge.ledger.directory) as release:
            for stream in streams:
                stream.send_batch(1, [event() for _ in range(10_000)])
            # Another stream is answered when it says hello, which is read behind the batches that went before.
            stack.enter_context(streaming(edge, fresh("stream")))
            call = edge.channel.unary_unary("/counterfoil.v1.UsageService/AppendUsage").future(
                frame_append([event()]), timeout=PATIENCE_S
            )
            edge.info()
            release.set()
            assert call.exception() is None
        for stream in streams:
            assert stream.ack().result.accepted == 10_000


class Calls:
    """What gRPC counts and what the clock says, as a test wants them."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.started = self.ended = 0

    def count(self) -> CallCounts:
        """Stands for gRPC's own count."""
        return CallCounts(self.started, self.ended)

    def clock(self) -> float:
        """Stands for the server's stopwatch."""
        return self.now_s

    def pass_s(self, seconds: float, started: int, ended: int) -> None:
        """Some time goes by, in which calls come and end."""
        self.now_s += seconds
        self.started += started
        self.ended += ended


class Queue:
    """Stands for the sequencer: what push-back asks it."""

    def __init__(self, unanswered: int = 1000, *, full: bool = False) -> None:
        self.unanswered, self.full = unanswered, full


class Context:
    """Stands for a call's context: remembers what it was set to."""

    def __init__(self) -> None:
        self.code, self.metadata = None, ()

    def set_code(self, code: Any) -> None:
        self.code = code

    def set_details(self, _details: str) -> None:
        pass

    def set_trailing_metadata(self, metadata: Any) -> None:
        self.metadata = metadata


async def make(calls: Calls, queue: Queue) -> PushBack:
    """A push-back on these."""
    pretended: Any = queue
    return PushBack(pretended, calls.count, calls.clock)


@pytest.mark.parametrize(
    ("waiting", "unanswered", "wanted"),
    [
        (BACKLOG, 1000, False),
        (BACKLOG + 1, 1000, True),
        (BACKLOG + 1, IN_HAND - 1, False),
        (4 * BACKLOG, IN_HAND // 4, True),
        (4 * BACKLOG, IN_HAND // 4 - 1, False),
        (40 * BACKLOG, 0, False),
    ],
)
def test_calls_are_refused_when_those_before_them_wait_too_long(
    waiting: int, unanswered: int, wanted: bool
) -> None:
    """What piles up in gRPC counts; the longer it waits, the fewer are let in; an idle writer gets something to do."""

    async def look() -> bool:
        calls = Calls()
        push_back = await make(calls, Queue(unanswered))
        calls.pass_s(1.0, waiting, 0)
        return push_back.wanted

    assert asyncio.run(look()) is wanted


@pytest.mark.parametrize("full", [True, False])
def test_a_full_queue_is_enough(full: bool) -> None:
    """The queue's own bounds refuse without any backlog; with neither nothing is refused."""

    async def look() -> bool:
        return (await make(Calls(), Queue(0, full=full))).wanted

    assert asyncio.run(look()) is full


def test_streams_are_no_backlog() -> None:
    """Calls that stay open as streams do not make others late; when they have ended, what is open counts."""

    async def look() -> list[bool]:
        calls = Calls()
        push_back = await make(calls, Queue())
        with ExitStack() as stack:
            for _ in range(2 * BACKLOG):
                stack.enter_context(push_back.stream())
            calls.pass_s(1.0, 2 * BACKLOG, 0)
            found = [push_back.wanted]
        calls.pass_s(1.0, 0, 0)
        return [*found, push_back.wanted]

    assert asyncio.run(look()) == [False, True]


def test_a_burst_after_an_idle_time_is_taken() -> None:
    """Hours in which nothing was asked for do not make the server believe that it can answer nothing."""

    async def look() -> bool:
        calls = Calls()
        push_back = await make(calls, Queue())
        for _ in range(100):
            calls.pass_s(3600.0, 1, 1)
            assert not push_back.wanted
        calls.pass_s(0.1, BACKLOG, 0)
        return push_back.wanted

    assert asyncio.run(look()) is False


def test_a_server_that_proves_slow_refuses_sooner() -> None:
    """A backlog that hardly moves shows how slow the machine is: half the calls are then too many."""

    async def look() -> list[bool]:
        calls = Calls()
        push_back = await make(calls, Queue())
        calls.pass_s(0.1, BACKLOG // 2, 0)
        found = [push_back.wanted]
        for _ in range(100):
            calls.pass_s(0.1, 10, 10)
            found.append(push_back.wanted)
        return [found[0], found[-1]]

    assert asyncio.run(look()) == [False, True]


def test_refusals_of_a_second_are_one_line_in_the_log() -> None:
    """However many are refused, the log says how many, by method; the next second has a line of its own."""

    async def refuse() -> list[Any]:
        push_back = await make(Calls(), Queue(full=True))
        with capture_logs() as lines:
            for method in ("AppendUsage", "RecordTraining", "RecordTraining"):
                context = Context()
                assert push_back.refuse(context, method) == b""
                assert context.code is grpc.StatusCode.RESOURCE_EXHAUSTED
                assert context.metadata
            await asyncio.sleep(1.5)
            push_back.refuse(Context(), "AppendUsage")
            await asyncio.sleep(1.5)
        return lines

    lines = run_virtually(refuse())

    assert [(line["event"], line["method"], line["count"]) for line in lines] == [
        ("refused", "AppendUsage", 1),
        ("refused", "RecordTraining", 2),
        ("refused", "AppendUsage", 1),
    ]


def test_grpc_counts_the_calls_that_are_open() -> None:
    """Of calls that wait in a server each counts as started, and as ended only when it was answered."""
    most = 40

    async def count() -> int:
        release = asyncio.Event()

        async def wait(data: bytes, _context: Any) -> bytes:
            if data != b"now":
                await release.wait()
            return b""

        before = count_calls()
        server = grpc.aio.server()
        handler: Any = grpc.unary_unary_rpc_method_handler(wait)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("counted", {"Wait": handler}),)
        )
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            method: Any = channel.unary_unary("/counted/Wait")
            waiting = [method(b"", timeout=PATIENCE_S) for _ in range(most)]
            # Answered behind the others, for the calls of a connection keep their order.
            await method(b"now", timeout=PATIENCE_S)
            counts = count_calls()
            found = counts.started - counts.ended - (before.started - before.ended)
            release.set()
            await asyncio.gather(*waiting)
            await server.stop(None)
        return found

    # The answer may be here before the call counts as ended.
    assert asyncio.run(count()) in {most, most + 1}
