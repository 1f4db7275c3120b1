"""What creators may write into the registry, and what they may not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message

from counterfoil.v1 import log_service_pb2, registry_pb2
from counterfoil.v1 import registry_service_pb2 as pb2
from counterfoil_server.access.caller import NOT_YOURS

from ..server import registry
from .asks_registry import newest, write
from .world import Outcome, World, fresh


def say(
    world: World, verb: str, body: Message, name: str = "creator_a", submitter: str = "creator_a"
) -> Outcome:
    """Write a body as somebody."""
    method = f"RegistryService.{verb}{body.DESCRIPTOR.name}"
    return world.lines[name].call(method, write(verb, body, submitter))


def size(world: World) -> int:
    """How many entries the log has."""
    asked = log_service_pb2.GetLogInfoRequest()
    return int(world.lines["operator"].call("LogService.GetLogInfo", asked).answers[0].size)


def changed(world: World, **fields: Any) -> registry_pb2.Creator:
    """The next version of creator_a with other fields."""
    body: registry_pb2.Creator = newest(world, "Creator", "creator_a")
    for name, value in fields.items():
        setattr(body, name, value)
    return body


@pytest.mark.parametrize(
    "fields",
    [
        {"kyc_status": registry_pb2.KYC_STATUS_REJECTED},
        {"kyc_status": registry_pb2.KYC_STATUS_UNSPECIFIED},
        {"payout_account_ref": "mine"},
        {"payout_account_ref": ""},
    ],
)
def test_a_creator_cannot_say_what_the_platform_tells_of_it(
    world: World, fields: dict[str, Any]
) -> None:
    """Neither its checks nor its account are a creator's to change; the refusal names the field, and nothing is logged."""
    before, (field,) = size(world), fields

    outcome = say(world, "Update", changed(world, **fields))

    assert outcome.code == "PERMISSION_DENIED"
    assert f"creator.{field}" in outcome.message
    assert size(world) == before


def test_a_creator_changes_the_rest_and_may_repeat_it(world: World) -> None:
    """Negative control: another name is logged, and its repeat is the same record also after the platform's next word."""
    renamed = changed(world, display_name=fresh("Name"))

    assert say(world, "Update", renamed).code == "OK"
    checked = changed(world, kyc_status=registry_pb2.KYC_STATUS_PENDING)
    assert say(world, "Update", checked, "platform", "platform").code == "OK"
    again = say(world, "Update", renamed)
    assert (again.code, again.answers[0].recorded.duplicate) == ("OK", True)


@pytest.mark.parametrize("replaces", ["as_1_00000000", "cr_999999_00000000", "nonsense"])
def test_a_version_that_replaces_none_of_its_own_is_refused(world: World, replaces: str) -> None:
    """What the platform tells is held against a version of this creator, and against nothing else."""
    assert say(world, "Update", changed(world, replaces=replaces)).reason == "ETAG_MISMATCH"


def test_the_version_of_another_creator_is_no_measure(world: World) -> None:
    """The etag of another creator's version does not open the platform's fields."""
    etag = newest(world, "Creator", "creator_b").replaces

    assert say(world, "Update", changed(world, replaces=etag)).reason == "ETAG_MISMATCH"


def test_the_platform_tells_what_it_found_out(world: World) -> None:
    """Negative control: the same change by the platform is logged."""
    found = changed(world, kyc_status=registry_pb2.KYC_STATUS_VERIFIED, payout_account_ref="new")

    assert say(world, "Update", found, "platform", "platform").code == "OK"


Make = Callable[[str], Message]
BODIES: dict[str, Make] = {
    "asset": lambda creator: registry.asset(creator, fresh("work")),
    "licence": lambda creator: registry.licence(creator, license_id=fresh("deal"), buyer="host_a"),
    "price": lambda creator: registry.price(creator, price_id=fresh("cost")),
    "platform's price": lambda creator: registry.price(
        "" if creator == "creator_b" else creator, price_id=fresh("cost")
    ),
}


@pytest.mark.parametrize("what", BODIES)
def test_a_creator_registers_what_is_its_own(world: World, what: str) -> None:
    """In another's name, as another's or as the platform's it is denied, and nothing is logged; as its own it is."""
    before = size(world)
    assert say(world, "Create", BODIES[what]("creator_b")).code == "PERMISSION_DENIED"
    mine = BODIES[what]("creator_a")
    for submitter in ("platform", "creator_b", "host_a", ""):
        outcome = say(world, "Create", mine, submitter=submitter)
        assert outcome.code == "PERMISSION_DENIED", submitter
    assert size(world) == before

    assert say(world, "Create", mine).code == "OK"


OWNED = (("Asset", "shown"), ("Asset", "hidden"), ("License", "deal"), ("Price", "cost"))


@pytest.mark.parametrize(("name", "prefix"), OWNED)
def test_a_creator_takes_over_nothing(world: World, name: str, prefix: str) -> None:
    """A next version of another's object under one's own name is answered as one of an object that is not there."""
    body = newest(world, name, f"{prefix}_b")
    body.creator_id = "creator_a"
    absent = type(body)()
    absent.CopyFrom(body)
    setattr(absent, f"{name.lower()}_id", "nothing")
    nameless = type(body)()
    nameless.CopyFrom(body)
    nameless.replaces = ""
    before = size(world)

    outcomes = [say(world, "Update", each) for each in (body, absent, nameless)]

    assert outcomes[0].message == NOT_YOURS
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert size(world) == before


@pytest.mark.parametrize(("name", "prefix"), OWNED)
def test_a_creator_ends_nothing_of_others(world: World, name: str, prefix: str) -> None:
    """The end of another's object is denied, with the right etag as with a wrong one, and nothing is logged."""
    kind = {"Asset": 6, "License": 7, "Price": 9}[name]
    etag = newest(world, name, f"{prefix}_b").replaces
    before = size(world)

    for replaces in (etag, "li_1_00000000"):
        body = registry_pb2.Revocation(kind=kind, object_id=f"{prefix}_b", replaces=replaces)
        request = pb2.RevokeRequest(submitter="creator_a", revocation=body)
        outcome = world.lines["creator_a"].call("RegistryService.Revoke", request)
        assert (outcome.code, outcome.message) == ("PERMISSION_DENIED", NOT_YOURS)
    assert size(world) == before


def test_a_taken_id_says_nothing_of_whose_it_is(world: World) -> None:
    """Of an id that another uses a creator learns that it is taken, and no entry of the log."""
    outcome = say(world, "Create", registry.asset("creator_a", "hidden_b"))

    assert (outcome.code, outcome.reason) == ("ALREADY_EXISTS", "EXISTS")
    assert "as_" not in outcome.message
    assert "creator_b" not in outcome.message


@pytest.mark.parametrize("field", ["asset_id", "price_id"])
def test_a_licence_cannot_feel_for_what_others_have(world: World, field: str) -> None:
    """A reference to another's private object and one to nothing are refused in the same words."""
    prefix = {"asset_id": "hidden", "price_id": "cost"}[field]
    outcomes = [
        say(world, "Create", registry.licence("creator_a", **{field: named}))
        for named in (f"{prefix}_b", "nothing")
    ]

    assert outcomes[0].reason == "REFERENCE_MISSING"
    assert outcomes[0] == outcomes[1]


def test_only_the_platform_registers_creators(world: World) -> None:
    """Not even itself does a creator register, nor does anybody else who may not write here."""
    for name in ("creator_a", "host_a", "auditor", "mirror"):
        body = registry.creator(fresh("person"))
        assert say(world, "Create", body, name, name).code == "PERMISSION_DENIED"
