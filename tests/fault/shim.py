"""Plans for shim.c: which system call of a program is to fail, to fall short, or to be its last."""

from __future__ import annotations

import errno
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")


class Calls(IntFlag):
    """Which calls a rule is about. META: LMDB's write of its meta page, which makes a commit visible."""

    WRITE = 1
    META = 2
    SYNC = 4
    RENAME = 8
    TRUNCATE = 16
    SEND = 32


class Action(IntEnum):
    """What happens to the call. PASS does nothing; it is there for other rules to come after."""

    ERROR = 1
    SHORT = 2
    KILL_BEFORE = 3
    KILL_AFTER = 4
    PASS = 5


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; see shim.c.

    Attributes:
        when: on which of the calls it acts, counted from 1.
        file: how the path ends; "-" is any.
        error: the errno of ERROR.
        after: the number of the rule that must have acted before; -1 for none.
        always: on all later calls as well.
        while_there: a file that must exist for the rule to count calls.
    """

    calls: Calls
    when: int
    action: Action
    file: str = "-"
    error: int = errno.EIO
    after: int = -1
    always: bool = False
    while_there: Path | None = None

    def format(self) -> str:
        """The line of a plan."""
        words = (self.calls, self.file, self.when, self.action, self.error, self.after, self.always)
        told = " ".join(str(int(word)) if not isinstance(word, str) else word for word in words)
        return f"rule {told} {self.while_there or '-'}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to happen to a process whose files are below a folder; with ``trace``, what it did is written there."""

    under: Path
    rules: tuple[Rule, ...] = ()
    trace: Path | None = None

    def format(self) -> str:
        """The text of the plan."""
        head = [f"under {self.under}"] + ([f"trace {self.trace}"] if self.trace else [])
        return "\n".join([*head, *(rule.format() for rule in self.rules)])


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the shim saw on a file, named by its path below the plan's folder.

    META writes are named ``pwrite/meta``. ``action`` is 0 when the call was left alone.
    """

    number: int
    name: str
    file: str
    result: int
    action: int


def read_trace(path: Path) -> Iterator[Call]:
    """The calls in the order in which they ended."""
    for line in path.read_text().splitlines() if path.exists() else ():
        number, name, file, result, action = line.split(" ")
        yield Call(int(number), name, file, int(result), int(action))


def build_shim(folder: Path) -> Path | None:
    """Compile the shim; None where there is no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    library = folder / "shim.so"
    flags = ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(
        [compiler, *flags, "-o", str(library), str(SOURCE), "-ldl", "-lpthread"], check=True
    )
    return library
