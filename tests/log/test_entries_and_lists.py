"""Reading: entries by index, id and identity, lists by terms, and checkpoints by size."""

from __future__ import annotations

import random
from typing import Any

import pytest

from counterfoil.entry import parse_record
from counterfoil.errors import NotFound, OutOfRange
from counterfoil.limits import TREE_SIZE_MAX
from counterfoil.log import read
from counterfoil.log.read import (
    Entry,
    find_identity,
    list_entries,
    list_kind,
    read_checkpoint,
    read_entries,
    read_entry,
    resolve_id,
)
from counterfoil.note import parse_checkpoint
from counterfoil.record import GENESIS, KINDS, PAYOUT, TRAINING, USAGE, Kind, format_id

from .bench import VKEY, Bench

SEED = 20260818


@pytest.fixture
def filled(subject: Bench) -> Bench:
    """A log of all kinds, in groups."""
    chance = random.Random(SEED)
    for number in range(40):
        subject.append(
            subject.training(number, submitter=f"host{number % 2}", request_id=f"t{number}"),
            subject.usage(*(f"u{number}.{n}" for n in range(chance.randrange(1, 6)))),
            *([subject.payout(number, request_id=f"p{number}")] if number % 3 == 0 else []),
        )
    return subject


def listed(subject: Bench, kind: Kind, terms: dict[str, str], first: int, limit: int) -> list[int]:
    """The indexes of a list."""
    with subject.store.snapshot() as snapshot:
        entries = list_entries(snapshot, subject.log.secret, kind, terms, first, limit)
        return [entry.index for entry in entries]


def fits(entry: Entry, kind: Kind, terms: dict[str, str]) -> bool:
    """Whether an entry belongs into a list."""
    has = kind.terms(kind.message.FromString(entry.body)) if entry.kind is kind else {}
    return entry.kind is kind and all(
        has.get(term) == value for term, value in terms.items() if value
    )


LISTS: tuple[tuple[Kind, dict[str, str]], ...] = (
    (TRAINING, {}),
    (PAYOUT, {}),
    (TRAINING, {"creator_id": "creator_1"}),
    (TRAINING, {"creator_id": "", "dataset_id": "ds_2"}),
    (TRAINING, {"creator_id": "creator_1", "dataset_id": "ds_2"}),
    (TRAINING, {"creator_id": "creator_1", "dataset_id": "ds_2", "model_id": "m"}),
    (TRAINING, {"creator_id": "creator_9"}),
    (TRAINING, {"creator_id": "creator_1", "model_id": "other"}),
    (TRAINING, {"model_id": "creator_1"}),
    (PAYOUT, {"creator_id": "creator_0"}),
    (PAYOUT, {"creator_id": "creator_0", "period": "2024-02"}),
    (PAYOUT, {"period": "2024-03"}),
)


@pytest.mark.parametrize(("kind", "terms"), LISTS)
def test_lists_have_what_fits_in_order(filled: Bench, kind: Kind, terms: dict[str, str]) -> None:
    """A list of a kind under any terms is what reading all entries gives, from any index, up to any limit."""
    everything = [entry.index for entry in filled.entries() if fits(entry, kind, terms)]

    for first in (0, 1, 7, 50, filled.state().size - 1, filled.state().size, 10**9):
        for limit in (1, 2, 5, 1000):
            wanted = [index for index in everything if index >= first][:limit]
            assert listed(filled, kind, terms, first, limit) == wanted


def test_pages_join_to_the_whole(filled: Bench) -> None:
    """Read page by page, a list has every entry once."""
    for kind, terms in LISTS:
        found: list[int] = []
        first = 0
        while page := listed(filled, kind, terms, first, 3):
            found += page
            first = page[-1] + 1
        assert found == listed(filled, kind, terms, 0, 10**6)


@pytest.mark.parametrize("at_a_time", [1, 2, 7, 1_000])
@pytest.mark.parametrize("limit", [1, 3, 1_000])
@pytest.mark.parametrize("kind", KINDS)
def test_pages_of_a_kind_join_to_the_whole(
    filled: Bench, monkeypatch: pytest.MonkeyPatch, kind: Kind, limit: int, at_a_time: int
) -> None:
    """However little of the log is looked through at a time, each entry of the kind comes once and in order."""
    monkeypatch.setattr(read, "_PARTS_AT_A_TIME", at_a_time)
    wanted = [entry.index for entry in filled.entries() if entry.kind is kind]
    size, first = filled.state().size, 0
    found: list[int] = []

    with filled.store.snapshot() as snapshot:
        while first < size:
            page, following = list_kind(snapshot, filled.log.secret, kind, first, limit)
            assert len(page) <= limit
            assert following > first
            found += [entry.index for entry in page]
            first = following

    assert found == wanted


def test_only_so_much_is_looked_through_for_a_kind(
    filled: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind the only entry of its kind a page ends without one, long before the end of the log."""
    monkeypatch.setattr(read, "_PARTS_AT_A_TIME", 2)

    with filled.store.snapshot() as snapshot:
        page, following = list_kind(snapshot, filled.log.secret, GENESIS, 1, 100)

    assert page == []
    assert 1 < following < filled.state().size


@pytest.mark.parametrize("at_a_time", [1, 2, 3, 1_000])
def test_lists_that_are_compared_piece_by_piece_have_what_is_in_all(
    filled: Bench, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    """Entries with several terms are found in full, however few indexes are compared at a time."""
    monkeypatch.setattr(read, "_INDEXES_AT_A_TIME", at_a_time)

    for kind, terms in LISTS:
        everything = [entry.index for entry in filled.entries() if fits(entry, kind, terms)]
        for limit in (1, 2, 1000):
            assert listed(filled, kind, terms, 0, limit) == everything[:limit]


@pytest.mark.parametrize("value", ["x" * 129, "x" * 300, "é" * 5000, "creator_1 ", "creator_1\x00"])
def test_a_term_that_nobody_can_have_lists_nothing(filled: Bench, value: str) -> None:
    """A filter longer than an identifier, or almost one that is there, gives an empty list and no error."""
    assert listed(filled, TRAINING, {"creator_id": value}, 0, 10) == []


def test_entries_are_read_one_by_one_and_in_runs(filled: Bench) -> None:
    """An entry is the same read alone, in a run, and in any part of a run."""
    whole = filled.entries()
    chance = random.Random(SEED)
    with filled.store.snapshot() as snapshot:
        for index, entry in enumerate(whole):
            assert read_entry(snapshot, index) == entry
        for _ in range(50):
            begin = chance.randrange(len(whole))
            end = chance.randrange(begin, len(whole) + 5)
            assert list(read_entries(snapshot, begin, end)) == whole[begin:end]


@pytest.mark.parametrize("index", [-1, 10**9, 2**63, 2**64])
def test_entries_beyond_the_log_are_out_of_range(subject: Bench, index: int) -> None:
    """There is no entry before the first or behind the last, and the error tells the size."""
    with subject.store.snapshot() as snapshot:
        with pytest.raises(OutOfRange) as caught:
            read_entry(snapshot, index)
        assert caught.value.size == 1


def test_ids_and_indexes_name_entries(filled: Bench) -> None:
    """Every entry is found by its id and by its index in decimal."""
    with filled.store.snapshot() as snapshot:
        for entry in filled.entries():
            assert resolve_id(snapshot, entry.id) == entry
            assert resolve_id(snapshot, str(entry.index)) == entry
            assert entry.id == format_id(entry.kind.id_prefix, entry.index, entry.leaf_hash)


def test_almost_ids_name_nothing(filled: Bench) -> None:
    """Another prefix, tag or index than the entry's own is not found; nor is what is no id at all."""
    entry = filled.entries()[1]
    assert entry.kind is TRAINING
    prefix, index, tag = entry.id.split("_")
    wrong = [
        f"ev_{index}_{tag}",
        f"{prefix}_2_{tag}",
        f"{prefix}_{index}_{int(tag, 16) ^ 1:08x}",
        f"{prefix}_{index}_{tag.upper()}Z",
        f"{prefix}_{filled.state().size}_{tag}",
        f"{prefix}_{TREE_SIZE_MAX}_{tag}",
        str(filled.state().size),
        str(2**63),
        "9" * 19,
        "9" * 20,
        "9" * 5000,
        "-1",
        "+1",
        "1.0",
        "0x1",
        "\u0661",
        "",
        " 1",
        "pt",
        "x" * 1000,
    ]

    with filled.store.snapshot() as snapshot:
        for text in wrong:
            with pytest.raises(NotFound):
                resolve_id(snapshot, text)


def test_identities_are_found(filled: Bench) -> None:
    """Each record is found under its submitter and identity, through all runs of the catalog."""
    entries = filled.entries()
    with filled.store.snapshot() as snapshot:
        for entry in entries[1:]:
            fields = parse_record(entry.record)
            asked = entry.kind.identity(
                fields.request_id, entry.kind.message.FromString(entry.body)
            )
            found = find_identity(snapshot, filled.log.secret, entry.kind, fields.submitter, asked)
            assert found == entry


@pytest.mark.parametrize(
    ("kind", "submitter", "identity"),
    [
        (USAGE, "host", "u99.0"),
        (USAGE, "host0", "u0.0"),
        (USAGE, "", "u0.0"),
        (USAGE, "host", ""),
        (TRAINING, "host1", "t0"),
        (TRAINING, "host0", "u0.0"),
        (PAYOUT, "host", "t0"),
        (GENESIS, "host", "genesis"),
        (USAGE, "host", "x" * 129),
        (USAGE, "host", "x" * 5000),
        (USAGE, "host", "u0.0\x00"),
    ],
)
def test_other_identities_are_not_found(
    filled: Bench, kind: Kind, submitter: str, identity: str
) -> None:
    """Another kind, submitter or id, and an id that nobody can have, name no entry."""
    with filled.store.snapshot() as snapshot, pytest.raises(NotFound):
        find_identity(snapshot, filled.log.secret, kind, submitter, identity)


def test_the_checkpoint_for_a_size_is_the_oldest_that_covers_it(filled: Bench) -> None:
    """For each size the first checkpoint at or above it is given; without a size the newest."""
    keys = [key for space, key in filled.dump() if space == "checkpoint"]
    sizes = sorted(int.from_bytes(key, "big") for key in keys)
    with filled.store.snapshot() as snapshot:
        for size in range(filled.state().size + 1):
            found, note = read_checkpoint(snapshot, size)
            assert found == min(at for at in sizes if at >= size)
            assert parse_checkpoint(note, [VKEY]).size == found
        assert read_checkpoint(snapshot)[0] == sizes[-1]
        with pytest.raises(OutOfRange):
            read_checkpoint(snapshot, sizes[-1] + 1)


def test_a_snapshot_shows_one_tree(subject: Bench) -> None:
    """What is appended beside an open snapshot is not in it: entries, lists and checkpoints agree."""
    subject.add(subject.usage("a"))
    with subject.store.snapshot() as snapshot:
        subject.add(subject.training(1))
        subject.add(subject.usage("b"))
        entries = list(read_entries(snapshot, 0, 100))
        trainings: list[Any] = list_entries(snapshot, subject.log.secret, TRAINING, {}, 0, 10)
        size, _ = read_checkpoint(snapshot)
    assert (len(entries), trainings, size) == (2, [], 2)
