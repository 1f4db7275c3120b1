"""Inclusion, consistency and range proofs: making them, and checking them.

A proof is a list of hashes and nothing else. Whoever checks one brings the facts: index, size, leaf
hash and root from a checkpoint that they trust. Proofs are made by the recursion of RFC 6962
sections 2.1.1 and 2.1.2 and checked by the loops of RFC 9162 sections 2.1.3.2 and 2.1.4.2, so that
the two sides share no code but the hashing. Range proofs are ours: section "Range proofs" of
docs/SPEC.md.

Every verify function returns None or raises VerificationError, whatever it is given.
"""

from __future__ import annotations

from collections.abc import Sequence

from counterfoil.errors import OutOfRange, VerificationError
from counterfoil.limits import TREE_SIZE_MAX
from counterfoil.packed import HASH_SIZE, Hashes
from counterfoil.tlog.hashing import EMPTY_ROOT, node_hash
from counterfoil.tlog.ranges import (
    ReadNode,
    compact_range,
    cover_leaves,
    join,
    range_root,
)


def prove_inclusion(index: int, size: int, read: ReadNode) -> list[bytes]:
    """Return the inclusion proof of a leaf in the tree of a size, the leaf's sibling first.

    At most 63 hashes, from at most 125 reads. The function read is only asked for complete
    subtrees of that tree.

    Raises:
        OutOfRange: Unless 0 <= index < size < 2^63.
    """
    if not 0 <= index < size <= TREE_SIZE_MAX:
        raise OutOfRange(f"leaf {index} is not in the tree of size {size}", size=size)
    proof = []
    begin, end = 0, size
    while end - begin > 1:
        split = begin + _split(end - begin)
        if index < split:
            proof.append(range_root(split, end, read))
            end = split
        else:
            proof.append(range_root(begin, split, read))
            begin = split
    proof.reverse()
    return proof


def prove_consistency(old_size: int, new_size: int, read: ReadNode) -> list[bytes]:
    """Return the proof that the tree of the old size is the beginning of that of the new size.

    Empty if the sizes are equal or the old tree is empty. The function read is only asked for
    complete subtrees of the new tree.

    Raises:
        OutOfRange: Unless 0 <= old_size <= new_size < 2^63.
    """
    if not 0 <= old_size <= new_size <= TREE_SIZE_MAX:
        raise OutOfRange(f"no consistency from size {old_size} to {new_size}", size=new_size)
    if old_size == 0:
        return []
    proof = []
    begin, end = 0, new_size
    while end != old_size:
        split = begin + _split(end - begin)
        if old_size <= split:
            proof.append(range_root(split, end, read))
            end = split
        else:
            proof.append(range_root(begin, split, read))
            begin = split
    # At begin 0 what remains is the whole old tree, whose root the verifier knows.
    if begin:
        proof.append(range_root(begin, end, read))
    proof.reverse()
    return proof


def prove_range(begin: int, end: int, size: int, read: ReadNode) -> list[bytes]:
    """Return the proof that a run of leaves lies at [begin, end) in the tree of a size.

    It is the hashes of compact_range(0, begin), then those of compact_range(end, size).

    Raises:
        OutOfRange: Unless 0 <= begin < end <= size < 2^63.
    """
    if not 0 <= begin < end <= size <= TREE_SIZE_MAX:
        raise OutOfRange(f"leaves [{begin}, {end}) are not in the tree of size {size}", size=size)
    return [
        read(level, index) for level, index in compact_range(0, begin) + compact_range(end, size)
    ]


def verify_inclusion(
    index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that a leaf is in the tree: RFC 9162 section 2.1.3.2.

    Raises:
        VerificationError: If it is not shown to be there, or an argument is malformed.
    """
    _check_number("size", size)
    _check_number("index", index)
    if index >= size:
        raise VerificationError(f"leaf {index} is not in the tree of size {size}")
    hashes = _check_hashes("proof", proof)
    _check_hashes("leaf hash and root", (leaf_hash, root))
    node, position, last = leaf_hash, index, size - 1
    for sibling in hashes:
        if last == 0:
            raise VerificationError("inclusion proof is too long")
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            # On the right edge a lone node rises without a sibling until it is a right child.
            while position and not position & 1:
                position >>= 1
                last >>= 1
        else:
            node = node_hash(node, sibling)
        position >>= 1
        last >>= 1
    if last != 0:
        raise VerificationError("inclusion proof is too short")
    if node != root:
        raise VerificationError(f"leaf {index} is not under the root of size {size}")


def verify_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the old tree is the beginning of the new one: RFC 9162 section 2.1.4.2.

    An old size of 0 is consistent with everything, and an equal size with the equal root; the proof
    is then empty. The RFC leaves size 0 open; this is the reading of C2SP tlog-witness.

    Raises:
        VerificationError: If that is not shown, or an argument is malformed.
    """
    _check_number("old size", old_size)
    _check_number("new size", new_size)
    if old_size > new_size:
        raise VerificationError(f"the tree cannot shrink from size {old_size} to {new_size}")
    hashes = _check_hashes("proof", proof)
    if old_size in (0, new_size) and hashes:
        raise VerificationError("consistency proof is too long: it should be empty")
    for size, root in ((old_size, old_root), (new_size, new_root)):
        if size == 0 and root != EMPTY_ROOT:
            raise VerificationError("the root of size 0 is not that of the empty tree")
    if old_size == new_size:
        # Nothing is hashed here, so the roots need only be equal; published probes count on it.
        if type(old_root) is not bytes or old_root != new_root:
            raise VerificationError(f"two different roots of one size, {old_size}")
        return
    _check_hashes("roots", (old_root, new_root))
    if old_size == 0:
        return
    if old_size & (old_size - 1) == 0:
        # The old tree is one complete subtree, which the proof leaves out.
        hashes.insert(0, old_root)
    if not hashes:
        raise VerificationError("consistency proof is too short: it is empty")
    old_computed, new_computed = _consistency_roots(old_size, new_size, hashes)
    if old_computed != old_root:
        raise VerificationError(f"consistency proof does not lead to the root of size {old_size}")
    if new_computed != new_root:
        raise VerificationError(f"consistency proof does not lead to the root of size {new_size}")


def verify_range(
    begin: int,
    end: int,
    size: int,
    leaf_hashes: Sequence[bytes],
    proof: Sequence[bytes],
    root: bytes,
) -> None:
    """Check that these are the leaves [begin, end) of the tree, at about one hash for each leaf.

    Raises:
        VerificationError: If that is not shown, or an argument is malformed.
    """
    _check_number("begin", begin)
    _check_number("end", end)
    _check_number("size", size)
    if not begin < end <= size:
        raise VerificationError(f"leaves [{begin}, {end}) are not in the tree of size {size}")
    leaves = (
        leaf_hashes
        if isinstance(leaf_hashes, Hashes)
        else _check_hashes("leaf hashes", leaf_hashes)
    )
    hashes = _check_hashes("proof", proof)
    _check_hashes("root", (root,))
    if len(leaves) != end - begin:
        raise VerificationError(f"{len(leaves)} leaf hashes for a run of {end - begin}")
    left, right = compact_range(0, begin), compact_range(end, size)
    if len(hashes) != len(left) + len(right):
        raise VerificationError(
            f"range proof has {len(hashes)} hashes instead of {len(left) + len(right)}"
        )
    nodes = left + compact_range(begin, end) + right
    parts = hashes[: len(left)] + cover_leaves(begin, leaves) + hashes[len(left) :]
    if join(nodes, parts) != root:
        raise VerificationError(f"leaves [{begin}, {end}) are not under the root of size {size}")


def _split(size: int) -> int:
    """Return the largest power of two below a size of at least 2: RFC 6962 section 2.1."""
    return 1 << ((size - 1).bit_length() - 1)


def _consistency_roots(
    old_size: int, new_size: int, hashes: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """Return the old and the new root to which the hashes lead; the old tree is the smaller."""
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position >>= 1
        last >>= 1
    old_node = new_node = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise VerificationError("consistency proof is too long")
        if position & 1 or position == last:
            old_node = node_hash(sibling, old_node)
            new_node = node_hash(sibling, new_node)
            while position and not position & 1:
                position >>= 1
                last >>= 1
        else:
            new_node = node_hash(new_node, sibling)
        position >>= 1
        last >>= 1
    if last != 0:
        raise VerificationError("consistency proof is too short")
    return old_node, new_node


def _check_number(name: str, number: object) -> None:
    """Refuse what is not an int in [0, 2^63); True is an int to Python, but not here."""
    if type(number) is not int:
        raise VerificationError(f"{name} is not an integer")
    if not 0 <= number <= TREE_SIZE_MAX:
        raise VerificationError(f"{name} is out of range: it must be from 0 to 2^63 - 1")


def _check_hashes(name: str, hashes: object) -> list[bytes]:
    """Return the hashes as a list; refuse what is not a sequence of 32-byte strings."""
    if not isinstance(hashes, Sequence) or isinstance(hashes, (bytes, bytearray, memoryview, str)):
        raise VerificationError(f"{name}: not a list of hashes")
    checked = list(hashes)
    if set(map(type, checked)) - {bytes} or set(map(len, checked)) - {HASH_SIZE}:
        raise VerificationError(f"{name}: not all are {HASH_SIZE} bytes long")
    return checked
