"""RFC 6962 hashing: the empty tree, leaves, nodes and whole trees.

A leaf and a node are hashed with different first bytes, so that no node can be passed off as a
leaf (RFC 6962 section 2.1; RFC 9162 section 2.1.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from counterfoil.twin import twin_of

HASH_SIZE = 32
"""The length of every hash in the tree, in bytes (SHA-256)."""

LEAF_PREFIX = b"\x00"
NODE_PREFIX = b"\x01"

EMPTY_ROOT = sha256(b"").digest()
"""The root of the tree of size 0: the hash of nothing, without a prefix."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256(0x00 ‖ data), 32 bytes."""
    return sha256(LEAF_PREFIX + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256(0x01 ‖ left ‖ right), 32 bytes."""
    return sha256(NODE_PREFIX + left + right).digest()


@twin_of
def hash_pairs(hashes: Sequence[bytes]) -> list[bytes]:
    """Return the parents of neighbours (0, 1), (2, 3) and so on; an odd last one has none.

    This is the innermost loop of everything that builds a tree: one SHA-256 for each parent.
    """
    hash_, prefix, pairs = sha256, NODE_PREFIX, iter(hashes)
    return [
        hash_(prefix + left + right).digest() for left, right in zip(pairs, pairs, strict=False)
    ]


def root_hash(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root of the tree over these leaf hashes, or EMPTY_ROOT when there are none.

    The RFC splits at the largest power of two below n. Pairing neighbours level by level, and
    lifting an odd last node unchanged, gives the same tree from the bottom.
    """
    if not leaf_hashes:
        return EMPTY_ROOT
    level = list(leaf_hashes)
    while len(level) > 1:
        parents = hash_pairs(level)
        if len(level) % 2:
            parents.append(level[-1])
        level = parents
    return level[0]
