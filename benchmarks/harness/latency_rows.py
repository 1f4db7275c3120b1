"""The rows of latency and overload: which there are, what measures each, and what the table says of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from harness import ingest, latency, overload
from harness.ledger_rows import fresh
from harness.plan import Plan
from harness.scheduled import Bench
from harness.step import Sample, Step

OVERLOAD: Final = "overload/training"
CROWD: Final = "overload/streams"
# Streams that all send as fast as they may; each has a connection of its own.
CROWD_STREAMS: Final = 64

_METHODS: Final = {"training": "RecordTraining", "usage": "AppendUsage of 1,000"}


@dataclass(frozen=True)
class Row:
    """One row of latency."""

    work: str
    callers: int
    part: float

    @property
    def key(self) -> str:
        """Its name in the results."""
        return f"latency/{self.work}/{self.callers}/{self.part:.2f}"

    @property
    def label(self) -> str:
        """Its name in the table."""
        callers = "1 caller" if self.callers == 1 else f"{self.callers:,} callers"
        return f"{_METHODS[self.work]}, open loop, {callers} at {self.part:.0%} of capacity"


def rows(plan: Plan) -> Iterator[Row]:
    """The rows of latency in a plan."""
    for work, callers, part in plan.latencies:
        yield Row(work, callers, part)


def labels(plan: Plan) -> Iterator[tuple[str, str]]:
    """Key and label of every row here, in the order of the table."""
    for row in rows(plan):
        yield row.key, row.label
    yield OVERLOAD, f"RecordTraining, {overload.TIMES} times the capacity offered: those accepted"
    yield CROWD, f"Counterfoil, {CROWD_STREAMS} streams at a time, log empty"


def steps(plan: Plan, folder: Path, logs: Path) -> Iterator[Step]:
    """What measures them, each on a ledger of its own."""
    workers = max(plan.workers)
    for row in rows(plan):
        # One process: on the two processors that the client needs as well, more of them only wait for each other.
        yield Step(row.key, partial(_latency, row, plan, folder, logs, min(plan.workers)))
    yield Step(OVERLOAD, partial(_overload, plan, folder, logs, workers))
    yield Step(CROWD, partial(_crowd, plan, folder, logs, workers))


def _latency(row: Row, plan: Plan, folder: Path, logs: Path, workers: int, number: int) -> Sample:
    with fresh(folder) as directory:
        return latency.measure(
            Bench(directory, workers, logs),
            number,
            work=row.work,
            callers=row.callers,
            part=row.part,
            capacity_s=plan.capacity_s,
            seconds=plan.latency_s,
        )


def _overload(plan: Plan, folder: Path, logs: Path, workers: int, number: int) -> Sample:
    with fresh(folder) as directory:
        return overload.measure(
            Bench(directory, workers, logs),
            number,
            callers=plan.callers,
            capacity_s=plan.capacity_s,
            seconds=plan.overload_s,
            after_s=plan.after_s,
        )


def _crowd(plan: Plan, folder: Path, logs: Path, workers: int, number: int) -> Sample:
    with fresh(folder) as directory:
        return ingest.measure(
            directory,
            logs,
            workers=workers,
            batches=plan.batches,
            seed=number,
            streams=min(CROWD_STREAMS, plan.batches),
        )
