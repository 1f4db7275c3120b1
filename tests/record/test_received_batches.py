"""Requests with batches of usage, from their bytes: exact bodies, and faults told event by event."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.errors import InvalidInput
from counterfoil.record import (
    USAGE,
    ReceivedBatch,
    parse_append_usage,
    parse_stream_batch,
    problem,
)
from counterfoil.v1 import record_pb2, usage_service_pb2
from counterfoil.wire import element_bytes, field_bytes, field_varint

from .samples import good, serialize

SEED = 20260809
BODIES = [serialize(good(USAGE, event_id=f"e{n}")) for n in range(6)]
HELLO = usage_service_pb2.StreamUsageRequest(
    hello=usage_service_pb2.StreamHello(submitter="host", stream_id="s")
).SerializeToString()


def append_frame(bodies: Sequence[bytes], around: bytes = b"") -> bytes:
    """An AppendUsageRequest with these bodies as they are."""
    head = field_bytes(1, b"host") + field_varint(2, 1) + field_bytes(4, b"r-1")
    return head + around + b"".join(element_bytes(15, body) for body in bodies)


def stream_frame(bodies: Sequence[bytes], around: bytes = b"") -> bytes:
    """A StreamUsageRequest with a batch of these bodies as they are."""
    batch = field_varint(1, 7) + field_varint(2, 1) + around
    return element_bytes(2, batch + b"".join(element_bytes(15, body) for body in bodies))


Frame = Callable[..., bytes]
Parse = Callable[[bytes], ReceivedBatch]
FRAMES = pytest.mark.parametrize(
    ("frame", "parse"),
    [(append_frame, parse_append_usage), (stream_frame, parse_stream_batch)],
    ids=["append", "stream"],
)


def refusal(parse: Parse, data: bytes) -> InvalidInput:
    """The error that refuses a frame as a whole."""
    with pytest.raises(InvalidInput) as caught:
        parse(data)
    assert str(caught.value)
    return caught.value


@FRAMES
def test_a_good_batch_keeps_its_exact_bytes(frame: Frame, parse: Parse) -> None:
    """Events come parsed, and beside them the very bytes that were sent."""
    received = parse(frame(BODIES))

    assert list(received.bodies) == BODIES
    assert [serialize(event) for event in received.events] == BODIES
    assert list(received.problems) == []
    assert received.request.backfill is True


def test_what_stands_around_the_events_is_read() -> None:
    """Submitter, request id, sequence and flags come from the request."""
    appended = parse_append_usage(append_frame(BODIES)).request
    streamed = parse_stream_batch(stream_frame(BODIES)).request

    assert (appended.submitter, appended.request_id, appended.atomic) == ("host", "r-1", False)
    assert streamed.sequence == 7


@FRAMES
def test_bodies_in_unusual_bytes_are_kept_as_sent(frame: Frame, parse: Parse) -> None:
    """Reordered, repeated, defaulted and padded fields mean the same, and stay as they are."""
    usual = BODIES[0]
    head = field_bytes(1, b"e0")
    unusual = [
        usual[len(head) :] + head,
        field_bytes(1, b"other") + usual,
        usual + element_bytes(7, b"pt_42_9f8e7d6c"),
        usual.replace(head, b"\x8a\x00\x02e0"),
        usual + field_varint(4, 3) + field_varint(4, 10),
    ]

    received = parse(frame(unusual))

    assert list(received.bodies) == unusual
    assert list(received.problems) == []
    assert all(event == received.events[0] for event in received.events)
    assert all(body != usual for body in received.bodies)


@given(st.lists(st.sampled_from(BODIES), max_size=20))
@settings(derandomize=True, deadline=None)
def test_typed_and_exact_reading_agree(bodies: list[bytes]) -> None:
    """Both readings of a frame find the same number of events, which belong together by position."""
    for frame, parse in ((append_frame, parse_append_usage), (stream_frame, parse_stream_batch)):
        received = parse(frame(bodies))
        assert list(received.bodies) == bodies
        parsed = [record_pb2.UsageEvent.FromString(body) for body in bodies]
        assert list(received.events) == parsed


BAD_EVENTS: tuple[tuple[str, bytes, str], ...] = (
    ("unknown varint", BODIES[0] + field_varint(99, 1), problem.UNKNOWN_FIELD),
    ("unknown bytes", field_bytes(99, b"x") + BODIES[0], problem.UNKNOWN_FIELD),
    (
        "unknown field in an attribution",
        BODIES[0] + element_bytes(12, field_bytes(1, b"a") + field_varint(9, 1)),
        problem.UNKNOWN_FIELD,
    ),
    (
        "unknown field in metadata",
        BODIES[0] + element_bytes(14, field_bytes(1, b"k") + field_varint(3, 1)),
        problem.UNKNOWN_FIELD,
    ),
    ("group", BODIES[0] + b"\x9b\x06\x9c\x06", problem.UNKNOWN_FIELD),
    ("id of the wrong type", field_varint(1, 5) + BODIES[0], problem.UNKNOWN_FIELD),
    ("id not UTF-8", BODIES[0] + field_bytes(1, b"\xff"), problem.MALFORMED),
    ("overlong UTF-8", BODIES[0] + field_bytes(11, b"\xc0\xaf"), problem.MALFORMED),
    ("surrogate", BODIES[0] + field_bytes(3, b"\xed\xa0\x80"), problem.MALFORMED),
    (
        "metadata not UTF-8",
        BODIES[0] + element_bytes(14, field_bytes(1, b"k") + field_bytes(2, b"\xff")),
        problem.MALFORMED,
    ),
    ("cut", BODIES[0][:-1], problem.MALFORMED),
    ("field longer than the event", BODIES[0] + b"\x0a\x7f", problem.MALFORMED),
    ("endless number", BODIES[0] + b"\x20" + b"\xff" * 11, problem.MALFORMED),
    ("group not closed", BODIES[0] + b"\x9b\x06", problem.MALFORMED),
    ("field number zero", b"\x00" + BODIES[0], problem.MALFORMED),
)
BAD_NAMES = [name for name, _, _ in BAD_EVENTS]


@FRAMES
@pytest.mark.parametrize(("name", "bad", "reason"), BAD_EVENTS, ids=BAD_NAMES)
def test_a_bad_event_leaves_its_neighbours(
    frame: Frame, parse: Parse, name: str, bad: bytes, reason: str
) -> None:
    """An event that cannot be read, or says something unknown, is named by position; the others are read."""
    chance = random.Random(SEED)
    at = chance.randrange(len(BODIES))
    bodies = [*BODIES[:at], bad, *BODIES[at + 1 :]]

    received = parse(frame(bodies))

    assert [(p.position, p.field, p.reason) for p in received.problems] == [
        (at, f"events[{at}]", reason)
    ], name
    assert received.problems[0].message
    assert list(received.bodies) == bodies
    for position, body in enumerate(BODIES):
        wanted = b"" if position == at else body
        assert serialize(received.events[position]) == wanted


@FRAMES
def test_many_bad_events_are_all_named(frame: Frame, parse: Parse) -> None:
    """Each bad event of a batch has its own problem, and the good ones between them are read."""
    bodies = [body for _, bad, _ in BAD_EVENTS for body in (bad, BODIES[1])]

    received = parse(frame(bodies))

    assert [p.position for p in received.problems] == list(range(0, len(bodies), 2))
    assert [p.reason for p in received.problems] == [reason for _, _, reason in BAD_EVENTS]
    assert all(serialize(event) == BODIES[1] for event in received.events[1::2])


UNKNOWN = (field_varint(99, 1), field_bytes(77, b"x"), b"\x9d\x06" + bytes(4))


@FRAMES
@pytest.mark.parametrize("unknown", UNKNOWN, ids=["varint", "bytes", "fixed32"])
@pytest.mark.parametrize(
    "events", [BODIES, [], [BODIES[0], BAD_EVENTS[6][1]]], ids=["good", "none", "bad"]
)
def test_unknown_fields_around_the_events_refuse_the_frame(
    frame: Frame, parse: Parse, unknown: bytes, events: list[bytes]
) -> None:
    """A field that the request does not have refuses it as a whole, whatever its events are like."""
    error = refusal(parse, frame(events, unknown))

    assert (error.field, error.reason) == ("request", problem.UNKNOWN_FIELD)
    assert error.position is None


def test_unknown_fields_around_a_stream_batch_refuse_it() -> None:
    """The outermost message of a stream is looked at as well."""
    for events in (BODIES, [BODIES[0], BAD_EVENTS[0][1]]):
        error = refusal(parse_stream_batch, stream_frame(events) + field_varint(3, 1))
        assert error.reason == problem.UNKNOWN_FIELD


@FRAMES
def test_truncated_frames_are_refused(frame: Frame, parse: Parse) -> None:
    """A frame cut inside an event or a number is malformed; cut between events it has fewer of them."""
    data = frame(BODIES[:2])
    whole = 0
    for size in range(len(data)):
        try:
            received = parse(data[:size])
        except InvalidInput as error:
            reasons = (problem.MALFORMED, problem.UNKNOWN_FIELD)
            assert error.reason in reasons  # noqa: PT017 - several outcomes are right
            continue
        whole += 1
        assert list(received.bodies) == BODIES[: len(received.bodies)]
        assert len(received.bodies) < 2

    assert whole <= 8


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"\x0a",
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x7a\x05abc",
        b"\x0b",
        b"\x00",
    ],
)
def test_frames_that_are_no_messages_are_refused(data: bytes) -> None:
    """Bytes that protobuf cannot read refuse the frame, for both kinds of request."""
    for parse in (parse_append_usage, parse_stream_batch):
        assert refusal(parse, data).reason == problem.MALFORMED


def test_text_around_the_events_must_be_utf8() -> None:
    """A submitter that is not UTF-8 refuses the frame: it is not a fault of an event."""
    error = refusal(parse_append_usage, field_bytes(1, b"h\xff") + append_frame(BODIES)[6:])

    assert (error.field, error.reason) == ("request", problem.MALFORMED)


@pytest.mark.parametrize("data", [b"", HELLO], ids=["nothing", "hello"])
def test_a_stream_carries_batches(data: bytes) -> None:
    """Where a batch belongs, a hello or an empty message is refused."""
    error = refusal(parse_stream_batch, data)

    assert (error.field, error.reason) == ("message", problem.MALFORMED)


def test_the_last_message_of_a_frame_counts() -> None:
    """A batch behind a hello is the batch, a hello behind a batch leaves none: as protobuf has it."""
    assert len(parse_stream_batch(HELLO + stream_frame(BODIES)).bodies) == len(BODIES)
    refusal(parse_stream_batch, stream_frame(BODIES) + HELLO)


def test_random_damage_raises_nothing_else() -> None:
    """Whatever bytes arrive, a frame is read or refused with InvalidInput; what is read has its exact bytes."""
    chance = random.Random(SEED)
    for round_ in range(1500):
        data: Any = bytearray(append_frame(BODIES[:3]))
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            received = parse_append_usage(bytes(data))
        except InvalidInput:
            continue
        assert len(received.events) == len(received.bodies), (SEED, round_)
        refused = {item.position for item in received.problems}
        for position, body in enumerate(received.bodies):
            if position not in refused:
                parsed = record_pb2.UsageEvent.FromString(body)
                assert parsed == received.events[position], (SEED, round_)
