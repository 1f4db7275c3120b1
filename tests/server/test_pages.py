"""Lists: pages of every size, filters that combine, a log that grows meanwhile, and tokens that nobody can forge."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from counterfoil.log.secret import derive_secret
from counterfoil.v1 import log_service_pb2, payout_service_pb2, training_service_pb2
from counterfoil_server import pages
from counterfoil_server.directory import load, load_signer

from ..support.ledger_process import LedgerProcess
from .edge import DAY_US, Edge, connected, event, expect_invalid, fresh, now_us, payout, training

CREATORS, MODELS, PERIODS = ("c1", "c2", "c3"), ("m1", "m2"), ("2026-01", "2026-02")
SINGLES = 24


@pytest.fixture(scope="module")
def filled(own_ledger: LedgerProcess) -> Iterator[Edge]:
    """A log with 24 trainings and 24 payouts over some creators, models and periods, and usage between them."""
    with connected(own_ledger) as edge:
        for at in range(SINGLES):
            creator, model = CREATORS[at % 3], MODELS[at % 2]
            edge.train(
                training(creator_id=creator, model_id=model, dataset_id=f"d{at % 4}", notes=fresh())
            )
            edge.pay(payout(creator_id=creator, period=PERIODS[at % 2], tx_ref=fresh()))
            edge.append([event() for _ in range(at % 3)] or [event()])
        yield edge


def walk(ask: Callable[[str], Any], items: str, page_size: int) -> list[Any]:
    """All items of a list, page by page; the pages must be full but the last, and only the last has no token."""
    found: list[Any] = []
    token = ""
    while True:
        page = ask(token)
        got = list(getattr(page, items))
        assert len(got) <= page_size
        assert page.has_more == bool(page.next_page_token)
        found += got
        if not page.has_more:
            return found
        assert len(got) == page_size
        token = page.next_page_token


def trainings(edge: Edge, page_size: int, **filters: str) -> list[Any]:
    """ListTrainings to the end."""
    return walk(
        lambda token: edge.training.ListTrainings(
            training_service_pb2.ListTrainingsRequest(
                page_size=page_size, page_token=token, **filters
            )
        ),
        "trainings",
        page_size or 100,
    )


def payouts(edge: Edge, page_size: int, **filters: str) -> list[Any]:
    """ListPayouts to the end."""
    return walk(
        lambda token: edge.payout.ListPayouts(
            payout_service_pb2.ListPayoutsRequest(page_size=page_size, page_token=token, **filters)
        ),
        "payouts",
        page_size or 100,
    )


def list_entries(edge: Edge, **fields: Any) -> Any:
    """One page of ListEntries."""
    return edge.log.ListEntries(log_service_pb2.ListEntriesRequest(**fields))


@pytest.mark.parametrize("page_size", [1, 7, 1000, 5000, 0])
def test_pages_of_any_size_hold_every_entry_once(filled: Edge, page_size: int) -> None:
    """ListEntries gives each entry once and in order, whatever the page size; above 1,000 a page has 1,000."""
    expected = min(page_size or 100, 1000)
    found = walk(
        lambda token: list_entries(filled, page_size=page_size, page_token=token),
        "entries",
        expected,
    )
    assert [entry.index for entry in found] == list(range(filled.size()))
    assert found == filled.entries()


@pytest.mark.parametrize("page_size", [1, 7, 1000])
@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_entries_of_one_kind_are_listed_without_the_others(
    filled: Edge, page_size: int, kind: int
) -> None:
    """ListEntries with a kind gives all entries of that kind and no other, from the start index on."""
    expected = [entry for entry in filled.entries() if entry.kind == kind and entry.index >= 5]
    found = []
    page = list_entries(filled, page_size=page_size, start_index=5, kind=kind)
    found += page.entries
    while page.has_more:
        page = list_entries(filled, page_size=page_size, kind=kind, page_token=page.next_page_token)
        found += page.entries
    assert found == expected


@pytest.mark.parametrize("page_size", [1, 7, 1000])
def test_filters_of_trainings_combine(filled: Edge, page_size: int) -> None:
    """Each combination of creator, model and dataset gives the records that match all, oldest first."""
    everything = trainings(filled, 1000)
    assert [item.index for item in everything] == sorted(item.index for item in everything)
    assert len(everything) == SINGLES
    for creator in ("", *CREATORS, "nobody"):
        for model in ("", *MODELS):
            for dataset in ("", "d3"):
                wanted = {"creator_id": creator, "model_id": model, "dataset_id": dataset}
                expected = [
                    item
                    for item in everything
                    if all(getattr(item.training, k) == v for k, v in wanted.items() if v)
                ]
                assert trainings(filled, page_size, **wanted) == expected, wanted


@pytest.mark.parametrize("page_size", [1, 7, 1000])
def test_filters_of_payouts_combine(filled: Edge, page_size: int) -> None:
    """Each combination of creator and period gives the records that match both, oldest first."""
    everything = payouts(filled, 1000)
    assert len(everything) == SINGLES
    for creator in ("", *CREATORS, "nobody"):
        for period in ("", *PERIODS, "2026"):
            wanted = {"creator_id": creator, "period": period}
            expected = [
                item
                for item in everything
                if all(getattr(item.payout, k) == v for k, v in wanted.items() if v)
            ]
            assert payouts(filled, page_size, **wanted) == expected, wanted


def test_a_log_that_grows_between_pages_neither_repeats_nor_skips(edge: Edge) -> None:
    """Entries that come while a list is paged through come at its end; those before are seen once."""
    start = edge.size()
    edge.append([event() for _ in range(40)])
    indexes: list[int] = []
    page = list_entries(edge, page_size=7, start_index=start)
    for _ in range(4):
        indexes += [entry.index for entry in page.entries]
        edge.append([event() for _ in range(2)])
        page = list_entries(edge, page_size=7, page_token=page.next_page_token)
    while True:
        indexes += [entry.index for entry in page.entries]
        if not page.has_more:
            break
        page = list_entries(edge, page_size=7, page_token=page.next_page_token)
    assert indexes == list(range(start, edge.size()))
    assert page.tree_size == edge.size()


def test_a_list_of_records_that_grows_between_pages_has_the_new_ones_last(edge: Edge) -> None:
    """A training that is recorded between two pages of its filter comes last, and none is repeated."""
    creator = fresh("creator")
    ids = [edge.train(training(creator_id=creator, notes=fresh())).training_id for _ in range(4)]
    request = training_service_pb2.ListTrainingsRequest(creator_id=creator, page_size=3)
    page = edge.training.ListTrainings(request)
    ids.append(edge.train(training(creator_id=creator, notes=fresh())).training_id)

    request.page_token = page.next_page_token
    found = [*page.trainings, *edge.training.ListTrainings(request).trainings]

    assert [item.training_id for item in found] == ids


def test_a_list_from_beyond_the_end_is_empty(edge: Edge) -> None:
    """A start index that is not in the log yet gives an empty last page."""
    for start in (edge.size(), 2**63 - 1):
        for kind in (0, 2, 3):
            page = list_entries(edge, start_index=start, kind=kind)
            assert (len(page.entries), page.has_more, page.next_page_token) == (0, False, "")


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"start_index": -1}, "start_index", "QUANTITY_NEGATIVE"),
        ({"page_size": -1}, "page_size", "QUANTITY_NEGATIVE"),
        ({"kind": 99}, "kind", "FIELD_MALFORMED"),
        ({"page_token": "nonsense"}, "page_token", "PAGE_TOKEN_INVALID"),
        ({"page_token": "é"}, "page_token", "PAGE_TOKEN_INVALID"),
        ({"page_token": "A" * 96}, "page_token", "PAGE_TOKEN_INVALID"),
        ({"page_token": "A" * 100_000}, "page_token", "PAGE_TOKEN_INVALID"),
    ],
)
def test_a_bad_list_request_is_refused_by_its_field(
    edge: Edge, fields: dict[str, Any], field: str, reason: str
) -> None:
    """Negative numbers, unknown kinds and tokens that are none are named."""
    expect_invalid(lambda: list_entries(edge, **fields), field, reason)


@pytest.mark.parametrize("asked", ["trainings", "payouts"])
@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"page_size": -1}, "page_size", "QUANTITY_NEGATIVE"),
        ({"page_token": "nonsense"}, "page_token", "PAGE_TOKEN_INVALID"),
    ],
)
def test_a_bad_record_list_request_is_refused_by_its_field(
    edge: Edge, asked: str, fields: dict[str, Any], field: str, reason: str
) -> None:
    """The lists of single records have the same rules."""
    if asked == "trainings":
        request = training_service_pb2.ListTrainingsRequest(**fields)
        expect_invalid(lambda: edge.training.ListTrainings(request), field, reason)
    else:
        other = payout_service_pb2.ListPayoutsRequest(**fields)
        expect_invalid(lambda: edge.payout.ListPayouts(other), field, reason)


def expect_bad_token(edge: Edge, token: str, **fields: Any) -> None:
    """ListEntries must refuse the token."""
    expect_invalid(
        lambda: list_entries(edge, page_token=token, **fields), "page_token", "PAGE_TOKEN_INVALID"
    )


def test_a_token_with_any_byte_changed_is_refused(filled: Edge) -> None:
    """Flipping one bit of any byte inside a token, or of any of its characters, makes it worthless."""
    token = list_entries(filled, page_size=1).next_page_token
    sealed = base64.urlsafe_b64decode(token)
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1 << at % 8
        expect_bad_token(filled, base64.urlsafe_b64encode(changed).decode())
    for at, letter in enumerate(token):
        expect_bad_token(filled, token[:at] + chr(ord(letter) ^ 1) + token[at + 1 :])
    for cut in (1, 24, 40, len(token) - 1):
        expect_bad_token(filled, token[:cut])
    expect_bad_token(filled, token + "AAAA")
    expect_bad_token(filled, token + token)
    assert list_entries(filled, page_token=token).entries, "the token itself is good"


def test_a_token_is_good_for_its_own_list_only(filled: Edge) -> None:
    """A token of another method, or of other filters, is refused instead of giving another page."""
    by_kind = list_entries(filled, page_size=1, kind=2).next_page_token
    plain = list_entries(filled, page_size=1).next_page_token
    expect_bad_token(filled, by_kind)
    expect_bad_token(filled, by_kind, kind=3)
    expect_bad_token(filled, plain, kind=2)
    request = training_service_pb2.ListTrainingsRequest(creator_id="c1", page_size=1)
    mine = filled.training.ListTrainings(request).next_page_token
    expect_bad_token(filled, mine, kind=2)
    wrong: list[dict[str, Any]] = [
        {},
        {"creator_id": "c2"},
        {"model_id": "c1"},
        {"creator_id": "c1", "model_id": "m1"},
    ]
    for filters in wrong:
        other = training_service_pb2.ListTrainingsRequest(page_token=mine, **filters)
        expect_invalid(
            lambda other=other: filled.training.ListTrainings(other),  # type: ignore[misc]
            "page_token",
            "PAGE_TOKEN_INVALID",
        )
    foreign = payout_service_pb2.ListPayoutsRequest(page_token=mine, creator_id="c1")
    expect_invalid(lambda: filled.payout.ListPayouts(foreign), "page_token", "PAGE_TOKEN_INVALID")


def test_a_token_of_another_log_is_refused(filled: Edge, edge: Edge) -> None:
    """Tokens are sealed with a secret of their log."""
    expect_bad_token(edge, list_entries(filled, page_size=1).next_page_token)


@pytest.mark.parametrize(
    ("age_us", "good"), [(3 * DAY_US - 60_000_000, True), (3 * DAY_US + 60_000_000, False)]
)
def test_a_token_is_good_for_72_hours(
    filled: Edge, monkeypatch: pytest.MonkeyPatch, age_us: int, good: bool
) -> None:
    """A token that this log sealed 72 hours ago is told to be old; a minute earlier it still worked."""
    made_us = now_us() - age_us
    monkeypatch.setattr(pages, "now_us", lambda: made_us)
    secret = derive_secret(load_signer(load(filled.ledger.directory)))
    token = pages.Pages(secret).seal(3, ("ListEntries", 0))
    if good:
        assert list_entries(filled, page_token=token, page_size=1).entries[0].index == 3
    else:
        expect_invalid(
            lambda: list_entries(filled, page_token=token), "page_token", "PAGE_TOKEN_EXPIRED"
        )


def train_largely(edge: Edge, creator: str) -> list[str]:
    """Twenty trainings of a creator that no page holds together; their ids."""
    big = {f"k{at}": "\N{FULLWIDTH DIGIT ONE}" * 512 for at in range(32)}
    artifacts = [{"name": "n" * 512, "sha256": bytes(32)} for _ in range(250)]
    return [
        edge.train(
            training(
                creator_id=creator, metadata=big, evidence=big, artifacts=artifacts, notes=fresh()
            )
        ).training_id
        for _ in range(20)
    ]


@pytest.mark.parametrize("kind", [0, 2])
def test_a_page_that_ends_early_loses_nothing(edge: Edge, kind: int) -> None:
    """What did not fit a page begins the next one, with all kinds and with one."""
    begin = edge.size()
    ids = train_largely(edge, fresh("creator"))
    # Where something is registered, each training has its verdict behind it.
    trained = [int(name.split("_")[1]) for name in ids]
    wanted = trained if kind else list(range(begin, edge.size()))
    found: list[int] = []
    sizes: list[int] = []
    token = ""
    while not sizes or token:
        page = list_entries(edge, start_index=begin, kind=kind, page_size=1000, page_token=token)
        assert page.ByteSize() < 4 << 20
        found += [entry.index for entry in page.entries]
        sizes.append(len(page.entries))
        token = page.next_page_token

    assert found == wanted
    assert 0 < sizes[0] < len(wanted)


def test_any_page_fits_a_message_of_the_default_size(edge: Edge) -> None:
    """A page of the largest size over large records stays below the 4 MiB that every client takes by default."""
    creator = fresh("creator")
    ids = train_largely(edge, creator)
    request = training_service_pb2.ListTrainingsRequest(creator_id=creator, page_size=1000)
    found: list[str] = []
    while True:
        page = edge.training.ListTrainings(request)
        assert page.ByteSize() < 4 << 20
        found += [item.training_id for item in page.trainings]
        if not page.has_more:
            break
        request.page_token = page.next_page_token
    assert found == ids
    assert list_entries(edge, kind=2, page_size=1000).ByteSize() < 4 << 20
