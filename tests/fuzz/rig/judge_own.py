"""A judge: this project's own verifier, with or without the compiled twin, as a process on standard input and output."""

from __future__ import annotations

from counterfoil import twin
from counterfoil.errors import VerificationError
from counterfoil.note import parse_checkpoint
from counterfoil.receipt import verify_receipt
from counterfoil.tlog import verify_consistency, verify_inclusion, verify_range

from . import case as kinds
from .serving import decode, decode_all, serve


def judge(kind: str, fields: list[str]) -> bool:
    """Whether the evidence is good."""
    try:
        _judge(kind, fields)
    except VerificationError:
        return False
    return True


def _judge(kind: str, fields: list[str]) -> None:
    match kind, fields:
        case kinds.INCLUSION, [index, size, leaf, root, proof]:
            verify_inclusion(int(index), int(size), decode(leaf), decode_all(proof), decode(root))
        case kinds.CONSISTENCY, [old, new, old_root, new_root, proof]:
            roots = decode(old_root), decode(new_root)
            verify_consistency(int(old), int(new), *roots, decode_all(proof))
        case kinds.RANGE, [begin, end, size, root, leaves, proof]:
            numbers = int(begin), int(end), int(size)
            verify_range(*numbers, decode_all(leaves), decode_all(proof), decode(root))
        case kinds.NOTE, [vkey, note]:
            parse_checkpoint(decode(note), [decode(vkey).decode()])
        case ((kinds.RECEIPT | kinds.BATCH), [vkey, data]):
            verify_receipt(decode(data), decode(vkey).decode())
        case _:
            raise AssertionError(f"{kind} with {len(fields)} fields")


if __name__ == "__main__":
    serve("counterfoil, compiled twin" if twin.native else "counterfoil, Python", judge)
