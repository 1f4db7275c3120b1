"""Range proofs, and what it costs to build and to check trees."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import pytest

from counterfoil.errors import OutOfRange, VerificationError
from counterfoil.tlog import (
    EMPTY_ROOT,
    Frontier,
    hashing,
    prove_inclusion,
    prove_range,
    root_hash,
    verify_range,
)

from .damage import NO_HASH_LISTS, NO_NUMBERS, with_flips, with_wrong_shape
from .reference import SparseTree, cover, numbered_tree
from .vectors import load

TREE = numbered_tree(130)
LEAVES = TREE.leaf_hashes(130)
SIZE_MAX = 2**63 - 1
PROBES = load("range/range.json")
PROBE_IDS = [f"{p['begin']}-{p['end']}-of-{p['size']}-{p['fault'] or 'good'}" for p in PROBES]

Case = tuple[int, int, int]


def accepts(begin: Any, end: Any, size: Any, leaves: Any, proof: Any, root: Any) -> bool:
    """Whether the proof verifies; any error but VerificationError is let through."""
    try:
        verify_range(begin, end, size, leaves, proof, root)
    except VerificationError:
        return False
    return True


def reference_proof(begin: int, end: int, size: int) -> list[bytes]:
    """The proof from the recursive definitions."""
    return [TREE.read(*node) for node in cover(0, begin) + cover(end, size)]


def runs(size: int) -> list[tuple[int, int]]:
    """Every run of leaves in a tree of a size."""
    return [(begin, end) for end in range(1, size + 1) for begin in range(end)]


def check(begin: int, end: int, size: int) -> None:
    """Check one run of the tree, made and verified."""
    proof = prove_range(begin, end, size, TREE.reader(size))
    assert reference_proof(begin, end, size) == proof, (begin, end, size)
    verify_range(begin, end, size, LEAVES[begin:end], proof, TREE.root(size))


@pytest.mark.parametrize("size", range(1, 31))
def test_every_run_of_small_trees(size: int) -> None:
    """For every run of leaves we prove what the definition says, and accept it."""
    for begin, end in runs(size):
        check(begin, end, size)


@pytest.mark.parametrize("size", range(31, 131))
def test_some_runs_of_larger_trees(size: int) -> None:
    """The same for runs taken at random, and those at both ends, up to 130 leaves."""
    rng = random.Random(size)
    for begin, end in [(0, 1), (0, size), (size - 1, size), *rng.sample(runs(size), 40)]:
        check(begin, end, size)


@pytest.mark.parametrize("probe", PROBES, ids=PROBE_IDS)
def test_published_probes(probe: dict[str, Any]) -> None:
    """We accept the good probes and refuse those with a fault."""
    leaves, proof = (
        [bytes.fromhex(node) for node in probe[name]] for name in ("leaf_hashes", "proof")
    )
    root = bytes.fromhex(probe["root"])
    accepted = accepts(probe["begin"], probe["end"], probe["size"], leaves, proof, root)

    assert accepted == (probe["fault"] is None)


def test_bad_probes_outnumber_good_ones() -> None:
    """The probes hold far more bad proofs than good ones."""
    good = sum(probe["fault"] is None for probe in PROBES)

    assert 0 < 10 * good < len(PROBES)


def test_run_of_one_is_an_inclusion_proof() -> None:
    """A run of one leaf is proved by no fewer hashes than its inclusion takes, and no other leaf's."""
    for size in range(1, 40):
        for index in range(size):
            proof = prove_range(index, index + 1, size, TREE.read)
            path = prove_inclusion(index, size, TREE.read)

            assert len(path) <= len(proof)
            assert set(proof).isdisjoint({LEAVES[index]})


@pytest.mark.parametrize("size", range(1, 7))
def test_every_bit_counts(size: int) -> None:
    """Changing any single bit of leaves, proof or root makes the proof fail."""
    for begin, end in runs(size):
        proof, count = reference_proof(begin, end, size), end - begin
        hashes = [TREE.root(size), *LEAVES[begin:end], *proof]
        for what, (root, *rest) in with_flips(hashes):
            bad = accepts(begin, end, size, rest[:count], rest[count:], root)
            assert not bad, (begin, end, size, what)


@pytest.mark.parametrize("size", range(1, 15))
def test_every_hash_counts(size: int) -> None:
    """Dropping, adding, repeating, swapping or cutting hashes or leaves makes the proof fail."""
    root = TREE.root(size)
    for begin, end in runs(size):
        proof, leaves = reference_proof(begin, end, size), LEAVES[begin:end]
        for what, bad in with_wrong_shape(proof):
            assert not accepts(begin, end, size, leaves, bad, root), (begin, end, size, what)
        for what, bad in with_wrong_shape(leaves):
            assert not accepts(begin, end, size, bad, proof, root), (begin, end, size, what)


@pytest.mark.parametrize("size", range(2, 17))
def test_no_other_place(size: int) -> None:
    """A run proved at one place is nowhere else, and no longer or shorter than it is."""
    root = TREE.root(size)
    for begin, end in runs(size):
        proof, leaves = reference_proof(begin, end, size), LEAVES[begin:end]
        for other in range(size - (end - begin) + 2):
            if other != begin:
                assert not accepts(other, other + end - begin, size, leaves, proof, root)
        assert not accepts(begin, end + 1, size, leaves, proof, root)
        assert not accepts(begin, end - 1, size, leaves, proof, root)
        assert not accepts(begin, end, size, leaves, proof, EMPTY_ROOT)


def test_hash_cannot_cross_from_proof_to_run() -> None:
    """A leaf that a longer run shares with a proof does not make the longer run verify."""
    proof, root = reference_proof(2, 3, 8), TREE.root(8)

    assert accepts(2, 3, 8, LEAVES[2:3], proof, root)
    assert not accepts(2, 4, 8, LEAVES[2:4], proof, root)
    assert not accepts(2, 4, 8, LEAVES[2:3], proof, root)
    assert not accepts(2, 3, 8, LEAVES[2:4], proof, root)


@pytest.mark.parametrize("number", NO_NUMBERS, ids=repr)
def test_numbers_out_of_range_are_refused(number: object) -> None:
    """A begin, end or size that is no integer from 0 to 2^63 - 1 fails as a verification."""
    proof, root = reference_proof(0, 1, 2), TREE.root(2)

    assert not accepts(number, 1, 2, LEAVES[:1], proof, root)
    assert not accepts(0, number, 2, LEAVES[:1], proof, root)
    assert not accepts(0, 1, number, LEAVES[:1], proof, root)


@pytest.mark.parametrize(
    ("begin", "end", "size"), [(0, 0, 0), (0, 0, 2), (1, 1, 2), (1, 0, 2), (0, 3, 2), (2, 3, 2)]
)
def test_run_outside_the_tree_is_refused(begin: int, end: int, size: int) -> None:
    """An empty run, one that ends before it begins, and one beyond the size show nothing."""
    count = max(end - begin, 0)
    for leaves, proof in (([], []), (LEAVES[:count], []), (LEAVES[:count], LEAVES[:1])):
        for root in (TREE.root(size), EMPTY_ROOT):
            assert not accepts(begin, end, size, leaves, proof, root)


@pytest.mark.parametrize("hashes", NO_HASH_LISTS)
def test_what_is_no_list_of_hashes_is_refused(hashes: object) -> None:
    """Leaves or a proof of other types or lengths fail as a verification and as nothing else."""
    proof, root = reference_proof(0, 1, 2), TREE.root(2)

    assert not accepts(0, 1, 2, hashes, proof, root)
    assert not accepts(0, 1, 2, LEAVES[:1], hashes, root)


@pytest.mark.parametrize("value", [None, 0, "", "a" * 32, b"", b"a" * 31, b"a" * 33, [b"a"]])
def test_root_that_is_no_hash_is_refused(value: object) -> None:
    """A root of another type or length fails as a verification."""
    assert not accepts(0, 1, 2, LEAVES[:1], LEAVES[1:2], value)


@pytest.mark.parametrize(
    ("begin", "end", "size"),
    [(0, 0, 0), (0, 0, 1), (1, 0, 1), (0, 2, 1), (-1, 1, 1), (0, 1, -1), (0, 1, 2**63)],
)
def test_no_proof_out_of_range(begin: int, end: int, size: int) -> None:
    """There is no proof of a run that is empty or not in the tree."""
    with pytest.raises(OutOfRange):
        prove_range(begin, end, size, TREE.read)


@pytest.mark.parametrize("seed", range(30))
def test_great_trees(seed: int) -> None:
    """Runs in trees of up to 2^63 - 1 leaves verify, and fail once damaged."""
    rng = random.Random(seed)
    size = SIZE_MAX if seed < 3 else rng.randrange(100, 2 ** rng.randrange(8, 64))
    count = rng.randrange(1, 60)
    begin = rng.choice([0, size - count, rng.randrange(size - count)])
    end = begin + count
    tree = SparseTree([rng.randrange(begin, end), rng.randrange(size)])
    leaves, root = [tree.read(0, index) for index in range(begin, end)], tree.mth(0, size)
    proof = prove_range(begin, end, size, tree.read)

    assert len(proof) <= 3 * 62, seed
    verify_range(begin, end, size, leaves, proof, root)
    for what, bad in with_wrong_shape(proof):
        assert bad == proof or not accepts(begin, end, size, leaves, bad, root), (seed, what)
    if begin:
        assert not accepts(begin - 1, end - 1, size, leaves, proof, root), seed


def test_longest_proof() -> None:
    """No range proof is longer than 184 hashes, which this run in the largest tree needs."""
    middle = 2**61
    tree = SparseTree([middle])
    proof = prove_range(middle - 1, middle + 1, SIZE_MAX, tree.read)

    assert len(proof) == 184
    leaves = [tree.read(0, middle - 1), tree.read(0, middle)]
    verify_range(middle - 1, middle + 1, SIZE_MAX, leaves, proof, tree.mth(0, SIZE_MAX))


class CountedHash:
    """The real SHA-256, and how often it was called."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, data: bytes) -> Any:
        self.calls += 1
        return hashlib.sha256(data)


@pytest.mark.parametrize(("begin", "count"), [(0, 1000), (777, 1000), (4095, 1), (4096, 1024)])
def test_work_is_one_hash_for_each_leaf(
    begin: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Appending and verifying a run take one hash for each leaf, and a few for the tree's height."""
    size = begin + count
    hashes = [b"%032d" % index for index in range(size)]
    frontier = Frontier()
    frontier.append_many(hashes[:begin])
    proof = list(frontier.hashes)
    root = root_hash(hashes)
    counted = CountedHash()
    monkeypatch.setattr(hashing, "sha256", counted)
    frontier.append_many(hashes[begin:])
    appended = counted.calls
    verify_range(begin, size, size, hashes[begin:], proof, root)

    assert appended <= count + size.bit_length()
    assert counted.calls - appended <= count + 2 * size.bit_length()
    assert root == frontier.root()
