"""Write range.json: range proofs, good ones and bad ones, from the recursive definitions alone.

Usage: python generate.py. A range proof shows that a run of leaves [begin, end) is in a tree: the
hashes of the maximal complete subtrees left of the run, left to right, then of those right of it,
left to right. Leaf i is the decimal number i in ASCII.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent

RUNS = [
    (0, 1, 1),
    (0, 1, 2),
    (1, 2, 2),
    (0, 3, 3),
    (2, 3, 3),
    (1, 4, 5),
    (3, 5, 7),
    (0, 8, 8),
    (5, 6, 8),
    (7, 9, 13),
    (4, 8, 13),
    (6, 21, 21),
    (13, 19, 37),
    (60, 70, 100),
]


def leaf(index: int) -> bytes:
    """Return the hash of leaf i."""
    return sha256(b"\x00" + str(index).encode()).digest()


def tree(begin: int, end: int) -> bytes:
    """Return the Merkle tree hash over leaves [begin, end): RFC 6962 section 2.1."""
    if end - begin == 1:
        return leaf(begin)
    split = 1
    while split * 2 < end - begin:
        split *= 2
    middle = begin + split
    return sha256(b"\x01" + tree(begin, middle) + tree(middle, end)).digest()


def cover(begin: int, end: int, low: int = 0, high: int = 128) -> list[bytes]:
    """Return the hashes of the maximal complete subtrees of [low, high) that lie in [begin, end)."""
    if begin <= low and high <= end:
        return [tree(low, high)]
    if high <= begin or end <= low:
        return []
    middle = (low + high) // 2
    return cover(begin, end, low, middle) + cover(begin, end, middle, high)


def flip(data: str, bit: int) -> str:
    """Return the hex of the same bytes with one bit changed."""
    raw = bytearray.fromhex(data)
    raw[bit // 8] ^= 1 << bit % 8
    return raw.hex()


def faults(good: dict[str, object]) -> dict[str, dict[str, object]]:
    """Return changes, by name, each of which makes a good range proof a bad one."""
    begin, end, size = int(str(good["begin"])), int(str(good["end"])), int(str(good["size"]))
    leaves, proof = list(good["leaf_hashes"]), list(good["proof"])  # type: ignore[call-overload]
    changed: dict[str, dict[str, object]] = {
        "root-bit-5": {"root": flip(str(good["root"]), 5)},
        "root-too-short": {"root": str(good["root"])[:-2]},
        "first-leaf-bit-200": {"leaf_hashes": [flip(leaves[0], 200), *leaves[1:]]},
        "last-leaf-bit-0": {"leaf_hashes": [*leaves[:-1], flip(leaves[-1], 0)]},
        "leaf-missing": {"leaf_hashes": leaves[:-1]},
        "leaf-repeated": {"leaf_hashes": [*leaves, leaves[-1]]},
        "trailing-garbage": {"proof": [*proof, "00" * 32]},
        "preceding-garbage": {"proof": ["00" * 32, *proof]},
        "preceding-root": {"proof": [good["root"], *proof]},
        "end-beyond-size": {"end": size + 1, "begin": size + 1 - len(leaves)},
        "run-empty": {"end": begin, "leaf_hashes": []},
        "begin-negative": {"begin": -1, "end": end - begin - 1},
    }
    if len(leaves) > 1:
        changed["leaves-swapped"] = {"leaf_hashes": [leaves[1], leaves[0], *leaves[2:]]}
    if begin:
        changed["one-to-the-left"] = {"begin": begin - 1, "end": end - 1}
    if end < size:
        changed["one-to-the-right"] = {"begin": begin + 1, "end": end + 1}
    for position in range(len(proof)):
        bad = [*proof[:position], flip(proof[position], 77), *proof[position + 1 :]]
        changed[f"proof-{position}-bit-77"] = {"proof": bad}
    for position in {0, len(proof) - 1} if proof else ():
        changed[f"proof-{position}-missing"] = {"proof": proof[:position] + proof[position + 1 :]}
        bad = [*proof[:position], proof[position][:-2], *proof[position + 1 :]]
        changed[f"proof-{position}-too-short"] = {"proof": bad}
    if len(proof) > 1:
        changed["proof-reversed"] = {"proof": proof[::-1]}
        changed["proof-joined"] = {"proof": [proof[0] + proof[1], *proof[2:]]}
    return changed


def build() -> list[dict[str, object]]:
    """Return every probe; fault is null in the good ones."""
    probes = []
    for begin, end, size in RUNS:
        good: dict[str, object] = {
            "begin": begin,
            "end": end,
            "size": size,
            "leaf_hashes": [leaf(index).hex() for index in range(begin, end)],
            "proof": [node.hex() for node in cover(0, begin) + cover(end, size)],
            "root": tree(0, size).hex(),
        }
        probes.append({"fault": None, **good})
        probes += [{"fault": fault, **good, **change} for fault, change in faults(good).items()]
    return probes


def main() -> None:
    """Write the file."""
    lines = ",\n".join(json.dumps(probe, separators=(",", ":")) for probe in build())
    (HERE / "range.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
