"""From samples to rows: medians with their spread, what each contender does not do."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from harness import latency_rows, postgres_rows, write_path
from harness.plan import VARIANTS, Plan
from harness.rivals import RIVALS
from harness.rounds import Measured
from harness.rows import BATCH_ROWS

_LEDGER_LACKS: Final = "SQL, update, delete"
# What servers commit together when two streams with full windows wait for them.
_USUAL_GROUP: Final = 8


@dataclass(frozen=True)
class Spread:
    """The median of some values, and the least and the greatest of them."""

    median: float
    least: float
    greatest: float
    count: int

    @classmethod
    def of(cls, values: list[float]) -> "Spread | None":
        """None when there are no values."""
        if not values:
            return None
        return cls(statistics.median(values), min(values), max(values), len(values))


@dataclass(frozen=True)
class Line:
    """One row of the table: metric name to spread, or the reason why there is none."""

    key: str
    label: str
    lacks: str
    metrics: dict[str, Spread] = field(default_factory=dict)
    reason: str = ""


def lines(plan: Plan, measured: Measured) -> Iterator[Line]:
    """The rows of the table, in order."""
    yield from _ingest_lines(plan, measured)
    for row in postgres_rows.rows(plan):
        label = f"PostgreSQL, {row.label}, {count_of(row.connections, 'connection')}"
        yield _line(measured, row.key, label, row.lacks)
    for rival in RIVALS:
        yield _line(measured, rival.key, rival.label, rival.lacks)
    for size in plan.sizes:
        for workers in plan.workers:
            for how in ("verified", "parsed"):
                told = f"{plan.callers} callers, {how}, {count_of(workers, 'worker')}"
                label = f"RecordTraining, {told}, log {size_of(size)}"
                yield _line(measured, f"training/{size}/{workers}/{how}", label, _LEDGER_LACKS)
    for key, label in latency_rows.labels(plan):
        yield _line(measured, key, label, _LEDGER_LACKS)
    for size in plan.sizes:
        yield from _offline_lines(plan, measured, size)


def _ingest_lines(plan: Plan, measured: Measured) -> Iterator[Line]:
    for size in plan.sizes:
        for workers in plan.workers:
            label = f"Counterfoil, stream, {count_of(workers, 'worker')}, log {size_of(size)}"
            yield _line(measured, f"ingest/{size}/{workers}", label, _LEDGER_LACKS)
    for workers in plan.ingest_workers:
        label = f"Counterfoil, stream, {count_of(workers, 'worker')}, log empty"
        yield _line(measured, f"ingest/0/{workers}", label, _LEDGER_LACKS)
    for name, variant in VARIANTS.items():
        workers = max(plan.workers)
        label = f"Counterfoil, {variant.label}, {count_of(workers, 'worker')}, log empty"
        yield _line(measured, f"{name}/0/{workers}", label, _LEDGER_LACKS)
    for group in write_path.GROUPS:
        label = f"Counterfoil, write lock alone, groups of {count_of(group, 'batch')}"
        yield _line(measured, f"write-path/{group}", label, "network, parsing, receipts")


def _offline_lines(plan: Plan, measured: Measured, size: int) -> Iterator[Line]:
    if size:
        filled = f"log {size_of(size)}"
        yield _line(measured, f"fill/{size}", f"Bulk fill, {filled}", "network, parsing")
        yield _line(measured, f"fsck/{size}", f"fsck, {filled}", "")
        label = f"fsck, {filled} and what the rounds added"
        yield _line(measured, f"fsck-grown/{size}", label, "")
        return
    rates = [
        rate
        for workers in plan.workers
        for rate in measured.of(f"ingest/0/{workers}", "fsck_records_per_s")
    ]
    if spread := Spread.of(rates):
        label = f"fsck, log {size_of(plan.batches * BATCH_ROWS)}"
        yield Line("fsck/0", label, "", {"records_per_s": spread})


def restarts(plan: Plan, measured: Measured) -> Iterator[Line]:
    """How long a start took, at each size with each number of workers."""
    for size in plan.sizes:
        for workers in plan.workers:
            starts = measured.of(f"ingest/{size}/{workers}", "ready_s")
            for how in ("verified", "parsed"):
                starts += measured.of(f"training/{size}/{workers}/{how}", "ready_s")
            spread = Spread.of(starts)
            label = f"Start to ready, {count_of(workers, 'worker')}, log {size_of(size)}"
            metrics = {"ready_s": spread} if spread else {}
            yield Line(f"restart/{size}/{workers}", label, "", metrics)


def overload_told(measured: Measured) -> Iterator[str]:
    """What became of ten times the calls that the server can answer, and what came after them."""
    for sample in measured.samples.get(latency_rows.OVERLOAD, ()):
        ends = ", ".join(
            f"{sample[f'{name}_per_s']:,.0f} {told}"
            for name, told in (
                ("records", "accepted"),
                ("refused", f"refused (p99 {sample['refused_p99_ms']:.0f} ms)"),
                ("held_back", "held back by clients whose calls were all under way"),
            )
        )
        after = [f"{sample[name]:,.0f}" for name in sample if name.startswith("after_")]
        yield (
            f"overload: capacity {sample['capacity_per_s']:,.0f} calls/s, offered "
            f"{sample['offered_per_s']:,.0f}/s: {ends}; answered in each second after: {' '.join(after)}"
        )


def lock_shares(plan: Plan, measured: Measured) -> Iterator[tuple[int, float]]:
    """For each number of workers, which share of what the write lock lets pass their streams reached."""
    if not (ceiling := Spread.of(measured.of(f"write-path/{_USUAL_GROUP}", "records_per_s"))):
        return
    for workers in (*plan.workers, *plan.ingest_workers):
        if rate := Spread.of(measured.of(f"ingest/0/{workers}", "records_per_s")):
            yield workers, rate.median / ceiling.median


def _line(measured: Measured, key: str, label: str, lacks: str) -> Line:
    reason = measured.failures.get(key) or measured.failures.get(key.partition("/")[0], "")
    if not measured.samples.get(key):
        return Line(key, label, lacks, reason=f"did not run: {_short(reason)}")
    names = sorted({name for sample in measured.samples[key] for name in sample})
    found = {name: Spread.of(measured.of(key, name)) for name in names}
    metrics = {name: spread for name, spread in found.items() if spread is not None}
    return Line(
        key, label, lacks, metrics, f"failed in a round: {_short(reason)}" if reason else ""
    )


def _short(reason: str) -> str:
    """The beginning and the last line, which in the report of a crash says what happened."""
    rows = reason.splitlines() or [""]
    return rows[0] if len(rows) == 1 else f"{rows[0][:60]} ... {rows[-1]}"


def size_of(size: int) -> str:
    """A number of records, for people."""
    if size == 0:
        return "empty"
    return f"{size // 1_000_000} M" if size % 1_000_000 == 0 else f"{size:,}"


def count_of(number: int, noun: str) -> str:
    """A number of things."""
    if number == 1:
        return f"{number} {noun}"
    return f"{number} {noun}es" if noun.endswith("ch") else f"{number} {noun}s"
