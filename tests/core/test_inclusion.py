"""Inclusion proofs."""

from __future__ import annotations

import base64
import random
from typing import Any

import pytest

from counterfoil.errors import OutOfRange, VerificationError
from counterfoil.tlog import EMPTY_ROOT, leaf_hash, prove_inclusion, verify_inclusion

from .damage import NO_HASH_LISTS, NO_NUMBERS, with_flips, with_wrong_shape
from .reference import SparseTree, numbered_tree
from .vectors import load

TREE = numbered_tree(130)
SIZE_MAX = 2**63 - 1
PROBES = load("merkle/inclusion.json")


def accepts(index: Any, size: Any, leaf: Any, proof: Any, root: Any) -> bool:
    """Whether the proof verifies; any error but VerificationError is let through."""
    try:
        verify_inclusion(index, size, leaf, proof, root)
    except VerificationError:
        return False
    return True


def case(index: int, size: int) -> tuple[bytes, list[bytes], bytes]:
    """Leaf hash, proof and root, from the recursive definitions."""
    return TREE.read(0, index), TREE.path(index, 0, size), TREE.root(size)


@pytest.mark.parametrize("size", range(1, 131))
def test_every_proof_is_that_of_the_rfc(size: int) -> None:
    """For every leaf of every small tree we prove what the RFC proves, and accept it."""
    for index in range(size):
        leaf, path, root = case(index, size)

        assert path == prove_inclusion(index, size, TREE.reader(size))
        verify_inclusion(index, size, leaf, path, root)


@pytest.mark.parametrize("probe", PROBES, ids=[probe["name"] for probe in PROBES])
def test_probes_of_another_implementation(probe: dict[str, Any]) -> None:
    """We accept and refuse what transparency-dev/merkle accepts and refuses."""
    leaf, root = base64.b64decode(probe["leafHash"] or ""), base64.b64decode(probe["root"] or "")
    proof = [base64.b64decode(node) for node in probe["proof"] or []]

    assert accepts(probe["leafIdx"], probe["treeSize"], leaf, proof, root) != probe["wantErr"]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 8, 13])
def test_every_bit_counts(size: int) -> None:
    """Changing any single bit of leaf hash, proof or root makes the proof fail."""
    for index in range(size):
        leaf, path, root = case(index, size)
        for what, (bad_leaf, bad_root, *bad_path) in with_flips([leaf, root, *path]):
            assert not accepts(index, size, bad_leaf, bad_path, bad_root), (index, size, what)


@pytest.mark.parametrize("size", range(1, 41))
def test_every_hash_counts(size: int) -> None:
    """Dropping, adding, repeating, swapping or cutting hashes makes the proof fail."""
    for index in range(size):
        leaf, path, root = case(index, size)
        for what, bad_path in with_wrong_shape(path):
            assert not accepts(index, size, leaf, bad_path, root), (index, size, what)


@pytest.mark.parametrize("size", range(2, 33))
def test_no_other_index(size: int) -> None:
    """A proof for one leaf shows nothing about any other place in the tree."""
    for index in range(size):
        leaf, path, root = case(index, size)
        others = [other for other in range(size + 1) if other != index]

        assert not any(accepts(other, size, leaf, path, root) for other in others)


@pytest.mark.parametrize("size", range(1, 17))
def test_no_size_that_asks_for_another_length(size: int) -> None:
    """A proof is refused at any place and size whose proofs are longer or shorter than it is."""
    for index in range(size):
        leaf, path, root = case(index, size)
        for other_size in range(1, 35):
            for other in range(other_size):
                if len(TREE.path(other, 0, other_size)) != len(path):
                    assert not accepts(other, other_size, leaf, path, root)


def test_no_other_leaf_and_no_other_root() -> None:
    """Neither another leaf of the tree nor the root of another size will do."""
    for size in range(2, 33):
        for index in range(size):
            leaf, path, root = case(index, size)
            other = TREE.read(0, (index + 1) % size)

            assert not accepts(index, size, other, path, root)
            assert not accepts(index, size, leaf, path, TREE.root(size - 1))
            assert not accepts(index, size, leaf, path, EMPTY_ROOT)


def test_inner_node_is_no_leaf() -> None:
    """The data of an inner node, offered as a leaf with a shortened proof, is refused."""
    leaf, path, root = case(2, 8)
    node_data = leaf + path[0]

    assert not accepts(1, 4, leaf_hash(node_data), path[1:], root)


@pytest.mark.parametrize("number", NO_NUMBERS, ids=repr)
def test_numbers_out_of_range_are_refused(number: object) -> None:
    """An index or size that is no integer from 0 to 2^63 - 1 fails as a verification."""
    leaf, path, root = case(1, 2)

    assert not accepts(number, 2, leaf, path, root)
    assert not accepts(1, number, leaf, path, root)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (2, 2), (8, 8), (9, 8), (SIZE_MAX, 8)])
def test_index_beyond_the_tree_is_refused(index: int, size: int) -> None:
    """A leaf at or beyond the size is not in the tree."""
    leaf, path, root = case(7, 8)

    assert not accepts(index, size, leaf, path, root)
    assert not accepts(index, size, EMPTY_ROOT, [], EMPTY_ROOT)


@pytest.mark.parametrize("hashes", NO_HASH_LISTS)
def test_proof_that_is_no_list_of_hashes_is_refused(hashes: object) -> None:
    """A proof of other types or lengths fails as a verification and as nothing else."""
    leaf, _, root = case(0, 2)

    assert not accepts(0, 2, leaf, hashes, root)
    assert not accepts(0, 1, leaf, hashes, root)


@pytest.mark.parametrize("value", [None, 0, "", "a" * 32, b"", b"a" * 31, b"a" * 33, [b"a"]])
def test_leaf_or_root_that_is_no_hash_is_refused(value: object) -> None:
    """A leaf hash or root of another type or length fails as a verification."""
    leaf, path, root = case(0, 2)

    assert not accepts(0, 2, value, path, root)
    assert not accepts(0, 2, leaf, path, value)
    assert not accepts(0, 1, value, [], value)


@pytest.mark.parametrize(
    ("index", "size"),
    [(0, 0), (1, 1), (-1, 1), (-1, -1), (0, -1), (5, 4), (0, 2**63), (2**63, 2**63 + 1)],
)
def test_no_proof_out_of_range(index: int, size: int) -> None:
    """There is no proof of a leaf that is not in the tree."""
    with pytest.raises(OutOfRange):
        prove_inclusion(index, size, TREE.read)


@pytest.mark.parametrize("seed", range(40))
def test_great_trees(seed: int) -> None:
    """Proofs in trees of up to 2^63 - 1 leaves verify, and fail once damaged."""
    rng = random.Random(seed)
    size = SIZE_MAX if seed == 0 else rng.randrange(1, 2 ** rng.randrange(8, 64))
    index = rng.choice([0, size - 1, rng.randrange(size)])
    tree = SparseTree([index, rng.randrange(size), rng.randrange(size)])
    leaf, root = tree.mth(index, index + 1), tree.mth(0, size)
    proof = prove_inclusion(index, size, tree.read)

    assert len(proof) <= 63, seed
    verify_inclusion(index, size, leaf, proof, root)
    for what, bad in with_wrong_shape(proof):
        assert bad == proof or not accepts(index, size, leaf, bad, root), (seed, what)
    if index:
        assert not accepts(index - 1, size, leaf, proof, root), seed
