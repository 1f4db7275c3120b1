"""The same write again: at once, later, after a restart, and from many clients at the same time."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import grpc
import pytest

from counterfoil.entry import parse_record
from counterfoil.receipt import verify_batch, verify_receipt
from counterfoil.v1 import record_pb2, training_service_pb2, usage_service_pb2

from ..support.ledger_process import LedgerProcess
from .edge import (
    PATIENCE_S,
    Edge,
    connected,
    event,
    exact,
    fresh,
    now_us,
    payout,
    records_of,
    refused,
    training,
    verify_accepted,
)

DUPLICATE = usage_service_pb2.OUTCOME_DUPLICATE
CLIENTS = 8
OVERLAP_SEED = 7


@pytest.fixture
def restarted(own_ledger: LedgerProcess) -> Iterator[Any]:
    """A function that stops the module's ledger, starts it again, and connects."""
    with ExitStack() as stack:

        def restart() -> Edge:
            assert own_ledger.stop() == 0
            own_ledger.start()
            return stack.enter_context(connected(own_ledger))

        yield restart


def record_anything(edge: Edge, kind: str, body: Any, request_id: str, submitter: str = "s") -> Any:
    """RecordTraining or RecordPayout."""
    return (edge.train if kind == "training" else edge.pay)(body, submitter, request_id)


def make(kind: str, **fields: Any) -> Any:
    """A fresh training or payout."""
    if kind == "training":
        return training(**({"notes": fresh()} | fields))
    return payout(**({"tx_ref": fresh()} | fields))


def test_a_batch_sent_again_gets_the_same_receipt(edge: Edge) -> None:
    """The answer to a retry has the original's receipt byte for byte, and nothing is logged twice."""
    events = [event() for _ in range(300)]
    first = edge.append(events)
    edge.append([event() for _ in range(20)])
    before = edge.size()

    again = edge.append(events)

    assert list(again.receipts) == list(first.receipts)
    assert (again.accepted, again.duplicates, again.rejected) == (0, 300, 0)
    assert [result.position for result in again.results] == list(range(300))
    assert [result.original_index for result in again.results] == list(
        range(first.first_index, first.first_index + 300)
    )
    assert {result.outcome for result in again.results} == {DUPLICATE}
    assert edge.size() == before


def test_a_batch_that_overlaps_another_is_answered_with_receipts_for_all(edge: Edge) -> None:
    """Whatever mix of old and new a batch is, every event of it is under one of the receipts in the answer."""
    first, second = [event() for _ in range(10)], [event() for _ in range(10)]
    starts = [edge.append(batch).first_index for batch in (first, second)]
    new = [event() for _ in range(3)]
    mixed = [new[0], second[9], first[4], first[3], new[1], first[8], second[0], new[2]]

    answer = edge.append(mixed)

    assert (answer.accepted, answer.duplicates, answer.rejected) == (3, 5, 0)
    verify_accepted(edge, answer, new)
    runs = [first[3:5], first[8:9], second[0:1], second[9:10]]
    places = [starts[0] + 3, starts[0] + 8, starts[1], starts[1] + 9]
    assert len(answer.receipts) == 1 + len(runs)
    for receipt, run, place in zip(answer.receipts[1:], runs, places, strict=True):
        verified = verify_batch(receipt, edge.vkey, records_of(run))
        assert (verified.first_index, verified.count) == (place, len(run))


def test_events_that_came_one_by_one_are_answered_with_a_receipt_each(edge: Edge) -> None:
    """A batch of events that were logged in a batch of their own each gets the very receipts of those."""
    events = [event() for _ in range(150)]
    first = [edge.append([one]) for one in events]
    before = edge.size()

    again = edge.append(list(reversed(events)))

    assert (again.accepted, again.duplicates) == (0, 150)
    assert list(again.receipts) == [answer.receipts[0] for answer in first]
    assert [result.original_index for result in again.results] == [
        answer.first_index for answer in reversed(first)
    ]
    assert edge.size() == before


@pytest.mark.parametrize("kind", ["training", "payout"])
@pytest.mark.parametrize("named", [True, False], ids=["request_id", "content"])
def test_a_record_sent_again_gets_the_same_receipt(edge: Edge, kind: str, named: bool) -> None:
    """A retry of a single record, with or without a request_id, is answered with the original's receipt."""
    body, request_id = make(kind), fresh("req") if named else ""
    first = record_anything(edge, kind, body, request_id)
    record_anything(edge, kind, make(kind), "")
    before = edge.size()

    again = record_anything(edge, kind, body, request_id)

    assert again.duplicate
    assert not first.duplicate
    assert again.receipt == first.receipt
    again.duplicate = False
    assert again == first
    assert edge.size() == before


@pytest.mark.parametrize("kind", ["training", "payout"])
def test_a_request_id_with_another_record_is_a_conflict(edge: Edge, kind: str) -> None:
    """The refusal names the first field that differs and the entry that came first."""
    body, request_id = make(kind), fresh("req")
    index = record_anything(edge, kind, body, request_id).index
    changed = make(kind, creator_id="creator_43")
    before = edge.size()

    fault = refused(lambda: record_anything(edge, kind, changed, request_id))

    assert (fault.code, fault.reason) == (grpc.StatusCode.ALREADY_EXISTS, "CONFLICT")
    assert fault.metadata == {"field": f"{kind}.creator_id", "original_index": str(index)}
    assert edge.size() == before
    assert record_anything(edge, kind, body, request_id).index == index


@pytest.mark.parametrize("kind", ["training", "payout"])
def test_a_request_id_belongs_to_its_submitter_and_kind(edge: Edge, kind: str) -> None:
    """Another submitter, and another kind of record, may use the same request_id."""
    request_id, body = fresh("req"), make(kind)
    other = "payout" if kind == "training" else "training"

    answers = [
        record_anything(edge, kind, body, request_id, "one"),
        record_anything(edge, kind, body, request_id, "two"),
        record_anything(edge, other, make(other), request_id, "one"),
    ]

    assert len({answer.index for answer in answers}) == 3
    assert not any(answer.duplicate for answer in answers)


def test_the_same_event_in_other_bytes_is_no_conflict(edge: Edge) -> None:
    """An event that says the same with its fields in another order on the wire is a duplicate."""
    sent = event()
    index = edge.append([sent]).first_index
    fields = record_pb2.UsageEvent(model_id=sent.model_id, input_tokens=sent.input_tokens)
    rest = record_pb2.UsageEvent()
    rest.CopyFrom(sent)
    rest.ClearField("model_id")
    rest.ClearField("input_tokens")
    shuffled = exact(fields) + exact(rest)
    assert shuffled != exact(sent)

    answer = edge.append([shuffled])

    assert (answer.duplicates, answer.results[0].original_index) == (1, index)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_time_us", None),
        ("model_id", "model_2"),
        ("input_tokens", 121),
        ("tokens", 1),
        ("asset_id", "a"),
        ("attributions", [record_pb2.Attribution(asset_id="a", parts_per_million=1)]),
        ("consents", [1]),
        ("metadata", {"k": "v"}),
    ],
)
def test_an_event_id_with_another_event_is_a_conflict(edge: Edge, field: str, value: Any) -> None:
    """Each field of an event counts: the answer names the one that differs, and the original stays."""
    sent = event()
    index = edge.append([sent]).first_index
    changed = record_pb2.UsageEvent()
    changed.CopyFrom(sent)
    changed.ClearField(field)
    other: dict[str, Any] = {field: sent.event_time_us + 1 if value is None else value}
    changed.MergeFrom(record_pb2.UsageEvent(**other))

    answer = edge.append([changed])

    assert (answer.accepted, answer.duplicates, answer.rejected) == (0, 0, 1)
    result = answer.results[0]
    assert (result.outcome, result.reason) == (usage_service_pb2.OUTCOME_CONFLICT, "CONFLICT")
    assert (result.field, result.original_index) == (field, index)
    assert not answer.receipts
    assert edge.find_event(sent.event_id).event == sent


def test_64_callers_with_one_training_log_one_entry(edge: Edge) -> None:
    """Of 64 identical calls at the same time one logs the record, and all get its receipt."""
    body, request_id = training(notes=fresh()), fresh("req")
    request = training_service_pb2.RecordTrainingRequest(
        submitter="host_1", request_id=request_id, training=body
    )
    before = edge.size()

    calls = [edge.training.RecordTraining.future(request, timeout=PATIENCE_S) for _ in range(64)]
    answers = [call.result() for call in calls]

    assert edge.size() == before + 1
    assert Counter(answer.duplicate for answer in answers) == {False: 1, True: 63}
    assert len({answer.receipt for answer in answers}) == 1
    assert {(answer.training_id, answer.index) for answer in answers} == {
        (answers[0].training_id, before)
    }
    assert verify_receipt(answers[0].receipt, edge.vkey).index == before


def test_64_callers_with_one_name_for_two_trainings_agree_on_one(edge: Edge) -> None:
    """When two records race for a request_id one wins, and every other call is told which."""
    request_id = fresh("req")
    bodies = [training(notes=fresh()), training(notes=fresh())]
    before = edge.size()
    calls = [
        edge.training.RecordTraining.future(
            training_service_pb2.RecordTrainingRequest(
                submitter="host_1", request_id=request_id, training=bodies[at % 2]
            ),
            timeout=PATIENCE_S,
        )
        for at in range(64)
    ]

    codes = Counter(call.code() for call in calls)

    assert codes == {grpc.StatusCode.OK: 32, grpc.StatusCode.ALREADY_EXISTS: 32}
    assert edge.size() == before + 1


def test_overlapping_batches_from_8_clients_log_each_event_once(own: Edge) -> None:
    """Eight clients send shuffled, overlapping batches of the same events: each is logged once, all receipts verify."""
    present, name = now_us(), fresh("overlap")
    bodies = [exact(event(f"{name}-{at}", event_time_us=present)) for at in range(500)]
    before = own.size()

    def one_client(number: int) -> Counter[str]:
        chance = random.Random(f"{OVERLAP_SEED}/{number}")
        counts: Counter[str] = Counter()
        with connected(own.ledger) as client:
            for _ in range(6):
                batch = chance.sample(bodies, 120)
                answer = client.append(batch)
                known = {result.position for result in answer.results}
                fresh_ones = [body for at, body in enumerate(batch) if at not in known]
                if fresh_ones:
                    verify_accepted(client, answer, fresh_ones)
                assert {result.outcome for result in answer.results} <= {DUPLICATE}
                counts.update(accepted=answer.accepted, duplicates=answer.duplicates)
        return counts

    with ThreadPoolExecutor(CLIENTS) as pool:
        counts = sum(pool.map(one_client, range(CLIENTS)), Counter[str]())
    leftover = own.append(bodies)

    assert counts["accepted"] + leftover.accepted == len(bodies)
    assert sum(counts.values()) == CLIENTS * 6 * 120, f"seed {OVERLAP_SEED}"
    logged = [parse_record(entry.record).body for entry in own.entries(before)]
    assert repeated(logged) == []
    assert set(logged) == set(bodies)
    assert repeated([*logged, logged[3]]) == [logged[3]], "the check sees an event logged twice"


def repeated(bodies: list[bytes]) -> list[bytes]:
    """Bodies that occur more than once."""
    return [body for body, count in Counter(bodies).items() if count > 1]


def test_identities_outlive_the_process(own: Edge, restarted: Any) -> None:
    """After a restart the same batch, training and payout still get the receipts of before."""
    events, body, paid = [event() for _ in range(50)], make("training"), make("payout")
    first = own.append(events), own.train(body), own.pay(paid)

    edge = restarted()
    before = edge.size()
    again = edge.append(events), edge.train(body), edge.pay(paid)

    assert list(again[0].receipts) == list(first[0].receipts)
    assert again[1].receipt == first[1].receipt
    assert again[2].receipt == first[2].receipt
    assert (again[0].duplicates, again[1].duplicate, again[2].duplicate) == (50, True, True)
    assert edge.size() == before
