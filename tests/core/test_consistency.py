"""Consistency proofs."""

from __future__ import annotations

import base64
import random
from typing import Any

import pytest

from counterfoil.errors import OutOfRange, VerificationError
from counterfoil.tlog import EMPTY_ROOT, prove_consistency, verify_consistency

from .damage import NO_HASH_LISTS, NO_NUMBERS, with_flips, with_wrong_shape
from .reference import SparseTree, numbered_tree
from .vectors import load

TREE = numbered_tree(130)
SIZE_MAX = 2**63 - 1
PROBES = load("merkle/consistency.json")
ZERO = b"\x00" * 32


def accepts(old: Any, new: Any, old_root: Any, new_root: Any, proof: Any) -> bool:
    """Whether the proof verifies; any error but VerificationError is let through."""
    try:
        verify_consistency(old, new, old_root, new_root, proof)
    except VerificationError:
        return False
    return True


def case(old: int, new: int) -> tuple[bytes, bytes, list[bytes]]:
    """Old root, new root and proof, from the recursive definitions."""
    return TREE.root(old), TREE.root(new), TREE.proof(old, new)


@pytest.mark.parametrize("new", range(131))
def test_every_proof_is_that_of_the_rfc(new: int) -> None:
    """For every pair of small trees we prove what the RFC proves, and accept it."""
    for old in range(new + 1):
        old_root, new_root, proof = case(old, new)

        assert proof == prove_consistency(old, new, TREE.reader(new))
        verify_consistency(old, new, old_root, new_root, proof)


@pytest.mark.parametrize("probe", PROBES, ids=[probe["name"] for probe in PROBES])
def test_probes_of_another_implementation(probe: dict[str, Any]) -> None:
    """We accept and refuse what transparency-dev/merkle accepts and refuses."""
    old_root, new_root = (base64.b64decode(probe[root] or "") for root in ("root1", "root2"))
    proof = [base64.b64decode(node) for node in probe["proof"] or []]
    accepted = accepts(probe["size1"], probe["size2"], old_root, new_root, proof)

    assert accepted != probe["wantErr"]


@pytest.mark.parametrize("new", range(2, 10))
def test_every_bit_counts(new: int) -> None:
    """Changing any single bit of proof or roots makes the proof fail."""
    for old in range(1, new):
        old_root, new_root, proof = case(old, new)
        for what, (bad_old, bad_new, *bad) in with_flips([old_root, new_root, *proof]):
            assert not accepts(old, new, bad_old, bad_new, bad), (old, new, what)


@pytest.mark.parametrize("new", range(33))
def test_every_hash_counts(new: int) -> None:
    """Dropping, adding, repeating, swapping or cutting hashes makes the proof fail."""
    for old in range(new + 1):
        old_root, new_root, proof = case(old, new)
        for what, bad in with_wrong_shape(proof):
            assert not accepts(old, new, old_root, new_root, bad), (old, new, what)


@pytest.mark.parametrize("new", range(2, 25))
def test_no_other_old_size(new: int) -> None:
    """A proof shows nothing about another size of the old tree."""
    for old in range(1, new):
        old_root, new_root, proof = case(old, new)
        others = [other for other in range(new + 2) if other != old]

        assert not any(accepts(other, new, old_root, new_root, proof) for other in others)


def test_no_other_roots() -> None:
    """Roots that are swapped, of another size, or of the empty tree will not do."""
    for new in range(2, 25):
        for old in range(1, new):
            old_root, new_root, proof = case(old, new)
            for bad in (TREE.root(new + 1), TREE.root(old - 1), EMPTY_ROOT, ZERO):
                assert not accepts(old, new, old_root, bad, proof)
                assert not accepts(old, new, bad, new_root, proof)
            assert not accepts(old, new, new_root, old_root, proof)
            assert not accepts(old, new, old_root, old_root, proof)
            assert not accepts(old, new, new_root, new_root, proof)


def test_forked_trees_are_told_apart() -> None:
    """No proof of either branch joins two trees that differ in one old leaf."""
    entries = list(TREE.entries)
    for changed in range(8):
        fork = type(TREE)([*entries[:changed], b"forked", *entries[changed + 1 :]])
        for new in range(9, 17):
            old_root, new_root = TREE.root(8), fork.root(new)
            for proof in (TREE.proof(8, new), fork.proof(8, new)):
                assert not accepts(8, new, old_root, new_root, proof)


def test_size_zero_is_consistent_with_everything() -> None:
    """The empty tree begins every tree, with an empty proof and its own root only."""
    for new in range(9):
        root = TREE.root(new)

        assert accepts(0, new, EMPTY_ROOT, root, [])
        assert not accepts(0, new, EMPTY_ROOT, root, [ZERO])
        assert not accepts(0, new, ZERO, root, [])
        assert not accepts(0, new, TREE.root(1), root, [])
    assert not accepts(0, 0, EMPTY_ROOT, ZERO, [])
    assert not accepts(0, 0, ZERO, ZERO, [])
    assert not accepts(1, 0, TREE.root(1), EMPTY_ROOT, [])


def test_equal_sizes_have_equal_roots() -> None:
    """A tree is consistent with itself, and with no other root of its size."""
    for size in range(1, 17):
        root = TREE.root(size)

        assert accepts(size, size, root, root, [])
        assert not accepts(size, size, root, TREE.root(size + 1), [])
        assert not accepts(size, size, ZERO, root, [])
        assert not accepts(size, size, root, root, [root])


@pytest.mark.parametrize("number", NO_NUMBERS, ids=repr)
def test_numbers_out_of_range_are_refused(number: object) -> None:
    """A size that is no integer from 0 to 2^63 - 1 fails as a verification."""
    old_root, new_root, proof = case(1, 2)

    assert not accepts(number, 2, old_root, new_root, proof)
    assert not accepts(1, number, old_root, new_root, proof)
    assert not accepts(number, number, old_root, old_root, [])


@pytest.mark.parametrize(("old", "new"), [(1, 0), (2, 1), (9, 8), (SIZE_MAX, 1)])
def test_shrinking_is_refused(old: int, new: int) -> None:
    """A tree that became smaller is not consistent, whatever the proof."""
    assert not accepts(old, new, TREE.root(2), TREE.root(1), [])
    assert not accepts(old, new, TREE.root(2), TREE.root(2), [])


@pytest.mark.parametrize("hashes", NO_HASH_LISTS)
def test_proof_that_is_no_list_of_hashes_is_refused(hashes: object) -> None:
    """A proof of other types or lengths fails as a verification and as nothing else."""
    for old, new in ((0, 2), (1, 2), (2, 2), (3, 4)):
        assert not accepts(old, new, TREE.root(old), TREE.root(new), hashes)


@pytest.mark.parametrize("value", [None, 0, "", "a" * 32, b"", b"a" * 31, b"a" * 33, [b"a"]])
def test_root_that_is_no_hash_is_refused(value: object) -> None:
    """A root of another type or length fails as a verification."""
    for old, new in ((0, 0), (0, 2), (1, 2), (2, 2), (3, 4)):
        assert not accepts(old, new, value, TREE.root(new), TREE.proof(old, new))
        assert not accepts(old, new, TREE.root(old), value, TREE.proof(old, new))
        assert old == new or not accepts(old, new, value, value, TREE.proof(old, new))
    assert isinstance(value, bytes) or not accepts(2, 2, value, value, [])


@pytest.mark.parametrize(
    ("old", "new"), [(1, 0), (-1, 0), (-1, -1), (0, -1), (5, 4), (1, 2**63), (2**63, 2**63)]
)
def test_no_proof_out_of_range(old: int, new: int) -> None:
    """There is no consistency between sizes that no tree has, or from a larger to a smaller."""
    with pytest.raises(OutOfRange):
        prove_consistency(old, new, TREE.read)


@pytest.mark.parametrize("seed", range(40))
def test_great_trees(seed: int) -> None:
    """Proofs between trees of up to 2^63 - 1 leaves verify, and fail once damaged."""
    rng = random.Random(seed)
    new = SIZE_MAX if seed < 3 else rng.randrange(2, 2 ** rng.randrange(8, 64))
    old = rng.choice([1, new - 1, rng.randrange(1, new), 1 << new.bit_length() - 2])
    tree = SparseTree([0, old - 1, old, rng.randrange(new)])
    old_root, new_root = tree.mth(0, old), tree.mth(0, new)
    proof = prove_consistency(old, new, tree.read)

    assert len(proof) <= 64, seed
    verify_consistency(old, new, old_root, new_root, proof)
    for what, bad in with_wrong_shape(proof):
        assert bad == proof or not accepts(old, new, old_root, new_root, bad), (seed, what)
    assert not accepts(old, new, new_root, new_root, proof), seed
