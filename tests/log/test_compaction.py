"""Large merges beside the commits: they change no answer, wherever they are interrupted."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from counterfoil.errors import IntegrityError, OutcomeUnknown, StoreFull
from counterfoil.log import SPACES, columns
from counterfoil.log import compact as compaction
from counterfoil.log import runs as catalog
from counterfoil.log.columns import Indexes, split_columns
from counterfoil.log.compact import compact, remove_orphans
from counterfoil.log.fingerprint import Fingerprints
from counterfoil.log.layout import RUNS_KEY, parse_index_key
from counterfoil.log.runs import Runs, add_entries, find, format_runs, read_chunk, read_runs
from counterfoil.log.sound import chunk_checksum
from counterfoil.store import MemoryStore, Store, Transaction

SEED = 20260814
REAL_INLINE, REAL_CHUNK = catalog.INLINE_COUNT_MAX, catalog.CHUNK_COUNT


pytestmark = pytest.mark.usefixtures("small_merges")


def due(store: Store) -> None:
    """Add four runs of one level, whose merge is for compaction."""
    for number in range(4):
        grow(store, 10 * number, 10)


def grow(store: Store, first: int, count: int) -> None:
    """Add entries with fingerprints 3i at index i."""
    indexes = np.arange(first, first + count, dtype=np.uint64)
    add(store, indexes * np.uint64(3), indexes)


def add(store: Store, prints: Fingerprints, indexes: Indexes) -> None:
    """Add entries in a transaction of their own."""
    store.transact(lambda transaction: add_entries(transaction, prints, indexes))


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


def slipping(moment: str, effect: Callable[[], None]) -> Callable[..., Any]:
    """A step of a merge that is followed by something else, the first time."""
    real: Callable[..., Any] = getattr(compaction, moment)
    waiting = [effect]

    def slipped(*args: Any) -> Any:
        result = real(*args)
        while waiting:
            waiting.pop()()
        return result

    return slipped


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


@pytest.mark.parametrize("moment", ["merge_step", "remove_orphans", "_write"])
def test_commits_beside_a_merge_are_kept(monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """What is appended between two steps of a merge is found after it."""
    store = MemoryStore(SPACES)
    due(store)

    def commit() -> None:
        for first, count in ((40, 1), (41, 10), (51, 2)):
            grow(store, first, count)

    with monkeypatch.context() as patch:
        patch.setattr(compaction, moment, slipping(moment, commit))
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

    with monkeypatch.context() as patch:
        commit = slipping("merge_step", lambda: grow(store, first, 16_384))
        patch.setattr(compaction, "merge_step", commit)
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

    with monkeypatch.context() as patch:
        patch.setattr(compaction, "merge_step", slipping("merge_step", lambda: add(20_000)))
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
    real = compaction._write
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
            patch.setattr(compaction, "_write", slipped)
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


@pytest.mark.parametrize("moment", ["merge_step", "_write"])
def test_two_compactions_at_once_are_noticed(monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """A merge whose runs are gone half-way, or when it is done, changes nothing, and says so."""
    store = MemoryStore(SPACES)
    due(store)

    def compact_too() -> None:
        assert compact(store)

    with monkeypatch.context() as patch:
        patch.setattr(compaction, moment, slipping(moment, compact_too))
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


def equal_runs(store: Store) -> int:
    """Add four runs that hold few fingerprints, each many times over, and return how many entries."""
    chance = random.Random(SEED)
    for number in range(4):
        indexes = np.arange(12 * number, 12 * number + 12, dtype=np.uint64)
        prints = np.array([chance.choice((0, 7, 7, 7, 9)) for _ in indexes], dtype=np.uint64)
        add(store, prints, indexes)
    return 48


def stored_pairs(store: Store) -> list[list[tuple[int, int]]]:
    """Fingerprint and index of each entry, run by run, as they are stored."""
    found = []
    with store.snapshot() as snapshot:
        for run in read_runs(snapshot).runs:
            parts = [split_columns(read_chunk(snapshot, run, chunk)) for chunk in run.chunks]
            pairs = [zip(prints.tolist(), at.tolist(), strict=True) for prints, at in parts]
            found.append([pair for part in pairs for pair in part])
    return found


def test_equal_fingerprints_stay_in_the_order_of_the_log() -> None:
    """Where a fingerprint fills chunks of several runs, the merged run has them by index all the same."""
    store = MemoryStore(SPACES)
    count = equal_runs(store)

    assert compact(store)
    (merged,) = stored_pairs(store)
    assert merged == sorted(merged)
    assert len(merged) == count


def test_a_share_of_a_merge_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the runs are, what is held at a time is a chunk of each, and one that is not full yet."""
    store = MemoryStore(SPACES)
    for number in range(4):
        grow(store, 1000 * number, 1000)
    sizes = []
    real = columns.merge_entries

    def measured(parts: list[Any]) -> bytes:
        sizes.append(sum(end - begin for _, begin, end in parts))
        return real(parts)

    monkeypatch.setattr(compaction, "merge_entries", measured)
    assert compact(store)
    assert sum(sizes) >= 4000
    assert max(sizes) <= 5 * 6


@pytest.mark.parametrize("change", ["order", "fence"])
def test_a_chunk_out_of_order_is_not_merged(change: str) -> None:
    """A chunk that was written out of its order, or away from its fence, stops the merge before the list changes."""
    store = MemoryStore(SPACES)
    due(store)
    before = listed(store)

    def damage(transaction: Transaction) -> None:
        first, *others = read_runs(transaction).runs
        key = first.number.to_bytes(8, "big") + bytes(8)
        value = transaction.get("run", key)
        assert value is not None
        wrong = bytearray(value)
        wrong[8 * (change == "order")] ^= 0x40
        transaction.put("run", key, bytes(wrong))
        checksums = chunk_checksum(wrong) + first.checksums[8:]
        runs = Runs(99, (replace(first, checksums=checksums), *others))
        transaction.put("meta", RUNS_KEY, format_runs(runs))

    store.transact(damage)
    with pytest.raises(IntegrityError, match="out of order"):
        compact(store)
    assert listed(store) == before


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


def test_a_run_that_is_listed_meanwhile_is_no_orphan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks that get their line between the look and the lock are kept."""
    store = MemoryStore(SPACES)
    due(store)
    before = answers(store)
    with store.snapshot() as snapshot:
        old = read_runs(snapshot).runs
    merged = compaction._write(store, store.transact(compaction._take_number), old)
    assert chunks(store) == listed(store) | {merged.number}

    def swap() -> None:
        store.transact(lambda transaction: compaction._swap(transaction, old, merged))

    monkeypatch.setattr(compaction, "read_runs", slipping("read_runs", swap))
    remove_orphans(store)

    assert listed(store) == chunks(store) == {merged.number}
    assert answers(store) == before
