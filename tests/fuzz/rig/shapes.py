"""Roots and shapes of proofs from the recursive definitions of RFC 6962, for trees of any size that nobody could store.

A proof over a tree of 2^62 leaves cannot be made from its leaves. But any hashes are the proof of *some* tree: its
root is what the recursion gives for them. So good cases of every size are made here from random hashes. A *shape* is
the recursion itself, without hashes: two questions with the same shape have the same answer.

Nothing of Counterfoil is imported.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Any

Shape = Any


def node(left: bytes, right: bytes) -> bytes:
    """RFC 6962 section 2.1."""
    return sha256(b"\x01" + left + right).digest()


def split_of(size: int) -> int:
    """The largest power of two below a size of at least 2."""
    return 1 << (size - 1).bit_length() - 1


@lru_cache(maxsize=4096)
def inclusion_shape(index: int, size: int) -> tuple[bool, ...] | None:
    """For each hash of the proof, from the leaf up, whether it stands left; None for no leaf of the tree.

    PATH(m, D[n]) of RFC 6962 section 2.1.1.
    """
    if not 0 <= index < size < 1 << 63:
        return None
    sides = []
    while size > 1:
        split = split_of(size)
        left = index >= split
        sides.append(left)
        index, size = (index - split, size - split) if left else (index, split)
    return tuple(reversed(sides))


def inclusion_root(shape: tuple[bool, ...], leaf: bytes, proof: list[bytes]) -> bytes:
    """The root to which a proof of this shape leads."""
    for left, sibling in zip(shape, proof, strict=True):
        leaf = node(sibling, leaf) if left else node(leaf, sibling)
    return leaf


@lru_cache(maxsize=4096)
def consistency_shape(old: int, new: int) -> Shape:
    """How the hashes of a consistency proof are folded; None for no question.

    SUBPROOF(m, D[n], b) of RFC 6962 section 2.1.2: for each hash from the second one on whether it stands left, and
    whether the first hash is the old root itself, which the proof then leaves out.
    """
    if not 0 <= old <= new < 1 << 63:
        return None
    if old == new:
        return "equal" if new else "empty tree"
    if old == 0:
        return "from nothing"
    sides, whole = [], True
    while old != new:
        split = split_of(new)
        left = old > split
        sides.append(left)
        old, new = (old - split, new - split) if left else (old, split)
        whole = whole and not left
    return tuple(reversed(sides)), whole


def consistency_roots(shape: Shape, hashes: list[bytes]) -> tuple[bytes, bytes]:
    """Old and new root, from the hash of the common subtree and the others of the proof."""
    old = new = hashes[0]
    for left, sibling in zip(shape[0], hashes[1:], strict=True):
        if left:
            old = node(sibling, old)
        new = node(sibling, new) if left else node(new, sibling)
    return old, new


@lru_cache(maxsize=4096)
def range_shape(begin: int, end: int, size: int) -> Shape:
    """The tree over a size in which every complete subtree outside [begin, end) is one place; None for no question."""
    if not 0 <= begin < end <= size < 1 << 63:
        return None
    return _range_shape(0, size, begin, end)


def _range_shape(low: int, high: int, begin: int, end: int) -> Shape:
    outside = high <= begin or low >= end
    count = high - low
    if count == 1 or (outside and count & (count - 1) == 0):
        return "outside" if outside else "leaf"
    split = low + split_of(count)
    return _range_shape(low, split, begin, end), _range_shape(split, high, begin, end)


def count_places(shape: Shape, name: str) -> int:
    """How many places of a name a range shape has."""
    if isinstance(shape, str):
        return int(shape == name)
    return sum(count_places(part, name) for part in shape)


def range_root(shape: Shape, leaves: list[bytes], outside: list[bytes]) -> bytes:
    """The root with these hashes in the places, from left to right; the lists are used up."""
    if isinstance(shape, str):
        return (leaves if shape == "leaf" else outside).pop(0)
    left = range_root(shape[0], leaves, outside)
    return node(left, range_root(shape[1], leaves, outside))
