"""Bytes that are no request: garbage, cut-off frames, unknown fields at every depth of every message."""

from __future__ import annotations

import random
from typing import Any

import grpc
import pytest

from counterfoil.v1 import usage_service_pb2
from counterfoil.wire import element_bytes

from .edge import (
    APPEND_USAGE,
    PATIENCE_S,
    Edge,
    Fault,
    event,
    exact,
    expect_invalid,
    frame_append,
    frame_events,
    fresh,
    refused,
    training,
    verify_accepted,
)
from .shapes import METHODS, UNKNOWN_FIELDS, Method, fill, is_clean, paths, with_unknown

GARBAGE_SEED = 20260101
REJECTED = usage_service_pb2.OUTCOME_REJECTED
UNREADABLE = {"FIELD_MALFORMED", "UNKNOWN_FIELD"}


def send(edge: Edge, method: Method, data: bytes) -> list[bytes]:
    """Send one request to any method and read all that comes back."""
    channel = edge.channel
    if method.descriptor.client_streaming:
        return list(channel.stream_stream(method.path)(iter([data]), timeout=PATIENCE_S))
    if method.descriptor.server_streaming:
        return list(channel.unary_stream(method.path)(data, timeout=PATIENCE_S))
    return [channel.unary_unary(method.path)(data, timeout=PATIENCE_S)]


def expect_unreadable(edge: Edge, method: Method, data: bytes, told: object) -> Fault:
    """The request must be refused as one that cannot be read, without a word about the server's insides."""
    fault = refused(lambda: send(edge, method, data))
    assert fault.code is grpc.StatusCode.INVALID_ARGUMENT, (told, fault)
    assert fault.reason in UNREADABLE, (told, fault)
    assert fault.domain == "counterfoil", (told, fault)
    assert fault.field, (told, fault)
    assert str(edge.ledger.directory) not in fault.message
    assert "Traceback" not in fault.message
    return fault


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_garbage_is_refused_by_every_method(edge: Edge, method: Method) -> None:
    """Random bytes are refused with a clear error, never an internal one, and leave the log as it is."""
    chance = random.Random(f"{GARBAGE_SEED}/{method.name}")
    before = edge.size()
    sent = 0
    while sent < 15:
        data = chance.randbytes(chance.randrange(1, 200))
        # An AppendUsageRequest whose frame happens to be sound is answered event by event.
        if is_clean(method.request, data):
            continue
        expect_unreadable(edge, method, data, (GARBAGE_SEED, sent))
        sent += 1
    assert edge.size() == before


@pytest.mark.parametrize(
    "method", [method for method in METHODS if method.descriptor.input_type.fields], ids=str
)
def test_a_request_that_is_cut_off_is_refused_by_every_method(edge: Edge, method: Method) -> None:
    """Whatever prefix of a request arrives, it is refused as malformed when it is none itself."""
    message: Any = method.request()
    fill(message)
    data = message.SerializeToString()
    before = edge.size()
    cut = [data[:at] for at in range(1, len(data)) if not is_clean(method.request, data[:at])]
    assert cut

    for prefix in cut:
        assert expect_unreadable(edge, method, prefix, prefix).reason == "FIELD_MALFORMED"

    assert edge.size() == before


@pytest.mark.parametrize("unknown", UNKNOWN_FIELDS, ids=["number", "text"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param(method, path, id=".".join((method.name, *path)))
        for method in METHODS
        for path in paths(method.descriptor.input_type)
        if "events" not in path and path != ("batch",)
    ],
)
def test_an_unknown_field_refuses_the_request(
    edge: Edge, method: Method, path: tuple[str, ...], unknown: bytes
) -> None:
    """A field that nobody checks is never signed for, wherever in the request it stands."""
    before = edge.size()
    data = with_unknown(method.request, path, unknown)
    assert expect_unreadable(edge, method, data, path).reason == "UNKNOWN_FIELD"
    assert edge.size() == before


@pytest.mark.parametrize("unknown", UNKNOWN_FIELDS, ids=["number", "text"])
@pytest.mark.parametrize("where", ["event", "attribution", "map entry"])
def test_an_unknown_field_in_an_event_refuses_the_event_alone(
    edge: Edge, where: str, unknown: bytes
) -> None:
    """An event with an unknown field at any depth is named by position; its neighbours are logged."""
    body = exact(event(fresh()))
    bad = {
        "event": body + unknown,
        "attribution": body + element_bytes(12, b"\x0a\x01a" + unknown),
        "map entry": body + element_bytes(14, b"\x0a\x01k\x12\x01v" + unknown),
    }[where]
    good = [event(), event()]

    response = edge.append([good[0], bad, good[1]])

    assert (response.accepted, response.rejected) == (2, 1)
    result = response.results[0]
    assert (result.position, result.outcome) == (1, REJECTED)
    assert result.reason == "UNKNOWN_FIELD"
    verify_accepted(edge, response, good)


@pytest.mark.parametrize("unknown", UNKNOWN_FIELDS, ids=["number", "text"])
@pytest.mark.parametrize("bad", [b"\xff", b"\x0a\x02\xff\xff", b"\xf8\x7c\x01"])
def test_an_unreadable_event_does_not_hide_an_unknown_field_of_the_frame(
    edge: Edge, bad: bytes, unknown: bytes
) -> None:
    """A frame with an unknown field is refused as a whole, also when an event in it cannot be read."""
    before = edge.size()
    data = frame_append([event(), bad]) + unknown

    fault = refused(lambda: edge.raw(APPEND_USAGE, data))

    assert (fault.code, fault.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "UNKNOWN_FIELD")
    assert edge.size() == before


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a\x02\xc3\x28" + frame_events([event()]),
        b"\x0a\x01s\x22\x02\xff\xfe" + frame_events([event()]),
    ],
    ids=["submitter", "request_id"],
)
def test_wrong_utf_8_in_the_frame_refuses_the_request(edge: Edge, data: bytes) -> None:
    """Text of the request itself that is not UTF-8 refuses all of it."""
    before = edge.size()
    expect_invalid(lambda: edge.raw(APPEND_USAGE, data), "request", "FIELD_MALFORMED")
    assert edge.size() == before


@pytest.mark.parametrize("service", ["Training", "Payout"])
def test_wrong_utf_8_in_a_record_refuses_it(edge: Edge, service: str) -> None:
    """A training or payout with text that is not UTF-8 is refused."""
    path = f"/counterfoil.v1.{service}Service/Record{service}"
    data = b"\x0a\x06host_1" + element_bytes(3, b"\x0a\x02\xc3\x28")
    expect_invalid(lambda: edge.raw(path, data), "request", "FIELD_MALFORMED")


@pytest.mark.parametrize(("service", "field"), [("Training", "training"), ("Payout", "payout")])
@pytest.mark.parametrize("times", [0, 2])
def test_a_request_holds_its_record_once(edge: Edge, service: str, field: str, times: int) -> None:
    """A record that is missing, or that protobuf would merge from two, is refused: nobody sent the merged one."""
    path = f"/counterfoil.v1.{service}Service/Record{service}"
    before = edge.size()
    data = b"\x0a\x06host_1" + times * element_bytes(3, exact(training()))
    if service == "Payout":
        data = b"\x0a\x06host_1" + times * element_bytes(3, b"\x0a\x01c")
    expect_invalid(lambda: edge.raw(path, data), field, "FIELD_MISSING")
    assert edge.size() == before


@pytest.mark.parametrize(
    "data",
    [
        b"\x8a\x00\x06host_1" + element_bytes(3, exact(training())),
        b"\x0a\x86\x00host_1" + element_bytes(3, exact(training())),
        b"\x0a\x06host_1" + b"\x1a" + b"\xff" * 9 + b"\x01",
    ],
    ids=["long-tag", "long-length", "endless"],
)
def test_a_record_in_a_roundabout_encoding_is_refused(edge: Edge, data: bytes) -> None:
    """Numbers that are not in their shortest form are refused around a single record, and endless ones too."""
    path = "/counterfoil.v1.TrainingService/RecordTraining"
    before = edge.size()
    expect_invalid(lambda: edge.raw(path, data), "request", "FIELD_MALFORMED")
    assert edge.size() == before


def test_a_method_that_does_not_exist_is_unimplemented(edge: Edge) -> None:
    """An unknown method or service of the package is told apart from a failure."""
    for path in ("/counterfoil.v1.LogService/Nope", "/counterfoil.v1.Nope/GetLogInfo"):
        assert refused(lambda path=path: edge.raw(path, b"")).code is (  # type: ignore[misc]
            grpc.StatusCode.UNIMPLEMENTED
        )
