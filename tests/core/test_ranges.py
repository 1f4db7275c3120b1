"""Compact ranges and the frontier."""

from __future__ import annotations

import random
from hashlib import sha256
from itertools import pairwise

import pytest

from counterfoil.errors import IntegrityError, InvalidInput, OutOfRange
from counterfoil.packed import Hashes
from counterfoil.tlog import EMPTY_ROOT, Frontier, compact_range, node_hash, tree_root
from counterfoil.tlog.ranges import cover_leaves

from .reference import cover, numbered_tree

SIZE_MAX = 2**63 - 1
TREE = numbered_tree(300)


def test_compact_range_is_the_definition() -> None:
    """Every range up to 130 is covered by just the maximal complete subtrees in it."""
    for end in range(131):
        for begin in range(end + 1):
            assert cover(begin, end) == compact_range(begin, end), (begin, end)


@pytest.mark.parametrize("seed", range(20))
def test_compact_range_of_large_ranges(seed: int) -> None:
    """Nodes of ranges anywhere adjoin, lie where they may, and could not be joined any further."""
    rng = random.Random(seed)
    begin, end = sorted(rng.randrange(2 ** rng.randrange(1, 64)) for _ in range(2))
    nodes = compact_range(begin, end)
    position = begin
    for level, index in nodes:
        assert index << level == position, seed
        position += 1 << level
    assert position == end, seed
    siblings = [
        (a, b) for a, b in pairwise(nodes) if a[0] == b[0] and a[1] % 2 == 0 and b[1] == a[1] + 1
    ]
    assert siblings == [], seed


@pytest.mark.parametrize(
    ("begin", "end"),
    [(-1, 0), (-1, 5), (1, 0), (5, 4), (0, -1), (0, 2**63), (2**63, 2**63), (0, 2**64)],
)
def test_no_compact_range(begin: int, end: int) -> None:
    """What is no range of leaves is out of range."""
    with pytest.raises(OutOfRange):
        compact_range(begin, end)


def test_compact_range_at_the_ends() -> None:
    """Empty ranges have no nodes, and the largest tree has one for each level."""
    assert compact_range(0, 0) == compact_range(7, 7) == []
    assert [62 - i for i in range(63)] == [level for level, _ in compact_range(0, SIZE_MAX)]
    assert compact_range(SIZE_MAX - 1, SIZE_MAX) == [(0, SIZE_MAX - 1)]


@pytest.mark.parametrize("size", range(131))
def test_tree_root_is_that_of_the_rfc(size: int) -> None:
    """The root folded from complete subtrees of that tree alone is the recursive one."""
    assert TREE.root(size) == tree_root(size, TREE.reader(size))


@pytest.mark.parametrize("size", [-1, 2**63, 2**64])
def test_no_tree_root(size: int) -> None:
    """There is no tree of a size below 0 or above 2^63 - 1."""
    with pytest.raises(OutOfRange):
        tree_root(size, TREE.read)


def test_cover_leaves_is_the_compact_range() -> None:
    """The nodes that leaves add up to are those of their compact range, for every range to 66."""
    for end in range(67):
        for begin in range(end + 1):
            leaves = [TREE.read(0, index) for index in range(begin, end)]
            nodes = [TREE.read(level, index) for level, index in compact_range(begin, end)]

            assert nodes == cover_leaves(begin, leaves), (begin, end)


def assert_new_nodes(old: int, new: int, nodes: list[tuple[int, int, Hashes]]) -> None:
    """Check that nodes are all those, and only those, that growth from old to new completes."""
    expected = []
    for level in range(1, new.bit_length()):
        indexes = range(old >> level, new >> level)
        if indexes:
            hashes = [TREE.read(level, index) for index in indexes]
            expected.append((level, indexes.start, Hashes.of(hashes)))
    assert expected == nodes, (old, new)


def test_append_many_from_every_size_to_every_size() -> None:
    """Growth from any size to any other gives the RFC's root and the nodes that became complete."""
    leaves = TREE.leaf_hashes(131)
    for old in range(70):
        for new in range(old, 131):
            frontier = Frontier.read(old, TREE.read)
            nodes = frontier.append_many(leaves[old:new])
            assert_new_nodes(old, new, nodes)
            assert frontier.size == new
            assert TREE.root(new) == frontier.root(), (old, new)
            assert frontier.hashes == Frontier.read(new, TREE.read).hashes


@pytest.mark.parametrize("seed", range(10))
def test_append_many_in_any_portions(seed: int) -> None:
    """However the leaves are portioned out, the same nodes come, each once, and the same root."""
    rng = random.Random(seed)
    frontier = Frontier()
    nodes: dict[tuple[int, int], bytes] = {}
    while frontier.size < 300:
        old = frontier.size
        new = min(300, old + rng.choice([0, 1, 1, 2, 3, 7, 16, 64, 65]))
        for level, first, hashes in frontier.append_many(TREE.leaf_hashes(new)[old:]):
            for index, node in enumerate(hashes, start=first):
                assert (level, index) not in nodes, seed
                nodes[level, index] = node
    expected = {
        (level, index): TREE.read(level, index)
        for level in range(1, 9)
        for index in range(300 >> level)
    }

    assert expected == nodes, seed
    assert TREE.root(300) == frontier.root(), seed


def test_append_one_by_one_gives_every_root() -> None:
    """After each single leaf the frontier has the root of that size."""
    frontier = Frontier()
    for size, leaf in enumerate(TREE.leaf_hashes(300), start=1):
        frontier.append_many([leaf])

        assert TREE.root(size) == frontier.root()


def test_frontier_at_great_size() -> None:
    """A frontier far beyond any stored tree grows by the same rules, up to the largest size."""
    sizes = [2**62 - 3, SIZE_MAX - 5]
    for size in sizes:
        hashes = [sha256(b"%d" % i).digest() for i in range(size.bit_count())]
        frontier = Frontier(size, hashes)
        leaves = [sha256(b"leaf %d" % i).digest() for i in range(5)]
        for leaf in leaves:
            frontier.append_many([leaf])
        at_once = Frontier(size, hashes)
        at_once.append_many(leaves)

        assert frontier.hashes == at_once.hashes
        assert len(frontier.hashes) == (size + 5).bit_count()


def test_known_step_of_the_frontier() -> None:
    """From 3 to 5 leaves the waiting leaf is joined first, then its parent with the one before."""
    a, b, c, d, e = TREE.leaf_hashes(5)
    frontier = Frontier(3, [node_hash(a, b), c])
    nodes = frontier.append_many([d, e])
    ab, cd = node_hash(a, b), node_hash(c, d)

    assert nodes == [(1, 1, Hashes(cd)), (2, 0, Hashes(node_hash(ab, cd)))]
    assert [node_hash(ab, cd), e] == frontier.hashes


def test_append_nothing() -> None:
    """Appending no leaves completes nothing and changes nothing."""
    frontier = Frontier.read(11, TREE.read)

    assert frontier.append_many([]) == []
    assert (11, TREE.root(11)) == (frontier.size, frontier.root())
    assert Frontier().root() == EMPTY_ROOT


@pytest.mark.parametrize("bad", [b"", b"x" * 31, b"x" * 33, b"x" * 64])
def test_append_refuses_what_is_no_hash(bad: bytes) -> None:
    """A leaf hash of another length is refused with its place, and the frontier stays as it was."""
    frontier = Frontier.read(11, TREE.read)
    leaves = TREE.leaf_hashes(5)
    with pytest.raises(InvalidInput) as caught:
        frontier.append_many([*leaves, bad, *leaves])

    assert (caught.value.position, caught.value.field) == (5, "leaf_hashes")
    assert (11, TREE.root(11)) == (frontier.size, frontier.root())


def test_append_refuses_to_outgrow_the_size() -> None:
    """No leaf goes beyond size 2^63 - 1, and the frontier stays as it was."""
    hashes = [b"\x01" * 32] * (SIZE_MAX - 1).bit_count()
    frontier = Frontier(SIZE_MAX - 1, hashes)
    with pytest.raises(OutOfRange):
        frontier.append_many([b"\x02" * 32] * 2)

    assert (SIZE_MAX - 1, hashes) == (frontier.size, frontier.hashes)
    frontier.append_many([b"\x02" * 32])
    assert frontier.size == SIZE_MAX


@pytest.mark.parametrize(
    ("size", "hashes"),
    [
        (0, [b"\x00" * 32]),
        (1, []),
        (2, [b"\x00" * 32] * 2),
        (3, [b"\x00" * 32]),
        (3, [b"\x00" * 32] * 3),
        (3, [b"\x00" * 32, b"\x00" * 31]),
        (4, [b"\x00" * 33]),
    ],
)
def test_frontier_refuses_hashes_of_another_size(size: int, hashes: list[bytes]) -> None:
    """Hashes that cannot be the right edge of a tree of that size contradict it."""
    with pytest.raises(IntegrityError):
        Frontier(size, hashes)


@pytest.mark.parametrize("size", [-1, 2**63])
def test_frontier_refuses_sizes_out_of_range(size: int) -> None:
    """There is no frontier of a size below 0 or above 2^63 - 1."""
    with pytest.raises(OutOfRange):
        Frontier(size)


def test_frontier_does_not_share_its_list() -> None:
    """Appending to a frontier leaves alone the lists that others hold."""
    hashes = [TREE.read(1, 0), TREE.read(0, 2)]
    frontier = Frontier(3, hashes)
    held, before = frontier.hashes, list(hashes)
    frontier.append_many(TREE.leaf_hashes(2))

    assert before == hashes == held
