"""Good and mutated inclusion, consistency and range proofs, each with its known truth."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256

from .case import CONSISTENCY, INCLUSION, RANGE, Case, encode, encode_all
from .shapes import (
    consistency_roots,
    consistency_shape,
    count_places,
    inclusion_root,
    inclusion_shape,
    range_root,
    range_shape,
)

EMPTY_ROOT = sha256(b"").digest()
_POWERS = [1 << level for level in (0, 1, 2, 3, 4, 7, 8, 9, 16, 31, 32, 33, 52, 53, 61, 62)]
EDGES = sorted({size for power in _POWERS for size in (power - 1, power, power + 1)} | {2**63 - 1})
_BAD_NUMBERS = (-1, 1 << 63, (1 << 63) + 1, 1 << 64, -(1 << 63))
_SMALL_MAX = 70
_RUN_MAX = 12
_GOOD_SHARE = 8


def some_size(chance: random.Random, least: int = 1) -> int:
    """A size: mostly small, often at an edge, sometimes of any length."""
    match chance.randrange(4):
        case 0:
            return max(least, chance.choice(EDGES))
        case 1:
            return max(least, chance.getrandbits(chance.randrange(1, 64)))
        case _:
            return chance.randrange(least, _SMALL_MAX)


def below(chance: random.Random, size: int) -> int:
    """A number below a size, often at one of its ends or beside a power of two."""
    match chance.randrange(4):
        case 0:
            return chance.choice((0, size - 1, size >> 1, (size - 1) & ~1))
        case 1:
            return min(size - 1, 1 << chance.randrange(size.bit_length()))
        case _:
            return chance.randrange(size)


def change_number(chance: random.Random, number: int) -> int:
    """Another number near or far."""
    match chance.randrange(6):
        case 0:
            return chance.choice(_BAD_NUMBERS)
        case 1:
            return chance.choice(EDGES)
        case 2:
            return number ^ 1 << chance.randrange(63)
        case _:
            return number + chance.choice((-2, -1, 1, 2))


def change_hashes(chance: random.Random, hashes: Sequence[bytes]) -> list[bytes]:
    """Another list of hashes: one changed, cut, grown, gone, doubled, moved or put in."""
    changed = list(hashes)
    at = chance.randrange(len(changed) + 1)
    if not changed or chance.randrange(6) == 0:
        changed.insert(at, chance.choice((bytes(32), chance.randbytes(32), b"")))
        return changed
    at = min(at, len(changed) - 1)
    match chance.randrange(6):
        case 0 | 1:
            changed[at] = change_hash(chance, changed[at])
        case 2:
            del changed[at]
        case 3:
            changed.insert(at, changed[at])
        case 4:
            other = chance.randrange(len(changed))
            changed[at], changed[other] = changed[other], changed[at]
        case _:
            changed = changed[::-1] if chance.randrange(2) else [*changed, *changed]
    return changed


def change_hash(chance: random.Random, data: bytes) -> bytes:
    """Another hash, or something that is none."""
    match chance.randrange(6):
        case 0:
            return data[: chance.randrange(len(data) + 1)]
        case 1:
            return data + b"\x00"
        case 2:
            return chance.choice((bytes(32), EMPTY_ROOT))
        case _:
            bit = chance.randrange(8 * len(data) or 1)
            return (int.from_bytes(data, "big") ^ 1 << bit).to_bytes(max(len(data), 1), "big")


def inclusions(chance: random.Random) -> Iterator[Case]:
    """Endless inclusion proofs."""
    while True:
        size = some_size(chance)
        index = below(chance, size)
        shape = inclusion_shape(index, size)
        assert shape is not None
        leaf, proof = chance.randbytes(32), [chance.randbytes(32) for _ in shape]
        root = inclusion_root(shape, leaf, proof)
        good = (index, size, leaf, root, proof)
        for _ in range(_GOOD_SHARE):
            yield _inclusion(good, _mutate_inclusion(chance, good))


Inclusion = tuple[int, int, bytes, bytes, list[bytes]]


def _mutate_inclusion(chance: random.Random, good: Inclusion) -> Inclusion:
    index, size, leaf, root, proof = good
    match chance.randrange(8):
        case 0:
            return good
        case 1:
            index = change_number(chance, index)
        case 2:
            size = change_number(chance, size)
        case 3:
            leaf = change_hash(chance, leaf)
        case 4:
            root = change_hash(chance, root)
        case _:
            proof = change_hashes(chance, proof)
    return index, size, leaf, root, proof


def _inclusion(good: Inclusion, shown: Inclusion) -> Case:
    index, size, leaf, root, proof = shown
    same = inclusion_shape(index, size) == inclusion_shape(good[0], good[1])
    fields = (str(index), str(size), encode(leaf), encode(root), encode_all(proof))
    truth = same and shown[2:] == good[2:]
    return Case(INCLUSION, fields, truth, "same shape, same hashes" if truth else "other facts")


Consistency = tuple[int, int, bytes, bytes, list[bytes]]


def consistencies(chance: random.Random) -> Iterator[Case]:
    """Endless consistency proofs, those from size 0 and of equal sizes among them."""
    while True:
        new = some_size(chance)
        old = below(chance, new) if chance.randrange(8) else chance.choice((0, new))
        shape, proof = consistency_shape(old, new), []
        old_root = new_root = chance.randbytes(32)
        if isinstance(shape, str):
            old_root = EMPTY_ROOT if old == 0 else old_root
        else:
            hashes = [chance.randbytes(32) for _ in range(1 + len(shape[0]))]
            old_root, new_root = consistency_roots(shape, hashes)
            proof = hashes[1:] if shape[1] else hashes
        good = (old, new, old_root, new_root, proof)
        for _ in range(_GOOD_SHARE):
            yield _consistency(good, _mutate_consistency(chance, good))


def _mutate_consistency(chance: random.Random, good: Consistency) -> Consistency:
    old, new, old_root, new_root, proof = good
    match chance.randrange(8):
        case 0:
            return good
        case 1:
            old = change_number(chance, old)
        case 2:
            new = change_number(chance, new)
        case 3:
            old_root = change_hash(chance, old_root)
        case 4:
            new_root = change_hash(chance, new_root)
        case 5:
            old_root, new_root = new_root, old_root
        case _:
            proof = change_hashes(chance, proof)
    return old, new, old_root, new_root, proof


def _consistency(good: Consistency, shown: Consistency) -> Case:
    old, new, old_root, new_root, proof = shown
    fields = (str(old), str(new), encode(old_root), encode(new_root), encode_all(proof))
    truth, rule = _is_consistent(good, shown)
    return Case(CONSISTENCY, fields, truth, rule)


def _is_consistent(good: Consistency, shown: Consistency) -> tuple[bool, str]:
    old, new, old_root, new_root, proof = shown
    shape = consistency_shape(old, new)
    if shape in ("empty tree", "from nothing"):
        # Nothing is consistent with everything, be it what it may: the verifier has no claim to check but its own.
        last = new_root == EMPTY_ROOT if new == 0 else len(new_root) == 32
        return old_root == EMPTY_ROOT and last and not proof, "from size 0 the proof is empty"
    if shape == "equal":
        return old_root == new_root and not proof, "equal sizes have equal roots"
    if shape != consistency_shape(good[0], good[1]) or shown[2:] != good[2:]:
        return False, "other facts"
    return True, "same shape, same hashes"


Range = tuple[int, int, int, bytes, list[bytes], list[bytes]]


def ranges(chance: random.Random) -> Iterator[Case]:
    """Endless range proofs."""
    while True:
        size = some_size(chance)
        begin = below(chance, size)
        end = min(size, begin + chance.randrange(1, _RUN_MAX + 1))
        shape = range_shape(begin, end, size)
        leaves = [chance.randbytes(32) for _ in range(begin, end)]
        proof = [chance.randbytes(32) for _ in range(_places(begin, end, size))]
        root = range_root(shape, leaves.copy(), proof.copy())
        good = (begin, end, size, root, leaves, proof)
        for _ in range(_GOOD_SHARE):
            yield _range(good, _mutate_range(chance, good))


@lru_cache(maxsize=4096)
def _places(begin: int, end: int, size: int) -> int:
    return count_places(range_shape(begin, end, size), "outside")


def _mutate_range(chance: random.Random, good: Range) -> Range:
    begin, end, size, root, leaves, proof = good
    match chance.randrange(9):
        case 0:
            return good
        case 1:
            begin = change_number(chance, begin)
        case 2:
            end = change_number(chance, end)
        case 3:
            size = change_number(chance, size)
        case 4:
            root = change_hash(chance, root)
        case 5:
            step = chance.choice((-1, 1))
            begin, end = begin + step, end + step
        case 6:
            leaves = change_hashes(chance, leaves)
        case _:
            proof = change_hashes(chance, proof)
    return begin, end, size, root, leaves, proof


def _range(good: Range, shown: Range) -> Case:
    begin, end, size, root, leaves, proof = shown
    numbers = (str(begin), str(end), str(size), encode(root))
    # A question about a run of another length has another shape; asking for it could take as long as the run.
    same = end - begin == good[1] - good[0] and range_shape(begin, end, size) == range_shape(
        *good[:3]
    )
    truth = same and shown[3:] == good[3:]
    rule = "same shape, same hashes" if truth else "other facts"
    return Case(RANGE, (*numbers, encode_all(leaves), encode_all(proof)), truth, rule)


PROOFS: tuple[Callable[[random.Random], Iterator[Case]], ...] = (
    inclusions,
    consistencies,
    ranges,
)
