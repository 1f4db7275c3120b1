"""Lists of objects and of versions: pages of every size, filters that combine, tokens of one list alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ..support.ledger_process import LedgerProcess
from .edge import Edge, connected, expect_invalid
from .registry import RegistryEdge, asset, creator, licence, price

CREATORS = ("ada", "bob", "eve")
BUYERS = ("", "acme", "umbrella")
COUNT = 12


@pytest.fixture(scope="module")
def shared_ledger(registry_ledger: LedgerProcess) -> LedgerProcess:
    """What is registered here puts verdicts behind what others send: they share another ledger."""
    return registry_ledger


@pytest.fixture(scope="module")
def filled(own_ledger: LedgerProcess) -> Iterator[RegistryEdge]:
    """Creators, assets, licences and prices, each in the order of its number, and one creator of many versions."""
    with connected(own_ledger) as edge:
        registry = RegistryEdge(edge)
        for owner in CREATORS:
            registry.create(creator(owner))
        for at in range(COUNT):
            registry.create(asset(CREATORS[at % 3], f"a{at}"))
            registry.create(price(CREATORS[at % 2], price_id=f"p{at}"))
        for at in range(COUNT):
            registry.create(
                licence(
                    CREATORS[at % 3],
                    license_id=f"l{at}",
                    asset_id=f"a{at}" if at % 2 else "",
                    buyer=BUYERS[at % 3 if at % 4 else 0],
                )
            )
        etag = registry.get(creator("eve")).version.etag
        for at in range(7):
            body = creator("eve", replaces=etag, display_name=str(at))
            etag = registry.update(body).recorded.version.etag
        yield registry


def walk(
    registry: RegistryEdge, method: str, items: str, page_size: int, **fields: Any
) -> list[Any]:
    """All items of a list, page by page."""
    found: list[Any] = []
    token = ""
    while True:
        page = registry.call(method, page_size=page_size, page_token=token, **fields)
        assert page.tree_size >= 1
        assert page.has_more == bool(page.next_page_token)
        assert len(getattr(page, items)) <= page_size
        found += getattr(page, items)
        token = page.next_page_token
        if not token:
            return found


@pytest.mark.parametrize("page_size", [1, 2, 5, 1000])
def test_pages_join_to_the_whole(filled: RegistryEdge, page_size: int) -> None:
    """Every object once, in the order of registration, whatever the size of the pages."""
    assert [
        each.creator.creator_id for each in walk(filled, "ListCreators", "creators", page_size)
    ] == list(CREATORS)
    assert [each.asset.asset_id for each in walk(filled, "ListAssets", "assets", page_size)] == [
        f"a{at}" for at in range(COUNT)
    ]
    assert [each.price.price_id for each in walk(filled, "ListPrices", "prices", page_size)] == [
        f"p{at}" for at in range(COUNT)
    ]
    assert [
        each.license.license_id for each in walk(filled, "ListLicenses", "licenses", page_size)
    ] == [f"l{at}" for at in range(COUNT)]
    versions = walk(filled, "ListVersions", "versions", page_size, kind=5, object_id="eve")
    assert [each.version.version for each in versions] == list(range(1, 9))
    assert walk(filled, "ListContestedAssets", "assets", page_size) == []  # fmt: skip


@pytest.mark.parametrize("page_size", [1, 3, 1000])
@pytest.mark.parametrize("owner", ["", "ada", "bob", "nobody"])
@pytest.mark.parametrize("buyer", ["", "acme", "nobody"])
@pytest.mark.parametrize("asset_id", ["", "a1", "a2"])
def test_filters_combine(
    filled: RegistryEdge, owner: str, buyer: str, asset_id: str, page_size: int
) -> None:
    """A list with filters is what reading all of them gives."""
    everything = walk(filled, "ListLicenses", "licenses", 1000)
    wanted = [
        each.license
        for each in everything
        if owner in ("", each.license.creator_id)
        and buyer in ("", each.license.buyer)
        and asset_id in ("", each.license.asset_id)
    ]

    found = walk(
        filled,
        "ListLicenses",
        "licenses",
        page_size,
        creator_id=owner,
        buyer=buyer,
        asset_id=asset_id,
    )

    assert [each.license for each in found] == wanted


def test_a_token_belongs_to_one_list(filled: RegistryEdge) -> None:
    """With other filters, in another list, or changed, a token is refused."""
    token = filled.call("ListAssets", page_size=1, creator_id="ada").next_page_token
    assert token

    for method, fields in (
        ("ListAssets", {"creator_id": "bob"}),
        ("ListAssets", {}),
        ("ListPrices", {"creator_id": "ada"}),
        ("ListContestedAssets", {"creator_id": "ada"}),
        ("ListVersions", {"kind": 5, "object_id": "ada"}),
        ("ListCreators", {}),
    ):
        expect_invalid(
            lambda m=method, f=fields: filled.call(m, page_token=token, **f),  # type: ignore[misc]
            "page_token",
            "PAGE_TOKEN_INVALID",
        )
    spoilt = token[:-5] + ("A" if token[-5] != "A" else "B") + token[-4:]
    expect_invalid(
        lambda: filled.call("ListAssets", page_token=spoilt, creator_id="ada"),
        "page_token",
        "PAGE_TOKEN_INVALID",
    )


def test_history_of_one_object_is_no_page_of_another(filled: RegistryEdge, own: Edge) -> None:
    """A token of one object's history is refused for another's."""
    token = filled.call("ListVersions", kind=5, object_id="eve", page_size=2).next_page_token

    expect_invalid(
        lambda: filled.call("ListVersions", kind=5, object_id="ada", page_token=token),
        "page_token",
        "PAGE_TOKEN_INVALID",
    )
    assert own.size() > COUNT


def test_what_is_registered_meanwhile_comes_behind(filled: RegistryEdge) -> None:
    """A list that grows between two pages skips nothing and repeats nothing."""
    first = filled.call("ListPrices", page_size=COUNT - 1)
    filled.create(price(price_id="late"))
    second = filled.call("ListPrices", page_size=5, page_token=first.next_page_token)

    found = [each.price.price_id for each in (*first.prices, *second.prices)]
    assert found == [*(f"p{at}" for at in range(COUNT)), "late"]
