"""LedgerClient against a real ledger: what it writes is proven, and what it reads is checked."""

from __future__ import annotations

import threading
from itertools import islice

import pytest

from counterfoil.entry import KIND_PAYOUT, KIND_TRAINING, KIND_USAGE
from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.keys import Signer
from counterfoil.receipt import verify_receipt
from counterfoil.v1.record_pb2 import PAYOUT_STATUS_PAID, Payout, ProofOfTraining, UsageEvent
from counterfoil.v1.usage_service_pb2 import OUTCOME_CONFLICT, OUTCOME_DUPLICATE, OUTCOME_REJECTED
from counterfoil_client import RECEIPT_FORMATS, LedgerClient, LedgerError

from ..support.ledger_process import LedgerProcess
from .making import make_bodies, make_event, new_name

PAYOUT = Payout(
    creator_id="c1", period="2026-01", amount="1.50", currency="EUR", status=PAYOUT_STATUS_PAID
)


def training(dataset: str = "d1") -> ProofOfTraining:
    """A proof of training that the ledger accepts."""
    return ProofOfTraining(
        dataset_id=dataset,
        creator_id="c1",
        model_id="m1",
        artifact_hash="sha256:" + "ab" * 32,
        evidence={"slice": "first-1k-rows", "rows": "1000"},
    )


def test_the_client_knows_its_log(client: LedgerClient, shared_ledger: LedgerProcess) -> None:
    """Origin, key and environment are those of the ledger, and the key was given."""
    assert client.origin == shared_ledger.origin == client.log_info().origin
    assert client.vkey == shared_ledger.vkey
    assert client.environment == 1
    assert not client.trusted_on_first_use


def test_without_a_key_the_first_one_is_trusted(shared_ledger: LedgerProcess) -> None:
    """A client without trust believes the key that the ledger shows, and says so."""
    with LedgerClient(shared_ledger.address) as client:
        assert client.trusted_on_first_use
        assert client.vkey == shared_ledger.vkey
        assert client.checkpoint().origin == shared_ledger.origin


def test_a_ledger_with_another_key_is_refused(shared_ledger: LedgerProcess) -> None:
    """A key of another log, or another key of the same name, makes every answer worthless."""
    same_name = Signer.from_seed(shared_ledger.origin, bytes(32)).verifier.vkey
    other_name = Signer.from_seed("other.example/log", bytes(32)).verifier.vkey

    with LedgerClient(shared_ledger.address, trust=same_name) as client:
        with pytest.raises(UnverifiableError):
            client.checkpoint()
        with pytest.raises(UnverifiableError):
            client.append_usage(make_bodies(new_name(), 1))
    with (
        LedgerClient(shared_ledger.address, trust=other_name) as client,
        pytest.raises(VerificationError, match="not trusted"),
    ):
        client.checkpoint()


def test_nobody_at_the_address_is_an_error_with_a_code() -> None:
    """A ledger that is not there is UNAVAILABLE, in reads, writes and the tail."""
    with LedgerClient("127.0.0.1:1", timeout_s=5.0) as client:
        for call in (
            client.log_info,
            lambda: client.append_usage([b""]),
            lambda: next(client.tail()),
        ):
            with pytest.raises(LedgerError) as caught:
                call()
            assert caught.value.code == "UNAVAILABLE"


def test_a_training_is_recorded_once_for_a_request(client: LedgerClient) -> None:
    """The same request id gives the same entry; the receipt verified before the answer was given."""
    first = client.record_training(training(), "r1")
    again = client.record_training(training(), "r1")

    assert (first.duplicate, again.duplicate) == (False, True)
    assert first.training_id == again.training_id
    assert verify_receipt(first.receipt, client.vkey).index == first.index


def test_writes_without_a_request_id_are_writes_of_their_own(client: LedgerClient) -> None:
    """Each call without a name for it records anew."""
    first, second = client.record_training(training()), client.record_training(training())

    assert first.index != second.index
    assert not second.duplicate


def test_another_training_under_the_same_request_is_refused(client: LedgerClient) -> None:
    """The ledger's refusal arrives with its code."""
    client.record_training(training("d1"), "r1")

    with pytest.raises(LedgerError) as caught:
        client.record_training(training("d2"), "r1")

    assert caught.value.code == "ALREADY_EXISTS"


def test_the_bytes_of_a_training_are_logged_as_they_are(client: LedgerClient) -> None:
    """A body whose fields come in an unusual order is in the log in that order."""
    body = (
        ProofOfTraining(artifact_hash="blake3:" + "cd" * 32, model_id="m1").SerializeToString()
        + ProofOfTraining(dataset_id="d1", creator_id="c1").SerializeToString()
    )

    answer = client.record_training(body)

    assert client.get_entry(answer.index).record.endswith(body)


def test_a_refusal_names_the_fields(client: LedgerClient) -> None:
    """Violations and reason come with the error."""
    with pytest.raises(LedgerError) as caught:
        client.record_payout(Payout(creator_id="c1", period="never", amount="1e5", currency="eur"))

    error = caught.value
    assert error.code == "INVALID_ARGUMENT"
    assert error.reason
    named = {each.field.rpartition(".")[2] for each in error.violations}
    assert named
    assert named <= {"period", "amount", "currency"}


def test_usage_results_speak_of_every_event(client: LedgerClient) -> None:
    """New events, duplicates, conflicts and refusals are told apart, each with its place."""
    name = new_name()
    client.append_usage(make_bodies(name, 3, event_time_us=make_event("x").event_time_us))
    old = [UsageEvent.FromString(client_body) for client_body in bodies_of(client, name)]

    result = client.append_usage(
        [
            old[0],
            make_event(f"{name}-1", tokens=99),
            make_event(f"{name}-new"),
            make_event(f"{name}-old", event_time_us=1),
            old[2],
        ]
    )

    assert (result.accepted, result.duplicates, result.rejected) == (1, 2, 2)
    assert [(each.position, each.outcome) for each in result.results] == [
        (0, OUTCOME_DUPLICATE),
        (1, OUTCOME_CONFLICT),
        (3, OUTCOME_REJECTED),
        (4, OUTCOME_DUPLICATE),
    ]
    for kept in result.kept_receipts():
        verify_receipt(kept, client.vkey)


def bodies_of(client: LedgerClient, name: str) -> list[bytes]:
    """The events with ids name-0, name-1, name-2 as the log has them."""
    found = [client.usage_event(f"{name}-{at}") for at in range(3)]
    return [each.event.SerializeToString(deterministic=True) for each in found]


def test_old_events_need_backfill(client: LedgerClient) -> None:
    """An event outside the window is refused, let in with backfill, and then marked."""
    event = make_event(new_name(), event_time_us=1_000_000)

    refused = client.append_usage([event])
    taken = client.append_usage([event], backfill=True)

    assert refused.results[0].reason == "TIME_OUTSIDE_WINDOW"
    assert taken.accepted == 1
    assert client.usage_event(event.event_id).backfill
    assert client.append_usage([event], backfill=True).duplicates == 1


def test_an_atomic_batch_is_all_or_nothing(client: LedgerClient) -> None:
    """One bad event refuses the batch, and nothing of it is logged."""
    name = new_name()

    with pytest.raises(LedgerError) as caught:
        client.append_usage([make_event(name), make_event("")], atomic=True)

    assert caught.value.code == "INVALID_ARGUMENT"
    with pytest.raises(LedgerError) as missing:
        client.usage_event(name)
    assert missing.value.code == "NOT_FOUND"


def test_a_duplicate_with_its_fields_in_another_order_is_the_same_event(
    client: LedgerClient,
) -> None:
    """The same event in other bytes gets the original's receipt, and it verifies."""
    event = make_event(new_name())
    rest = UsageEvent()
    rest.CopyFrom(event)
    rest.ClearField("event_id")
    turned = rest.SerializeToString() + UsageEvent(event_id=event.event_id).SerializeToString()
    first = client.append_usage([event])

    again = client.append_usage([turned])

    assert (again.duplicates, again.rejected) == (1, 0)
    assert again.receipts[0].first_index == first.first_index


def test_entries_are_all_there_in_order(client: LedgerClient) -> None:
    """Pages of any size give the same entries, each with its index, and none is missing."""
    client.append_usage(make_bodies(new_name(), 25))
    size = client.checkpoint().size

    by_seven = list(islice(client.entries(page_size=7), size))
    at_once = list(islice(client.entries(), size))

    assert [entry.index for entry in by_seven] == list(range(size))
    assert by_seven == at_once
    assert list(client.entries(start=client.checkpoint().size + 10)) == []


def test_entries_of_a_kind(client: LedgerClient) -> None:
    """A filter by kind gives entries of that kind alone, and all of them."""
    client.record_payout(PAYOUT)
    client.record_training(training())

    for kind in (KIND_TRAINING, KIND_PAYOUT, KIND_USAGE):
        found = [entry.index for entry in client.entries(kind=kind, page_size=3)]
        assert found == [entry.index for entry in client.entries() if entry.kind == kind]


def test_the_tail_stops_at_the_end_when_asked(client: LedgerClient) -> None:
    """The tail gives what the pages give."""
    client.append_usage(make_bodies(new_name(), 10))
    expected = [entry.index for entry in client.entries(start=3)]

    assert [entry.index for entry in client.tail(start=3, stop_at_end=True)] == expected


def test_the_tail_follows_new_entries(client: LedgerClient) -> None:
    """Entries that are logged while the tail is open come out of it."""
    start = client.checkpoint().size
    name = new_name()
    tail = client.tail(start=start)
    client.append_usage(make_bodies(name, 2))
    first = [next(tail), next(tail)]
    client.append_usage(make_bodies(f"{name}-more", 3))

    more = [next(tail) for _ in range(3)]

    assert [entry.index for entry in first + more] == list(range(start, start + 5))


def test_an_entry_that_is_not_there(client: LedgerClient) -> None:
    """Beyond the end there is a code, and no entry."""
    with pytest.raises(LedgerError) as caught:
        client.get_entry(10**9)

    assert caught.value.code in ("OUT_OF_RANGE", "NOT_FOUND")


@pytest.mark.parametrize("form", RECEIPT_FORMATS)
def test_receipts_come_in_every_form(client: LedgerClient, form: str) -> None:
    """Each form verifies offline and covers the entry that was asked for, by index and by id."""
    index = client.append_usage(make_bodies(new_name(), 4)).first_index + 2

    by_index = verify_receipt(client.receipt(str(index), form), client.vkey)
    by_id = verify_receipt(client.receipt(client.get_entry(index).id, form), client.vkey)

    for verified in (by_index, by_id):
        assert verified.first_index <= index < verified.first_index + verified.count


@pytest.mark.parametrize("asked", ["ev_0_00000000", "pt_1", "", "-1", "99999999999", "٣"])
def test_a_receipt_of_nothing_is_refused(client: LedgerClient, asked: str) -> None:
    """Ids that name no entry are refused with a code."""
    with pytest.raises(LedgerError) as caught:
        client.receipt(asked)

    assert caught.value.code in ("NOT_FOUND", "INVALID_ARGUMENT", "OUT_OF_RANGE")


def test_an_unknown_form_is_refused_at_home(client: LedgerClient) -> None:
    """The ledger is not asked for a form that does not exist."""
    with pytest.raises(ValueError, match="tlog-proof"):
        client.receipt("0", "pdf")


def test_lists_filter_and_page(client: LedgerClient) -> None:
    """Trainings and payouts come oldest first, through any page size, filtered by what was asked."""
    dataset, creator = new_name("ds"), new_name("creator")
    ids = [client.record_training(training(dataset)).training_id for _ in range(5)]
    payouts = []
    for month in range(1, 4):
        payout = Payout()
        payout.CopyFrom(PAYOUT)
        payout.creator_id, payout.period = creator, f"2026-0{month}"
        payouts.append(client.record_payout(payout).payout_id)

    assert [each.training_id for each in client.trainings(dataset_id=dataset, page_size=2)] == ids
    assert [each.payout_id for each in client.payouts(creator_id=creator, page_size=1)] == payouts
    assert [
        each.payout.period for each in client.payouts(creator_id=creator, period="2026-02")
    ] == ["2026-02"]
    assert list(client.trainings(dataset_id="nobody's")) == []


def test_one_client_serves_many_threads(client: LedgerClient) -> None:
    """Threads that share a client all get their own verified answers."""
    name = new_name()
    results: list[tuple[int, int]] = []

    def work(number: int) -> None:
        for at in range(5):
            result = client.append_usage(make_bodies(f"{name}-{number}-{at}", 10))
            client.checkpoint()
            results.append((result.accepted, result.first_index))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [accepted for accepted, _ in results] == [10] * 30
    assert len({first for _, first in results}) == 30
