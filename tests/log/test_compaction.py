"""Large merges beside the commits: they change no answer, wherever they are interrupted."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from counterfoil.errors import OutcomeUnknown, StoreFull
from counterfoil.log import SPACES
from counterfoil.log import compact as compaction
from counterfoil.log import runs as catalog
from counterfoil.log.compact import compact, remove_orphans
from counterfoil.log.layout import parse_index_key
from counterfoil.log.runs import add_entries, find, read_runs
from counterfoil.store import MemoryStore, Store, Transaction

from .bench import Bench, check_all

SEED = 20260814
REAL_INLINE, REAL_CHUNK = catalog.INLINE_COUNT_MAX, catalog.CHUNK_COUNT


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks and merges of a handful of entries."""
    monkeypatch.setattr(catalog, "INLINE_COUNT_MAX", 15)
    monkeypatch.setattr(catalog, "CHUNK_COUNT", 6)
    monkeypatch.setattr(compaction, "CHUNK_COUNT", 6)


def due(store: Store) -> None:
    """Add four runs of one level, whose merge is for compaction."""
    for number in range(4):
        grow(store, 10 * number, 10)


def grow(store: Store, first: int, count: int) -> None:
    """Add entries with fingerprints 3i at index i."""
    indexes = np.arange(first, first + count, dtype=np.uint64)
    store.transact(lambda transaction: add_entries(transaction, indexes * np.uint64(3), indexes))


def answers(store: Store, count: int = 60) -> list[tuple[int, int]]:
    """What is found for all fingerprints up to a bound."""
    with store.snapshot() as snapshot:
        asked = np.arange(3 * count, dtype=np.uint64)
        return sorted(
            (hit.position, hit.index) for hit in find(snapshot, read_runs(snapshot).runs, asked)
        )


def chunks(store: Store) -> set[int]:
    """The numbers of runs that have chunks."""
    with store.snapshot() as snapshot:
        return {parse_index_key(bytes(key))[0] for key, _ in snapshot.scan("run")}


def listed(store: Store) -> set[int]:
    """The numbers of runs in the list."""
    with store.snapshot() as snapshot:
        return {run.number for run in read_runs(snapshot).runs}


class Fault:
    """Fails one step of one transaction."""

    def __init__(self, transaction: int, point: str) -> None:
        self.begun, self.transaction, self.point = 0, transaction, point

    def __call__(self, point: str) -> None:
        self.begun += point == "begin"
        if self.begun == self.transaction and point == self.point:
            raise RuntimeError(f"struck at {point}")


def test_a_merge_changes_no_answer() -> None:
    """Four runs become one, and everything is found as before; nothing is left of the old ones."""
    store = MemoryStore(SPACES)
    due(store)
    before = answers(store)

    assert len(before) == 40
    assert compact(store)
    assert answers(store) == before
    assert len(listed(store)) == 1
    assert chunks(store) == listed(store)
    assert not compact(store)


@pytest.mark.parametrize("point", ["begin", "put", "before-commit", "after-commit"])
@pytest.mark.parametrize("transaction", range(1, 8))
def test_a_crash_anywhere_changes_no_answer(transaction: int, point: str) -> None:
    """Killed at any step of any of its transactions, a merge leaves the catalog right and can be done again."""
    store = MemoryStore(SPACES)
    due(store)
    before = answers(store)
    store = store.reopen(Fault(transaction, point))
    try:
        finished = compact(store)
    except (RuntimeError, OutcomeUnknown):
        finished = False
    store = store.reopen()

    assert answers(store) == before
    grow(store, 40, 3)
    wanted = answers(store)
    while compact(store):
        pass
    remove_orphans(store)
    assert answers(store) == wanted
    assert chunks(store) == listed(store)
    # Two transactions write the seven chunks, one takes a number before, one swaps at the end.
    assert finished == (transaction > 4), (transaction, point)


@pytest.mark.parametrize("moment", ["merge", "remove_orphans", "_write"])
def test_commits_beside_a_merge_are_kept(monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """What is appended between two steps of a merge is found after it."""
    store = MemoryStore(SPACES)
    due(store)
    real: Callable[..., Any] = getattr(compaction, moment)

    def slipped(*args: Any) -> Any:
        result = real(*args)
        for first, count in ((40, 1), (41, 10), (51, 2)):
            grow(store, first, count)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(compaction, moment, slipped)
        assert compact(store)
    assert answers(store) == [(3 * index, index) for index in range(53)]
    while compact(store):
        pass
    assert answers(store) == [(3 * index, index) for index in range(53)]
    assert chunks(store) == listed(store)


def test_a_commit_never_merges_what_is_being_compacted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group of just the size that would complete a small merge leaves the runs of a large one alone."""
    monkeypatch.setattr(catalog, "INLINE_COUNT_MAX", REAL_INLINE)
    monkeypatch.setattr(catalog, "CHUNK_COUNT", REAL_CHUNK)
    monkeypatch.setattr(compaction, "CHUNK_COUNT", REAL_CHUNK)
    store = MemoryStore(SPACES)
    first = 0
    for count in (30_000, 16_384, 16_384, 16_384):
        grow(store, first, count)
        first += count
    real = catalog.merge

    def slipped(*args: Any) -> Any:
        merged = real(*args)
        grow(store, first, 16_384)
        return merged

    with monkeypatch.context() as patch:
        patch.setattr(compaction, "merge", slipped)
        assert compact(store)
    while compact(store):
        pass
    with store.snapshot() as snapshot:
        assert sum(run.count for run in read_runs(snapshot).runs) == first + 16_384


def test_a_large_commit_leaves_the_runs_of_a_compaction_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A group that takes in all small runs, and grows past their levels, stops before those being compacted."""
    monkeypatch.setattr(catalog, "INLINE_COUNT_MAX", REAL_INLINE)
    monkeypatch.setattr(catalog, "CHUNK_COUNT", REAL_CHUNK)
    monkeypatch.setattr(compaction, "CHUNK_COUNT", REAL_CHUNK)
    store = MemoryStore(SPACES)
    first = 0

    def add(count: int) -> None:
        nonlocal first
        grow(store, first, count)
        first += count

    for count in [20_000] * 4 + [4_000] * 12:
        add(count)
    real = catalog.merge

    def slipped(*args: Any) -> Any:
        merged = real(*args)
        add(20_000)
        return merged

    with monkeypatch.context() as patch:
        patch.setattr(compaction, "merge", slipped)
        assert compact(store)
    while compact(store):
        pass
    with store.snapshot() as snapshot:
        runs = read_runs(snapshot).runs
    assert sum(run.count for run in runs) == first
    levels = [run.level for run in runs]
    assert levels == sorted(levels, reverse=True)


def test_commits_of_any_size_never_meet_a_compaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is committed while runs are merged, the merge ends well, and few runs are left."""
    monkeypatch.setattr(catalog, "INLINE_COUNT_MAX", 63)
    chance = random.Random(SEED)
    real = catalog.merge
    for round_ in range(30):
        store = MemoryStore(SPACES)
        first, slips = 0, 0
        sizes = chance.choice(((1, 1, 2, 4, 4, 16, 20), (4, 4, 4, 4, 15, 20), (3, 15, 15, 20)))

        def add(store: MemoryStore = store, sizes: tuple[int, ...] = sizes) -> None:
            nonlocal first
            # As in the product, the largest group is a third of what a commit may merge.
            count = chance.choice(sizes)
            grow(store, first, count)
            first += count

        def slipped(*args: Any, add: Callable[[], None] = add) -> Any:
            nonlocal slips
            merged = real(*args)
            for _ in range(chance.randrange(12)):
                add()
                slips += 1
            return merged

        with monkeypatch.context() as patch:
            patch.setattr(compaction, "merge", slipped)
            for _ in range(chance.randrange(20, 120)):
                add()
                if chance.randrange(4) == 0:
                    compact(store)
        while compact(store):
            pass
        with store.snapshot() as snapshot:
            runs = read_runs(snapshot).runs
        levels = [run.level for run in runs]
        assert levels == sorted(levels, reverse=True), (SEED, round_, levels)
        assert len(runs) <= 3 * (catalog.level_of(first) + 1), (SEED, round_)
        assert answers(store, first) == [(3 * index, index) for index in range(first)]
        assert slips > 0


def test_two_compactions_at_once_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A merge whose runs are gone when it is done changes nothing, and says so."""
    store = MemoryStore(SPACES)
    due(store)
    real = catalog.merge

    def slipped(*args: Any) -> Any:
        merged = real(*args)
        with monkeypatch.context() as patch:
            patch.setattr(compaction, "merge", real)
            assert compact(store)
        return merged

    with monkeypatch.context() as patch:
        patch.setattr(compaction, "merge", slipped)
        with pytest.raises(RuntimeError, match="two compactions"):
            compact(store)
    assert answers(store) == [(3 * index, index) for index in range(40)]
    remove_orphans(store)
    assert chunks(store) == listed(store)


def test_a_full_store_keeps_the_old_runs() -> None:
    """Without room for the merged run the old ones stay, and look-ups and commits go on."""
    store = MemoryStore(SPACES)
    due(store)
    full = MemoryStore(SPACES, capacity_bytes=store.size_bytes() + 100)
    due(full)

    with pytest.raises(StoreFull):
        compact(full)
    assert answers(full) == [(3 * index, index) for index in range(40)]
    grow(full, 40, 1)
    assert len(answers(full)) == 41


def test_orphans_are_removed_and_nothing_else() -> None:
    """Chunks that no list names are taken away before the next merge; listed ones stay."""
    store = MemoryStore(SPACES)
    due(store)
    before = answers(store)
    kept = listed(store)
    for number in (900, 901):
        key = number.to_bytes(8, "big") + bytes(8)

        def put(transaction: Transaction, key: bytes = key) -> None:
            transaction.put("run", key, b"left")

        store.transact(put)

    assert remove_orphans(store) == 2
    assert remove_orphans(store) == 0
    assert chunks(store) == kept
    assert answers(store) == before


def test_a_log_is_merged_while_it_grows(subject: Bench) -> None:
    """Over a real log, compaction at random moments leaves duplicates, proofs and fsck as they were."""
    chance = random.Random(SEED)
    for round_ in range(40):
        ids = [f"e{chance.randrange(300)}" for _ in range(chance.randrange(1, 14))]
        subject.append(subject.usage(*ids), subject.training(chance.randrange(9)))
        while chance.randrange(2) and compact(subject.store):
            pass
        if round_ % 13 == 12:
            subject.restart()
    known = [entry for entry in subject.entries() if entry.kind.name == "usage"]
    names = [entry.kind.identity("", entry.kind.message.FromString(entry.body)) for entry in known]

    assert len(set(names)) == len(names), SEED
    again = subject.add(subject.usage(*names))
    assert [item.index for item in again.existing] == [entry.index for entry in known]
    check_all(subject)
    assert subject.fsck().sound
