"""What creators and hosts see of the registry, and what they do not."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.v1 import log_service_pb2, registry_pb2, usage_service_pb2
from counterfoil.v1 import registry_service_pb2 as pb2
from counterfoil_server.access.caller import NOT_YOURS

from ..server import registry
from ..server.edge import event
from .asks_registry import newest, write
from .world import Outcome, World, fresh

_FIELDS = {"creators": "creator_id", "assets": "asset_id", "licenses": "license_id"}


def ask(world: World, name: str, method: str, **fields: Any) -> Outcome:
    """One call of RegistryService."""
    request = getattr(pb2, f"{method}Request")(**fields)
    return world.lines[name].call(f"RegistryService.{method}", request)


def answer(world: World, name: str, method: str, **fields: Any) -> Any:
    """The answer of a call that must end well."""
    outcome = ask(world, name, method, **fields)
    assert outcome.code == "OK", outcome
    return outcome.answers[0]


def ids(world: World, name: str, method: str, items: str, **fields: Any) -> set[str]:
    """The ids of all objects of a list, page by page."""
    found: set[str] = set()
    token = ""
    while True:
        page = answer(world, name, method, page_size=3, page_token=token, **fields)
        one = items.removesuffix("s")
        found |= {getattr(getattr(each, one), f"{one}_id") for each in getattr(page, items)}
        token = page.next_page_token
        if not token:
            return found


def make(world: World, body: Any) -> Any:
    """Register an object as the platform; its Recorded."""
    name = str(body.DESCRIPTOR.name)
    return answer(
        world,
        "platform",
        f"Create{name}",
        submitter="platform",
        **{name.lower(): body},
    ).recorded


OTHERS: tuple[tuple[str, str, dict[str, Any], dict[str, Any]], ...] = (
    ("creator_a", "GetAsset", {"asset_id": "hidden_b"}, {"asset_id": "nothing"}),
    ("host_a", "GetAsset", {"asset_id": "hidden_b"}, {"asset_id": "nothing"}),
    ("creator_a", "GetLicense", {"license_id": "deal_b"}, {"license_id": "nothing"}),
    ("host_a", "GetLicense", {"license_id": "deal_b"}, {"license_id": "nothing"}),
    ("creator_a", "GetPrice", {"price_id": "cost_b"}, {"price_id": "nothing"}),
    ("host_a", "GetPrice", {"price_id": "cost_b"}, {"price_id": "nothing"}),
    (
        "host_a",
        "ExportLicense",
        {"license_id": "deal_b", "format": pb2.LICENSE_FORMAT_RSL},
        {"license_id": "nothing", "format": pb2.LICENSE_FORMAT_RSL},
    ),
    (
        "creator_a",
        "CheckCoverage",
        {"query": registry.use("shown_b", "host_a")},
        {"query": registry.use("nothing", "host_a")},
    ),
    *(
        (
            name,
            "ListVersions",
            {"kind": kind, "object_id": object_id},
            {"kind": kind, "object_id": "nothing"},
        )
        for name in ("creator_a", "host_a")
        for kind, object_id in ((5, "creator_b"), (6, "shown_b"), (7, "deal_b"), (9, "cost_b"))
    ),
    *(
        (
            "creator_a",
            "Revoke",
            {"submitter": "creator_a", "revocation": {"kind": kind, "object_id": object_id}},
            {"submitter": "creator_a", "revocation": {"kind": kind, "object_id": "nothing"}},
        )
        for kind, object_id in ((5, "creator_b"), (6, "hidden_b"), (7, "deal_b"), (9, "cost_b"))
    ),
)


@pytest.mark.parametrize("at", range(len(OTHERS)))
def test_what_is_not_seen_is_not_there(world: World, at: int) -> None:
    """Of an object that is another's and of none the answer is the same, to the word."""
    name, method, other, absent = OTHERS[at]

    outcomes = [ask(world, name, method, **fields) for fields in (other, absent)]

    assert (outcomes[0].code, outcomes[0].message) == ("PERMISSION_DENIED", NOT_YOURS)
    assert outcomes[0] == outcomes[1]


def test_of_other_creators_the_name_is_shown_and_no_more(world: World) -> None:
    """Neither account, checks, consents nor metadata of another creator leave the ledger, by get or by list."""
    bare = registry_pb2.Creator(creator_id="creator_b", display_name="Creator b")
    for name in ("creator_a", "host_a"):
        got = answer(world, name, "GetCreator", creator_id="creator_b").creator
        assert got == pb2.CreatorState(creator=bare, reduced=True)
        page = answer(world, name, "ListCreators", page_size=1000)
        assert got in page.creators


def test_who_may_know_sees_the_whole_creator(world: World) -> None:
    """Negative control: the creator itself and an auditor get everything."""
    for name in ("creator_b", "auditor"):
        state = answer(world, name, "GetCreator", creator_id="creator_b").creator
        assert state.creator.payout_account_ref == "account_b"
        assert (state.reduced, state.version.version) != (True, 0)


def test_private_assets_are_listed_to_those_they_concern(world: World) -> None:
    """Of two private assets a creator finds its own and a host the one it has a licence for; listed ones all find."""
    for side, other in ("ab", "ba"):
        for name in (f"creator_{side}", f"host_{side}"):
            found = ids(world, name, "ListAssets", "assets")
            assert {"shown_a", "shown_b", f"hidden_{side}"} <= found
            assert f"hidden_{other}" not in found
    assert {"hidden_a", "hidden_b"} <= ids(world, "auditor", "ListAssets", "assets")


def test_a_filter_does_not_open_what_is_private(world: World) -> None:
    """Whoever asks for another creator's assets gets the listed ones."""
    for name in ("creator_a", "host_a"):
        found = ids(world, name, "ListAssets", "assets", creator_id="creator_b")
        assert "shown_b" in found
        assert "hidden_b" not in found


def test_licences_are_listed_to_their_parties(world: World) -> None:
    """A creator finds those for its works, a host its own and those for anybody, and neither another's."""
    for_all = registry.licence("creator_b", license_id=fresh("anybody"), asset_id="shown_b")
    make(world, for_all)

    assert "deal_a" in ids(world, "creator_a", "ListLicenses", "licenses")
    host = ids(world, "host_a", "ListLicenses", "licenses")
    assert {"deal_a", for_all.license_id} <= host
    for found in (host, ids(world, "creator_a", "ListLicenses", "licenses")):
        assert "deal_b" not in found
    narrowed = ids(world, "host_a", "ListLicenses", "licenses", asset_id="hidden_b")
    assert narrowed == set()
    for name, fields in (
        ("creator_a", {"creator_id": "creator_b"}),
        ("host_a", {"buyer": "host_b"}),
    ):
        assert ask(world, name, "ListLicenses", **fields).message == NOT_YOURS


def test_prices_are_shown_where_they_are_due(world: World) -> None:
    """A platform's price is for every creator and for the hosts whose licence names it; a creator's own for those alone."""
    offered = registry.price("", price_id=fresh("offer"))
    make(world, offered)

    for name, wanted in (
        ("creator_a", {"cost_a", offered.price_id}),
        ("host_a", {"cost_a"}),
        ("auditor", {"cost_a", "cost_b", offered.price_id}),
    ):
        found = ids(world, name, "ListPrices", "prices")
        assert found & {"cost_a", "cost_b", offered.price_id} == wanted, name
    assert ask(world, "host_a", "GetPrice", price_id=offered.price_id).message == NOT_YOURS


def test_a_catalogue_licence_shows_private_assets_also_after_its_end(world: World) -> None:
    """A licence for all works opens each, for its buyer alone; its end leaves in sight what the buyer answers for."""
    person, work = fresh("person"), fresh("work")
    make(world, registry.creator(person))
    make(world, registry.asset(person, work, visibility=registry_pb2.VISIBILITY_PRIVATE))
    assert ask(world, "host_a", "GetAsset", asset_id=work).message == NOT_YOURS

    deal = registry.licence(person, license_id=fresh("all"), buyer="host_a")
    etag = make(world, deal).version.etag
    assert ask(world, "host_a", "GetAsset", asset_id=work).code == "OK"
    assert ask(world, "host_b", "GetAsset", asset_id=work).message == NOT_YOURS

    ended = registry_pb2.Revocation(kind=7, object_id=deal.license_id, replaces=etag)
    answer(world, "platform", "Revoke", submitter="platform", revocation=ended)
    assert ask(world, "host_a", "GetAsset", asset_id=work).code == "OK"
    assert ask(world, "host_b", "GetAsset", asset_id=work).message == NOT_YOURS


def test_contested_assets_are_told_to_those_in_dispute(world: World) -> None:
    """Two creators with the same content see it on their own assets; a third, and hosts, do not see it at all."""
    same = [registry.content(fresh("same"))]
    works = {side: fresh(f"same-{side}") for side in "ab"}
    for side in "ab":
        make(world, registry.asset(f"creator_{side}", works[side], contents=same))

    mine = answer(world, "creator_a", "ListContestedAssets", page_size=1000).assets
    assert {each.asset.creator_id for each in mine} == {"creator_a"}
    assert [works["b"]] in [list(each.contested_by) for each in mine]
    for creator in ("creator_b", "nobody"):
        outcome = ask(world, "creator_a", "ListContestedAssets", creator_id=creator)
        assert outcome.message == NOT_YOURS
    assert ask(world, "host_a", "ListContestedAssets").code == "PERMISSION_DENIED"
    for name in ("creator_a", "host_a"):
        theirs = answer(world, name, "GetAsset", asset_id=works["b"]).asset
        assert list(theirs.contested_by) == []


def test_coverage_is_asked_for_oneself(world: World) -> None:
    """A host that names another buyer is denied, also in one query of several; what it may not see is unknown to it."""
    mine, other = (registry.use("hidden_a", f"host_{side}") for side in "ab")

    assert answer(world, "host_a", "CheckCoverage", query=mine).coverage.covered
    assert ask(world, "host_a", "CheckCoverage", query=other).code == "PERMISSION_DENIED"
    outcome = ask(world, "host_a", "CheckCoverages", queries=[mine, other])
    assert (outcome.code, "queries[1].buyer" in outcome.message) == ("PERMISSION_DENIED", True)
    unseen, absent = (
        answer(world, "host_a", "CheckCoverage", query=registry.use(name, "host_a")).coverage
        for name in ("hidden_b", "nothing-at-all")
    )
    assert unseen.fault == absent.fault == pb2.COVERAGE_FAULT_ASSET_UNKNOWN
    named = registry.use("shown_b", "host_a", license_id="deal_b")
    nameless = registry.use("shown_b", "host_a", license_id="nothing")
    faults = [
        answer(world, "host_a", "CheckCoverage", query=query).coverage.fault
        for query in (named, nameless)
    ]
    assert faults[0] == faults[1]


def test_one_asset_of_anothers_denies_all_of_a_creators_questions(world: World) -> None:
    """A creator that slips another's asset among its own gets no answer."""
    queries = [registry.use(f"hidden_{side}", "host_a") for side in "ab"]

    assert ask(world, "creator_a", "CheckCoverages", queries=queries[:1]).code == "OK"
    assert ask(world, "creator_a", "CheckCoverages", queries=queries).message == NOT_YOURS


LISTS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("ListCreators", "host_a", "host_b", {}),
    ("ListCreators", "creator_a", "creator_b", {}),
    ("ListAssets", "creator_a", "creator_b", {}),
    ("ListAssets", "auditor", "host_a", {}),
    ("ListPrices", "auditor", "creator_a", {}),
    ("ListVersions", "creator_a", "auditor", {"kind": 5, "object_id": "creator_a"}),
)


@pytest.mark.parametrize(("method", "owner", "thief", "fields"), LISTS)
def test_a_page_token_is_of_use_to_its_tenant_only(
    world: World, method: str, owner: str, thief: str, fields: dict[str, Any]
) -> None:
    """The token of one tenant's list is refused to every other, and taken from the one it was given to."""
    if method == "ListVersions":
        body = newest(world, "Creator", "creator_a")
        body.metadata["n"] = fresh("n")
        answer(world, "platform", "UpdateCreator", submitter="platform", creator=body)
    page = answer(world, owner, method, page_size=1, **fields)
    assert page.next_page_token
    asked = {"page_size": 1, "page_token": page.next_page_token, **fields}

    assert ask(world, owner, method, **asked).code == "OK"
    assert ask(world, thief, method, **asked).reason == "PAGE_TOKEN_INVALID"


def test_evidence_goes_with_what_is_seen_of_the_log(world: World) -> None:
    """Receipts of the registry's records are for their owner, and of licences for the buyer too; not for others."""
    etags = {
        (name, side): newest(world, name, f"{prefix}_{side}").replaces
        for name, prefix in (("Asset", "hidden"), ("License", "deal"), ("Price", "cost"))
        for side in "ab"
    }
    for (name, side), etag in etags.items():
        request = log_service_pb2.GetReceiptRequest(id=etag)
        method = "LogService.GetReceipt"
        assert (world.lines["creator_a"].call(method, request).code == "OK") == (side == "a")
        may = (name, side) == ("License", "a")
        assert (world.lines["host_a"].call(method, request).code == "OK") == may, name


def test_usage_is_seen_by_the_creators_of_the_assets_that_it_names(world: World) -> None:
    """Without a training, an asset or an attribution is link enough, for its creator and nobody else."""
    used = [
        event(asset_id="shown_a"),
        event(attributions=[{"asset_id": "hidden_a", "parts_per_million": 1_000_000}]),
        event(asset_id="shown_b"),
        event(asset_id="nothing"),
    ]
    request = usage_service_pb2.AppendUsageRequest(submitter="host_a", events=used)
    assert world.lines["host_a"].call("UsageService.AppendUsage", request).code == "OK"

    for name, wanted in (("creator_a", [1, 1, 0, 0]), ("creator_b", [0, 0, 1, 0])):
        seen = [
            world.lines[name].call(
                "UsageService.GetUsageEvent",
                usage_service_pb2.GetUsageEventRequest(submitter="host_a", event_id=each.event_id),
            )
            for each in used
        ]
        assert [outcome.code == "OK" for outcome in seen] == list(map(bool, wanted))


def test_whoever_registers_a_used_id_later_learns_nothing_of_its_use(world: World) -> None:
    """Usage that named an asset before it was registered is not its creator's; usage after that is."""
    work = fresh("late")

    def use() -> str:
        used = event(asset_id=work)
        request = usage_service_pb2.AppendUsageRequest(submitter="host_a", events=[used])
        assert world.lines["host_a"].call("UsageService.AppendUsage", request).code == "OK"
        return used.event_id

    before = use()
    registered = world.lines["creator_b"].call(
        "RegistryService.CreateAsset",
        write("Create", registry.asset("creator_b", work), "creator_b"),
    )
    assert registered.code == "OK", registered
    codes = [
        world.lines["creator_b"]
        .call(
            "UsageService.GetUsageEvent",
            usage_service_pb2.GetUsageEventRequest(submitter="host_a", event_id=event_id),
        )
        .code
        for event_id in (before, use())
    ]
    assert codes == ["PERMISSION_DENIED", "OK"]
