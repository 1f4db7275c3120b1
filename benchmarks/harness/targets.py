"""What the ledger has to reach, and whether it did: the targets of the project, held against one run."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from harness import latency_rows
from harness.plan import Plan
from harness.postgres_rows import UNIQUE
from harness.rounds import Measured
from harness.summary import size_of


@dataclass(frozen=True)
class Target:
    """Something that the ledger has to reach, and whether it did in this run."""

    what: str
    value: float
    bound: float
    at_least: bool

    @property
    def met(self) -> bool:
        """Whether it was reached."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound


def targets(plan: Plan, measured: Measured) -> Iterator[Target]:
    """What the ledger has to reach, as far as this run can tell."""
    if not plan.judged:
        return
    if plan.rounds:
        yield from _rate_targets(plan, measured)
    yield from _latency_targets(measured)


def _rate_targets(plan: Plan, measured: Measured) -> Iterator[Target]:
    largest = max(plan.sizes)
    empty_rate = _best_rate(measured, "ingest/0/")
    yield Target("stream ingest, records/s", empty_rate, 200_000, at_least=True)
    yield Target("stream ingest, records/s, the stretch", empty_rate, 400_000, at_least=True)
    if rival := max(_best_rate(measured, prefix) for prefix in UNIQUE):
        what = "stream ingest / best PostgreSQL with a unique event id"
        yield Target(what, empty_rate / rival, 2.5, at_least=True)
    if judged := _best_rate(measured, "agreed/0/"):
        same = _best_rate(measured, f"ingest/0/{max(plan.workers)}")
        what = "stream ingest with each event judged / without"
        yield Target(what, judged / same, 0.75, at_least=True)
    calls = _best_rate(measured, "training/0/")
    yield Target("RecordTraining, records/s", calls, 2_000, at_least=True)
    if largest and empty_rate and calls:
        for name, before in (("ingest", empty_rate), ("training", calls)):
            what = f"{name}, rate at {size_of(largest)} / rate at empty"
            after = _best_rate(measured, f"{name}/{largest}/")
            yield Target(what, after / before, 0.8, at_least=True)
    if memory := _peak_memory_bytes(measured, largest):
        what = f"server memory at {size_of(largest)}, MiB beyond the page cache"
        yield Target(what, memory / (1 << 20), 400, at_least=False)
    # A fresh ledger is looked at after it was written to, a filled one before.
    key = f"fill/{largest}" if largest else f"ingest/0/{max(plan.workers)}"
    if stored := measured.of(key, "stored_bytes_per_record"):
        raw = statistics.median(measured.of(key, "raw_bytes_per_record"))
        what = f"bytes stored per record of {raw:.0f}, log {size_of(largest)}"
        yield Target(what, statistics.median(stored), 1.7 * raw + 74, at_least=False)
    if checks := measured.of(f"fsck/{largest}", "records_per_s"):
        yield Target(f"fsck at {size_of(largest)}, records/s", checks[0], 150_000, at_least=True)


def _latency_targets(measured: Measured) -> Iterator[Target]:
    calm = latency_rows.Row("training", 64, 0.5)
    bounds = (
        (calm.key, "p99_ms", f"{calm.label}, p99 ms", 10),
        (latency_rows.OVERLOAD, "p99_ms", "accepted under overload, p99 ms", 1_000),
        (latency_rows.OVERLOAD, "recovery_s", "full speed after an overload, s", 10),
    )
    for key, name, what, bound in bounds:
        if found := measured.of(key, name):
            yield Target(what, statistics.median(found), bound, at_least=False)


def _best_rate(measured: Measured, prefix: str) -> float:
    """The best median of the rows whose keys begin so."""
    keys = [key for key in measured.samples if key.startswith(prefix)]
    return max((statistics.median(measured.of(key, "records_per_s")) for key in keys), default=0.0)


def _peak_memory_bytes(measured: Measured, size: int) -> float:
    """The most that any server used on a log of a size."""
    keys = [key for key in measured.samples if key.split("/")[1:2] == [str(size)]]
    peaks = [peak for key in keys for peak in measured.of(key, "rss_anon_bytes")]
    return max(peaks, default=0.0)
