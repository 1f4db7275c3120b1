"""The catalog's compiled functions against the numpy functions that are their reference."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from counterfoil import twin
from counterfoil.log import columns

native: Any = twin.native
pytestmark = pytest.mark.skipif(native is None, reason="the compiled twin was not built here")

SEED = 20261126
UINT64_MAX = 2**64 - 1
sort_entries, merge_entries, find_entries = (
    twin.references[name] for name in ("sort_entries", "merge_entries", "find_entries")
)


def packed(numbers: Any) -> bytes:
    """Numbers as a column."""
    return np.array(numbers, dtype="<u8").tobytes()


def draw_prints(chance: random.Random, count: int) -> list[int]:
    """Fingerprints: evenly spread, few different ones, close together, or ends of the range."""
    match chance.randrange(5):
        case 0 | 1:
            return [chance.getrandbits(64) for _ in range(count)]
        case 2:
            few = [chance.getrandbits(64) for _ in range(chance.randrange(1, 4))]
            return [chance.choice(few) for _ in range(count)]
        case 3:
            base = chance.getrandbits(64)
            return [min(UINT64_MAX, base + chance.randrange(2 * count)) for _ in range(count)]
    # Equal in the upper half, which is what is sorted by first.
    upper = chance.getrandbits(32) << 32
    return [
        chance.choice((0, 1, UINT64_MAX, UINT64_MAX - 1, upper + chance.getrandbits(3)))
        for _ in range(count)
    ]


def draw_entries(chance: random.Random, count: int) -> bytes:
    """Sorted entries whose indexes say in which order they were."""
    return bytes(sort_entries(packed(draw_prints(chance, count)), packed(range(count))))


def draw_run(chance: random.Random, number: int, count: int, chunk_count: int) -> Any:
    """A sound run, as it is searched."""
    prints, indexes = columns.split_columns(draw_entries(chance, count))
    begins = range(0, count, chunk_count)
    chunks = [
        memoryview(packed(prints[at : at + chunk_count]) + packed(indexes[at : at + chunk_count]))
        for at in begins
    ]
    return number, count, packed([prints[at] for at in begins]), tuple(chunks)


def draw_question(chance: random.Random, runs: list[Any]) -> bytes:
    """Fingerprints that are there, neighbours of them, and others; ascending, some of them twice."""
    asked = [0, UINT64_MAX, *(chance.getrandbits(64) for _ in range(chance.randrange(9)))]
    for _, _, fences, chunks in runs:
        for column in (fences, *(bytes(chunk[: len(chunk) // 2]) for chunk in chunks)):
            known = np.frombuffer(column, dtype="<u8").tolist()
            asked += chance.sample(known, min(len(known), 3))
            asked += [number ^ 1 for number in asked[-3:]]
    asked += chance.sample(asked, min(5, len(asked)))
    return packed(sorted(asked))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), count=st.integers(0, 400))
def test_entries_are_sorted_the_same(seed: int, count: int) -> None:
    """Any fingerprints, with any that are equal, come out in the same stable order."""
    prints, indexes = packed(draw_prints(random.Random(seed), count)), packed(range(count))

    assert native.sort_entries(prints, indexes) == sort_entries(prints, indexes)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), counts=st.lists(st.integers(0, 90), max_size=9))
def test_parts_are_merged_the_same(seed: int, counts: list[int]) -> None:
    """Any number of sorted parts, and shares of them, give the same entries in the same stable order."""
    chance = random.Random(seed)
    parts = []
    for count in counts:
        begin, end = sorted((chance.randrange(count + 1), chance.randrange(count + 1)))
        parts.append((draw_entries(chance, count), begin, end))

    assert native.merge_entries(parts) == merge_entries(parts)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    counts=st.lists(st.integers(1, 120), max_size=4),
    chunk_count=st.sampled_from([1, 2, 7, 8, 9, 64, 1000]),
)
@example(seed=0, counts=[], chunk_count=1)
def test_the_same_is_found(seed: int, counts: list[int], chunk_count: int) -> None:
    """Runs of any shape give the same hits in the same order, whatever is asked."""
    chance = random.Random(seed)
    runs = [draw_run(chance, n, count, chunk_count) for n, count in enumerate(counts)]
    asked = draw_question(chance, runs)

    assert native.find_entries(asked, runs, chunk_count) == find_entries(asked, runs, chunk_count)


@pytest.mark.parametrize("count", [65_535, 200_000])
def test_the_same_is_found_in_large_chunks(count: int) -> None:
    """In chunks of the real size each of many entries is found, and none of their neighbours."""
    chance = random.Random(SEED)
    prints = sorted({chance.getrandbits(64) for _ in range(count)})
    indexes = list(range(len(prints)))
    chunk = memoryview(packed(prints) + packed(indexes))
    run = (3, len(prints), packed(prints[:1]), (chunk,))
    asked = packed(sorted([*prints[::7], *(number + 1 for number in prints[::11])]))
    found = native.find_entries(asked, [run], count)

    assert found == find_entries(asked, [run], count)
    assert len(found) >= 16 * len(prints[::7])


def test_a_chunk_that_is_mostly_one_fingerprint_is_searched_right() -> None:
    """Where interpolation is of no use, such as around a term of many records, the answers are the same."""
    prints = sorted([5] * 3000 + [2**63 + n for n in range(500)] + [UINT64_MAX] * 700)
    run = (1, len(prints), packed(prints[:1]), (memoryview(packed(prints) + packed(prints)),))
    asked = packed(sorted([0, 4, 5, 6, 2**63, 2**63 + 250, 2**63 + 499, 2**63 + 500, UINT64_MAX]))

    assert native.find_entries(asked, [run], 9999) == find_entries(asked, [run], 9999)


def test_rot_is_searched_without_harm() -> None:
    """Chunks and fences of random bytes give some answer: the process lives, and sizes add up."""
    chance = random.Random(SEED)
    for _ in range(300):
        counts = [chance.randrange(1, 200) for _ in range(chance.randrange(4))]
        runs = [
            (n, count, chance.randbytes(8), (memoryview(chance.randbytes(16 * count)),))
            for n, count in enumerate(counts)
        ]
        asked = draw_question(chance, runs)
        parts = [(chunks[0], 0, count) for _, count, _, chunks in runs]

        assert len(native.find_entries(asked, runs, 200)) % 16 == 0
        assert len(native.merge_entries(parts)) == 16 * sum(counts)


CHUNK = memoryview(bytes(32))


@pytest.mark.parametrize(
    ("function", "arguments", "error"),
    [
        ("sort_entries", (bytes(8), bytes(16)), ValueError),
        ("sort_entries", (bytes(7), bytes(7)), ValueError),
        ("merge_entries", ([(bytes(32), 0, 3)],), ValueError),
        ("merge_entries", ([(bytes(32), -1, 1)],), ValueError),
        ("merge_entries", ([(bytes(32), 2, 1)],), ValueError),
        ("merge_entries", ([(bytes(31), 0, 1)],), ValueError),
        ("merge_entries", ([("text", 0, 0)],), (TypeError, ValueError)),
        ("merge_entries", (7,), TypeError),
        ("find_entries", (bytes(8), [(1, 2, bytes(8), ())], 2), ValueError),
        ("find_entries", (bytes(8), [(1, 3, bytes(8), (CHUNK,))], 9), ValueError),
        ("find_entries", (bytes(8), [(1, 1, bytes(8), (CHUNK,))], 9), ValueError),
        ("find_entries", (bytes(8), [(1, 2, bytes(16), (CHUNK,))], 2), ValueError),
        ("find_entries", (bytes(8), [(1, 2, bytes(7), (CHUNK,))], 2), ValueError),
        ("find_entries", (bytes(7), [(1, 2, bytes(8), (CHUNK,))], 2), ValueError),
        ("find_entries", (bytes(8), [(1, 2, bytes(8), (CHUNK[:31],))], 2), ValueError),
        ("find_entries", (bytes(8), [(1, 2, bytes(8), (CHUNK,))], 0), ValueError),
        ("find_entries", (bytes(8), 7, 2), TypeError),
        ("find_entries", (bytes(8), [7], 2), TypeError),
    ],
)
def test_misuse_is_an_exception_in_both(
    function: str, arguments: Any, error: type[Exception]
) -> None:
    """Sizes, places and types that do not fit are refused by the twin and by its reference."""
    both: list[Callable[..., Any]] = [getattr(native, function), twin.references[function]]
    for call in both:
        with pytest.raises(error):
            call(*arguments)


def test_no_buffer_is_held_after_a_call() -> None:
    """After a call, good or bad, what it looked at can be let go of."""
    data = bytearray(32)
    for chunk_count in (2, 3, 0):
        view = memoryview(data)
        try:
            native.find_entries(bytes(8), [(1, 2, bytes(8), (view,))], chunk_count)
            native.merge_entries([(view, 0, chunk_count)])
        except ValueError:
            assert chunk_count != 2
        view.release()
    data.extend(b"free")
