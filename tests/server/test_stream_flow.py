"""Flow control: clients that do not read, and clients that stay idle, cost the server a bounded amount."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from itertools import islice

import grpc

from counterfoil.v1 import usage_service_pb2

from .edge import (
    APPEND_USAGE,
    PATIENCE_S,
    Edge,
    event,
    exact,
    fault_of,
    frame_append,
    fresh,
    now_us,
    verify_accepted,
)
from .held import as_done, writer_held
from .streams import open_stream, streaming

BATCHES = 250
REFUSED = 1000
# What the buffers of HTTP/2 hold on the way to a client that does not read; gRPC lets them grow on a fast line.
UNREAD_BYTES_MAX = 32 << 20
# So many calls of other clients are served without one batch more being taken: the stream is held, not slow.
STILL_CALLS = 150


def test_a_client_that_does_not_read_is_held_and_then_served(edge: Edge) -> None:
    """Without reading its large answers a client can send a few batches and no more; once it reads, all are answered."""
    reference = "nothing-of-this-name".ljust(128, "~")
    refused = [exact(event(receipt_ref=reference)) for _ in range(REFUSED)]
    with streaming(edge, fresh("stream")) as (stream, _):
        for at in range(BATCHES):
            stream.send_batch(at + 1, refused)
        still, taken = 0, stream.taken
        while still < STILL_CALLS and stream.taken < BATCHES:
            edge.info()
            still = still + 1 if stream.taken == taken else 0
            taken = stream.taken
        first = stream.ack()
        size = first.ByteSize()
        assert size * BATCHES > 1.5 * UNREAD_BYTES_MAX
        assert size * taken < UNREAD_BYTES_MAX, "batches are taken in though nobody reads"
        for at in range(1, BATCHES):
            ack = stream.ack()
            assert (ack.sequence, ack.result.rejected) == (at + 1, REFUSED)
        stream.close()
        assert stream.rest() == []


def test_idle_streams_and_tails_do_not_keep_others_waiting(edge: Edge) -> None:
    """With a hundred streams open that say nothing, batches on another one are taken in as ever."""
    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(open_stream(edge))
            stack.enter_context(streaming(edge, fresh("idle")))
        with streaming(edge, fresh("busy")) as (stream, _):
            for at in range(20):
                stream.send_batch(at + 1, [event()])
                assert stream.ack().result.accepted == 1
        assert edge.append([event()]).accepted == 1


def test_more_calls_than_a_connection_may_have_are_logged_once_each(edge: Edge) -> None:
    """Of 2,000 batches at the same time each is logged or turned away untouched, and then logged when it is sent again."""
    before = edge.size()
    requests = [
        usage_service_pb2.AppendUsageRequest(submitter="host_1", events=[event()])
        for _ in range(2000)
    ]
    accepted = 0
    while requests:
        calls = [edge.usage.AppendUsage.future(one, timeout=PATIENCE_S) for one in requests]
        codes = [call.code() for call in calls]
        # Those beyond what a connection may have open wait in the client: gRPC itself refuses none.
        known = {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert set(codes) <= known, Counter(codes)
        faults = [fault_of(call) for call in calls if call.code() is not grpc.StatusCode.OK]
        assert {(fault.reason, fault.retry_after_s) for fault in faults} <= {("BUSY", 0.2)}
        answers = [call.result() for call in calls if call.code() is grpc.StatusCode.OK]
        accepted += sum(answer.accepted for answer in answers)
        assert answers, "some of them must get through"
        assert edge.size() == before + accepted
        requests = [
            one for one, code in zip(requests, codes, strict=True) if code is not grpc.StatusCode.OK
        ]
    assert accepted == 2000


def test_a_full_queue_pushes_back_and_loses_nothing(edge: Edge) -> None:
    """While the disk is slow, what exceeds the queue is refused at once with a time to come back; the rest is logged."""
    present, name = now_us(), fresh("flood")
    batches = [
        [exact(event(f"{name}-{number}-{at}", event_time_us=present)) for at in range(10_000)]
        for number in range(12)
    ]
    before = edge.size()
    append = edge.channel.unary_unary(APPEND_USAGE)
    with writer_held(edge.ledger.directory) as release:
        calls = [append.future(frame_append(one), timeout=PATIENCE_S) for one in batches]
        # One or two batches are in the writer's hand, and 60,000 records wait behind it: no more.
        done = list(islice(as_done(calls), 4))
        faults = [fault_of(call) for call in done]
        assert edge.size() == before, "reads go on, and nothing was answered before it is durable"
        release.set()
        for call in calls:
            call.exception()

    for fault in faults:
        assert (fault.code, fault.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "BUSY")
        assert fault.retry_after_s == 0.2
    accepted = [at for at, call in enumerate(calls) if call.code() is grpc.StatusCode.OK]
    assert 7 <= len(accepted) <= 8
    for at in accepted:
        answer = usage_service_pb2.AppendUsageResponse.FromString(calls[at].result())
        verify_accepted(edge, answer, batches[at])
    assert edge.size() == before + 10_000 * len(accepted)


def test_a_stream_waits_where_a_single_call_is_pushed_back(edge: Edge) -> None:
    """While the disk is slow a stream is held, not refused; then every batch of it is acknowledged."""
    before = edge.size()
    with streaming(edge, fresh("stream")) as (stream, _):
        with writer_held(edge.ledger.directory) as release:
            for at in range(40):
                stream.send_batch(at + 1, [event() for _ in range(10)])
            assert edge.size() == before
            release.set()
        assert [stream.ack().sequence for _ in range(40)] == list(range(1, 41))
