"""fsck behind damage: what cannot be read is named, and the rest of the log is still checked."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import pytest

from counterfoil.errors import IntegrityError
from counterfoil.log.fsck.walk import Walk
from counterfoil.log.layout import BATCH, CHECKPOINT, TILE, index_key
from counterfoil.record import USAGE

from .bench import Bench, flipped, usage_body
from .harm import damaged, named

# First entries of the batches of the log below; the third one has two parts.
FIRSTS = (0, 1, 301, 302, 377, 378, 478, 578, 878)
SIZE = 1178
HEAD = 8 * 40


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A log with several tiles, and a batch in two parts."""
    made = Bench("memory:", tmp_path_factory.mktemp("long"))
    made.append(made.usage(*(f"a{n}" for n in range(300))))
    made.append(made.usage("b"))
    metadata = {f"k{n}": "v" * 512 for n in range(32)}
    made.append(made.batch(USAGE, [usage_body(f"l{n}", metadata=metadata) for n in range(75)]))
    made.append(made.usage("c"))
    made.append(made.usage(*(f"d{n}" for n in range(100))))
    made.append(made.usage(*(f"e{n}" for n in range(100))))
    made.append(made.usage(*(f"f{n}" for n in range(300))))
    made.append(made.usage(*(f"g{n}" for n in range(300))))
    assert made.fsck().problems == []
    assert made.state().size == SIZE
    yield made
    made.close()


def body_bit(value: bytes) -> int:
    """A bit of the last record."""
    return 8 * (len(value) - 12)


@pytest.mark.parametrize(("lost", "rotten"), list(combinations(FIRSTS, 2)))
@pytest.mark.parametrize("how", ["damaged", "gone"])
def test_damage_behind_a_lost_batch_is_named(long: Bench, lost: int, rotten: int, how: str) -> None:
    """With the head of one batch damaged, or all of it gone, a rotted record of a later one is named as well."""
    good, later = long.get(BATCH, index_key(lost)), long.get(BATCH, index_key(rotten))
    long.put(BATCH, index_key(rotten), flipped(later, body_bit(later)))
    bad = flipped(good, HEAD) if how == "damaged" else None
    try:
        with damaged(long, BATCH, index_key(lost), bad) as report:
            assert lost in named(report)
            assert [fault.index for fault in report.problems if (fault.index or 0) >= rotten]
    finally:
        long.put(BATCH, index_key(rotten), later)


@pytest.mark.parametrize("lost", FIRSTS)
@pytest.mark.parametrize("how", ["damaged", "gone"])
def test_what_is_sound_behind_a_lost_batch_is_not_accused(long: Bench, lost: int, how: str) -> None:
    """A lost batch is the only one that is named, but for a part of its own that needs it."""
    good = long.get(BATCH, index_key(lost))
    bad = flipped(good, HEAD) if how == "damaged" else None
    with damaged(long, BATCH, index_key(lost), bad) as report:
        needing = {part for part in named(report) - {lost} if 302 <= lost < part < 377}
        assert named(report) == {lost} | needing
        assert {fault.what for fault in report.problems} <= {"batch"}


@pytest.mark.parametrize("lost", FIRSTS[:-2])
def test_the_tree_is_taken_up_again_behind_the_damage(long: Bench, lost: int) -> None:
    """Behind a lost batch tiles and checkpoints are judged again: a wrong root at the end is told."""
    other = long.get(CHECKPOINT, index_key(878))
    good = long.get(BATCH, index_key(lost))
    long.put(BATCH, index_key(lost), flipped(good, HEAD))
    try:
        with damaged(long, CHECKPOINT, index_key(SIZE), other) as report:
            told = [fault for fault in report.problems if fault.what == "checkpoint"]
            assert [f"size {SIZE} is not that" in fault.detail for fault in told][:1] == [True]
    finally:
        long.put(BATCH, index_key(lost), good)


def test_a_tile_that_rotted_too_is_told_once(long: Bench) -> None:
    """A tree that had to be read from a rotted tile does not fit a signature: told, and not at each size behind it."""
    good = long.get(BATCH, index_key(1))
    long.put(BATCH, index_key(1), flipped(good, HEAD))
    tile = long.get(TILE, index_key(1, 0))
    try:
        with damaged(long, TILE, index_key(1, 0), flipped(tile, 3)) as report:
            told = [fault for fault in report.problems if fault.what == "checkpoint"]
            assert len(told) == 1
    finally:
        long.put(BATCH, index_key(1), good)


def test_a_record_that_cannot_be_taken_apart_carries_the_chain_on(long: Bench) -> None:
    """Where the places of bodies are damaged the leaf hashes still lead to the next signature, and nothing else is accused."""
    key = index_key(478)
    value = long.get(BATCH, key)
    bodies = sum(len(entry.body) for entry in long.entries()[478:578])
    ends = len(value) - 8 - bodies - 400
    with damaged(long, BATCH, key, flipped(value, 8 * (ends + 399) + 7)) as report:
        assert named(report) == {478}
        assert {fault.what for fault in report.problems} == {"record"}


def test_a_check_that_stops_finds_less(long: Bench) -> None:
    """The negative control: a check that ends at the first batch that cannot be read does not name the second."""
    firsts = (1, 578)
    values = [long.get(BATCH, index_key(first)) for first in firsts]
    for first, value in zip(firsts, values, strict=True):
        long.put(BATCH, index_key(first), flipped(value, HEAD))
    try:
        assert set(firsts) <= named(long.fsck())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Walk, "_lose", _stop)
            assert not set(firsts) <= named(long.fsck())
    finally:
        for first, value in zip(firsts, values, strict=True):
            long.put(BATCH, index_key(first), value)


def _stop(_walk: Walk, index: int) -> None:
    raise IntegrityError("ends here", index=index)
