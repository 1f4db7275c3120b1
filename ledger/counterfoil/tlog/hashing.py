"""RFC 6962 hashing: the empty tree, leaves, nodes and whole trees.

A leaf and a node are hashed with different first bytes, so that no node can be passed off as a
leaf (RFC 6962 section 2.1; RFC 9162 section 2.1.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from counterfoil.packed import HASH_SIZE, Hashes
from counterfoil.twin import twin_of

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
def hash_pairs(nodes: bytes) -> bytes:
    """Return the parents of neighbours (0, 1), (2, 3) and so on; an odd last one has none.

    Nodes come and go as 32 bytes each, one behind the other. This is the innermost loop of
    everything that builds a tree: one SHA-256 for each parent.
    """
    hash_, prefix, pair = sha256, NODE_PREFIX, 2 * HASH_SIZE
    whole = len(nodes) // pair * pair
    return b"".join(
        [hash_(prefix + nodes[at : at + pair]).digest() for at in range(0, whole, pair)]
    )


def root_hash(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root of the tree over these leaf hashes, or EMPTY_ROOT when there are none.

    The RFC splits at the largest power of two below n. Pairing neighbours level by level, and
    lifting an odd last node unchanged, gives the same tree from the bottom.

    Raises:
        ValueError: If a leaf hash is not 32 bytes long.
    """
    level = Hashes.of(leaf_hashes).data
    while len(level) > HASH_SIZE:
        odd = len(level) % (2 * HASH_SIZE)
        level = hash_pairs(level) + level[len(level) - odd :]
    return level or EMPTY_ROOT
