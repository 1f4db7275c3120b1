"""Permission before existence: what is not there and what is another's are one answer, in code and in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.protobuf.message import Message

from counterfoil.v1 import (
    access_service_pb2,
    log_service_pb2,
    payout_service_pb2,
    training_service_pb2,
    usage_service_pb2,
)

from ..server.edge import event, training
from .world import Line, World, fresh, key_id_of

ABSENT_INDEX = 10**12
ABSENT_ID = "_999999999_00000000"


def other_and_absent(world: World) -> dict[str, tuple[str, Message, Message]]:
    """For each question a method, the question about side b, and the same about what nobody recorded."""
    get_entry, get_receipt = log_service_pb2.GetEntryRequest, log_service_pb2.GetReceiptRequest
    get_training = training_service_pb2.GetTrainingRequest
    get_payout = payout_service_pb2.GetPayoutRequest
    get_event = usage_service_pb2.GetUsageEventRequest
    entry = world.events["b"]
    training_id, payout_id = world.trainings["b"].training_id, world.payouts["b"].payout_id
    return {
        "entry": (
            "LogService.GetEntry",
            get_entry(index=entry),
            get_entry(index=ABSENT_INDEX),
        ),
        "genesis": ("LogService.GetEntry", get_entry(index=0), get_entry(index=-1)),
        "receipt by index": (
            "LogService.GetReceipt",
            get_receipt(id=str(entry)),
            get_receipt(id=str(ABSENT_INDEX)),
        ),
        "receipt by id": (
            "LogService.GetReceipt",
            get_receipt(id=training_id),
            get_receipt(id=f"pt{ABSENT_ID}"),
        ),
        "receipt, wrong tag": (
            "LogService.GetReceipt",
            get_receipt(id=training_id),
            get_receipt(id=training_id[:-8] + "00000000"),
        ),
        "receipt, nonsense": (
            "LogService.GetReceipt",
            get_receipt(id=training_id),
            get_receipt(id="nonsense"),
        ),
        "training": (
            "TrainingService.GetTraining",
            get_training(training_id=training_id),
            get_training(training_id=f"pt{ABSENT_ID}"),
        ),
        "training, a payout's id": (
            "TrainingService.GetTraining",
            get_training(training_id=training_id),
            get_training(training_id=payout_id),
        ),
        "payout": (
            "PayoutService.GetPayout",
            get_payout(payout_id=payout_id),
            get_payout(payout_id=f"po{ABSENT_ID}"),
        ),
        "event": (
            "UsageService.GetUsageEvent",
            get_event(submitter="host_b", event_id="e_b"),
            get_event(submitter="host_b", event_id="never"),
        ),
        "event of nobody": (
            "UsageService.GetUsageEvent",
            get_event(submitter="host_b", event_id="e_b"),
            get_event(submitter="nobody", event_id="e_b"),
        ),
    }


QUESTIONS = (
    *("entry", "genesis", "receipt by index", "receipt by id", "receipt, wrong tag"),
    *("receipt, nonsense", "training", "training, a payout's id", "payout", "event"),
    "event of nobody",
)


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("name", ["host_a", "creator_a"])
def test_not_yours_and_not_there_are_one_answer(world: World, name: str, question: str) -> None:
    """Neither code, reason nor message tells whether another's record exists."""
    method, other, absent = other_and_absent(world)[question]

    outcomes = [world.lines[name].call(method, request) for request in (other, absent)]

    assert outcomes[0].code == "PERMISSION_DENIED"
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("question", QUESTIONS)
def test_who_sees_all_is_told_what_is_not_there(world: World, question: str) -> None:
    """Negative control: an auditor gets the one and not the other."""
    method, other, absent = other_and_absent(world)[question]

    assert world.lines["auditor"].call(method, other).code == "OK"
    assert world.lines["auditor"].call(method, absent).code in ("NOT_FOUND", "OUT_OF_RANGE")


@pytest.mark.parametrize("name", ["host_a", "creator_a", "mirror"])
def test_keys_of_others_are_as_good_as_absent(world: World, name: str) -> None:
    """Whoever may look after its own keys only cannot find out which others there are."""
    other = key_id_of(world.keys["host_b"])
    for method, make in (
        ("RevokeApiKey", access_service_pb2.RevokeApiKeyRequest),
        ("RotateApiKey", access_service_pb2.RotateApiKeyRequest),
    ):
        outcomes = [
            world.lines[name].call(f"AccessService.{method}", make(key_id=key_id))
            for key_id in (other, "a" * 12, "")
        ]
        assert outcomes[0].code == "PERMISSION_DENIED"
        assert outcomes[0] == outcomes[1] == outcomes[2]
    assert world.lines["host_b"].call(
        "AccessService.WhoAmI", access_service_pb2.WhoAmIRequest()
    ).code == ("OK")


def test_a_host_writes_in_its_own_name_only(world: World) -> None:
    """Each way to write refuses another submitter, and nothing of it is logged."""
    line, size = world.lines["host_a"], _size(world)
    hello = usage_service_pb2.StreamHello(submitter="host_b", stream_id=fresh("stream"))
    for method, request in (
        (
            "TrainingService.RecordTraining",
            training_service_pb2.RecordTrainingRequest(submitter="host_b", training=training()),
        ),
        (
            "UsageService.AppendUsage",
            usage_service_pb2.AppendUsageRequest(submitter="host_b", events=[event()]),
        ),
        (
            "UsageService.AppendUsage",
            usage_service_pb2.AppendUsageRequest(submitter="", events=[event()]),
        ),
        ("UsageService.StreamUsage", usage_service_pb2.StreamUsageRequest(hello=hello)),
    ):
        assert line.call(method, request).code == "PERMISSION_DENIED", method

    assert _size(world) == size


def test_a_repeat_of_anothers_write_tells_nothing(world: World) -> None:
    """The request id and the content of another host's training get no receipt."""
    request = training_service_pb2.RecordTrainingRequest(
        submitter="host_b", request_id="t", training=training(creator_id="creator_b")
    )

    assert world.lines["host_a"].call("TrainingService.RecordTraining", request).code == (
        "PERMISSION_DENIED"
    )


def test_a_creator_gets_no_receipt_of_a_whole_batch(world: World) -> None:
    """A batch has records that do not touch it; the receipt of its own event it gets."""
    index = world.events["a"]
    batch = log_service_pb2.GetReceiptRequest(
        id=str(index), format=log_service_pb2.RECEIPT_FORMAT_BATCH
    )
    single = log_service_pb2.GetReceiptRequest(id=str(index))

    assert world.lines["creator_a"].call("LogService.GetReceipt", single).code == "OK"
    assert world.lines["creator_a"].call("LogService.GetReceipt", batch).code == (
        "PERMISSION_DENIED"
    )
    assert world.lines["host_a"].call("LogService.GetReceipt", batch).code == "OK"


def test_a_creator_sees_usage_that_refers_to_its_training_and_no_other(world: World) -> None:
    """Of two events of one batch the one without a reference is not the creator's."""
    line, index = world.lines["creator_a"], world.events["a"]
    asked = [log_service_pb2.GetEntryRequest(index=at) for at in (index, index + 1)]

    codes = [line.call("LogService.GetEntry", request).code for request in asked]

    assert codes == ["OK", "PERMISSION_DENIED"]


def _list(line: Line, method: str, make: Callable[..., Message], items: str) -> list[str]:
    """All items of a list, page by page; who submitted each."""
    found: list[str] = []
    token = ""
    while True:
        outcome = line.call(method, make(page_size=1, page_token=token))
        assert outcome.code == "OK", outcome
        found += [item.submitter for item in getattr(outcome.answers[0], items)]
        token = outcome.answers[0].next_page_token
        if not token:
            return found


def test_a_hosts_list_has_all_of_its_own_and_nothing_else(world: World) -> None:
    """Page by page a host finds its trainings and only those; an auditor finds those of both."""
    make = training_service_pb2.ListTrainingsRequest
    for name in ("host_a", "host_b"):
        request = training_service_pb2.RecordTrainingRequest(
            submitter=name, training=training(notes=fresh("note"))
        )
        assert world.lines[name].call("TrainingService.RecordTraining", request).code == "OK"
    method = "TrainingService.ListTrainings"
    everything = _list(world.lines["auditor"], method, make, "trainings")

    for name in ("host_a", "host_b"):
        mine = _list(world.lines[name], method, make, "trainings")
        assert mine == [each for each in everything if each == name]
        assert len(mine) >= 2


def test_a_page_token_is_of_use_to_its_tenant_only(world: World) -> None:
    """A token that one host was given does not open another host's list, nor an auditor's the list of a host."""
    make = training_service_pb2.ListTrainingsRequest
    method = "TrainingService.ListTrainings"
    page = world.lines["auditor"].call(method, make(page_size=1)).answers[0]
    assert page.next_page_token
    asked = make(page_size=1, page_token=page.next_page_token)

    assert world.lines["auditor"].call(method, asked).code == "OK"
    assert world.lines["host_a"].call(method, asked).reason == "PAGE_TOKEN_INVALID"


def test_a_creator_cannot_ask_for_anothers_list(world: World) -> None:
    """Another creator's name in the filter is denied, whether there is such a creator or not."""
    for method, make in (
        ("TrainingService.ListTrainings", training_service_pb2.ListTrainingsRequest),
        ("PayoutService.ListPayouts", payout_service_pb2.ListPayoutsRequest),
    ):
        outcomes = [
            world.lines["creator_a"].call(method, make(creator_id=creator))
            for creator in ("creator_b", "nobody")
        ]
        assert outcomes[0].code == "PERMISSION_DENIED"
        assert outcomes[0] == outcomes[1]


def _size(world: World) -> int:
    info = world.lines["operator"].call(
        "LogService.GetLogInfo", log_service_pb2.GetLogInfoRequest()
    )
    return int(info.answers[0].size)
