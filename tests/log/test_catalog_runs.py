"""The catalog's sorted runs against a dictionary, through merges of every kind."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.errors import IntegrityError
from counterfoil.log import SPACES
from counterfoil.log import compact as compaction
from counterfoil.log import runs as catalog
from counterfoil.log.columns import split_columns
from counterfoil.log.layout import seal, unseal
from counterfoil.log.runs import (
    Run,
    Runs,
    add_entries,
    find,
    find_from,
    format_runs,
    level_of,
    parse_runs,
    read_chunk,
    read_runs,
)
from counterfoil.log.sound import chunk_checksum
from counterfoil.store import MemoryStore

SEED = 20260813
UINT64_MAX = 2**64 - 1
# (entries that a commit may merge, entries in a chunk, largest group): the real ones, and small ones for many chunks.
REAL = (catalog.INLINE_COUNT_MAX, catalog.CHUNK_COUNT, 3000)
SMALL = (4**5 - 1, 100, 300)
TINY = (4**3 - 1, 7, 18)


@contextmanager
def sized(sizes: tuple[int, int, int]) -> Iterator[None]:
    """The catalog with other bounds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "INLINE_COUNT_MAX", sizes[0])
        patch.setattr(catalog, "CHUNK_COUNT", sizes[1])
        patch.setattr(compaction, "CHUNK_COUNT", sizes[1])
        yield


class Model:
    """A catalog in a store, and beside it a dictionary from fingerprint to indexes."""

    def __init__(self) -> None:
        self.store = MemoryStore(SPACES)
        self.wanted: dict[int, list[int]] = defaultdict(list)
        self.count = self.next_index = 0

    def add(self, prints: Sequence[int]) -> None:
        """Add a group of entries, each at the next index."""
        indexes = range(self.next_index, self.next_index + len(prints))
        self.next_index += len(prints)
        self.count += len(prints)
        for print_, index in zip(prints, indexes, strict=True):
            self.wanted[print_].append(index)
        arrays = np.array(prints, dtype=np.uint64), np.array(indexes, dtype=np.uint64)
        self.store.transact(lambda transaction: add_entries(transaction, *arrays))

    def compact(self) -> int:
        """Do all merges that are due; how many there were."""
        merges = 0
        while compaction.compact(self.store):
            merges += 1
            assert merges < 1000, "merging does not end"
        return merges

    def runs(self) -> tuple[Run, ...]:
        """The runs as they are listed."""
        with self.store.snapshot() as snapshot:
            return read_runs(snapshot).runs

    def check_questions(self, prints: Sequence[int]) -> None:
        """Look-ups of these fingerprints give what the dictionary gives."""
        with self.store.snapshot() as snapshot:
            runs = read_runs(snapshot).runs
            asked = np.array(prints, dtype=np.uint64)
            found = sorted((hit.position, hit.index) for hit in find(snapshot, runs, asked))
            wanted = [
                (position, index)
                for position, print_ in enumerate(prints)
                for index in self.wanted.get(print_, ())
            ]
            assert found == sorted(wanted)

    def check_lists(self, print_: int, first_index: int, limit: int) -> None:
        """A list under one fingerprint has the lowest indexes from the first on."""
        with self.store.snapshot() as snapshot:
            runs = read_runs(snapshot).runs
            found = find_from(snapshot, runs, print_, first_index, limit)
        wanted = [index for index in self.wanted.get(print_, ()) if index >= first_index]
        assert found == wanted[:limit]

    def check_shape(self) -> None:
        """Each run is sorted by fingerprint and index, and no stored chunk is left over."""
        stored = set()
        with self.store.snapshot() as snapshot:
            for run in read_runs(snapshot).runs:
                assert run.level == level_of(run.count)
                assert len(run.chunks) == -(-run.count // catalog.CHUNK_COUNT)
                chunks = [split_columns(read_chunk(snapshot, run, chunk)) for chunk in run.chunks]
                pairs = [
                    pair
                    for prints, indexes in chunks
                    for pair in zip(prints.tolist(), indexes.tolist(), strict=True)
                ]
                assert pairs == sorted(pairs)
                assert len(pairs) == run.count
                assert b"".join(prints[:1].tobytes() for prints, _ in chunks) == run.fences
                stored |= {(run.number, chunk) for chunk in run.chunks}
            keys = {catalog_key(bytes(key)) for key, _ in snapshot.scan("run")}
        assert keys == stored
        assert sum(run.count for run in self.runs()) == self.count

    def check_bound(self) -> None:
        """After all merges there are at most three runs of a level, so 3 * log4(n) of them."""
        levels = [run.level for run in self.runs()]
        assert levels == sorted(levels, reverse=True), levels
        assert all(levels.count(level) < catalog.FAN for level in levels), levels
        assert len(levels) <= 3 * (level_of(self.count) + 1)


def catalog_key(key: bytes) -> tuple[int, int]:
    """Run and chunk in a key."""
    return int.from_bytes(key[:8], "big"), int.from_bytes(key[8:], "big")


def draw_group(chance: random.Random, size: int, variety: int) -> list[int]:
    """Fingerprints of a group; a small variety makes for many that are equal."""
    return [chance.randrange(variety) * (UINT64_MAX // max(1, variety - 1)) for _ in range(size)]


@st.composite
def histories(draw: st.DrawFn, largest: int) -> tuple[int, int, list[int]]:
    """A seed, how many different fingerprints there are, and group sizes; 0 stands for compaction."""
    sizes = st.integers(0, largest) | st.sampled_from([1, 1, 2, largest])
    return (
        draw(st.integers(0, 2**32)),
        draw(st.sampled_from([2, 5, 50, 10_000, 2**63])),
        draw(st.lists(sizes, min_size=1, max_size=60)),
    )


def check_history(history: tuple[int, int, list[int]]) -> None:
    """Run a history and ask about everything that is in it, and about neighbours of it."""
    seed, variety, sizes = history
    chance = random.Random(seed)
    model = Model()
    for size in sizes:
        if size:
            model.add(draw_group(chance, size, variety))
        else:
            model.compact()
    for _ in range(2):
        known = list(model.wanted)
        asked = chance.sample(known, min(50, len(known)))
        asked += [(print_ + chance.choice((-1, 1))) & UINT64_MAX for print_ in asked]
        model.check_questions([*asked, 0, UINT64_MAX, *asked[:3]])
        for print_ in asked[:10]:
            first = chance.choice((0, chance.randrange(model.next_index + 1)))
            model.check_lists(print_, first, chance.choice((1, 3, 10**6)))
        model.check_shape()
        model.compact()
        model.check_bound()


@given(histories(TINY[2]))
@settings(derandomize=True, deadline=None, max_examples=150)
def test_tiny_chunks_answer_as_a_dictionary_does(history: tuple[int, int, list[int]]) -> None:
    """With a handful of entries in a chunk, look-ups and lists are right across all fences."""
    with sized(TINY):
        check_history(history)


@given(histories(SMALL[2]))
@settings(derandomize=True, deadline=None, max_examples=40)
def test_small_chunks_answer_as_a_dictionary_does(history: tuple[int, int, list[int]]) -> None:
    """With some hundred entries in a chunk the same holds, over several levels of merges."""
    with sized(SMALL):
        check_history(history)


@given(histories(REAL[2]))
@settings(derandomize=True, deadline=None, max_examples=12)
def test_the_real_sizes_answer_as_a_dictionary_does(history: tuple[int, int, list[int]]) -> None:
    """Groups of up to 3,000 entries, with duplicates, under the bounds of the product."""
    check_history(history)


def test_one_fingerprint_over_many_chunks() -> None:
    """A fingerprint that fills several chunks by itself is found wholly, as are its neighbours."""
    with sized(TINY):
        for before in range(9):
            model = Model()
            model.add([5] * before + [7] * 40 + [9] * 3)
            model.check_questions([4, 5, 6, 7, 8, 9, 10, 7, 5])
            model.check_questions([7])
            for first in range(before, before + 41):
                model.check_lists(7, first, 4)
                model.check_lists(7, first, 100)


def test_the_ends_of_the_fingerprints_are_found() -> None:
    """The smallest and the largest fingerprint are entries like others."""
    with sized(TINY):
        model = Model()
        model.add([0, UINT64_MAX] * 9)
        model.add([0])
        model.check_questions([0, 1, UINT64_MAX, UINT64_MAX - 1])
        model.check_lists(0, 0, 100)
        model.check_lists(UINT64_MAX, 3, 2)


def test_an_empty_catalog_knows_nothing() -> None:
    """Without runs nothing is found, and nothing is due."""
    model = Model()
    model.add([])

    assert model.runs() == ()
    assert model.compact() == 0
    model.check_questions([0, 1, UINT64_MAX])
    model.check_lists(0, 0, 10)


def test_small_merges_happen_in_the_commit() -> None:
    """Groups of one record leave few runs without any compaction, and no merge is due."""
    model = Model()
    for number in range(1000):
        model.add([number * 7919])
        assert len(model.runs()) <= 3 * (level_of(model.count) + 1)
    assert model.compact() == 0
    model.check_bound()


def test_groups_of_changing_size_leave_few_runs() -> None:
    """Whatever the sizes of groups, once the merges are done there are few runs and the older are the larger."""
    chance = random.Random(SEED)
    model = Model()
    for round_ in range(120):
        size = chance.choice((1, 10, 500, 4000, 4000, 16_384, 20_000))
        model.add([chance.getrandbits(64) for _ in range(size)])
        model.compact()
        levels = [run.level for run in model.runs()]
        assert levels == sorted(levels, reverse=True), (SEED, round_, levels)
    model.check_bound()


def test_a_large_group_behind_many_small_ones_leaves_no_small_run() -> None:
    """A small run that a large group could not take in is merged later, and not asked for ever after."""
    chance = random.Random(SEED)
    model = Model()
    for size in [4000] * 15 + [20_000]:
        model.add([chance.getrandbits(64) for _ in range(size)])
    model.compact()

    model.check_bound()
    model.check_shape()


def test_the_bound_of_small_merges_is_a_whole_level() -> None:
    """What a commit merges and what compaction merges are told apart by level, so that they never take the same run."""
    level = level_of(catalog.INLINE_COUNT_MAX)

    assert level_of(catalog.INLINE_COUNT_MAX + 1) == level + 1


def test_the_list_of_runs_comes_back() -> None:
    """What is stored of the runs is read as it was written; nothing stands for the empty list."""
    model = Model()
    with sized(TINY):
        for number in range(20):
            model.add([number] * 9)
        with model.store.snapshot() as snapshot:
            runs = read_runs(snapshot)
    assert parse_runs(format_runs(runs)) == runs
    assert parse_runs(b"") == Runs(0, ())


def listed(number: int, level: int, count: int, *prints: int) -> Run:
    """A run whose chunks begin with these fingerprints."""
    checksums = b"".join(chunk_checksum(bytes((number, at))) for at in range(len(prints)))
    return Run(number, level, count, np.array(prints, dtype="<u8").tobytes(), checksums)


def good_list() -> bytes:
    """A stored list of two runs."""
    return format_runs(Runs(9, (listed(3, 2, 20, 1, 2, 3), listed(8, 1, 5, 7))))


def bad_lists() -> list[tuple[str, bytes]]:
    """Stored lists that are damaged."""
    value = good_list()
    found = [(f"cut at {size}", value[:size]) for size in range(1, len(value))]
    found += [
        ("grown", value + b"\x00"),
        ("twice", value * 2),
        ("version 0", b"\x00" + value[1:]),
        ("version 1", b"\x01" + value[1:]),
        ("a run more", value[:9] + b"\x03" + value[10:]),
        ("a run fewer", value[:9] + b"\x01" + value[10:]),
        ("the next number is taken", format_runs(Runs(8, parse_runs(value).runs))),
        ("a level that does not fit the count", format_runs(Runs(9, (listed(3, 5, 20, 1),)))),
        (
            "a number twice",
            format_runs(Runs(9, (listed(3, 1, 5, 1), listed(3, 1, 5, 1)))),
        ),
    ]
    return found


def test_a_list_that_was_written_wrongly_is_refused() -> None:
    """A list that is cut, grown or of another version is refused even under a checksum that fits."""
    inside = unseal(good_list(), "runs")
    bad = [inside[:size] for size in range(len(inside))]
    bad += [inside + b"\x00", b"\x01" + inside[1:], inside[:9] + b"\x03" + inside[10:]]

    for value in bad:
        with pytest.raises(IntegrityError):
            parse_runs(seal(value))


@pytest.mark.parametrize(("fault", "value"), bad_lists(), ids=[name for name, _ in bad_lists()])
def test_a_damaged_list_of_runs_is_refused(fault: str, value: bytes) -> None:
    """A list that is cut, grown, of another version or contradicts itself is not believed."""
    assert value != good_list(), fault
    with pytest.raises(IntegrityError):
        parse_runs(value)


@pytest.mark.parametrize("change", ["missing", "cut", "grown", "empty"])
def test_a_damaged_chunk_is_refused(change: str) -> None:
    """A chunk that is missing or has another size than its run says is not searched."""
    model = Model()
    model.add([1, 2, 3])
    (run,) = model.runs()
    key = run.number.to_bytes(8, "big") + bytes(8)
    with model.store.snapshot() as snapshot:
        stored = snapshot.get("run", key)
        assert stored is not None
        value = bytes(stored)
    damaged: dict[str, Any] = {"cut": value[:-16], "grown": value + bytes(16), "empty": b""}

    def damage(transaction: Any) -> None:
        if change == "missing":
            transaction.delete("run", key)
        else:
            transaction.put("run", key, damaged[change])

    model.store.transact(damage)
    with model.store.snapshot() as snapshot:
        for ask in (
            lambda: list(find(snapshot, (run,), np.array([2], dtype=np.uint64))),
            lambda: find_from(snapshot, (run,), 2, 0, 5),
        ):
            with pytest.raises(IntegrityError, match=f"run {run.number}"):
                ask()
