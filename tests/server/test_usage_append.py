"""AppendUsage: what is accepted, and what is refused event by event."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from counterfoil.entry import parse_record
from counterfoil.v1 import record_pb2, usage_service_pb2

from .edge import (
    DAY_US,
    SECOND_US,
    Edge,
    event,
    exact,
    expect_invalid,
    fresh,
    now_us,
    refused,
    verify_accepted,
)

TOKENS_MAX = 10**12
REJECTED = usage_service_pb2.OUTCOME_REJECTED

# Every fault of one event: the field that must be named, what is wrong, the reason.
ID_FAULTS = [
    (field, value, reason)
    for field, required in (
        ("event_id", True),
        ("model_id", True),
        ("asset_id", False),
        ("license_id", False),
        ("consumer_id", False),
        ("action", False),
    )
    for value, reason in (
        ("x" * 129, "FIELD_TOO_LONG"),
        ("a b", "ID_CHARACTERS"),
        ("a\n", "ID_CHARACTERS"),
        ("a\0", "ID_CHARACTERS"),
        ("id\u0435", "ID_CHARACTERS"),
        *([("", "FIELD_MISSING")] if required else []),
    )
]
QUANTITY_FAULTS = [
    (field, value, reason)
    for field in ("input_tokens", "output_tokens", "tokens")
    for value, reason in (
        (-1, "QUANTITY_NEGATIVE"),
        (-(2**63), "QUANTITY_NEGATIVE"),
        (TOKENS_MAX + 1, "QUANTITY_ABSURD"),
        (2**63 - 1, "QUANTITY_ABSURD"),
    )
]
SHARE = record_pb2.Attribution
COLLECTION_FAULTS: list[tuple[str, Any, str, str]] = [
    ("attributions", [SHARE(asset_id="a", parts_per_million=1_000_001)], "", "QUANTITY_ABSURD"),
    (
        "attributions",
        [
            SHARE(asset_id="a", parts_per_million=600_000),
            SHARE(asset_id="b", parts_per_million=400_001),
        ],
        "",
        "QUANTITY_ABSURD",
    ),
    ("attributions", [SHARE(asset_id="a"), SHARE(asset_id="a")], "", "FIELD_MALFORMED"),
    ("attributions", [SHARE(asset_id="a"), SHARE(asset_id="")], "[1].asset_id", "FIELD_MISSING"),
    ("attributions", [SHARE(asset_id=f"a{at}") for at in range(65)], "", "TOO_MANY"),
    ("consents", [1, 1], "", "FIELD_MALFORMED"),
    ("consents", [0], "", "FIELD_MALFORMED"),
    ("consents", [99], "", "FIELD_MALFORMED"),
    ("metadata", {f"k{at}": "v" for at in range(33)}, "", "TOO_MANY"),
    ("metadata", {"": "v"}, "", "FIELD_MALFORMED"),
    ("metadata", {"k" * 65: "v"}, "", "FIELD_MALFORMED"),
    ("metadata", {"a b": "v"}, "", "FIELD_MALFORMED"),
    ("metadata", {"k": "v" * 513}, "[k]", "FIELD_TOO_LONG"),
    ("metadata", {"k": "\x1b[31m"}, "[k]", "FIELD_MALFORMED"),
]


def expect_middle_refused(
    edge: Edge, bad: record_pb2.UsageEvent, field: str, reason: str, **options: Any
) -> Any:
    """Send an event between two good ones; it alone must be refused. Returns its result."""
    good = [event(), event()]
    before = edge.size()

    response = edge.append([good[0], bad, good[1]], **options)

    assert (response.accepted, response.duplicates, response.rejected) == (2, 0, 1), response
    assert len(response.results) == 1
    result = response.results[0]
    assert (result.position, result.outcome) == (1, REJECTED), result
    assert (result.field, result.reason) == (field, reason), result
    assert result.message
    verify_accepted(edge, response, good, backfill=bool(options.get("backfill")))
    assert edge.size() == before + 2
    return result


def test_a_batch_is_logged_in_order_and_byte_for_byte(own: Edge) -> None:
    """Five events become five entries that follow each other, each with the body that was sent."""
    events = [event(tokens=at, metadata={"at": str(at)}) for at in range(5)]
    before = own.size()

    response = own.append(events)

    assert (response.accepted, response.duplicates, response.rejected) == (5, 0, 0)
    assert not response.results
    assert response.first_index == before
    assert own.size() == before + 5
    verified = verify_accepted(own, response, events)
    assert verified.size == before + 5
    for at, sent in enumerate(events):
        entry = own.entry(before + at)
        fields = parse_record(entry.record)
        assert fields.body == exact(sent)
        assert (fields.submitter, fields.request_id, fields.backfill) == ("host_1", "", False)
        assert entry.kind == 3
        assert entry.id.startswith(f"ev_{before + at}_")


def test_an_event_is_found_by_its_identity(edge: Edge) -> None:
    """GetUsageEvent gives the event that (submitter, event_id) names, with index and time."""
    sent = event()
    index = edge.append([sent]).first_index

    found = edge.find_event(sent.event_id)

    assert found.event == sent
    assert found.index == index
    assert found.time_us == edge.entry(index).time_us
    assert not found.backfill


def test_an_identity_belongs_to_its_submitter(edge: Edge) -> None:
    """Another submitter's event of the same id is not found, and can be logged beside it."""
    sent = event()
    edge.append([sent])

    fault = refused(lambda: edge.find_event(sent.event_id, "host_2"))
    assert (fault.code, fault.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")

    again = edge.append([sent], "host_2")
    assert (again.accepted, again.duplicates) == (1, 0)


@pytest.mark.parametrize("field", ["submitter", "event_id"])
@pytest.mark.parametrize(
    ("value", "reason"),
    [("", "FIELD_MISSING"), ("x" * 129, "FIELD_TOO_LONG"), ("a b", "ID_CHARACTERS")],
)
def test_a_look_up_by_an_impossible_identity_is_refused(
    edge: Edge, field: str, value: str, reason: str
) -> None:
    """GetUsageEvent names the identifier that is empty, too long or has other characters."""
    request = usage_service_pb2.GetUsageEventRequest(
        **({"submitter": "host_1", "event_id": "e"} | {field: value})
    )
    expect_invalid(lambda: edge.usage.GetUsageEvent(request), field, reason)


@pytest.mark.parametrize(("field", "value", "reason"), ID_FAULTS)
def test_a_bad_identifier_refuses_its_event_alone(
    edge: Edge, field: str, value: str, reason: str
) -> None:
    """An identifier that is empty, too long or has other characters is named; its neighbours are logged."""
    expect_middle_refused(edge, event(**{field: value}), field, reason)


@pytest.mark.parametrize(("field", "value", "reason"), QUANTITY_FAULTS)
def test_a_bad_quantity_refuses_its_event_alone(
    edge: Edge, field: str, value: Any, reason: str
) -> None:
    """A negative or absurd quantity is named; its neighbours are logged."""
    expect_middle_refused(edge, event(**{field: value}), field, reason)


@pytest.mark.parametrize(("field", "value", "where", "reason"), COLLECTION_FAULTS)
def test_a_bad_collection_refuses_its_event_alone(
    edge: Edge, field: str, value: Any, where: str, reason: str
) -> None:
    """Attributions, consents and metadata out of bounds are named; the neighbours are logged."""
    expect_middle_refused(edge, event(**{field: value}), field + where, reason)


def test_the_largest_acceptable_event_is_accepted(edge: Edge) -> None:
    """Every field of an event may be at its bound at the same time."""
    full = event(
        fresh("e").ljust(128, "~"),
        model_id="m" * 128,
        input_tokens=TOKENS_MAX,
        output_tokens=TOKENS_MAX,
        tokens=TOKENS_MAX,
        asset_id="a" * 128,
        license_id="l" * 128,
        consumer_id="c" * 128,
        action="x" * 128,
        attributions=[SHARE(asset_id=f"a{at}", parts_per_million=15_625) for at in range(64)],
        consents=[1, 2, 3, 4],
        metadata={f"k{at}".ljust(64, "_"): "v" * 512 for at in range(32)},
    )

    verify_accepted(edge, edge.append([full]), [full])


def test_an_event_of_too_many_bytes_is_refused_alone(edge: Edge) -> None:
    """An event above 64 KiB, however it is padded, is refused as too large; its neighbours are logged."""
    bad = event()
    # A field may stand twice on the wire; the last one counts. So small fields can make a large event.
    padded = exact(bad) + b"\x1a\x09model_xyz" * 6000
    good = [event(), event()]
    assert len(padded) > 64 * 1024
    assert record_pb2.UsageEvent.FromString(padded) == bad

    response = edge.append([good[0], padded, good[1]])

    assert (response.accepted, response.rejected) == (2, 1)
    assert (response.results[0].position, response.results[0].reason) == (1, "TOO_LARGE")
    verify_accepted(edge, response, good)


@pytest.mark.parametrize(
    ("time_us", "reason"),
    [
        (0, "FIELD_MISSING"),
        (-1, "QUANTITY_ABSURD"),
        (-(2**63), "QUANTITY_ABSURD"),
        (253_402_300_800 * SECOND_US + 1, "QUANTITY_ABSURD"),
        (1, "TIME_OUTSIDE_WINDOW"),
    ],
)
def test_a_time_that_cannot_be_is_refused(edge: Edge, time_us: int, reason: str) -> None:
    """A missing, negative or absurd time, and one far outside the window, are told apart."""
    expect_middle_refused(edge, event(event_time_us=time_us), "event_time_us", reason)


def test_the_window_has_the_edges_that_the_log_announces(edge: Edge) -> None:
    """A minute inside either edge is accepted; a minute outside is refused and the message names the window."""
    info = edge.info()
    assert (info.window_past_us, info.window_future_us) == (35 * DAY_US, 300 * SECOND_US)
    minute = 60 * SECOND_US
    oldest, newest = now_us() - info.window_past_us, now_us() + info.window_future_us
    inside = [event(event_time_us=oldest + minute), event(event_time_us=newest - minute)]

    verify_accepted(edge, edge.append(inside), inside)
    for outside in (oldest - minute, newest + minute):
        result = expect_middle_refused(
            edge, event(event_time_us=outside), "event_time_us", "TIME_OUTSIDE_WINDOW"
        )
        assert str(outside) in result.message


def test_backfill_lets_in_the_past_and_marks_it(edge: Edge) -> None:
    """With backfill an event of any age is logged, and its record says that it was backfill."""
    old = event(event_time_us=1)

    response = edge.append([old], backfill=True)

    verify_accepted(edge, response, [old], backfill=True)
    assert edge.find_event(old.event_id).backfill
    assert parse_record(edge.entry(response.first_index).record).backfill


@pytest.mark.parametrize("time_us", [0, -1])
def test_backfill_excuses_no_impossible_time(edge: Edge, time_us: int) -> None:
    """Backfill widens the window into the past and changes no other rule."""
    reason = "QUANTITY_ABSURD" if time_us else "FIELD_MISSING"
    expect_middle_refused(
        edge, event(event_time_us=time_us), "event_time_us", reason, backfill=True
    )


def test_backfill_lets_in_no_future(edge: Edge) -> None:
    """Backfill does not move the edge ahead of the clock."""
    ahead = event(event_time_us=now_us() + 3600 * SECOND_US)
    expect_middle_refused(edge, ahead, "event_time_us", "TIME_OUTSIDE_WINDOW", backfill=True)


def test_a_batch_with_nothing_acceptable_logs_nothing(edge: Edge) -> None:
    """When every event is refused the answer has no receipt, and the log does not grow."""
    before = edge.size()

    response = edge.append([event(""), event(model_id="")])

    assert (response.accepted, response.duplicates, response.rejected) == (0, 0, 2)
    assert [result.position for result in response.results] == [0, 1]
    assert not response.receipts
    assert edge.size() == before


def test_an_event_with_several_faults_has_one_result(edge: Edge) -> None:
    """One result stands for each refused event, however many of its fields are wrong."""
    worst = event("", model_id="", input_tokens=-1, consents=[99], event_time_us=0)

    response = edge.append([worst, event()])

    assert (response.accepted, response.rejected, len(response.results)) == (1, 1, 1)
