"""One StreamUsage call in the hands of a test: what is sent when, and what comes back."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from counterfoil.v1 import usage_service_pb2
from counterfoil.wire import element_bytes

from .edge import PATIENCE_S, Bodies, Edge, frame_events

STREAM_USAGE = "/counterfoil.v1.UsageService/StreamUsage"


def frame_hello(stream_id: str, submitter: str = "host_1") -> bytes:
    """A request that says hello."""
    hello = usage_service_pb2.StreamHello(submitter=submitter, stream_id=stream_id)
    return usage_service_pb2.StreamUsageRequest(hello=hello).SerializeToString()


def frame_batch(sequence: int, bodies: Bodies, *, backfill: bool = False) -> bytes:
    """A request with a batch whose events are these very bytes."""
    head = usage_service_pb2.StreamBatch(sequence=sequence, backfill=backfill)
    return element_bytes(2, head.SerializeToString() + frame_events(bodies))


class Stream:
    """An open call; requests are bytes, so that a test can send anything.

    Attributes:
        call: the gRPC call.
        taken: how many requests gRPC has taken off our hands.
    """

    def __init__(self, edge: Edge) -> None:
        self.taken = 0
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.call = edge.channel.stream_stream(STREAM_USAGE)(self._give(), timeout=PATIENCE_S)

    def _give(self) -> Iterator[bytes]:
        for data in iter(self._requests.get, None):
            self.taken += 1
            yield data

    def send(self, data: bytes) -> None:
        """Send one request."""
        self._requests.put(data)

    def send_batch(self, sequence: int, bodies: Bodies, *, backfill: bool = False) -> None:
        """Send one batch."""
        self.send(frame_batch(sequence, bodies, backfill=backfill))

    def close(self) -> None:
        """Say that no more will be sent."""
        self._requests.put(None)

    def receive(self) -> Any:
        """The next answer."""
        return usage_service_pb2.StreamUsageResponse.FromString(next(self.call))

    def ack(self) -> Any:
        """The next answer, which must be an acknowledgement."""
        answer = self.receive()
        assert answer.WhichOneof("message") == "ack", answer
        return answer.ack

    def rest(self) -> list[Any]:
        """All acknowledgements that are still to come."""
        return [usage_service_pb2.StreamUsageResponse.FromString(data).ack for data in self.call]


@contextmanager
def open_stream(edge: Edge) -> Iterator[Stream]:
    """A call that is cancelled at the end; nothing has been sent yet."""
    stream = Stream(edge)
    try:
        yield stream
    finally:
        stream.close()
        stream.call.cancel()


@contextmanager
def streaming(
    edge: Edge, stream_id: str, submitter: str = "host_1"
) -> Iterator[tuple[Stream, int]]:
    """A stream that has said hello, and the last sequence that the ledger has of it."""
    with open_stream(edge) as stream:
        stream.send(frame_hello(stream_id, submitter))
        answer = stream.receive()
        assert answer.WhichOneof("message") == "resume", answer
        yield stream, answer.resume.last_sequence
