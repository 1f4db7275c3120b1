"""Bit rot in a small store: ``python -m tests.fault.rot_small`` (``make bit-rot``).

One byte of the data file after the other is changed in one bit. Each time the log is started as it is, all questions are
asked, fsck looks at everything, and where it finds nothing the log goes on and is checked again. Of the bytes that nothing
refers to, which are most, the log goes on with one in eight only.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from contextlib import ExitStack
from copy import copy
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest

from counterfoil.errors import CounterfoilError
from counterfoil.log import SPACES, Anchor, read, runs
from counterfoil.log.fsck import Report
from counterfoil.log.layout import RUN
from counterfoil.record import USAGE
from counterfoil.store import open_store

from ..log.bench import Bench, check_all, usage_body
from ..log.questions import ask, fill, sent, wrong_answers
from .reporting import LongRun, memory_folder
from .resumed import Verdicts
from .rot_pages import PageMap, Place

SEED: Final = 20261104
REFUSED, FOUND, HARMLESS = "refused at the start", "found by fsck", "changes nothing"
CRASHED: Final = "crashed"
_DEAD: Final = ("gap", "free")
_DEAD_EVERY: Final = 8
RIGHT: Final = frozenset({REFUSED, FOUND, HARMLESS, CRASHED})


def reopened(bench: Bench) -> Bench:
    """The same log, started on what lies in its directory.

    Raises:
        CounterfoilError: it does not start.
    """
    subject = copy(bench)
    with ExitStack() as stack:
        subject.store = open_store(f"lmdb:{subject.store_path}", SPACES)
        stack.callback(subject.store.close)
        subject.anchor = Anchor(subject.anchor_path, subject.signer.verifier)
        stack.callback(subject.anchor.close)
        subject.start()
        stack.pop_all()
    return subject


class Small:
    """A small log with all kinds of values, closed; and what it answered when it was sound."""

    def __init__(self, directory: Path) -> None:
        self.bench = Bench("lmdb:", directory)
        fill(self.bench)
        self.records = sent(self.bench)
        self.good = ask(self.bench, self.records)
        assert self.bench.fsck().sound
        self.bench.close()
        self.path = self.bench.store_path / "data.mdb"
        self.data = self.path.read_bytes()
        self.pages = PageMap(self.data)
        self.anchor = self.bench.anchor_path.read_bytes()

    def judge(self, flip: tuple[int, int]) -> str:
        """What becomes of the log with one bit of one byte of its file changed; more words behind a colon."""
        offset, bit = flip
        changed = bytearray(self.data)
        changed[offset] ^= 1 << bit
        self.path.write_bytes(changed)
        self.bench.anchor_path.write_bytes(self.anchor)
        try:
            subject = reopened(self.bench)
        except CounterfoilError:
            return REFUSED
        try:
            wrong = set(wrong_answers(self.good, ask(subject, self.records)))
            report = subject.fsck()
            if wrong:
                return f"wrong answer: {sorted(wrong)}"
            if not report.sound:
                return FOUND
            dead = self.pages.place(offset).kind in _DEAD
            harm = self._go_on(subject) if not dead or offset % _DEAD_EVERY == 0 else ""
        finally:
            subject.close()
        return f"missed by fsck: {harm}" if harm else HARMLESS

    def _go_on(self, subject: Bench) -> str:
        """Send what is known and what is new; what goes wrong with it."""
        known = [usage_body(event_id) for event_id in "abcde"]
        try:
            outcome = subject.add(subject.batch(USAGE, [*known, usage_body("new")]))
            if [item.field for item in outcome.existing] != [None] * len(known):
                return "a duplicate was not found"
            subject.append(subject.training(9))
            check_all(subject)
            report = subject.fsck()
        except (CounterfoilError, AssertionError) as error:
            return f"{type(error).__name__}: {error}"
        return "" if report.sound else f"later {report.problems[0]}"


class _Same:
    """Equal to everything."""

    def __eq__(self, _: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


def reads_without_hashing(patch: pytest.MonkeyPatch) -> None:
    """Leave out what reads check an entry by."""
    patch.setattr(read, "leaf_hash", lambda _: _Same())
    patch.setattr(read, "commitment", lambda *_: _Same())


def chunks_without_checksums(patch: pytest.MonkeyPatch) -> None:
    """Leave out what tells a chunk of the catalog that is not what was written."""
    patch.setattr(runs, "check_chunk", lambda *_: None)


def _fsck_without_looking(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Bench, "fsck", lambda *_: Report())


# Products with a safety left out, in which the judge must find something; and the values that it is for.
BROKEN: Final[dict[str, tuple[Callable[[pytest.MonkeyPatch], None], Collection[str]]]] = {
    "reads do not hash": (reads_without_hashing, SPACES),
    "chunks are not looked at": (chunks_without_checksums, (RUN,)),
    "fsck does not look": (_fsck_without_looking, SPACES),
}


def check_broken(small: Small, flips: int, seed: int) -> dict[str, dict[str, int]]:
    """The negative controls: flips of stored values, judged with a safety left out."""
    places = [small.pages.place(at) for at in range(len(small.data))]
    found = {}
    for name, (leave_out, spaces) in BROKEN.items():
        values = [
            at for at, place in enumerate(places) if place.kind == "value" and place.space in spaces
        ]
        offsets = sorted(random.Random(seed).sample(values, min(flips, len(values))))
        with pytest.MonkeyPatch.context() as patch:
            leave_out(patch)
            result = check(small, offsets, seed)
        found[name] = {"flips": len(offsets), "caught": result["bad_count"]}
    return found


def check(
    small: Small, offsets: list[int], seed: int, journal: Path | None = None
) -> dict[str, Any]:
    """Judge a flip of each of these bytes, in a bit drawn for it; the result by kind of page."""
    chance = random.Random(seed)
    flips = [(offset, chance.randrange(8)) for offset in offsets]
    verdicts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    bad, crashes = [], Counter[str]()
    kept = Verdicts(
        journal, f"{len(flips)} flips, seed {seed}, of {sha256(small.data).hexdigest()}"
    )
    for flip, verdict in zip(flips, kept.of(small.judge, flips), strict=True):
        name, _, detail = verdict.partition(": ")
        place = small.pages.place(flip[0])
        verdicts[f"{place.kind} {place.space}".strip()][name] += 1
        if name == CRASHED:
            crashes[detail] += 1
        if name not in RIGHT:
            bad.append(f"byte {flip[0]} bit {flip[1]} ({place.kind} of {place.space}): {verdict}")
    total: Counter[str] = sum(verdicts.values(), Counter())
    return {
        "flips": len(flips),
        "judging_seconds": round(kept.seconds),
        "file_size_bytes": len(small.data),
        "wrong_answers_served": total["wrong answer"],
        "missed_by_fsck": total["missed by fsck"],
        "verdicts": dict(total),
        "crashes": dict(crashes),
        "bad": bad[:50],
        "bad_count": len(bad),
        "by_place": {place: dict(counts) for place, counts in sorted(verdicts.items())},
        "seed": seed,
    }


def _leads_to_values(place: Place) -> bool:
    return place.kind == "leaf" and place.space in {"checkpoint", "meta"}


def main() -> int:
    """Judge every byte, or as many drawn ones as are asked for; 0 when nothing is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--flips",
        type=int,
        default=0,
        help="how many bytes, and some that always are; 0 for every one",
    )
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--result", type=Path, help="a JSON file")
    parser.add_argument(
        "--journal", type=Path, help="keeps verdicts; a stopped run goes on from it"
    )
    options = parser.parse_args()
    run = LongRun()
    with tempfile.TemporaryDirectory(dir=memory_folder()) as name:
        small = Small(Path(name))
        offsets = list(range(len(small.data)))
        if options.flips:
            drawn = set(random.Random(options.seed).sample(offsets, options.flips))
            # Keys and page numbers are few, and no checksum covers them: all of those.
            offsets = [
                at for at in offsets if at in drawn or _leads_to_values(small.pages.place(at))
            ]
        result = check(small, offsets, options.seed, options.journal)
        result["negative_controls"] = check_broken(small, 100, options.seed)
    caught = all(each["caught"] for each in result["negative_controls"].values())
    result["not_covered"] = (
        "one bit of each byte; rot of two places at once; rot that comes while a call is under way; with bytes that "
        "nothing refers to the log was asked and checked, and went on with one in eight"
    )
    run.report(result, options.result)
    return 0 if caught and not result["bad_count"] else 1


if __name__ == "__main__":
    sys.exit(main())
