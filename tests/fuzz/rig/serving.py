"""The judges' side of the protocol: blocks of cases in, a line of verdicts out.

A block is lines, a case each, and ends with an empty line. The answer has one character for each case: ``1`` good,
``0`` not, ``-`` for what this verifier cannot read. The first line that a judge writes is its name.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable

Judge = Callable[[str, list[str]], bool | None]
_CHARACTERS = {True: "1", False: "0", None: "-"}


def serve(name: str, judge: Judge) -> None:
    """Judge until standard input ends."""
    print(name, flush=True)
    verdicts: list[str] = []
    for line in sys.stdin:
        if line == "\n":
            print("".join(verdicts), flush=True)
            verdicts.clear()
        else:
            kind, *fields = line[:-1].split("\t")
            verdicts.append(_CHARACTERS[judge(kind, fields)])


def decode(text: str) -> bytes:
    """Bytes of a field."""
    return base64.b64decode(text)


def decode_all(text: str) -> list[bytes]:
    """A list of a field."""
    return [base64.b64decode(item) for item in text.split(".")[1:]]
