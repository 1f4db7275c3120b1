"""AppendUsage: rules for a batch as a whole, references, atomic batches."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from counterfoil.receipt import verify_batch
from counterfoil.v1 import usage_service_pb2

from ..support.ledger_process import serving
from .edge import (
    APPEND_USAGE,
    Edge,
    connected,
    event,
    exact,
    expect_invalid,
    frame_append,
    fresh,
    now_us,
    records_of,
    refused,
    verify_accepted,
)

MIB = 1 << 20
DUPLICATE, CONFLICT, REJECTED = (
    usage_service_pb2.OUTCOME_DUPLICATE,
    usage_service_pb2.OUTCOME_CONFLICT,
    usage_service_pb2.OUTCOME_REJECTED,
)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """A second log, of another origin."""
    directory = tmp_path_factory.mktemp("other") / "ledger"
    with serving(directory, origin="other.example/ledger") as process, connected(process) as edge:
        yield edge


def padded_event(size: int) -> bytes:
    """An acceptable event of about so many bytes: a field may stand twice on the wire, the last one counts."""
    body = exact(event())
    return body + b"\x1a\x09model_xyz" * ((size - len(body)) // 11)


@pytest.mark.parametrize(
    ("submitter", "reason"),
    [("", "FIELD_MISSING"), ("x" * 129, "FIELD_TOO_LONG"), ("a b", "ID_CHARACTERS")],
)
def test_a_bad_submitter_refuses_the_batch(edge: Edge, submitter: str, reason: str) -> None:
    """A submitter that is empty, too long or has other characters refuses the request, and nothing is logged."""
    before = edge.size()
    expect_invalid(lambda: edge.append([event()], submitter), "submitter", reason)
    assert edge.size() == before


def test_a_batch_without_events_is_refused(edge: Edge) -> None:
    """An empty batch is a mistake, and is told so."""
    expect_invalid(lambda: edge.append([]), "events", "FIELD_MISSING")


def test_a_batch_may_have_10_000_events_and_no_more(edge: Edge) -> None:
    """10,000 events are one batch with one receipt; one more refuses all of them."""
    present = now_us()
    name = fresh("bulk")
    bodies = [exact(event(f"{name}-{at}", event_time_us=present)) for at in range(10_001)]
    before = edge.size()

    fault = expect_invalid(lambda: edge.append(bodies), "events", "TOO_MANY")
    assert "10001" in fault.message
    assert edge.size() == before

    verify_accepted(edge, edge.append(bodies[:-1]), bodies[:-1])
    assert edge.size() == before + 10_000


def test_a_batch_may_have_8_mib_and_no_more(edge: Edge) -> None:
    """A request above 8 MiB is refused with the limit; one just below it is logged."""
    bodies = [padded_event(60_000) for _ in range(139)]
    before = edge.size()
    assert len(frame_append(bodies)) < 8 * MIB < len(frame_append([*bodies, bodies[0]]))

    fault = expect_invalid(
        lambda: edge.append([*bodies, padded_event(60_000)]), "events", "TOO_LARGE"
    )
    assert str(8 * MIB) in fault.message
    assert edge.size() == before

    verify_accepted(edge, edge.append(bodies), bodies)


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_message_beyond_the_transport_limit_is_not_even_read(
    edge: Edge, compression: grpc.Compression
) -> None:
    """64 MiB are refused by the transport, whether they come as they are or as a small compressed bomb."""
    before = edge.size()
    fault = refused(lambda: edge.raw(APPEND_USAGE, b"\x7a" * (64 * MIB), compression=compression))
    assert fault.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert edge.size() == before


def test_references_to_what_is_no_training_are_refused_one_by_one(edge: Edge, other: Edge) -> None:
    """Only the id of a training record of this very log is a reference; each other one is refused by itself."""
    known = edge.train().training_id
    prefix, index, tag = known.split("_")
    logged = event()
    usage_index = edge.append([logged]).first_index
    foreign = [other.train().training_id for _ in range(2)][-1]
    wrong = [
        f"{prefix}_{index}_{'0' * 8 if tag != '0' * 8 else '1' * 8}",
        f"{prefix}_{int(index) + 10**6}_{tag}",
        f"{prefix}_0{index}_{tag}",
        f"{prefix}_{2**64}_{tag}",
        f"ev_{index}_{tag}",
        f"{known}0",
        known.upper(),
        index,
        foreign,
        edge.entry(usage_index).id,
        edge.entry(usage_index).id.replace("ev_", "pt_"),
        edge.entry(0).id,
        edge.pay().payout_id,
        "nonsense",
    ]
    good = [event(receipt_ref=known) for _ in wrong]
    mixed = [one for pair in zip(good, wrong, strict=True) for one in pair]
    events = [event(receipt_ref=one) if isinstance(one, str) else one for one in mixed]

    response = edge.append(events)

    assert (response.accepted, response.rejected) == (len(good), len(wrong))
    assert [result.position for result in response.results] == list(range(1, len(events), 2))
    for result, reference in zip(response.results, wrong, strict=True):
        assert (result.field, result.reason) == ("receipt_ref", "REFERENCE_UNKNOWN"), reference
        assert reference in result.message
    verify_accepted(edge, response, good)


def test_a_reference_becomes_known_when_its_training_is_logged(edge: Edge) -> None:
    """That a reference was refused once is not held against it later."""
    index = edge.size()
    guess = f"pt_{index}_00000000"
    assert edge.append([event(receipt_ref=guess)]).rejected == 1

    known = edge.train().training_id

    assert edge.append([event(receipt_ref=known)]).accepted == 1


def test_an_atomic_batch_with_a_bad_event_logs_nothing(edge: Edge) -> None:
    """In an atomic batch one refused event refuses all, and the violation names its position."""
    events = [event(), event(), event(input_tokens=-1), event("")]
    before = edge.size()

    expect_invalid(
        lambda: edge.append(events, atomic=True), "events[2].input_tokens", "QUANTITY_NEGATIVE"
    )

    assert edge.size() == before
    verify_accepted(edge, edge.append(events[:2], atomic=True), events[:2])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\x0a\x02\xff\xff", "FIELD_MALFORMED"),
        (b"\xf8\x7c\x01", "UNKNOWN_FIELD"),
        (padded_event(70_000), "TOO_LARGE"),
    ],
    ids=["utf8", "unknown-field", "large"],
)
def test_an_atomic_batch_with_an_unacceptable_event_names_its_position_once(
    edge: Edge, body: bytes, reason: str
) -> None:
    """When an event as a whole is at fault the violation is that event, without a field inside it."""
    before = edge.size()
    expect_invalid(lambda: edge.append([event(), body], atomic=True), "events[1]", reason)
    assert edge.size() == before


def test_an_atomic_batch_with_a_conflict_logs_nothing(edge: Edge) -> None:
    """In an atomic batch one event that conflicts with the log refuses all, and the original is named."""
    original = event(input_tokens=1)
    index = edge.append([original]).first_index
    changed = event(original.event_id, input_tokens=2, event_time_us=original.event_time_us)
    before = edge.size()

    fault = refused(lambda: edge.append([event(), changed], atomic=True))

    assert (fault.code, fault.reason) == (grpc.StatusCode.ALREADY_EXISTS, "CONFLICT")
    assert fault.metadata["original_index"] == str(index)
    assert fault.metadata["field"].endswith("input_tokens")
    assert edge.size() == before


def test_an_atomic_batch_may_hold_what_is_logged_already(edge: Edge) -> None:
    """A duplicate is no fault: the rest of the atomic batch is logged."""
    known, new = event(), event()
    index = edge.append([known]).first_index

    response = edge.append([known, new], atomic=True)

    assert (response.accepted, response.duplicates, response.rejected) == (1, 1, 0)
    assert response.results[0].original_index == index


def test_an_id_twice_in_one_batch_is_one_event(edge: Edge) -> None:
    """The second of two equal events in a batch is a duplicate of the first; another content is a conflict."""
    first, last = event(), event()
    changed = event(first.event_id, event_time_us=first.event_time_us, output_tokens=99)
    before = edge.size()

    response = edge.append([first, first, changed, last])

    assert (response.accepted, response.duplicates, response.rejected) == (2, 1, 1)
    assert edge.size() == before + 2
    verify_accepted(edge, response, [first, last])
    duplicate, conflict = response.results
    assert (duplicate.position, duplicate.outcome) == (1, DUPLICATE)
    assert (conflict.position, conflict.outcome) == (2, CONFLICT)
    assert duplicate.original_index == conflict.original_index == before
    assert conflict.field == "output_tokens"
    verify_batch(response.receipts[1], edge.vkey, records_of([first]))


def test_all_outcomes_in_one_batch_are_told_apart_by_position(edge: Edge) -> None:
    """New, duplicate, conflicting and refused events of one batch each get their own answer, in order."""
    known, taken = event(), event()
    indexes = [edge.append([one]).first_index for one in (known, taken)]
    changed = event(taken.event_id, event_time_us=taken.event_time_us, model_id="model_2")
    new = [event(), event()]

    response = edge.append([event(model_id=""), new[0], changed, known, new[1], b"\xff"])

    assert (response.accepted, response.duplicates, response.rejected) == (2, 1, 3)
    assert [(r.position, r.outcome) for r in response.results] == [
        (0, REJECTED),
        (2, CONFLICT),
        (3, DUPLICATE),
        (5, REJECTED),
    ]
    assert (response.results[1].field, response.results[1].original_index) == (
        "model_id",
        indexes[1],
    )
    assert response.results[2].original_index == indexes[0]
    verify_accepted(edge, response, new)
    verify_batch(response.receipts[1], edge.vkey, records_of([known]))
    assert len(response.receipts) == 2


def test_one_event_of_1_000_that_is_not_utf_8_costs_nobody_else(edge: Edge) -> None:
    """999 neighbours of an event with wrong UTF-8 are logged with a receipt; the one is named by position."""
    bodies = [exact(event()) for _ in range(1000)]
    good = bodies[:617] + bodies[618:]
    bodies[617] = bodies[617].replace(b"model_xyz", b"model_\xff\xfez")
    before = edge.size()

    response = edge.append(bodies)

    assert (response.accepted, response.duplicates, response.rejected) == (999, 0, 1)
    result = response.results[0]
    assert (result.position, result.outcome, result.reason) == (617, REJECTED, "FIELD_MALFORMED")
    verify_accepted(edge, response, good)
    assert edge.size() == before + 999
    logged = edge.entries(before)
    assert [entry.record for entry in logged] == records_of(good)
