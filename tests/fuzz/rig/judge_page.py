"""A judge: the Python programs of docs/VERIFYING.md, which a stranger wrote down from the formats alone.

    python -I judge_page.py FOLDER-OF-THE-PROGRAMS FOLDER-OF-THIS-FILE

Nothing of Counterfoil is imported: Python's option -I keeps this project out.
"""

from __future__ import annotations

import sys

sys.path[:0] = sys.argv[1:3]

import verify_batch as batch  # type: ignore[import-not-found]  # noqa: E402 - found by the line above
import verify_receipt as recipe  # type: ignore[import-not-found]  # noqa: E402
from serving import decode, decode_all, serve  # type: ignore[import-not-found]  # noqa: E402


def judge(kind: str, fields: list[str]) -> bool | None:
    """Whether the evidence is good; None for consistency, of which the page has no program."""
    try:
        if kind == "inclusion":
            index, size = map(recipe.parse_decimal, fields[:2])
            proof = decode_all(fields[4])
            leaf, root = decode(fields[2]), decode(fields[3])
            return len(leaf) == 32 and bool(recipe.root_above(index, size, leaf, proof) == root)
        if kind == "range":
            return _judge_range(fields)
        if kind == "consistency":
            return None
        key = recipe.parse_vkey(decode(fields[0]).decode())
        data = decode(fields[1])
        if kind == "note":
            recipe.open_checkpoint(data.decode(), key)
        elif kind == "receipt":
            recipe.verify(data, key)
        else:
            batch.check_batch(data, key)
    except (recipe.Bad, ValueError, RecursionError):
        return False
    return True


def _judge_range(fields: list[str]) -> bool:
    begin, end, size = map(recipe.parse_decimal, fields[:3])
    leaves, proof = decode_all(fields[4]), decode_all(fields[5])
    if not 0 < len(leaves) == end - begin or set(map(len, leaves)) != {32}:
        return False
    return bool(batch.root_around(begin, leaves, size, proof) == decode(fields[3]))


if __name__ == "__main__":
    serve("Python of docs/VERIFYING.md", judge)
