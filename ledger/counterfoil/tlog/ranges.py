"""Compact ranges: any run of leaves as a handful of complete subtrees, and what follows from that.

A *node* is (level, index): the complete subtree over the 2^level leaves that begin at
index * 2^level. Once its leaves exist its hash never changes. The *compact range* of [begin, end)
is the one shortest list of nodes that covers exactly these leaves, left to right: at most two of
each level. Everything else here is folding such lists:

- the tree of a size is the compact range of [0, size), folded from the right;
- a Frontier is that list kept at hand, so that appending costs about one hash for each leaf;
- a range proof is what lies left and right of a run, so that one proof covers the whole run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from counterfoil.errors import IntegrityError, InvalidInput, OutOfRange
from counterfoil.limits import TREE_SIZE_MAX
from counterfoil.packed import HASH_SIZE, Hashes
from counterfoil.tlog.hashing import EMPTY_ROOT, hash_pairs, node_hash

ReadNode = Callable[[int, int], bytes]
"""read(level, index) -> the hash of the complete subtree of 2^level leaves at that index."""


def compact_range(begin: int, end: int) -> list[tuple[int, int]]:
    """Return the nodes (level, index) of the maximal complete subtrees that cover [begin, end).

    They are in order from left to right, at most 2 * log2(end) of them; none if begin == end.

    Raises:
        OutOfRange: Unless 0 <= begin <= end < 2^63.
    """
    if not 0 <= begin <= end <= TREE_SIZE_MAX:
        raise OutOfRange(f"no such range of leaves: [{begin}, {end})", size=max(end, 0))
    nodes = []
    while begin < end:
        # The largest subtree that may start here is set by how often 2 divides the position, and
        # the largest that fits by what is left.
        fits = (end - begin).bit_length() - 1
        level = min((begin & -begin).bit_length() - 1, fits) if begin else fits
        nodes.append((level, begin >> level))
        begin += 1 << level
    return nodes


def fold(hashes: Sequence[bytes]) -> bytes:
    """Return the hash over adjoining subtrees of a falling size, such as those of [0, size).

    The subtrees shrink to the right, so each split of RFC 6962 falls between two of them, and the
    last two are always the first to be joined. No hashes at all give EMPTY_ROOT.
    """
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def range_root(begin: int, end: int, read: ReadNode) -> bytes:
    """Return the root over the leaves [begin, end) alone, where RFC 6962 makes that one node."""
    return fold([read(level, index) for level, index in compact_range(begin, end)])


def tree_root(size: int, read: ReadNode) -> bytes:
    """Return the root of the tree of a size, from at most 63 stored nodes.

    Raises:
        OutOfRange: If the size is negative or above 2^63 - 1.
    """
    return range_root(0, size, read)


def join(nodes: Iterable[tuple[int, int]], hashes: Iterable[bytes]) -> bytes:
    """Return the root over adjoining nodes that cover [0, size), each with its hash.

    The stack is always the compact range of what came before, so a right child finds its left
    sibling on top of it.
    """
    stack: list[bytes] = []
    for (_, index), node in zip(nodes, hashes, strict=True):
        joined, position = node, index
        while position & 1:
            joined, position = node_hash(stack.pop(), joined), position >> 1
        stack.append(joined)
    return fold(stack)


def cover_leaves(begin: int, leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """Return the hashes of compact_range(begin, begin + len(leaf_hashes)), from the leaves up.

    Level by level: a right child without its sibling, at the start, and a left child without its
    sibling, at the end, belong to the range; the others are paired. One SHA-256 for each leaf.
    """
    left: list[bytes] = []
    right: list[bytes] = []
    level = Hashes.of(leaf_hashes).data
    while level:
        if begin & 1:
            left.append(level[:HASH_SIZE])
            level = level[HASH_SIZE:]
        if (begin + (begin & 1) + len(level) // HASH_SIZE) & 1:
            right.append(level[-HASH_SIZE:])
            level = level[:-HASH_SIZE]
        level = hash_pairs(level)
        begin = (begin + 1) >> 1
    right.reverse()
    return left + right


class Frontier:
    """The right edge of a growing tree: its size, and the hashes of its compact range [0, size).

    It holds one hash for each one-bit of the size, the largest subtree first, and needs no other
    part of the tree to append or to give the root.

    Attributes:
        size: The number of leaves.
        hashes: The hashes of compact_range(0, size), left to right.
    """

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        """Take up a tree where it was left.

        Raises:
            OutOfRange: If the size is negative or above 2^63 - 1.
            IntegrityError: If these cannot be the hashes of a tree of this size.
        """
        if not 0 <= size <= TREE_SIZE_MAX:
            raise OutOfRange(f"no such tree size: {size}", size=0)
        self.size = size
        self.hashes = list(hashes)
        if [len(node) for node in self.hashes] != [HASH_SIZE] * size.bit_count():
            raise IntegrityError(f"the right edge does not belong to a tree of size {size}")

    @classmethod
    def read(cls, size: int, read: ReadNode) -> Frontier:
        """Return the frontier of the stored tree of a size."""
        return cls(size, [read(level, index) for level, index in compact_range(0, size)])

    def root(self) -> bytes:
        """Return the root hash of the tree of this size; EMPTY_ROOT for size 0."""
        return fold(self.hashes)

    def append_many(self, leaf_hashes: Sequence[bytes]) -> list[tuple[int, int, Hashes]]:
        """Append leaves, and return the nodes that became complete.

        Costs one SHA-256 for each leaf, taken over many calls. The frontier is left as it was if
        anything is raised.

        Returns:
            (level, first_index, hashes) for each level from 1 up that gained nodes, lowest first.

        Raises:
            InvalidInput: If a leaf hash is not 32 bytes long.
            OutOfRange: If the tree would grow beyond 2^63 - 1 leaves.
        """
        try:
            leaves = Hashes.of(leaf_hashes)
        except ValueError as error:
            position = next(i for i, leaf in enumerate(leaf_hashes) if len(leaf) != HASH_SIZE)
            raise InvalidInput(
                f"leaf {error}", field="leaf_hashes", reason="LENGTH", position=position
            ) from error
        grown_size = self.size + len(leaf_hashes)
        if grown_size > TREE_SIZE_MAX:
            raise OutOfRange(f"the tree cannot grow to {grown_size} leaves", size=self.size)
        complete: list[tuple[int, int, Hashes]] = []
        waiting = self.hashes[:]  # the last one is the smallest subtree
        edge: list[bytes] = []
        level, first, nodes = 0, self.size, leaves.data
        while nodes:
            if level:
                complete.append((level, first, Hashes(nodes)))
            # A left child that waited for its sibling is joined with the first new node.
            paired = waiting.pop() + nodes if first & 1 else nodes
            if len(paired) // HASH_SIZE & 1:
                edge.append(paired[-HASH_SIZE:])
            level, first, nodes = level + 1, first >> 1, hash_pairs(paired)
        edge.reverse()
        self.size, self.hashes = grown_size, waiting + edge
        return complete
