"""Every method of every service, in every role, about what is the caller's own and about what is another's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from counterfoil.v1 import access_service_pb2, log_service_pb2
from counterfoil_server.access.table import ROLES, TABLE, Scope
from counterfoil_server.rpc import SERVICES, add_service
from counterfoil_server.rpc.assemble import _make_method

from .asks import ASKS
from .expected import may
from .world import METHODS, PEOPLE, Line, World

NAMES = [name for name in PEOPLE if not name.endswith("_b")]
SIDES = {"own": "a", "other": "b"}
# Lists that leave out what is another's instead of refusing to be asked for it, and creators, of whom all see the name.
FOR_HOSTS = {"TrainingService.ListTrainings", "RegistryService.ListPrices"}
FOR_TENANTS = {f"RegistryService.{name}" for name in ("GetCreator", "ListCreators", "ListAssets")}
GARBAGE = b"\xff\xff\xff"


def table_says(method: str, role: str, *, own: bool) -> bool:
    """What the table says, with the rule of its scopes."""
    number: Any = access_service_pb2.Role.Value(f"ROLE_{role.upper()}")
    scope = TABLE[method].get(number)
    if scope is Scope.OWN and method in FOR_TENANTS | (FOR_HOSTS if role == "host" else set()):
        return True
    return scope is Scope.ALL or (
        scope is not None and (own or method.endswith(("WhoAmI", "IssueToken")))
    )


@pytest.mark.parametrize("whose", SIDES)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", METHODS)
def test_who_may_and_who_may_not(world: World, method: str, name: str, whose: str) -> None:
    """A call ends well if table and statement say so, and otherwise as denied."""
    role, _ = PEOPLE[name]
    allowed = may(role, method, own=whose == "own")
    assert table_says(method, role, own=whose == "own") == allowed

    outcome = world.lines[name].call(method, *ASKS[method](world, name, SIDES[whose]))

    if allowed:
        assert outcome.code == "OK", outcome
        shown = [item for answer in outcome.answers for item in getattr(answer, "trainings", ())]
        assert role != "host" or all(item.submitter == name for item in shown)
    else:
        assert (outcome.code, outcome.reason) == ("PERMISSION_DENIED",) * 2, outcome


@pytest.mark.parametrize("method", METHODS)
def test_nobody_gets_in_without_a_key(world: World, method: str) -> None:
    """Each method refuses a stranger before it reads what was sent."""
    line = Line(world.ledger.address)

    outcome = line.call(method, GARBAGE)
    line.close()

    assert (outcome.code, outcome.reason) == ("UNAUTHENTICATED",) * 2, outcome


@pytest.mark.parametrize("method", METHODS)
def test_the_role_is_asked_before_the_request_is_read(world: World, method: str) -> None:
    """Who may not call a method at all is told so whatever was sent."""
    for name in NAMES:
        if not any(may(PEOPLE[name][0], method, own=own) for own in (True, False)):
            outcome = world.lines[name].call(method, GARBAGE)
            assert outcome.code == "PERMISSION_DENIED", (name, outcome)


def test_the_table_has_a_row_for_each_method_and_no_other() -> None:
    """The rows are those of the services that are served; each is for roles that there are."""
    assert TABLE.keys() == METHODS.keys() == ASKS.keys()
    assert all(set(row) <= set(ROLES) for row in TABLE.values())


def test_a_method_without_a_row_is_not_served() -> None:
    """Negative control: a new method in a service's descriptor stops the server from starting."""
    servicer: Any = SimpleNamespace(
        DESCRIPTOR=SimpleNamespace(name="LogService"), get_everything=None, WRITES=frozenset()
    )
    method: Any = SimpleNamespace(name="GetEverything", client_streaming=False)
    unused: Any = None

    with pytest.raises(LookupError, match=r"LogService\.GetEverything"):
        _make_method(servicer, method, unused, unused)


def test_all_services_go_through_the_same_door() -> None:
    """No service is served in another way than through add_service, which the test above is about."""
    names = {service.DESCRIPTOR.full_name for service in SERVICES}

    assert names == {method.containing_service.full_name for method in METHODS.values()}
    assert add_service.__module__ == "counterfoil_server.rpc.assemble"


def test_a_wrong_row_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: a row that lets mirrors write is not what the statement says."""
    row = {**TABLE["TrainingService.RecordTraining"], access_service_pb2.ROLE_MIRROR: Scope.ALL}
    monkeypatch.setattr(
        f"{__name__}.TABLE",
        {**TABLE, "TrainingService.RecordTraining": row},
    )

    method = "TrainingService.RecordTraining"
    assert table_says(method, "mirror", own=True) != may("mirror", method, own=True)


def test_both_headers_are_read_and_two_at_once_are_refused(world: World) -> None:
    """A key may come in either header; with several nobody can tell who calls."""
    key = world.keys["auditor"]
    line = Line(world.ledger.address, key, header="x-api-key")
    asked = log_service_pb2.GetLogInfoRequest()

    assert line.call("LogService.GetLogInfo", asked).code == "OK"
    line.metadata += (("authorization", f"Bearer {key}"),)
    assert line.call("LogService.GetLogInfo", asked).code == "UNAUTHENTICATED"
    line.metadata = (("authorization", f"Basic {key}"),)
    assert line.call("LogService.GetLogInfo", asked).code == "UNAUTHENTICATED"
    line.close()
