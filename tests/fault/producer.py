"""The clients of the kill tests. Each runs in a process of its own until it is killed, and outlives the server."""

from __future__ import annotations

import os
import queue
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc

from counterfoil.v1.usage_service_pb2 import (
    StreamHello,
    StreamUsageRequest,
    StreamUsageResponse,
)
from counterfoil_client import SpoolFull, UsageReporter
from counterfoil_client.requests import format_append_usage, format_stream_batch

from .journal import JournalWriter, SentBatch

_APPEND = "/counterfoil.v1.UsageService/AppendUsage"
_STREAM = "/counterfoil.v1.UsageService/StreamUsage"
# What a client does with these is to send again.
_AGAIN = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    # A connection that was cut while an answer was on its way.
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.INTERNAL,
}
_WINDOW = 4
_TIMEOUT_S = 30.0
_PAUSE_S = 0.01
# How long a host waits for its events to settle before it goes on.
_SCRIPT_S = 2.0
_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 10),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 50),
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_retries", 0),
)


def _batches(submitter: str, size: int) -> Iterator[SentBatch]:
    number = 0
    while True:
        number += 1
        yield SentBatch(submitter, number, time.time_ns() // 1000, size)


def _paced(batches: Iterator[SentBatch], rate: float) -> Iterator[SentBatch]:
    """So many batches a second, and no more to make up for those that came late; 0 is as many as are asked for."""
    due_s = time.monotonic()
    while True:
        if rate:
            due_s = max(due_s + 1 / rate, time.monotonic() - 1 / rate)
            time.sleep(max(0.0, due_s - time.monotonic()))
        yield next(batches)


def call_for_ever(address: str, journal: Path, size: int, rate: float = 0.0) -> None:
    """Send batches, some at a time, each with a call of its own; whatever is not answered is sent again.

    ``rate`` is how many batches a second there are at most; 0 is no bound.
    """
    writer, batches = JournalWriter(journal), _paced(_batches(journal.stem, size), rate)
    append: Any = grpc.insecure_channel(address, options=_OPTIONS).unary_unary(_APPEND)
    under_way: deque[tuple[SentBatch, bytes, Any]] = deque()

    def send(batch: SentBatch, request: bytes) -> None:
        call = append.future(request, timeout=_TIMEOUT_S, wait_for_ready=True)
        under_way.append((batch, request, call))

    while True:
        while len(under_way) < _WINDOW:
            batch = next(batches)
            options: Any = {"backfill": False, "atomic": False, "request_id": ""}
            send(batch, format_append_usage(batch.submitter, batch.bodies(), **options))
        batch, request, call = under_way.popleft()
        if call.code() is grpc.StatusCode.OK:
            writer.note(batch, call.result())
        elif call.code() in _AGAIN:
            time.sleep(_PAUSE_S)
            send(batch, request)
        else:
            raise AssertionError(f"refused: {call.code()} {call.details()}")


def stream_for_ever(address: str, journal: Path, size: int) -> None:
    """The same over a stream, which is opened again when it broke: what was not acknowledged is sent again."""
    writer, batches = JournalWriter(journal), _batches(journal.stem, size)
    hello = StreamUsageRequest(hello=StreamHello(submitter=journal.stem, stream_id="load"))
    channel: Any = grpc.insecure_channel(address, options=_OPTIONS)
    unanswered = deque(next(batches) for _ in range(_WINDOW))
    while True:
        requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        requests.put(hello.SerializeToString())
        call = channel.stream_stream(_STREAM)(iter(requests.get, None), wait_for_ready=True)
        try:
            sequence = StreamUsageResponse.FromString(next(call)).resume.last_sequence
            for batch in unanswered:
                sequence += 1
                requests.put(format_stream_batch(sequence, batch.bodies(), backfill=False))
            for data in call:
                answer = StreamUsageResponse.FromString(data).ack.result
                writer.note(unanswered.popleft(), answer.SerializeToString())
                unanswered.append(next(batches))
                sequence += 1
                bodies = unanswered[-1].bodies()
                requests.put(format_stream_batch(sequence, bodies, backfill=False))
        except (grpc.RpcError, StopIteration) as error:
            failed: Any = error
            ended = isinstance(error, StopIteration) or failed.code() in _AGAIN
            assert ended, f"refused: {failed.code()} {failed.details()}"
            time.sleep(_PAUSE_S)
        finally:
            requests.put(None)
            call.cancel()


def report_for_ever(address: str, vkey: str, folder: Path, journal: Path) -> None:
    """Be a host with a spool: note each event once the reporter has taken it."""
    file = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    reporter = UsageReporter(
        address,
        folder,
        submitter=journal.stem,
        trust=vkey,
        batch_events=200,
        batch_age_s=0.05,
        spool_size_bytes_max=8 << 20,
    )
    while True:
        for _ in range(20):
            try:
                os.write(file, reporter.report(model_id="model_xyz").encode() + b"\n")
            except SpoolFull:
                break
        time.sleep(_PAUSE_S)


def report_a_script(address: str, vkey: str, folder: Path, journal: Path) -> None:
    """Be a host that reports three times twenty events, and that lives with whatever fails."""
    file = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    options: Any = {"submitter": journal.stem, "trust": vkey, "batch_age_s": 0.01, "seed": 1}
    with UsageReporter(address, folder, batch_events=20, **options) as reporter:
        for _ in range(3):
            for _ in range(20):
                try:
                    os.write(file, reporter.report(model_id="model_xyz").encode() + b"\n")
                except (OSError, SpoolFull):
                    continue
            with suppress(TimeoutError):
                reporter.flush(_SCRIPT_S).result()
