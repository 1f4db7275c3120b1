"""RegistryService: objects are created, updated, read and ended, each write with its receipt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from counterfoil.receipt import verify_receipt
from counterfoil.v1 import log_service_pb2, registry_pb2

from ..support.ledger_process import LedgerProcess
from .edge import PATIENCE_S, SECOND_US, Edge, connected, expect_invalid, fresh, now_us, refused
from .registry import RegistryEdge, asset, content, creator, licence, price

EXISTS = grpc.StatusCode.ALREADY_EXISTS
ABORTED = grpc.StatusCode.ABORTED
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
NOT_FOUND = grpc.StatusCode.NOT_FOUND


@pytest.fixture(scope="module")
def shared_ledger(registry_ledger: LedgerProcess) -> LedgerProcess:
    """What is registered here puts verdicts behind what others send: they share another ledger."""
    return registry_ledger


@pytest.fixture(scope="module")
def registry(edge: Edge) -> RegistryEdge:
    """The registry of the ledger that all tests share."""
    return RegistryEdge(edge)


def bodies(registry: RegistryEdge) -> dict[str, Message]:
    """One acceptable object of each kind, whose creator is registered."""
    owner = creator()
    registry.create(owner)
    who = owner.creator_id
    return {"creator": creator(), "asset": asset(who), "license": licence(who), "price": price(who)}


@pytest.mark.parametrize(
    ("name", "kind", "prefix"),
    [("creator", 5, "cr"), ("asset", 6, "as"), ("license", 7, "li"), ("price", 9, "pr")],
)
def test_what_is_created_is_read(
    edge: Edge, registry: RegistryEdge, name: str, kind: int, prefix: str
) -> None:
    """Each kind is read as it was sent; its receipt verifies for the entry that the etag names; GetReceipt has it too."""
    body = bodies(registry)[name]

    answer = registry.create(body, request_id=fresh("r")).recorded
    state = registry.get(body)

    assert getattr(state, name) == body
    assert state.version == answer.version
    assert (answer.version.version, answer.version.effective_time_us) == (1, 0)
    assert not state.HasField("revocation")
    verified = verify_receipt(answer.receipt, edge.vkey)
    assert (verified.kind, verified.index) == (kind, answer.version.index)
    tag = verified.leaf_hashes[0][:4].hex()
    assert answer.version.etag == f"{prefix}_{verified.index}_{tag}"
    request = log_service_pb2.GetReceiptRequest(id=answer.version.etag)
    assert edge.log.GetReceipt(request, timeout=PATIENCE_S).receipt == answer.receipt


@pytest.mark.parametrize("name", ["creator", "asset", "license", "price"])
def test_each_kind_goes_on_and_ends(registry: RegistryEdge, name: str) -> None:
    """A version that replaces the newest is the object from then on; its end stands beside it, and nothing follows."""
    first = bodies(registry)[name]
    etag = registry.etag(first)
    second: Any = type(first)()
    second.CopyFrom(first)
    second.replaces = etag

    updated = registry.update(second).recorded.version
    kind = {"creator": 5, "asset": 6, "license": 7, "price": 9}[name]
    ended = registry.revoke(kind, getattr(second, f"{name}_id"), updated.etag, reason="done")
    state = registry.get(second)

    assert (updated.version, updated.effective_time_us) == (2, updated.time_us)
    assert getattr(state, name) == second
    assert state.revocation.reason == "done"
    assert state.revocation_version == ended.recorded.version
    assert ended.recorded.version.effective_time_us == ended.recorded.version.time_us
    second.replaces = ended.recorded.version.etag
    fault = refused(lambda: registry.update(second))
    assert (fault.code, fault.reason) == (PRECONDITION, "ENDED")
    versions = registry.call("ListVersions", kind=kind, object_id=getattr(second, f"{name}_id"))
    assert [each.WhichOneof("body") for each in versions.versions] == [name, name, "revocation"]
    assert [each.version.version for each in versions.versions] == [1, 2, 3]


def test_a_repeat_gets_the_originals_receipt(registry: RegistryEdge) -> None:
    """The same write again, with a request id or without, is the same version, however the object went on."""
    for request_id in ("", fresh("r")):
        body = creator()
        first = registry.create(body, request_id=request_id).recorded
        registry.update(creator(body.creator_id, replaces=first.version.etag, display_name="B"))

        again = registry.create(body, request_id=request_id).recorded

        assert again.duplicate
        assert (again.receipt, again.version) == (first.receipt, first.version)


def test_a_request_id_for_another_version_is_a_conflict(registry: RegistryEdge) -> None:
    """A request id names one write for ever."""
    name = fresh("r")
    registry.create(creator(), request_id=name)

    fault = refused(lambda: registry.create(creator(), request_id=name))

    assert (fault.code, fault.reason) == (EXISTS, "CONFLICT")
    assert fault.metadata["field"] == "creator.creator_id"


def test_a_lost_update_is_refused_with_the_newest_etag(registry: RegistryEdge) -> None:
    """Whoever names an old version, or none, is told the newest, and nothing is overwritten."""
    body = creator()
    first = registry.etag(body)
    second = registry.update(creator(body.creator_id, display_name="B", replaces=first))
    newest = second.recorded.version.etag

    for replaces in (first, "", "cr_1_00000000", "nonsense"):
        late = creator(body.creator_id, display_name="C", replaces=replaces)
        fault = refused(lambda late=late: registry.update(late))  # type: ignore[misc]
        assert (fault.code, fault.reason) == (ABORTED, "ETAG_MISMATCH"), replaces
        assert fault.metadata == {"etag": newest}
    assert registry.get(body).creator.display_name == "B"
    fault = refused(lambda: registry.revoke(5, body.creator_id, first))
    assert (fault.code, fault.metadata["etag"]) == (ABORTED, newest)


def test_an_id_is_registered_once(registry: RegistryEdge) -> None:
    """A second first version is refused with the etag of what is there."""
    body = creator()
    etag = registry.etag(body)

    fault = refused(lambda: registry.create(creator(body.creator_id, display_name="B")))

    assert (fault.code, fault.reason) == (EXISTS, "EXISTS")
    assert fault.metadata == {"etag": etag, "field": "creator.creator_id"}


MISSING: tuple[tuple[str, Callable[[str, RegistryEdge], Message], str], ...] = (
    ("an asset's creator", lambda _, __: asset("nobody"), "asset.creator_id"),
    (
        "an asset's price",
        lambda who, _: asset(who, license_defaults={"price_id": "none"}),
        "asset.license_defaults.price_id",
    ),
    ("a licence's creator", lambda _, __: licence("nobody"), "license.creator_id"),
    ("a licence's asset", lambda who, _: licence(who, asset_id="none"), "license.asset_id"),
    ("a licence's price", lambda who, _: licence(who, price_id="none"), "license.price_id"),
    ("a price's creator", lambda _, __: price("nobody"), "price.creator_id"),
)


@pytest.mark.parametrize(("what", "make", "field"), MISSING, ids=[row[0] for row in MISSING])
def test_what_is_not_registered_cannot_be_named(
    registry: RegistryEdge, what: str, make: Callable[[str, RegistryEdge], Message], field: str
) -> None:
    """A reference to nothing is refused, and the field is named."""
    owner = creator()
    registry.create(owner)

    fault = refused(lambda: registry.create(make(owner.creator_id, registry)))

    assert (fault.code, fault.reason, fault.metadata["field"]) == (
        PRECONDITION,
        "REFERENCE_MISSING",
        field,
    ), what


def test_an_ended_creator_gets_no_more_assets(registry: RegistryEdge) -> None:
    """What has ended cannot be named by anything new."""
    owner = creator()
    registry.revoke(5, owner.creator_id, registry.etag(owner))

    fault = refused(lambda: registry.create(asset(owner.creator_id)))

    assert (fault.code, fault.reason) == (PRECONDITION, "REFERENCE_MISSING")


def test_what_cannot_change_is_named(registry: RegistryEdge) -> None:
    """An asset does not change hands, and the answer names the field."""
    ada, bob = creator(), creator()
    for owner in (ada, bob):
        registry.create(owner)
    body = asset(ada.creator_id)
    etag = registry.etag(body)

    given = asset(bob.creator_id, body.asset_id, replaces=etag)
    expect_invalid(lambda: registry.update(given), "asset.creator_id", "FIELD_FIXED")


def test_an_irrevocable_licence_is_not_revoked(registry: RegistryEdge) -> None:
    """Its terms say so."""
    owner = creator()
    registry.create(owner)
    terms = {
        "allowed_uses": [registry_pb2.USE_TRAINING],
        "revocation": {"irrevocable": True},
    }
    body = licence(owner.creator_id, terms=terms)
    etag = registry.etag(body)

    fault = refused(lambda: registry.revoke(7, body.license_id, etag))

    assert (fault.code, fault.reason) == (PRECONDITION, "IRREVOCABLE")


def test_a_licences_notice_is_kept(registry: RegistryEdge) -> None:
    """A licence ends its notice after the log's time, and what was asked for only makes it later."""
    owner = creator()
    registry.create(owner)
    terms = {"allowed_uses": [registry_pb2.USE_TRAINING], "revocation": {"notice_s": 100}}
    for named_us, wanted in ((0, 100), (now_us() - SECOND_US, 100)):
        body = licence(owner.creator_id, terms=terms)
        etag = registry.etag(body)
        version = registry.revoke(
            7, body.license_id, etag, effective_time_us=named_us
        ).recorded.version
        assert version.effective_time_us == version.time_us + wanted * SECOND_US


BAD: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("CreateCreator", {"submitter": "p"}, "creator", "FIELD_MISSING"),
    ("CreateCreator", {"creator": creator("a")}, "submitter", "FIELD_MISSING"),
    (
        "CreateCreator",
        {"submitter": "p", "creator": creator("a", replaces="cr_1_00000000")},
        "creator.replaces",
        "FIELD_MALFORMED",
    ),
    (
        "CreateCreator",
        {"submitter": "p", "creator": creator("a b")},
        "creator.creator_id",
        "ID_CHARACTERS",
    ),
    (
        "UpdateAsset",
        {"submitter": "p", "asset": registry_pb2.Asset()},
        "asset.asset_id",
        "FIELD_MISSING",
    ),
    ("GetCreator", {}, "creator_id", "FIELD_MISSING"),
    ("GetPrice", {"price_id": "a b"}, "price_id", "ID_CHARACTERS"),
    ("ListVersions", {"kind": 8, "object_id": "a"}, "kind", "FIELD_MALFORMED"),
    ("ListVersions", {"object_id": "a"}, "kind", "FIELD_MALFORMED"),
    ("ListVersions", {"kind": 5}, "object_id", "FIELD_MISSING"),
    ("ListCreators", {"page_size": -1}, "page_size", "QUANTITY_NEGATIVE"),
    ("ExportLicense", {"license_id": "a"}, "format", "FIELD_MALFORMED"),
    ("ExportLicense", {"format": 1}, "license_id", "FIELD_MISSING"),
)


@pytest.mark.parametrize(("method", "fields", "field", "reason"), BAD)
def test_a_bad_request_names_its_field(
    registry: RegistryEdge, method: str, fields: dict[str, Any], field: str, reason: str
) -> None:
    """What breaks a rule is refused before anything is looked up."""
    expect_invalid(lambda: registry.call(method, **fields), field, reason)


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("GetCreator", {"creator_id": "nobody"}),
        ("GetAsset", {"asset_id": "nothing"}),
        ("GetLicense", {"license_id": "nothing"}),
        ("GetPrice", {"price_id": "nothing"}),
        ("ListVersions", {"kind": 6, "object_id": "nothing"}),
        ("ExportLicense", {"license_id": "nothing", "format": 2}),
        ("UpdateCreator", {"submitter": "p", "creator": creator("nobody")}),
        ("UpdatePrice", {"submitter": "p", "price": price(replaces="pr_1_00000000")}),
        (
            "Revoke",
            {"submitter": "p", "revocation": {"kind": 5, "object_id": "n", "replaces": "x"}},
        ),
    ],
)
def test_what_is_not_there_is_not_found(
    registry: RegistryEdge, method: str, fields: dict[str, Any]
) -> None:
    """Nothing is made up."""
    fault = refused(lambda: registry.call(method, **fields))

    assert (fault.code, fault.reason) == (NOT_FOUND, "NOT_FOUND")


def test_the_same_content_is_told_to_both_creators(registry: RegistryEdge) -> None:
    """The newcomer's answer, both assets and the list of contested ones name it; a revocation ends it."""
    ada, bob = creator(), creator()
    for owner in (ada, bob):
        registry.create(owner)
    shared = content(fresh("text"))
    first = asset(ada.creator_id, contents=[content(fresh("own")), shared])
    second = asset(bob.creator_id, contents=[shared])
    assert registry.create(first).contested_by == []

    answer = registry.create(second)

    assert answer.contested_by == [first.asset_id]
    assert registry.get(first).contested_by == [second.asset_id]
    assert registry.get(second).contested_by == [first.asset_id]
    for owner, mine in ((ada, first), (bob, second)):
        page = registry.call("ListContestedAssets", creator_id=owner.creator_id)
        assert [each.asset.asset_id for each in page.assets] == [mine.asset_id]
    everybody = registry.call("ListContestedAssets", page_size=1000)
    assert {first.asset_id, second.asset_id} <= {each.asset.asset_id for each in everybody.assets}
    registry.revoke(6, second.asset_id, answer.recorded.version.etag)
    assert registry.get(first).contested_by == []
    assert not registry.call("ListContestedAssets", creator_id=ada.creator_id).assets


def test_a_ledger_may_refuse_content_of_others(tmp_path: Any) -> None:
    """With `same_content = "refuse"` the second creator is refused, and the first may use it again."""
    ledger: LedgerProcess = LedgerProcess(tmp_path / "ledger")
    settings = ledger.directory / "counterfoil.toml"
    text = settings.read_text().replace('same_content = "flag"', 'same_content = "refuse"')
    settings.write_text(text)
    ledger.start()
    try:
        with connected(ledger) as edge:
            registry = RegistryEdge(edge)
            for owner in ("ada", "bob"):
                registry.create(creator(owner))
            registry.create(asset("ada", "a", contents=[content("x")]))

            fault = refused(lambda: registry.create(asset("bob", "b", contents=[content("x")])))

            assert (fault.code, fault.reason) == (EXISTS, "CONTENT_REGISTERED")
            assert fault.metadata == {"field": "asset.contents"}
            assert registry.create(asset("ada", "c", contents=[content("x")])).contested_by == []
    finally:
        ledger.close()
