"""The programs of docs/VERIFYING.md, and what they are shown: damaged, forged and re-signed receipts."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
import subprocess
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from counterfoil.keys import Signer
from counterfoil.note import sign_checkpoint
from counterfoil.receipt import Receipt
from counterfoil.tlog import node_hash

from .example import ORIGIN, example_log
from .pages import marked_blocks, read_page

PAGE = "docs/VERIFYING.md"
FLIPS = 100

Files = Mapping[str, bytes]


class Programs:
    """The programs of the page, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in marked_blocks(read_page(PAGE)).items():
            (folder / name).write_text(text, encoding="utf-8")

    def run(self, program: str, vkey: str, files: Files) -> dict[str, str]:
        """What a program says of each file: ``good`` or ``bad``. It must say something of every one."""
        runner = [sys.executable, "-I"] if program.endswith(".py") else [node()]
        # -I keeps this project and its paths out; the folder of the program is what it may import from.
        code = f"import sys; sys.path.insert(0, '.'); import {program.removesuffix('.py')} as p; "
        start = ["-c", code + "sys.exit(p.main(*sys.argv[1:]))"]
        for name, data in files.items():
            (self.folder / name).write_bytes(data)
        done = subprocess.run(
            [*runner, *(start if program.endswith(".py") else [program]), vkey, *files],
            cwd=self.folder,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        said = dict(line.split(": ")[:2] for line in done.stdout.splitlines())
        assert said.keys() == files.keys(), f"{done.stdout[-500:]}\n{done.stderr[-2000:]}"
        assert done.returncode == (1 if "bad" in said.values() else 0)
        return said


def node() -> str:
    """Where Node is, or a visible skip."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("no node on this machine: the JavaScript of docs/VERIFYING.md was not run")
    return found


def damaged(good: bytes, chance: random.Random) -> Iterable[bytes]:
    """Copies of a receipt with one fault each."""
    for at in chance.sample(range(len(good)), FLIPS):
        yield good[:at] + bytes([good[at] ^ 1 << chance.randrange(8)]) + good[at + 1 :]
    for at in chance.sample(range(len(good)), 20):
        yield good[:at]
        yield good[:at] + good[at + 1 :]
    yield good + b"\n"
    yield good + good


def forged(good: Receipt) -> Iterable[tuple[str, Receipt]]:
    """Receipts with one part that is another's."""
    example, change = example_log(), dataclasses.replace
    other = example.entries[4]
    stranger = Signer.from_seed(ORIGIN, bytes(32))
    yield "index", change(good, index=2)
    yield "index-high", change(good, index=5)
    yield "index-huge", change(good, index=1 << 62)
    yield "leaf", change(good, leaf=good.leaf[:1] + b"\x02" + good.leaf[2:])
    yield "leaf-version", change(good, leaf=b"\x02" + good.leaf[1:])
    yield "leaf-short", change(good, leaf=good.leaf[:-1])
    yield "record", change(good, record=other.record)
    yield "record-and-salt", change(good, record=other.record, salt=other.salt)
    yield "no-salt", change(good, salt=b"")
    yield "no-record", change(good, record=b"")
    yield "proof-short", change(good, proof=good.proof[:-1])
    yield "proof-long", change(good, proof=(*good.proof, bytes(32)))
    yield "proof-order", change(good, proof=good.proof[::-1])
    yield "proof-none", change(good, proof=())
    yield "proof-thin", change(good, proof=(*good.proof[:-1], good.proof[-1][:-1]))
    yield (
        "stranger",
        change(good, checkpoint=sign_checkpoint(ORIGIN, 5, example.root_hash, stranger)),
    )
    yield "size", change(good, checkpoint=good.checkpoint.replace(b"\n5\n", b"\n4\n"))
    yield "zeros", change(good, checkpoint=good.checkpoint.replace(b"\n5\n", b"\n05\n"))
    yield "unsigned", change(good, checkpoint=good.checkpoint.partition(b"\n\n")[0] + b"\n\n")


def urlsafe_decode(part: bytes) -> bytes:
    """The bytes of base64url without padding."""
    return urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def sign_jwt(signer: Signer, header: Mapping[str, Any], claims: Mapping[str, Any]) -> bytes:
    """A JWT of these parts, signed."""
    parts = (json.dumps(part, separators=(",", ":")).encode() for part in (header, claims))
    signed = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    return signed + b"." + urlsafe_b64encode(signer.sign(signed)).rstrip(b"=")


def reader(leaf_hashes: Sequence[bytes]) -> Callable[[int, int], bytes]:
    """Nodes of a small tree."""

    def read(level: int, index: int) -> bytes:
        if level == 0:
            return leaf_hashes[index]
        return node_hash(read(level - 1, 2 * index), read(level - 1, 2 * index + 1))

    return read


def same_but_for_white_space(name: str, data: bytes, good: bytes) -> bool:
    """Whether white space is all that differs, where it is free: between the parts of JSON, and around a JWT."""
    free = name.endswith((".json", ".jwt"))
    return free and b"".join(data.split()) == b"".join(good.split())
