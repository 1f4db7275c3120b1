"""UsageService: batches, streams of batches, and one event by its identity."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from counterfoil.entry import parse_record
from counterfoil.errors import InvalidInput, Stopping
from counterfoil.limits import STREAM_WINDOW_BATCHES
from counterfoil.log import Appended, read_stream
from counterfoil.log.assessments import read_said
from counterfoil.log.read import find_identity
from counterfoil.record import (
    USAGE,
    parse_append_usage,
    parse_message,
    parse_stream_batch,
    problem,
)
from counterfoil.v1 import record_pb2, usage_service_pb2
from counterfoil_server.access.allowances import charge, charge_stream
from counterfoil_server.access.caller import Caller
from counterfoil_server.ledger import Ledger, require_id
from counterfoil_server.rpc.assemble import Servicer
from counterfoil_server.usage import Intake, answer, check_received, count_tokens


class _Pending(NamedTuple):
    """A batch of a stream on its way through the log."""

    sequence: int
    intake: Intake
    outcome: "asyncio.Future[Appended]"


class UsageService(Servicer):
    """Usage from model hosts."""

    DESCRIPTOR = usage_service_pb2.DESCRIPTOR.services_by_name["UsageService"]
    WRITES = frozenset({"AppendUsage"})

    def __init__(self, ledger: Ledger) -> None:
        """Serve one ledger."""
        self._ledger = ledger

    async def append_usage(
        self, data: bytes, caller: Caller
    ) -> usage_service_pb2.AppendUsageResponse:
        """One batch; the answer leaves after it is durable."""
        received = parse_append_usage(data)
        request = received.request
        caller.require_submitter(request.submitter)
        intake = check_received(
            self._ledger,
            received,
            request.submitter,
            size_bytes=len(data),
            atomic=request.atomic,
        )
        charge(caller, len(intake.positions), partial(count_tokens, received))
        appended = await self._ledger.sequencer.offer(intake.batch)
        return await answer(self._ledger, intake, appended)

    async def stream_usage(
        self, requests: AsyncIterator[bytes], caller: Caller
    ) -> AsyncIterator[usage_service_pb2.StreamUsageResponse]:
        """Batches in, receipts out, in order; at most a window of batches is under way."""
        hello = await _read_hello(requests)
        caller.require_submitter(hello.submitter)
        with self._ledger.log.store.snapshot() as snapshot:
            last = read_stream(snapshot, hello.submitter, hello.stream_id)
        resume = usage_service_pb2.StreamResume(
            last_sequence=last,
            window_batches=STREAM_WINDOW_BATCHES,
            origin=self._ledger.log.origin,
            environment=self._ledger.settings.environment,
        )
        yield usage_service_pb2.StreamUsageResponse(resume=resume)
        pending: asyncio.Queue[_Pending | Exception | None] = asyncio.Queue(STREAM_WINDOW_BATCHES)
        reader = asyncio.create_task(self._take_in(hello, requests, pending, caller))
        ender = asyncio.create_task(self._end_when_stopping(pending))
        try:
            while (item := await pending.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                result = await answer(self._ledger, item.intake, await item.outcome)
                ack = usage_service_pb2.StreamAck(sequence=item.sequence, result=result)
                yield usage_service_pb2.StreamUsageResponse(ack=ack)
        finally:
            for task in (reader, ender):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _take_in(
        self,
        hello: usage_service_pb2.StreamHello,
        requests: AsyncIterator[bytes],
        pending: "asyncio.Queue[_Pending | Exception | None]",
        caller: Caller,
    ) -> None:
        """Read, check and queue batches. Reading stops while the window or the queue is full: flow control does the rest.

        A stream that waits for room holds one message as it came, and nothing made from it.
        """
        try:
            async for data in requests:
                if caller.allowance.bounds_records:
                    received = parse_stream_batch(data)
                    count = partial(count_tokens, received)
                    await charge_stream(caller, len(received.bodies), count)
                async with self._ledger.sequencer.turn():
                    sequence, intake = self._check(hello, data)
                    outcome = self._ledger.sequencer.offer(intake.batch)
                await pending.put(_Pending(sequence, intake, outcome))
            await pending.put(None)
        except Exception as error:  # noqa: BLE001 - raised again where the stream is answered
            await pending.put(error)

    def _check(self, hello: usage_service_pb2.StreamHello, data: bytes) -> tuple[int, Intake]:
        received = parse_stream_batch(data)
        sequence = received.request.sequence
        if sequence < 1:
            told = "sequence counts the batches of a stream from 1 on"
            raise InvalidInput(told, field="batch.sequence", reason=problem.MISSING)
        intake = check_received(
            self._ledger,
            received,
            hello.submitter,
            size_bytes=len(data),
            stream_id=hello.stream_id,
            sequence=sequence,
        )
        return sequence, intake

    async def _end_when_stopping(
        self, pending: "asyncio.Queue[_Pending | Exception | None]"
    ) -> None:
        """End a stream behind what it has under way, instead of waiting for a client that may say nothing for hours."""
        await self._ledger.sequencer.closing.wait()
        await pending.put(Stopping("the server is stopping; connect again and go on"))

    async def get_usage_event(
        self, request: usage_service_pb2.GetUsageEventRequest, caller: Caller
    ) -> usage_service_pb2.GetUsageEventResponse:
        """One event by submitter and event_id."""
        require_id(request.submitter, "submitter")
        require_id(request.event_id, "event_id")
        log = self._ledger.log
        submitter, event_id = request.submitter, request.event_id
        with log.store.snapshot() as snapshot:
            entry = caller.find(
                snapshot,
                lambda: find_identity(snapshot, log.secret, USAGE, submitter, event_id),
            )
            said = read_said(snapshot, entry.index)
        return usage_service_pb2.GetUsageEventResponse(
            index=entry.index,
            time_us=entry.leaf.time_us,
            event=record_pb2.UsageEvent.FromString(entry.body),
            backfill=parse_record(entry.record).backfill,
            verdict=said.verdict if said else None,
            assessment_index=said.assessment_index if said else 0,
        )


async def _read_hello(requests: AsyncIterator[bytes]) -> usage_service_pb2.StreamHello:
    async for data in requests:
        message = parse_message(usage_service_pb2.StreamUsageRequest, data, "request")
        if message.WhichOneof("message") != "hello":
            break
        require_id(message.hello.submitter, "hello.submitter")
        require_id(message.hello.stream_id, "hello.stream_id")
        return message.hello
    raise InvalidInput("a stream begins with hello", field="hello", reason=problem.MISSING)
