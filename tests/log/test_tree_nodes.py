"""The nodes of the tree, read from tiles and batches: all of them, and none from what is damaged."""

from __future__ import annotations

import pytest

from counterfoil.errors import IntegrityError
from counterfoil.log.layout import index_key
from counterfoil.log.nodes import Nodes
from counterfoil.tlog import root_hash

from .bench import Bench

_SIZE = 1 + 3 * 100 + 300


@pytest.fixture
def grown(memory: Bench) -> Bench:
    """A log of several batches, two full tiles of leaves and one that has just begun."""
    for batch, count in enumerate((100, 100, 100, 300)):
        memory.add(memory.usage(*(f"{batch}.{n}" for n in range(count))))
    assert memory.state().size == _SIZE
    return memory


def test_every_node_is_the_root_of_its_leaves(grown: Bench) -> None:
    """Each complete subtree has the hash that its leaves give, whichever is asked for first."""
    leaves = [entry.leaf_hash for entry in grown.entries()]
    nodes = [
        (level, index) for level in range(_SIZE.bit_length()) for index in range(_SIZE >> level)
    ]

    for asked in (nodes, nodes[::-1]):
        with grown.store.snapshot() as snapshot:
            read = Nodes(snapshot).read
            for level, index in asked:
                assert read(level, index) == root_hash(leaves[index << level : index + 1 << level])


@pytest.mark.parametrize(
    ("level", "index"), [(0, _SIZE), (0, 768), (1, _SIZE >> 1), (8, 2), (9, 1)]
)
def test_a_node_beyond_the_tree_is_refused(grown: Bench, level: int, index: int) -> None:
    """Subtrees that are not complete yet have no hash."""
    with grown.store.snapshot() as snapshot, pytest.raises(IntegrityError):
        Nodes(snapshot).read(level, index)


@pytest.mark.parametrize("kept", [0, 31, 32, 63])
def test_a_tile_that_was_cut_short_is_refused(grown: Bench, kept: int) -> None:
    """A node that is not whole in its tile any more is damage."""
    key = index_key(1, 0)
    grown.put("tile", key, grown.get("tile", key)[:kept])

    with grown.store.snapshot() as snapshot, pytest.raises(IntegrityError, match="cut short"):
        Nodes(snapshot).read(8, 1)


def test_a_missing_batch_is_refused(grown: Bench) -> None:
    """A node over leaves of which some are gone is damage; the others are still read."""
    grown.store.transact(lambda transaction: transaction.delete("batch", index_key(301)))

    with grown.store.snapshot() as snapshot:
        with pytest.raises(IntegrityError, match="missing"):
            Nodes(snapshot).read(3, 301 >> 3)
        Nodes(snapshot).read(7, 0)
