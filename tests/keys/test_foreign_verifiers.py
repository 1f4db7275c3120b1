"""The verifiers of docs/VERIFYING.md, which share no code with ours, on a log that changed its key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from counterfoil.note import sign_checkpoint
from counterfoil.receipt import format_jwt, format_receipt, parse_receipt, verify_receipt

from ..docs.programs import Programs
from ..log.bench import ORIGIN
from .keyed import FIRST, SECOND, KeyedBench, keyed

OLD, NEW = FIRST.verifier.vkey, SECOND.verifier.vkey


def forged(log: KeyedBench, index: int) -> bytes:
    """The receipt of an entry, with its tree signed by the retired key alone."""
    receipt = parse_receipt(log.receipt(index))
    tree = log.log.keys.policy.check(receipt.checkpoint)
    note = sign_checkpoint(ORIGIN, tree.size, tree.root_hash, FIRST)
    return format_receipt(replace(receipt, checkpoint=note))


def jwt(log: KeyedBench, index: int) -> bytes:
    """The receipt of an entry as a JWT of the key that signed its tree."""
    data = log.receipt(index)
    verified = verify_receipt(data, log.log.keys.policy)
    signer = FIRST if verified.checkpoint.keys[0] == FIRST.verifier else SECOND
    subject = f"ev_{index}_{verified.leaf_hashes[0][:4].hex()}"
    return format_jwt(parse_receipt(data), signer, subject, verified.time_us, {})


@pytest.mark.parametrize("program", ["verify_receipt.py", "verify_receipt.mjs"])
def test_strangers_take_several_lines_and_hold_to_cut_offs(tmp_path: Path, program: str) -> None:
    """Each key is good for its own trees, both for those of the overlap, and none beyond its sizes."""
    programs = Programs(tmp_path)
    with keyed(tmp_path) as log:
        log.add(log.usage("a"))
        log.rotate(SECOND, overlap=1)
        log.add(log.usage("b"))
        log.add(log.usage("c"))
        files = {f"{index}.receipt": log.receipt(index) for index in range(5)}
        files |= {"1.jwt": jwt(log, 1), "4.jwt": jwt(log, 4), "forged": forged(log, 4)}

    def good(key: str) -> set[str]:
        return {name for name, said in programs.run(program, key, files).items() if said == "good"}

    old = {"0.receipt", "1.receipt", "2.receipt", "3.receipt", "1.jwt"}
    new = {"2.receipt", "3.receipt", "4.receipt", "4.jwt"}
    assert good(f"{OLD} sizes 0-4") == old
    assert good(f"{NEW} sizes 3-") == good(NEW) == new
    assert good(OLD) == old | {
        "forged"
    }  # the negative control: without its cut-off the key is believed
    assert good(f"{NEW} sizes 5-") == {"4.receipt", "4.jwt"}
    assert good(f"{OLD} sizes 4-4") == {"3.receipt"}
    for nonsense in ("4", "-4", "0-4-", "04-5", "a-b"):
        assert good(f"{OLD} sizes {nonsense}") == set()
