"""A seeded bug: a patch, what it breaks, and the tests that must notice.

A patch file begins with what is wrong, in one line or more, and with a line of the tests that are expected to fail::

    The leaf hash lacks its first byte.
    Caught by: tests/core/test_hashing.py

    --- a/ledger/counterfoil/tlog/hashing.py
    +++ b/ledger/counterfoil/tlog/hashing.py
    @@ ...

The bug is called as the file is. Where a function has a compiled twin, which runs in its place, the patch breaks the twin,
or both.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]

_TESTS = re.compile(r"^Caught by: (.+)$", re.MULTILINE)
_CHANGED = re.compile(r"^\+\+\+ b/(\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One patch, read.

    Attributes:
        name: what the bug is called.
        path: the patch.
        told: what is wrong, as a sentence.
        tests: what pytest is asked to run.
        files: what the patch changes, from the top of the checkout.
    """

    name: str
    path: Path
    told: str
    tests: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def is_native(self) -> bool:
        """Whether the compiled twin has to be built anew."""
        return any(file.startswith("ledger/native/") for file in self.files)


def read_mutant(path: Path) -> Mutant:
    """Read a patch file.

    Raises:
        ValueError: it does not say what is wrong, names no tests, or changes nothing.
    """
    text = path.read_text("utf-8")
    named = _TESTS.search(text)
    files = tuple(_CHANGED.findall(text))
    if named is None or not text[: named.start()].strip() or not files:
        raise ValueError(f"{path.name} must say what is wrong, name tests, and change a file")
    told = " ".join(text[: named.start()].split())
    return Mutant(path.stem, path, told, tuple(named[1].split()), files)


def read_mutants(folder: Path = FOLDER) -> list[Mutant]:
    """All of them, by name."""
    return [read_mutant(path) for path in sorted(folder.glob("*.patch"))]


def apply(mutant: Mutant, tree: Path, *options: str) -> str:
    """Apply a patch to a tree, where it must fit to the letter; why it could not be, or the empty string.

    With ``--check`` nothing is changed.
    """
    command = ["git", "apply", "--whitespace=nowarn", *options, str(mutant.path)]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    return done.stderr.strip() or ("" if done.returncode == 0 else "git apply failed")
