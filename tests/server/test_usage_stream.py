"""StreamUsage: hello and resume point, sequences, acknowledgements, and streams that end in every way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from counterfoil.entry import parse_record
from counterfoil.receipt import verify_batch
from counterfoil.v1 import record_pb2, usage_service_pb2
from counterfoil.wire import element_bytes

from ..support.ledger_process import ORIGIN
from .edge import (
    Edge,
    event,
    exact,
    expect_invalid,
    frame_events,
    fresh,
    records_of,
    verify_accepted,
)
from .streams import Stream, frame_batch, frame_hello, open_stream, streaming

DUPLICATE, REJECTED = usage_service_pb2.OUTCOME_DUPLICATE, usage_service_pb2.OUTCOME_REJECTED
Batch = list[record_pb2.UsageEvent]


def batches(count: int, size: int = 3) -> list[Batch]:
    """So many batches of fresh events."""
    return [[event() for _ in range(size)] for _ in range(count)]


def test_the_first_answer_says_where_to_go_on(edge: Edge) -> None:
    """A new stream is told to begin after 0, how many batches may be open, and which log this is."""
    with open_stream(edge) as stream:
        stream.send(frame_hello(fresh("stream")))
        resume = stream.receive().resume
    assert (resume.last_sequence, resume.window_batches) == (0, 8)
    assert (resume.origin, resume.environment) == (ORIGIN, "live")


def test_each_batch_is_acknowledged_in_order_with_its_receipt(edge: Edge) -> None:
    """Acknowledgements come in the order of the batches, and each receipt verifies against what was sent."""
    sent = batches(20, 50)
    with streaming(edge, fresh("stream")) as (stream, _):
        for at, batch in enumerate(sent):
            stream.send_batch(at + 1, batch)
        for at, batch in enumerate(sent):
            ack = stream.ack()
            assert ack.sequence == at + 1
            verify_accepted(edge, ack.result, batch)


def test_a_stream_goes_on_where_it_was_broken_off(edge: Edge) -> None:
    """After a cancelled call the ledger knows the last durable batch, for this stream and submitter alone."""
    name, sent = fresh("stream"), batches(4)
    with streaming(edge, name) as (stream, _):
        for at, batch in enumerate(sent[:3]):
            stream.send_batch(at + 1, batch)
            stream.ack()
        stream.call.cancel()

    with streaming(edge, fresh("other")) as (_, last):
        assert last == 0
    with streaming(edge, name, "host_2") as (_, last):
        assert last == 0
    with streaming(edge, name) as (stream, last):
        assert last == 3
        stream.send_batch(4, sent[3])
        verify_accepted(edge, stream.ack().result, sent[3])


def test_a_batch_that_was_sent_before_gets_its_first_receipts(edge: Edge) -> None:
    """A known sequence is answered again with the same receipt bytes, and the stream stays where it was."""
    name, sent = fresh("stream"), batches(3)
    with streaming(edge, name) as (stream, _):
        for at, batch in enumerate(sent):
            stream.send_batch(at + 1, batch)
        first = [stream.ack() for _ in sent]
    before = edge.size()

    with streaming(edge, name) as (stream, last):
        assert last == 3
        for at, batch in enumerate(sent):
            stream.send_batch(at + 1, batch)
        for ack in first:
            again = stream.ack()
            assert again.sequence == ack.sequence
            assert list(again.result.receipts) == list(ack.result.receipts)
            assert (again.result.accepted, again.result.duplicates) == (0, 3)
        stream.send_batch(4, [event()])
        assert stream.ack().result.accepted == 1
    assert edge.size() == before + 1


@pytest.mark.parametrize("gap", [2, 3, 2**63 - 1])
def test_a_gap_in_the_sequence_is_refused(edge: Edge, gap: int) -> None:
    """A batch that skips one is refused with the number that comes next, and logs nothing."""
    name = fresh("stream")
    with streaming(edge, name) as (stream, _):
        stream.send_batch(1, [event()])
        stream.ack()
        before = edge.size()
        stream.send_batch(1 + gap if gap < 2**62 else gap, [event()])
        fault = expect_invalid(stream.receive, "batch.sequence", "SEQUENCE_GAP")
        assert " 2" in fault.message
    assert edge.size() == before
    with streaming(edge, name) as (_, last):
        assert last == 1


@pytest.mark.parametrize("sequence", [0, -1, -(2**63)])
def test_a_sequence_below_one_is_refused(edge: Edge, sequence: int) -> None:
    """Batches are counted from 1 on."""
    with streaming(edge, fresh("stream")) as (stream, _):
        stream.send_batch(sequence, [event()])
        expect_invalid(stream.receive, "batch.sequence", "FIELD_MISSING")


@pytest.mark.parametrize("field", ["submitter", "stream_id"])
@pytest.mark.parametrize(
    ("value", "reason"),
    [("", "FIELD_MISSING"), ("x" * 129, "FIELD_TOO_LONG"), ("a b", "ID_CHARACTERS")],
)
def test_a_hello_with_a_bad_name_is_refused(
    edge: Edge, field: str, value: str, reason: str
) -> None:
    """Both names in a hello are identifiers."""
    names = {"submitter": "host_1", "stream_id": "s"} | {field: value}
    with open_stream(edge) as stream:
        stream.send(frame_hello(**names))
        expect_invalid(stream.receive, f"hello.{field}", reason)


@pytest.mark.parametrize(
    "first", [frame_batch(1, [event()]), b"", None], ids=["batch", "empty", "half-closed"]
)
def test_a_stream_that_does_not_begin_with_hello_is_refused(
    edge: Edge, first: bytes | None
) -> None:
    """A batch without hello, an empty message, and a stream that ends before it began are told what is missing."""
    before = edge.size()
    with open_stream(edge) as stream:
        if first is not None:
            stream.send(first)
        stream.close()
        expect_invalid(stream.receive, "hello", "FIELD_MISSING")
    assert edge.size() == before


FRAME_FAULTS: list[tuple[Callable[[], bytes], str, str]] = [
    (lambda: frame_hello("again"), "message", "FIELD_MALFORMED"),
    (lambda: b"", "message", "FIELD_MALFORMED"),
    (lambda: b"\xff\xff", "request", "FIELD_MALFORMED"),
    (lambda: frame_batch(2, [event()])[:-3], "request", "FIELD_MALFORMED"),
    (lambda: frame_batch(2, [event()]) + b"\xf8\x7c\x01", "request", "UNKNOWN_FIELD"),
    (
        lambda: element_bytes(2, b"\x08\x02\xf8\x7c\x01" + frame_events([event()])),
        "request",
        "UNKNOWN_FIELD",
    ),
    (
        lambda: frame_batch(2, [event(), b"\xff"]) + b"\xf8\x7c\x01",
        "request",
        "UNKNOWN_FIELD",
    ),
    (lambda: frame_batch(2, []), "events", "FIELD_MISSING"),
    (lambda: frame_batch(2, [exact(event())] * 10_001), "events", "TOO_MANY"),
]


@pytest.mark.parametrize(
    ("make", "field", "reason"),
    FRAME_FAULTS,
    ids=[
        *("hello-again", "empty", "garbage", "cut-off", "unknown-outside", "unknown-inside"),
        *("unknown-beside-unreadable", "no-events", "too-many"),
    ],
)
def test_a_bad_frame_ends_the_stream_after_what_was_good(
    edge: Edge, make: Callable[[], bytes], field: str, reason: str
) -> None:
    """Batches before a frame that is none are acknowledged; the frame is refused and logs nothing."""
    name, good = fresh("stream"), [event()]
    before = edge.size()
    with streaming(edge, name) as (stream, _):
        stream.send_batch(1, good)
        stream.send(make())
        verify_accepted(edge, stream.ack().result, good)
        expect_invalid(stream.receive, field, reason)
    assert edge.size() == before + 1
    with streaming(edge, name) as (_, last):
        assert last == 1


def test_a_bad_event_does_not_end_the_stream(edge: Edge) -> None:
    """Refused events are answered in the acknowledgement, by position; the stream goes on."""
    with streaming(edge, fresh("stream")) as (stream, _):
        good = [event(), event()]
        stream.send_batch(1, [good[0], event(model_id=""), b"\xff", good[1]])
        stream.send_batch(2, [event("")])
        stream.send_batch(3, good[:1])
        first, second, third = stream.ack(), stream.ack(), stream.ack()
    verify_accepted(edge, first.result, good)
    assert [(r.position, r.outcome) for r in first.result.results] == [(1, REJECTED), (2, REJECTED)]
    assert (second.result.accepted, second.result.rejected) == (0, 1)
    assert not second.result.receipts
    assert third.result.results[0].outcome == DUPLICATE


def test_a_batch_with_nothing_new_still_moves_the_stream_on(edge: Edge) -> None:
    """A batch of duplicates, or of refused events, counts: the resume point is behind it."""
    name, known = fresh("stream"), [event()]
    edge.append(known)
    with streaming(edge, name) as (stream, _):
        stream.send_batch(1, known)
        stream.send_batch(2, [event("")])
        verify_batch(stream.ack().result.receipts[0], edge.vkey, records_of(known))
        stream.ack()
    with streaming(edge, name) as (_, last):
        assert last == 2


def test_backfill_of_a_batch_is_its_own(edge: Edge) -> None:
    """Backfill marks the batch that says so, and no other of the stream."""
    old = [event(event_time_us=5)]
    with streaming(edge, fresh("stream")) as (stream, _):
        stream.send_batch(1, old)
        stream.send_batch(2, old, backfill=True)
        assert stream.ack().result.rejected == 1
        result = stream.ack().result
    verify_accepted(edge, result, old, backfill=True)


def test_a_half_closed_stream_is_answered_to_the_end(edge: Edge) -> None:
    """When the client has said that no more will come, all that was sent is acknowledged and the call ends well."""
    sent = batches(30)
    with streaming(edge, fresh("stream")) as (stream, _):
        for at, batch in enumerate(sent):
            stream.send_batch(at + 1, batch)
        stream.close()
        acks = stream.rest()
        assert stream.call.code() is grpc.StatusCode.OK
    assert [ack.sequence for ack in acks] == list(range(1, 31))
    for ack, batch in zip(acks, sent, strict=True):
        verify_accepted(edge, ack.result, batch)


def test_a_hello_and_nothing_else_ends_well(edge: Edge) -> None:
    """A stream without batches is no fault."""
    with streaming(edge, fresh("stream")) as (stream, _):
        stream.close()
        assert stream.rest() == []
        assert stream.call.code() is grpc.StatusCode.OK


def test_a_cancel_loses_nothing_that_was_acknowledged(edge: Edge) -> None:
    """Streams are cancelled at every point; acknowledged batches are in the log, the rest is sent again, each event once."""
    name, sent = fresh("stream"), batches(24)
    before = edge.size()
    acknowledged: dict[int, Any] = {}
    while len(acknowledged) < len(sent):
        with streaming(edge, name) as (stream, last):
            assert last >= max(acknowledged, default=0)
            # One more answer is read each time before the call is cancelled with batches under way.
            reads = min(len(acknowledged) + 1 - last, len(sent) - last)
            start = min(last, len(acknowledged))
            for at in range(start, min(start + 8, len(sent))):
                stream.send_batch(at + 1, sent[at])
            for _ in range(max(1, reads)):
                ack = stream.ack()
                acknowledged.setdefault(ack.sequence, ack.result)
            stream.call.cancel()
    logged = [parse_record(entry.record).body for entry in edge.entries(before)]
    expected = [exact(one) for batch in sent for one in batch]
    assert Counter(logged) == Counter(expected)
    for sequence, result in acknowledged.items():
        verify_batch(result.receipts[0], edge.vkey, records_of(sent[sequence - 1]))


def test_two_calls_with_one_stream_id_stay_consistent(edge: Edge) -> None:
    """Two calls that send the same batches under one name log each event once and give the same receipts."""
    name, sent = fresh("stream"), batches(15)
    before = edge.size()
    with streaming(edge, name) as (one, _), streaming(edge, name) as (two, last):
        assert last == 0
        both: tuple[Stream, Stream] = one, two
        for at, batch in enumerate(sent):
            for stream in both if at % 2 else reversed(both):
                stream.send_batch(at + 1, batch)
        answers = [[stream.ack() for _ in sent] for stream in both]
    assert edge.size() == before + sum(map(len, sent))
    for first, second in zip(*answers, strict=True):
        assert first.sequence == second.sequence
        assert list(first.result.receipts) == list(second.result.receipts)
        assert first.result.accepted + second.result.accepted == 3
    with streaming(edge, name) as (_, last):
        assert last == len(sent)


def test_two_calls_that_disagree_under_one_stream_id_lose_nothing(edge: Edge) -> None:
    """When two producers use one name by mistake, the events of both are logged, each with a receipt."""
    name = fresh("stream")
    mine, theirs = batches(10), batches(10)
    before = edge.size()
    with streaming(edge, name) as (one, _), streaming(edge, name) as (two, _):
        for at in range(10):
            one.send_batch(at + 1, mine[at])
            verify_accepted(edge, one.ack().result, mine[at])
            two.send_batch(at + 1, theirs[at])
            verify_accepted(edge, two.ack().result, theirs[at])
    logged = Counter(parse_record(entry.record).body for entry in edge.entries(before))
    assert logged == Counter(exact(one) for batch in mine + theirs for one in batch)
