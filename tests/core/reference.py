"""Trees and proofs straight from the recursive definitions of RFC 6962 section 2.1.

Nothing of Counterfoil is imported. Slow and plain on purpose: this is what the library is measured
against.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256


def largest_power_below(n: int) -> int:
    """The largest power of two smaller than n, for n above 1."""
    power = 1
    while power * 2 < n:
        power *= 2
    return power


class ReferenceTree:
    """The tree over some entries, with every definition of the RFC as a method.

    D[a:b] of the RFC is written as (a, b). A method of any prefix takes its length n.
    """

    def __init__(self, entries: list[bytes]) -> None:
        self.entries = entries
        self.mth = cache(self._mth)

    def _mth(self, a: int, b: int) -> bytes:
        """MTH(D[a:b])."""
        if a == b:
            return sha256(b"").digest()
        if b - a == 1:
            return sha256(b"\x00" + self.entries[a]).digest()
        k = largest_power_below(b - a)
        return sha256(b"\x01" + self.mth(a, a + k) + self.mth(a + k, b)).digest()

    def root(self, n: int) -> bytes:
        """MTH(D[n])."""
        return self.mth(0, n)

    def leaf_hashes(self, n: int) -> list[bytes]:
        """The hashes of the first n leaves."""
        return [self.mth(i, i + 1) for i in range(n)]

    def read(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree, and an error for any other."""
        if (index + 1) << level > len(self.entries):
            raise AssertionError(f"node ({level}, {index}) is not complete")
        return self.mth(index << level, (index + 1) << level)

    def reader(self, n: int) -> Callable[[int, int], bytes]:
        """What read is for the tree of the first n leaves: an error for anything beyond."""

        def read(level: int, index: int) -> bytes:
            if (index + 1) << level > n:
                raise AssertionError(f"node ({level}, {index}) is not complete at size {n}")
            return self.read(level, index)

        return read

    def path(self, m: int, a: int, b: int) -> list[bytes]:
        """PATH(m, D[a:b]), section 2.1.1, where m counts from a."""
        if b - a == 1:
            return []
        k = largest_power_below(b - a)
        if m < k:
            return [*self.path(m, a, a + k), self.mth(a + k, b)]
        return [*self.path(m - k, a + k, b), self.mth(a, a + k)]

    def proof(self, m: int, n: int) -> list[bytes]:
        """PROOF(m, D[n]), section 2.1.2; empty for m = 0, which the RFC leaves out."""
        return self.subproof(m, 0, n, whole=True) if m else []

    def subproof(self, m: int, a: int, b: int, *, whole: bool) -> list[bytes]:
        """SUBPROOF(m, D[a:b], whole), where m counts from a."""
        if m == b - a:
            return [] if whole else [self.mth(a, b)]
        k = largest_power_below(b - a)
        if m <= k:
            return [*self.subproof(m, a, a + k, whole=whole), self.mth(a + k, b)]
        return [*self.subproof(m - k, a + k, b, whole=False), self.mth(a, a + k)]


def cover(begin: int, end: int, level: int = 9, index: int = 0) -> list[tuple[int, int]]:
    """The maximal complete subtrees in [begin, end), found from the top of a tree of 2^level."""
    low, high = index << level, (index + 1) << level
    if begin <= low and high <= end:
        return [(level, index)]
    if high <= begin or end <= low:
        return []
    left = cover(begin, end, level - 1, 2 * index)
    return left + cover(begin, end, level - 1, 2 * index + 1)


def numbered_tree(size: int) -> ReferenceTree:
    """A tree whose leaves are all different, so that no two nodes are equal."""
    return ReferenceTree([f"leaf {i}".encode() for i in range(size)])


@cache
def plain(n: int) -> bytes:
    """MTH over n leaves that are alike, for n above 0."""
    if n == 1:
        return sha256(b"\x00plain").digest()
    k = largest_power_below(n)
    return sha256(b"\x01" + plain(k) + plain(n - k)).digest()


class SparseTree:
    """A tree of any size in which all leaves are alike but for a few, so that none need be stored.

    Args:
        marks: The indexes of the leaves that differ, each in its own way.
    """

    def __init__(self, marks: list[int]) -> None:
        self.marks = marks

    def mth(self, a: int, b: int) -> bytes:
        """MTH(D[a:b]), for a below b."""
        if not any(a <= mark < b for mark in self.marks):
            return plain(b - a)
        if b - a == 1:
            return sha256(b"\x00mark %d" % a).digest()
        k = largest_power_below(b - a)
        return sha256(b"\x01" + self.mth(a, a + k) + self.mth(a + k, b)).digest()

    def read(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree."""
        return self.mth(index << level, (index + 1) << level)
