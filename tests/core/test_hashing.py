"""RFC 6962 hashing."""

from __future__ import annotations

from hashlib import sha256

import pytest

from counterfoil.tlog import EMPTY_ROOT, HASH_SIZE, leaf_hash, node_hash, root_hash

from .reference import numbered_tree
from .vectors import load

TREE = load("rfc6962/tree.json")


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size: int) -> None:
    """The roots over the first leaves of the shared tree are the published ones."""
    leaves = [leaf_hash(bytes.fromhex(leaf)) for leaf in TREE["leaves"][:size]]

    assert TREE["roots"][size] == root_hash(leaves).hex()


@pytest.mark.parametrize(("data", "expected"), TREE["leaf_hashes"].items())
def test_published_leaf_hashes(data: str, expected: str) -> None:
    """Single leaves hash to the published values."""
    assert expected == leaf_hash(data.encode()).hex()


@pytest.mark.parametrize("node", TREE["node_hashes"])
def test_published_node_hashes(node: dict[str, str]) -> None:
    """Single nodes hash to the published values, also over children that are no hashes."""
    assert node["hash"] == node_hash(node["left"].encode(), node["right"].encode()).hex()


def test_empty_root() -> None:
    """The empty tree has the hash of nothing as its root, which no leaf has."""
    assert sha256(b"").digest() == EMPTY_ROOT == root_hash([])
    assert leaf_hash(b"") != EMPTY_ROOT


@pytest.mark.parametrize("size", range(131))
def test_root_is_that_of_the_rfc(size: int) -> None:
    """The root of every small tree is that of the recursive definition."""
    tree = numbered_tree(size)

    assert tree.root(size) == root_hash(tree.leaf_hashes(size))


def test_leaf_and_node_never_agree() -> None:
    """A node's children, taken as the data of a leaf, hash to something else."""
    left, right = leaf_hash(b"a"), leaf_hash(b"b")

    assert leaf_hash(left + right) != node_hash(left, right)


def test_order_matters() -> None:
    """Swapping two children, or two leaves, gives another hash."""
    a, b = leaf_hash(b"a"), leaf_hash(b"b")

    assert node_hash(a, b) != node_hash(b, a)
    assert root_hash([a, b, a]) != root_hash([b, a, a])


def test_root_of_repeated_last_leaf_differs() -> None:
    """Repeating the last leaf of an odd tree changes the root, unlike in trees that pad."""
    leaves = [leaf_hash(b"a"), leaf_hash(b"b"), leaf_hash(b"c")]

    assert root_hash(leaves) != root_hash([*leaves, leaves[-1]])


def test_root_of_one_leaf_is_the_leaf() -> None:
    """The tree of one leaf has that leaf's hash as its root, 32 bytes long."""
    leaf = leaf_hash(b"only")

    assert leaf == root_hash([leaf])
    assert len(leaf) == HASH_SIZE


def test_arguments_are_left_alone() -> None:
    """Computing a root does not change the list that it was given."""
    leaves = [leaf_hash(bytes([i])) for i in range(7)]
    before = list(leaves)
    root_hash(leaves)

    assert before == leaves
