"""CheckCoverage and CheckCoverages: the rules applied to what is registered, as of one size and of the use's own time."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from counterfoil.licensing import Question
from counterfoil.limits import COVERAGE_QUERIES_MAX
from counterfoil.v1 import record_pb2, registry_pb2
from counterfoil.v1 import registry_service_pb2 as service
from counterfoil_server.registry import finder as module

from ..support.ledger_process import LedgerProcess
from .edge import SECOND_US, Edge, expect_invalid, fresh, now_us, refused
from .registry import RegistryEdge, asset, creator, licence, price, use

NO_LICENSE = service.COVERAGE_FAULT_NO_LICENSE


@pytest.fixture(scope="module")
def shared_ledger(registry_ledger: LedgerProcess) -> LedgerProcess:
    """What is registered here puts verdicts behind what others send: they share another ledger."""
    return registry_ledger


@dataclass
class Place:
    """A creator with one asset, and the registry that they are in."""

    registry: RegistryEdge
    creator_id: str
    asset_id: str

    def grant(self, **fields: Any) -> tuple[str, str]:
        """A licence of the creator's; its id and etag."""
        body = licence(self.creator_id, **fields)
        return body.license_id, self.registry.etag(body)

    def asks(self, buyer: str = "acme", **fields: Any) -> Any:
        """What the registry says about a use of the asset."""
        return self.registry.covers(use(self.asset_id, buyer, **fields))


@pytest.fixture
def place(edge: Edge) -> Place:
    """A creator of the test's own, with one asset."""
    registry = RegistryEdge(edge)
    owner = creator()
    registry.create(owner)
    body = asset(owner.creator_id)
    registry.create(body)
    return Place(registry, owner.creator_id, body.asset_id)


def test_a_licence_covers_with_its_price(place: Place) -> None:
    """The answer names licence and price by id and version, and the size that it was read from."""
    cost = price(place.creator_id)
    cost_etag = place.registry.etag(cost)
    license_id, etag = place.grant(asset_id=place.asset_id, buyer="acme", price_id=cost.price_id)

    found = place.asks()

    assert found.covered
    assert (found.license_id, found.license_etag) == (license_id, etag)
    assert (found.price_id, found.price_etag, found.price) == (cost.price_id, cost_etag, cost)
    assert found.fault == 0
    assert found.as_of_size == place.registry.edge.size()


def test_the_catalogue_covers_works_to_come(place: Place) -> None:
    """A licence for all works of a creator, for anybody, covers what is registered after it."""
    license_id, _ = place.grant()
    later = asset(place.creator_id)
    place.registry.create(later)

    found = place.registry.covers(use(later.asset_id, "whoever"))

    assert (found.covered, found.license_id) == (True, license_id)


def test_an_unknown_asset_is_told(place: Place) -> None:
    """Nothing is covered that nobody registered."""
    found = place.registry.covers(use("nothing"))

    assert (found.covered, found.fault) == (False, service.COVERAGE_FAULT_ASSET_UNKNOWN)


def test_others_licences_cover_nothing_and_are_not_told(place: Place) -> None:
    """A buyer learns nothing of what another has, unless it asks about that licence by name."""
    license_id, _ = place.grant(asset_id=place.asset_id, buyer="acme")

    found = place.asks("umbrella")
    named = place.asks("umbrella", license_id=license_id)

    assert (found.covered, found.fault, found.license_id) == (False, NO_LICENSE, "")
    assert (named.covered, named.fault) == (False, service.COVERAGE_FAULT_BUYER)


FAULTS: tuple[tuple[str, dict[str, Any], dict[str, Any], int], ...] = (
    ("use", {}, {"use": registry_pb2.USE_FINE_TUNING}, service.COVERAGE_FAULT_USE),
    ("consent", {}, {"use": registry_pb2.USE_DISPLAY}, service.COVERAGE_FAULT_CONSENT),
    ("commercial", {}, {"commercial": True}, service.COVERAGE_FAULT_COMMERCIAL),
    ("model", {"models_allowed": ["m*"]}, {"model_id": "x"}, service.COVERAGE_FAULT_MODEL),
    ("territory", {"territories": ["DE"]}, {"territory": "FR"}, service.COVERAGE_FAULT_TERRITORY),
    ("no territory", {"territories": ["DE"]}, {}, service.COVERAGE_FAULT_TERRITORY),
    ("too early", {"start_time_us": 1 << 52}, {}, service.COVERAGE_FAULT_NOT_STARTED),
    ("too late", {"end_time_us": 5}, {"time_us": 5}, service.COVERAGE_FAULT_EXPIRED),
)


@pytest.mark.parametrize(("what", "terms", "asked", "fault"), FAULTS, ids=[r[0] for r in FAULTS])
def test_the_term_that_fails_is_told(
    place: Place, what: str, terms: dict[str, Any], asked: dict[str, Any], fault: int
) -> None:
    """A use outside of one term is not covered, and the answer says which term and which licence."""
    license_id, _ = place.grant(terms={"allowed_uses": [registry_pb2.USE_TRAINING], **terms})

    found = place.asks(**asked)

    assert (found.covered, found.fault) == (False, fault), what
    assert found.message
    assert found.license_id in (license_id, "")


def test_a_revocation_counts_from_its_time_on(place: Place) -> None:
    """A use before the end is covered for ever; one at the end or after it is not."""
    license_id, etag = place.grant(asset_id=place.asset_id)
    end_us = now_us() + 3600 * SECOND_US
    place.registry.revoke(7, license_id, etag, effective_time_us=end_us)

    before, at, now = (place.asks(time_us=time_us) for time_us in (end_us - 1, end_us, 0))

    assert (before.covered, now.covered) == (True, True)
    assert (at.covered, at.fault) == (False, service.COVERAGE_FAULT_REVOKED)


def test_a_revocation_now_does_not_reach_back(place: Place) -> None:
    """What was used a moment before the revocation was logged stays covered."""
    license_id, etag = place.grant()
    version = place.registry.revoke(7, license_id, etag).recorded.version

    assert place.asks(time_us=version.time_us - 1).covered
    assert not place.asks(time_us=version.time_us).covered
    assert not place.asks().covered


def test_a_use_is_judged_by_what_was_agreed_then(place: Place) -> None:
    """A later version of a licence does not change what was covered before it, nor its price."""
    old, new = price(place.creator_id), price(place.creator_id)
    for each in (old, new):
        place.registry.create(each)
    license_id, etag = place.grant(price_id=old.price_id)
    narrower = licence(
        place.creator_id,
        license_id=license_id,
        price_id=new.price_id,
        replaces=etag,
        terms={"allowed_uses": [registry_pb2.USE_TRAINING], "territories": ["DE"]},
    )
    changed_us = place.registry.update(narrower).recorded.version.time_us

    before, after = place.asks(time_us=changed_us - 1), place.asks(time_us=changed_us)

    assert (before.covered, before.license_etag, before.price_id) == (True, etag, old.price_id)
    assert (after.covered, after.fault) == (False, service.COVERAGE_FAULT_TERRITORY)
    assert place.asks(time_us=changed_us, territory="DE").price_id == new.price_id


def test_a_withdrawn_consent_counts_from_then_on(place: Place) -> None:
    """Whatever a licence says, a creator's consents come first."""
    place.grant()
    etag = place.registry.get(creator(place.creator_id)).version.etag
    silent = creator(place.creator_id, replaces=etag, consents=[record_pb2.CONSENT_DISPLAY])
    changed_us = place.registry.update(silent).recorded.version.time_us

    assert place.asks(time_us=changed_us - 1).covered
    assert place.asks().fault == service.COVERAGE_FAULT_CONSENT


def test_ended_assets_and_creators_are_told(place: Place) -> None:
    """No licence helps for a work that was withdrawn, or whose creator has left."""
    place.grant()
    state = place.registry.get(asset(place.creator_id, place.asset_id))
    place.registry.revoke(6, place.asset_id, state.version.etag)
    assert place.asks().fault == service.COVERAGE_FAULT_ASSET_ENDED

    other = asset(place.creator_id)
    place.registry.create(other)
    owner = place.registry.get(creator(place.creator_id))
    place.registry.revoke(5, place.creator_id, owner.version.etag)
    found = place.registry.covers(use(other.asset_id))
    assert found.fault == service.COVERAGE_FAULT_CREATOR_ENDED


def test_many_uses_are_answered_as_one_by_one(place: Place) -> None:
    """The batch form gives each answer in its place, all as of one size."""
    license_id, _ = place.grant(buyer="acme")
    queries = [
        use(
            place.asset_id if at % 3 else "nothing",
            "acme" if at % 2 else fresh("b"),
            time_us=at + 1,
        )
        for at in range(60)
    ]

    found = place.registry.call("CheckCoverages", queries=queries).coverages

    single = [place.registry.covers(query) for query in queries]
    assert [each.fault for each in found] == [each.fault for each in single]
    assert {each.license_id for each in found if each.covered} == {license_id}
    assert len({each.as_of_size for each in found}) == 1


def test_a_thousand_uses_are_one_call_and_no_more(place: Place) -> None:
    """The bound itself is answered, one more is refused, and none at all is an empty answer."""
    most = [use(place.asset_id)] * COVERAGE_QUERIES_MAX

    assert len(place.registry.call("CheckCoverages", queries=most).coverages) == len(most)
    assert not place.registry.call("CheckCoverages").coverages
    expect_invalid(
        lambda: place.registry.call("CheckCoverages", queries=[*most, most[0]]),
        "queries",
        "TOO_MANY",
    )


def test_each_object_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many uses name an object, its history is asked of the store once."""
    read: list[tuple[str, str]] = []
    monkeypatch.setattr(
        module,
        "read_over_time",
        lambda _snapshot, kind, name, *_times: read.append((kind.name, name)),
    )
    nowhere: Any = SimpleNamespace(snapshot=None)
    finder = module.Finder(nowhere, [1])
    for buyer in "abc":
        finder.find(Question("nothing", buyer, 1))

    assert read == [("asset", "nothing")]


BAD: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"asset_id": ""}, "asset_id", "FIELD_MISSING"),
    ({"asset_id": "a b"}, "asset_id", "ID_CHARACTERS"),
    ({"buyer": ""}, "buyer", "FIELD_MISSING"),
    ({"use": 0}, "use", "FIELD_MISSING"),
    ({"use": 77}, "use", "FIELD_MISSING"),
    ({"model_id": "m" * 129}, "model_id", "FIELD_TOO_LONG"),
    ({"license_id": "l\n"}, "license_id", "ID_CHARACTERS"),
    ({"territory": "DEU"}, "territory", "FIELD_MALFORMED"),
    ({"territory": "de"}, "territory", "FIELD_MALFORMED"),
    ({"time_us": -1}, "time_us", "QUANTITY_ABSURD"),
    ({"time_us": 1 << 62}, "time_us", "QUANTITY_ABSURD"),
)


@pytest.mark.parametrize(("fields", "field", "reason"), BAD)
def test_a_bad_question_names_its_field(
    place: Place, fields: dict[str, Any], field: str, reason: str
) -> None:
    """A question that makes no sense is refused, alone or among others."""
    bad = use(place.asset_id)
    for name, value in fields.items():
        setattr(bad, name, value)

    expect_invalid(
        lambda: place.registry.call("CheckCoverage", query=bad), f"query.{field}", reason
    )
    expect_invalid(
        lambda: place.registry.call("CheckCoverages", queries=[use(place.asset_id), bad]),
        f"queries[1].{field}",
        reason,
    )


@pytest.mark.parametrize("format_", [1, 2])
def test_a_licence_is_exported_until_it_ends(place: Place, format_: int) -> None:
    """Each format gives a document and what it leaves out; a licence that ended is offered no more."""
    license_id, etag = place.grant(buyer="acme")
    found = place.registry.call("ExportLicense", license_id=license_id, format=format_)
    assert found.document
    assert any("acme" in each for each in found.left_out)
    place.registry.revoke(7, license_id, etag)

    fault = refused(
        lambda: place.registry.call("ExportLicense", license_id=license_id, format=format_)
    )
    assert fault.reason == "ENDED"


def test_templates_can_be_named(place: Place) -> None:
    """Each template has text, terms and a name that a licence may point at."""
    templates = place.registry.call("ListLicenseTemplates").templates

    assert len(templates) >= 5
    for template in templates:
        assert template.text
        place.grant(terms=template.terms, template=f"{template.name}@{template.version}")
