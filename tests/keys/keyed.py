"""A log that changes its keys, in memory, and what goes on with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from counterfoil.keys import Signer
from counterfoil.log import Anchor, Appended, Log
from counterfoil.log.fsck import Report, check_log
from counterfoil.log.read import read_checkpoint, read_entry, read_receipt
from counterfoil.log.rotate import change_key, plan_change
from counterfoil.note import Policy, sign_checkpoint
from counterfoil.receipt import format_receipt

from ..log.bench import ORIGIN, SANDBOX, SIGNER, Bench, seed

FIRST = SIGNER
SECOND = Signer.from_seed(ORIGIN, b"2" * 32)
THIRD = Signer.from_seed(ORIGIN, b"3" * 32)
STRANGER = Signer.from_seed(ORIGIN, b"x" * 32)
K1, K2, K3 = (signer.verifier.vkey for signer in (FIRST, SECOND, THIRD))


@dataclass
class KeyedBench(Bench):
    """A log with several private keys at hand."""

    others: list[Signer] = field(default_factory=list)

    def start(self) -> None:
        """Open the log with all keys at hand."""
        self.log = Log(
            self.store, self.signer, self.anchor, lambda: self.now_us, SANDBOX, self.others
        )

    def restart(self) -> None:
        """Do what a new process would."""
        self.close()
        self.store = self.store.reopen(self._strike)  # type: ignore[attr-defined]
        known = tuple(signer.verifier for signer in (self.signer, *self.others))
        self.anchor = Anchor(self.anchor_path, Policy(known))
        self.start()

    def rotate(self, new: Signer, overlap: int = 0, reason: str = "test") -> Appended:
        """Change the key, and keep the old one at hand."""
        self.now_us += 500_000
        self.seeds += 1
        body = plan_change(self.log, new, overlap, reason)
        self.others.append(new)
        return change_key(self.log, body, seed(self.seeds), new)

    def note(self, size: int | None = None) -> bytes:
        """The checkpoint of a size."""
        with self.store.snapshot() as snapshot:
            return read_checkpoint(snapshot, size)[1]

    def receipt(self, index: int) -> bytes:
        """The binary receipt of an entry."""
        with self.store.snapshot() as snapshot:
            return format_receipt(read_receipt(snapshot, read_entry(snapshot, index)))

    def fsck(self, *, anchor: bool = True) -> Report:
        """Check everything, with the public halves of all keys."""
        others = [signer.verifier for signer in self.others]
        with_anchor = self.anchor if anchor else None
        return check_log(
            self.store, self.signer.verifier, b"", with_anchor, lambda _done, _all: None, others
        )


@contextmanager
def keyed(directory: Path) -> Iterator[KeyedBench]:
    """A new log in memory."""
    made = KeyedBench("memory:", directory)
    try:
        yield made
    finally:
        made.close()


def signed_by(note: bytes) -> list[Signer]:
    """Which of the keys here have a line in a note, in its order."""
    lines = note.partition(b"\n\n")[2].decode().splitlines()
    made = {Policy((signer.verifier,)): signer for signer in (FIRST, SECOND, THIRD, STRANGER)}
    found = []
    for line in lines:
        alone = note.partition(b"\n\n")[0] + b"\n\n" + line.encode() + b"\n"
        for policy, signer in made.items():
            try:
                policy.check(alone)
            except Exception:  # noqa: BLE001 - whichever key it is not
                continue
            found.append(signer)
    return found


def forge(log: KeyedBench, signer: Signer, size: int) -> bytes:
    """A checkpoint of a tree that this log never had."""
    return sign_checkpoint(ORIGIN, size, b"f" * 32, signer)
