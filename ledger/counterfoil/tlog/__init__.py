"""The tree: hashing, ranges, proofs and tiles of an RFC 6962 transparency log.

Pure functions over bytes. Nothing here reads, stores, signs or knows what a leaf means: whoever
makes proofs passes a function read(level, index) that returns the hash of a complete subtree.
"""

from counterfoil.packed import HASH_SIZE
from counterfoil.tlog.hashing import EMPTY_ROOT, leaf_hash, node_hash, root_hash
from counterfoil.tlog.proof import (
    prove_consistency,
    prove_inclusion,
    prove_range,
    verify_consistency,
    verify_inclusion,
    verify_range,
)
from counterfoil.tlog.ranges import Frontier, ReadNode, compact_range, tree_root
from counterfoil.tlog.tile import (
    TILE_HEIGHT,
    TILE_WIDTH,
    format_bundle,
    locate_node,
    parse_bundle,
    parse_tile_path,
    partial_width,
    tile_node,
    tile_path,
)

__all__ = [
    "EMPTY_ROOT",
    "HASH_SIZE",
    "TILE_HEIGHT",
    "TILE_WIDTH",
    "Frontier",
    "ReadNode",
    "compact_range",
    "format_bundle",
    "leaf_hash",
    "locate_node",
    "node_hash",
    "parse_bundle",
    "parse_tile_path",
    "partial_width",
    "prove_consistency",
    "prove_inclusion",
    "prove_range",
    "root_hash",
    "tile_node",
    "tile_path",
    "tree_root",
    "verify_consistency",
    "verify_inclusion",
    "verify_range",
]
