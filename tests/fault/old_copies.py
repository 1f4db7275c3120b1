"""Many random old copies of one ledger, each put back in some way and started: the drill that must never fork.

The ledger grows between two tries. A copy is a folder with the store as it was at some moment, taken in one of three
ways; it is put back in one of five. What starts writes one entry, and the journal judges.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from counterfoil.errors import StartupError
from counterfoil_server.backup.restore import restore
from counterfoil_server.backup.take import take_backup
from counterfoil_server.decide import renew_anchor
from counterfoil_server.directory import load

from .history import Journal
from .small_ledger import grow, look, make, put_back, quiet, running, size_of, write

_COPIES_KEPT = 30


@dataclass
class Copy:
    """One copy: a whole directory, a backup of it, and how many entries they have."""

    whole: Path
    backup: Path
    size: int


@dataclass
class Drill:
    """One ledger, its copies, and what became of each try.

    Attributes:
        refused, started: how often a way to put a copy back was refused, and how often the ledger then started.
        wrong: starts of a copy that was not the newest, and refusals of one that was; one line each.
    """

    folder: Path
    chance: random.Random
    ledger: Path = field(init=False)
    journal: Journal = field(init=False)
    copies: list[Copy] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    started: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    _number: int = 0

    def __post_init__(self) -> None:
        self.ledger = self.folder / "ledger"
        (self.folder / "elsewhere").mkdir()
        self.journal = make(self.ledger, self.folder / "elsewhere" / "anchor")

    def run(self, tries: int, ways: tuple[str, ...] = ()) -> None:
        """Put so many copies back, each in a way of its own."""
        chosen = ways or tuple(WAYS)
        for number in range(tries):
            self.copies.append(self._copy())
            if len(self.copies) > _COPIES_KEPT:
                shutil.rmtree(self.copies.pop(0).whole.parent)
            if commits := self.chance.choice((0, 0, 1, 2, 4)):
                grow(self.ledger, self.journal, commits, self.chance.randrange(1, 9))
            way = chosen[number % len(chosen)]
            # Often the copy that was just taken, which may be the newest.
            copy = (
                self.copies[-1] if self.chance.random() < 0.5 else self.chance.choice(self.copies)
            )
            self._try(way, copy)
        with running(self.ledger) as log:
            look(log, self.journal)

    def _copy(self) -> Copy:
        folder = self._fresh("copy")
        folder.mkdir()
        shutil.copytree(self.ledger, folder / "whole")
        # As from a file-level backup of the machine: the anchor comes along, whether it lies inside or not.
        shutil.copy2(self.folder / "elsewhere" / "anchor", folder / "anchor")
        manifest = take_backup(self.ledger, folder / "backup", with_key=self.chance.random() < 0.5)
        return Copy(folder / "whole", folder / "backup", manifest.checkpoint.size)

    def _try(self, way: str, copy: Copy) -> None:
        newest = copy.size == size_of(self.ledger)
        may_start, reason, put = WAYS[way]
        target = None
        try:
            target = put(self, copy)
            with running(target) as log:
                look(log, self.journal)
                write(log, self.journal)
        except StartupError as error:
            self.refused[way] += 1
            if target is not None:
                shutil.rmtree(target)
            if reason not in str(error):
                self.wrong.append(f"{way}: refused for another reason: {error}")
            if newest and may_start:
                self.wrong.append(f"{way}: the newest copy, of {copy.size} entries, was refused")
        else:
            self.started[way] += 1
            # Whatever started goes on as the ledger; what it left behind is an old copy from now on.
            self.ledger = target
            if not (newest and may_start):
                self.wrong.append(f"{way}: an old copy, of {copy.size} entries, was started")

    def _fresh(self, word: str) -> Path:
        self._number += 1
        return self.folder / f"{word}-{self._number}"

    def only_the_store(self, copy: Copy) -> Path:
        """The store of the copy in the place of the ledger's; the ledger's own is put back by who finds it refused."""
        target = self._fresh("mixed")
        shutil.copytree(self.ledger, target)
        put_back(target, copy.whole / "store")
        return target

    def everything(self, copy: Copy) -> Path:
        """The whole directory, with the copy of the anchor."""
        target = self._fresh("whole")
        shutil.copytree(copy.whole, target)
        shutil.copy2(copy.whole.parent / "anchor", target / "anchor")
        text = (target / "counterfoil.toml").read_text()
        settings = [line for line in text.splitlines() if not line.startswith("anchor =")]
        (target / "counterfoil.toml").write_text("\n".join(settings) + "\n")
        return target

    def restored(self, copy: Copy) -> Path:
        """By the command, which finds the anchor where it was."""
        target = self._fresh("restored")
        restore(copy.backup, target, quiet, key=load(self.ledger).path("key"))
        return target

    def for_reading(self, copy: Copy) -> Path:
        """By the command, as a copy for reading."""
        target = self._fresh("reading")
        restore(copy.backup, target, quiet, key=load(self.ledger).path("key"), for_reading=True)
        return target

    def decided_wrongly(self, copy: Copy) -> Path:
        """By the command, and then with a decision that does not name the copy's size."""
        target = self.for_reading(copy)
        renew_anchor(target, copy.size + self.chance.choice((-1, 1, 7)))
        return target


# By name: whether the newest copy may start so, what a refusal says, and what puts a copy back.
WAYS: dict[str, tuple[bool, str, Callable[[Drill, Copy], Path]]] = {
    "only the store": (True, "this is an old copy", Drill.only_the_store),
    "everything": (False, "is a copy", Drill.everything),
    "restored": (True, "are missing, from entry", Drill.restored),
    "for reading": (False, "cannot be opened", Drill.for_reading),
    "decided wrongly": (False, "name the size", Drill.decided_wrongly),
}
