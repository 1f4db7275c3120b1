"""Bit rot in a large store: ``python -m tests.fault.rot_large`` (``make bit-rot``).

Random bits of the data file are changed, one at a time. A whole fsck for each would take days; so that what a bit belongs
to is looked up in a map of the pages, and then

- the log is started, and everything that can be asked about the entries next to the damage is asked, before the flip and
  with it: the answer must be the same, or a refusal;
- of a stored value the scrub checks the batches that need it. Where it finds nothing, or the bit belongs to a page
  header, a key, the free list or a meta page, all of fsck runs; but for a line of the catalog, which fsck compares with
  what one walk over the entries gave;
- a bit of a page, or of a part of one, that nothing refers to cannot change anything; a share of these gets the whole
  treatment all the same, as a check of the map.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import partial
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from counterfoil.errors import CounterfoilError, IntegrityError, NotFound
from counterfoil.log.fsck import Report, Scrub
from counterfoil.log.fsck.check import _Check
from counterfoil.log.layout import RUN, index_key, parse_index_key
from counterfoil.log.nodes import find_part
from counterfoil.log.read import (
    find_identity,
    list_entries,
    read_batch_receipts,
    read_consistency_proof,
    read_entries,
    read_entry,
    read_inclusion_proof,
    read_receipt,
)
from counterfoil.record import TRAINING
from counterfoil.store import Snapshot

from ..log.bench import Bench
from .reporting import LongRun, memory_folder
from .resumed import Verdicts
from .rot_pages import PageMap, Place
from .rot_small import (
    CRASHED,
    FOUND,
    HARMLESS,
    REFUSED,
    RIGHT,
    chunks_without_checksums,
    reads_without_hashing,
    reopened,
)

SEED: Final = 20261106
DEAD: Final = "nothing refers to it"
SCRUBBED: Final = "found by the scrub's check"
# How often a flip that nothing refers to, and one that the scrub found, is given a whole fsck as well.
_DEAD_EVERY: Final = 200
_FOUND_EVERY: Final = 400
_BATCH: Final = 250
_TILE_BITS, _HASH = 8, 32


def make(directory: Path, records: int) -> Bench:
    """A closed log of about so many records: batches of 250 events, a stream among them, and single records."""
    made = Bench("lmdb:", directory)
    for number in range(records // _BATCH):
        ids = [f"e{number}-{n}" for n in range(_BATCH)]
        stream = {"stream_id": "s", "sequence": number // 2 + 1} if number % 2 else {}
        made.append(made.usage(*ids, **stream))
        made.append(made.training(number), made.payout(number))
    made.close()
    return made


@dataclass(frozen=True)
class Task:
    """One flip: byte and bit, what it belongs to, an entry that needs it, and whether all of fsck shall run."""

    offset: int
    bit: int
    place: Place
    index: int
    whole: bool


class Large:
    """A large log, closed, and the map of its pages."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.path = bench.store_path / "data.mdb"
        self.pages = PageMap(np.memmap(self.path, dtype=np.uint8, mode="c").data)
        subject = reopened(bench)
        self.size = subject.state().size
        assert subject.fsck().sound
        self._walked = _Check(subject.store, Report(), subject.log.keys, subject.log.secret)
        self._walked.check_batches(self.size, lambda _done, _all: None)
        # Each comparison reads the file; only now is all of it there.
        self._walked.catalog._write_stretch()
        subject.close()

    def tasks(self, flips: int, chance: random.Random, space: str = "") -> list[Task]:
        """Random bytes of the file, or of the values of one space, each with what is to be asked about it."""
        subject = reopened(self.bench)
        with subject.store.snapshot() as snapshot:
            drawn = [self._task(snapshot, chance, space) for _ in range(flips)]
        subject.close()
        return drawn

    def _task(self, snapshot: Snapshot, chance: random.Random, space: str) -> Task:
        place, offset = None, 0
        while place is None or (space and (place.kind, place.space) != ("value", space)):
            offset = chance.randrange(self.pages.size)
            place = self.pages.place(offset)
        if place.kind in ("gap", "free"):
            every = _DEAD_EVERY
        else:
            # What the scrub does not look at is for fsck.
            every = _FOUND_EVERY if place.space in ("batch", "tile", "checkpoint", RUN) else 1
        whole = chance.randrange(every) == 0 or place.kind in ("leaf", "branch", "meta")
        index = self._needing(snapshot, place, chance)
        return Task(offset, chance.randrange(8), place, min(index, self.size - 1), whole)

    def _needing(self, snapshot: Snapshot, place: Place, chance: random.Random) -> int:
        """An entry whose check needs the stored value at a place; any entry when that is not known."""
        if place.kind != "value" or place.space not in ("batch", "tile", "checkpoint", RUN):
            return chance.randrange(self.size)
        numbers = parse_index_key(place.key)
        if place.space == "tile":
            level, number = numbers
            return ((number << _TILE_BITS) + place.at // _HASH + 1 << _TILE_BITS * level) - 1
        if place.space == "checkpoint":
            return numbers[0] - 1
        if place.space == RUN:
            value = snapshot.get(RUN, index_key(*numbers))
            assert value is not None
            lines = np.frombuffer(value, dtype="<u8")
            count = len(lines) // 2
            return int(lines[count + place.at // 8 % count])
        return numbers[0]

    def flip(self, task: Task) -> None:
        """Change the bit of a task, or change it back."""
        with self.path.open("r+b") as file:
            file.seek(task.offset)
            byte = file.read(1)[0]
            file.seek(task.offset)
            file.write(bytes([byte ^ 1 << task.bit]))

    def judge(self, task: Task) -> str:
        """What becomes of the log with the flip of a task."""
        if task.place.kind in ("gap", "free") and not task.whole:
            return DEAD
        subject = reopened(self.bench)
        good = self._answers(subject, task.index)
        subject.close()
        self.flip(task)
        try:
            subject = reopened(self.bench)
        except CounterfoilError:
            self.flip(task)
            return REFUSED
        try:
            given = self._answers(subject, task.index)
            wrong = {name for name in good if given[name] not in (good[name], IntegrityError)}
            refused = [name for name in good if given[name] is IntegrityError]
            found = bool(self._scrub(subject, task.index))
            by_fsck = task.whole or not found
            if by_fsck:
                sound = self._fsck(subject, task)
                if sound and (found or refused):
                    return f"missed by fsck: {sorted(refused)}"
                found = not sound
        finally:
            subject.close()
            self.flip(task)
        if wrong:
            return f"wrong answer: {sorted(wrong)}"
        if found:
            return FOUND if by_fsck else SCRUBBED
        return HARMLESS

    def _fsck(self, subject: Bench, task: Task) -> bool:
        """Whether fsck finds nothing wrong.

        For a line of the catalog it compares with the entries as they were walked once: the flip is in none of them.
        """
        if task.place.kind != "value" or task.place.space != RUN:
            return subject.fsck().sound
        check = copy(self._walked)
        check.store, check.report = subject.store, Report()
        check.catalog = copy(check.catalog)
        check.catalog._report = check.report
        try:
            check.finish(self.size)
            sound = check.report.sound
        except IntegrityError:
            sound = False
        assert not task.whole or sound == subject.fsck().sound
        return sound

    def _scrub(self, subject: Bench, index: int) -> list[object]:
        """The scrub of the batch that holds an entry: a period of as many microseconds as there are entries."""
        scrub = Scrub(subject.store, subject.signer.verifier, subject.log.secret, self.size)
        return [*scrub.look(index), *scrub.look(min(index + 1, self.size - 1))]

    def _answers(self, subject: Bench, index: int) -> dict[str, object]:
        """What can be asked about an entry and its batch, each answer or IntegrityError in its place."""
        given: dict[str, object] = {}
        with subject.store.snapshot() as snapshot:
            for name, question in self._questions(subject, snapshot, index):
                try:
                    given[name] = question()
                except IntegrityError:
                    given[name] = IntegrityError
                except NotFound:
                    given[name] = NotFound
        return given

    def _questions(
        self, subject: Bench, snapshot: Snapshot, index: int
    ) -> Iterator[tuple[str, Callable[[], object]]]:
        secret = subject.log.secret

        def batch() -> object:
            part = find_part(snapshot, index)
            run = range(part.first, part.first + part.count)
            return list(read_entries(snapshot, run.start, run.stop)), list(
                read_batch_receipts(snapshot, run)
            )

        def identity() -> object:
            entry = read_entry(snapshot, index)
            parsed = entry.kind.message.FromString(entry.body)
            name = entry.kind.identity("", parsed) or f"r{index}"
            return find_identity(snapshot, secret, entry.kind, "host", name)

        yield "entry", partial(read_entry, snapshot, index)
        yield "batch", batch
        yield "receipt", lambda: read_receipt(snapshot, read_entry(snapshot, index))
        yield "inclusion", partial(read_inclusion_proof, snapshot, index, self.size)
        yield "consistency", partial(read_consistency_proof, snapshot, index, self.size)
        yield "identity", identity
        yield "list", partial(list_entries, snapshot, secret, TRAINING, {}, max(0, index - 500), 3)


def _nobody_looks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Large, "_scrub", lambda *_: [])
    patch.setattr(Large, "_fsck", lambda *_: True)


# Products with a safety left out, in which the judge must find something; and the space that it is for, if it is for one.
BROKEN: Final[dict[str, tuple[Callable[[pytest.MonkeyPatch], None], str]]] = {
    "reads do not hash": (reads_without_hashing, ""),
    "chunks are not looked at": (chunks_without_checksums, RUN),
    "neither scrub nor fsck looks": (_nobody_looks, ""),
}


def check_broken(large: Large, flips: int, seed: int) -> dict[str, dict[str, int]]:
    """The negative controls: the same flips, judged with a safety left out."""
    found = {}
    for name, (leave_out, space) in BROKEN.items():
        with pytest.MonkeyPatch.context() as patch:
            leave_out(patch)
            caught = check(large, flips, seed, space=space)["bad_count"]
            found[name] = {"flips": flips, "caught": caught}
    return found


def check(
    large: Large, flips: int, seed: int, journal: Path | None = None, space: str = ""
) -> dict[str, Any]:
    """Judge so many random flips, of the values of one space if it is named; the result by kind of page."""
    tasks = large.tasks(flips, random.Random(seed), space)
    verdicts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    crashes, bad = Counter[str](), []
    with large.path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    kept = Verdicts(journal, f"{flips} flips, seed {seed}, of {digest}")
    for task, verdict in zip(tasks, kept.of(large.judge, tasks), strict=True):
        name, _, detail = verdict.partition(": ")
        verdicts[f"{task.place.kind} {task.place.space}".strip()][name] += 1
        if name == CRASHED:
            crashes[detail] += 1
            large.flip(task)
        elif name not in RIGHT | {DEAD, SCRUBBED}:
            bad.append(f"byte {task.offset} bit {task.bit}, {task.place}: {verdict}")
    total: Counter[str] = sum(verdicts.values(), Counter())
    return {
        "flips": len(tasks),
        "judging_seconds": round(kept.seconds),
        "entries": large.size,
        "file_size_bytes": large.pages.size,
        "wrong_answers_served": total["wrong answer"],
        "missed_by_fsck": total["missed by fsck"],
        "verdicts": dict(total),
        "crashes": dict(crashes),
        "whole_fsck_planned": sum(task.whole for task in tasks),
        "bad": bad[:50],
        "bad_count": len(bad),
        "by_place": {place: dict(counts) for place, counts in sorted(verdicts.items())},
        "seed": seed,
    }


def main() -> int:
    """Make the log, judge the flips; 0 when nothing is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--flips", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--result", type=Path, help="a JSON file")
    parser.add_argument(
        "--journal", type=Path, help="keeps verdicts; a stopped run goes on from it"
    )
    options = parser.parse_args()
    run = LongRun()
    with tempfile.TemporaryDirectory(dir=memory_folder()) as name:
        large = Large(make(Path(name), options.records))
        result = check(large, options.flips, options.seed, options.journal)
        result["negative_controls"] = check_broken(large, 100, options.seed)
    caught = all(each["caught"] for each in result["negative_controls"].values())
    result["not_covered"] = (
        "fsck as a whole ran for planned flips and for those that the scrub did not find, but for lines of the catalog, "
        "which it compared with entries that were walked once; the others were found by the scrub's check of the batches "
        "that need the byte. Flips that nothing refers to were not tried one by one"
    )
    run.report(result, options.result)
    return 0 if caught and not result["bad_count"] else 1


if __name__ == "__main__":
    sys.exit(main())
