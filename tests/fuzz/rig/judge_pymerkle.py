"""A judge: pymerkle, which reads inclusion proofs of any size, and those consistency proofs that its own form can hold.

pymerkle takes a consistency proof apart down to a leaf where the old tree ends, while RFC 6962 stops at the subtree.
Both are the same list, in another order, when that subtree is one leaf, and when there is no step at all.
"""

from __future__ import annotations

from pymerkle.core import _consistency_path_layout, _inclusion_path_layout
from pymerkle.proof import ConsistencyProof, InclusionProof, InvalidProof

from . import case as kinds
from .serving import decode, decode_all, serve

_SIZE_MAX = (1 << 63) - 1


def judge(kind: str, fields: list[str]) -> bool | None:
    """Whether the evidence is good; None for what cannot be said in pymerkle's form."""
    if kind not in (kinds.INCLUSION, kinds.CONSISTENCY):
        return None
    first, second = int(fields[0]), int(fields[1])
    if second > _SIZE_MAX:
        return False
    start, root, proof = decode(fields[2]), decode(fields[3]), decode_all(fields[4])
    try:
        if kind == kinds.CONSISTENCY:
            return _judge_consistency(first, second, start, root, proof)
        if not 0 <= first < second:
            return False
        rule, _ = _inclusion_path_layout(first + 1, second)
        made = InclusionProof("sha256", True, second, first + 1, rule, [start, *proof])
        made.verify(start, root, index=first + 1, size=second, algorithm="sha256")
    except InvalidProof:
        return False
    return True


def _judge_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: list[bytes]
) -> bool | None:
    if not 0 < old <= new:
        return None if old == 0 <= new else False
    rule, subset, ranges = _consistency_path_layout(old, new)
    if old == new:
        # One hash, the root itself, which RFC 6962 leaves out.
        path = [old_root, *proof]
    elif subset[0] == 0 and ranges[0][1] - ranges[0][0] == 1 and _stops_there(old, new):
        hashes = [old_root, *proof] if old & (old - 1) == 0 else proof
        # RFC 6962 begins with the last hash of the old tree, pymerkle with the leaf beside it.
        path = [hashes[1], hashes[0], *hashes[2:]] if len(hashes) > 1 else hashes
    else:
        return None
    made = ConsistencyProof("sha256", True, new, old, rule, subset, path)
    made.verify(old_root, new_root, prior_size=old, later_size=new, algorithm="sha256")
    return True


def _stops_there(old: int, new: int) -> bool:
    """Whether the right sibling of the last subtree of the old tree is one leaf."""
    while new > 1:
        split = 1 << (new - 1).bit_length() - 1
        if old == split:
            return new - split == 1
        old, new = (old - split, new - split) if old > split else (old, split)
    return False


if __name__ == "__main__":
    serve("pymerkle", judge)
