"""How everything behaves as one ledger grows: filled in steps, and at each size all that can be asked of it measured.

At a size everything that only reads comes first. Ingest adds to the log: where that would change its size by more than a
tenth, it is measured on a copy.
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from harness import ingest, ledger, machine, storage
from harness.child import Failed, run_json
from harness.clock import now_us
from harness.ledger import Directory, Server
from harness.rows import BATCH_ROWS
from harness.step import Sample, Step

from counterfoil.keys import Verifier
from counterfoil.log import Anchor

Say = Callable[[str], None]

# Single records among the events: one in two hundred, so that lists have something at each size.
TRAININGS_PER_BATCH: Final = 5
_PER_BATCH: Final = BATCH_ROWS + TRAININGS_PER_BATCH
_FILL_SEED: Final = 1
_INGEST_WORKERS: Final = 2
_LEAST_S: Final = 300.0
# Generous: a busy machine fills and checks at a tenth of the usual rate.
_SLOWEST_PER_S: Final = 10_000


@dataclass(frozen=True)
class GrowthPlan:
    """Settings of a run.

    Attributes:
        sizes: records in the log, ascending. repeats: how often reads and ingest are measured at each size.
        batches: batches of 1,000 for each ingest measurement.
        calls, pages: of each kind of point read, and of each kind of list, in one repeat.
        judged: the numbers are held against the targets.
    """

    sizes: tuple[int, ...] = (100_000, 1_000_000, 10_000_000)
    repeats: int = 3
    batches: int = 300
    calls: int = 1_000
    pages: int = 300
    judged: bool = True


GROWTH: Final = GrowthPlan()
GROWTH_LONG: Final = GrowthPlan(sizes=(*GROWTH.sizes, 50_000_000))
# Shows that the harness works; its numbers mean nothing.
GROWTH_TINY: Final = GrowthPlan(
    sizes=(2_010, 4_020), repeats=1, batches=2, calls=5, pages=3, judged=False
)


@dataclass
class Grown:
    """What a run measured: samples and failures by key, which is a metric's name and the size (``fsck/100000``)."""

    samples: dict[str, list[Sample]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


class Growth:
    """One ledger that grows, and the steps that measure it."""

    def __init__(self, plan: GrowthPlan, folder: Path) -> None:
        """Make the ledger in an empty folder; the caller removes it."""
        self._plan = plan
        self._folder = folder
        self._logs = folder / "logs"
        self._logs.mkdir()
        self._directory = ledger.init(folder / "ledger")
        self._made_us = now_us()
        # What was written so far: batches of the fill, and records and bytes with those that ingest added.
        self._filled = 0
        self._records = 1
        self._raw_bytes = 0

    def steps(self, size: int) -> Iterator[Step]:
        """All of one size, which is larger than those before."""
        yield Step(f"fill/{size}", partial(self._fill, size))
        yield Step(f"stored/{size}", self._look)
        yield Step(f"fsck/{size}", self._check)
        for _ in range(self._plan.repeats):
            yield Step(f"reads/{size}", self._read)
        for _ in range(self._plan.repeats):
            yield Step(f"ingest/{size}", self._ingest)

    def _fill(self, size: int, _number: int) -> Sample:
        batches = (size - self._records) // _PER_BATCH
        task = {
            "directory": str(self._directory.path),
            "seed": _FILL_SEED,
            "first": self._filled,
            "batches": batches,
            "trainings": TRAININGS_PER_BATCH,
            "made_us": self._made_us,
        }
        command = [sys.executable, "-m", "harness.prefill", json.dumps(task)]
        answer = run_json(command, _timeout_s(size))
        self._filled += batches
        self._count(answer)
        rate = answer["records"] / answer["seconds"]
        return {"records_per_s": rate, "records": self._records, "seconds": answer["seconds"]}

    def _look(self, _number: int) -> Sample:
        used = storage.used(self._directory.data_file)
        return {
            "raw_bytes_per_record": self._raw_bytes / self._records,
            "stored_bytes_per_record": used.pages_bytes / self._records,
            "file_bytes_per_record": used.file_bytes / self._records,
            "file_bytes": used.file_bytes,
        }

    def _check(self, _number: int) -> Sample:
        limit_s = _timeout_s(self._records)
        rate, memory = ledger.fsck_watched(self._directory, self._logs, limit_s)
        return {"records_per_s": rate, "rss_anon_bytes": memory}

    def _read(self, number: int) -> Sample:
        """All kinds of reads from a server that was just started, and how long its start took."""
        with Server(self._directory, 1, self._logs) as server:
            fill = {"seed": _FILL_SEED, "batches": self._filled, "made_us": self._made_us}
            task = {
                "address": server.address,
                "vkey": self._directory.vkey,
                "seed": self._records + number,
                "calls": self._plan.calls,
                "pages": self._plan.pages,
                "fill": fill,
            }
            command = [sys.executable, "-m", "harness.readers", json.dumps(task)]
            return {"ready_s": server.ready_s, **run_json(command, _LEAST_S)}

    def _ingest(self, number: int) -> Sample:
        added = self._plan.batches * BATCH_ROWS
        copied = added > self._records // 10
        with self._to_write(copied=copied) as directory:
            before = self._records
            sample = ingest.measure(
                directory,
                self._logs,
                workers=_INGEST_WORKERS,
                batches=self._plan.batches,
                # No two ingests of a run may send the same events; nor may one send those of the fill.
                seed=-(10 * before + number),
            )
        if not copied:
            self._count(sample)
        return {**sample, "records_before": before}

    def _to_write(self, *, copied: bool) -> AbstractContextManager[Directory]:
        return _copy(self._directory, self._folder) if copied else nullcontext(self._directory)

    def _count(self, written: Sample) -> None:
        self._records += written["records"]
        self._raw_bytes += written["raw_bytes"]


def run(plan: GrowthPlan, folder: Path, say: Say) -> Grown:
    """Grow one ledger through all sizes.

    Args:
        folder: an empty one; the caller removes it. say: hears how it goes.
    """
    grown = Grown()
    growth = Growth(plan, folder)
    for size in plan.sizes:
        for number, step in enumerate(growth.steps(size)):
            _take(grown, step, number, say)
            if step.key in grown.failures and step.key.startswith("fill/"):
                return grown  # Whatever follows would be of another size than it says.
    return grown


def _take(grown: Grown, step: Step, number: int, say: Say) -> None:
    load = machine.load_average()
    try:
        sample = step.measure(number)
    except Failed as error:
        grown.failures[step.key] = str(error)
        say(f"  {step.key:20} failed: {error}")
        return
    grown.samples.setdefault(step.key, []).append({"load": load, **sample})
    told = f"{sample['records_per_s']:>10,.0f}/s" if "records_per_s" in sample else ""
    say(f"  {step.key:20} {told}")


@contextmanager
def _copy(directory: Directory, folder: Path) -> Iterator[Directory]:
    """A copy of a ledger that nobody serves, removed afterwards."""
    place = folder / "copy"
    try:
        shutil.copytree(directory.path, place)
        # A copied anchor is refused, and rightly. Here the copy is the only one that signs, and goes away unseen.
        anchor = Anchor(place / "anchor", Verifier.parse(directory.vkey))
        anchor.take_place()
        anchor.close()
        yield Directory(place, directory.vkey)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _timeout_s(records: int) -> float:
    return _LEAST_S + records / _SLOWEST_PER_S
