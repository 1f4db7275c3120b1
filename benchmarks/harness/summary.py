"""From samples to rows: medians with their spread, what each contender does not do, and the targets."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from benchmarks.harness.plan import VARIANTS, Plan
from benchmarks.harness.postgres_rows import WAYS
from benchmarks.harness.rounds import Measured

_LEDGER_LACKS: Final = "SQL, update, delete"
_WAY_LABELS: Final = {
    "copy-conflict": "COPY, ON CONFLICT DO NOTHING",
    "unnest": "INSERT unnest, ON CONFLICT",
    "copy": "COPY alone",
}
_WAY_LACKS: Final = {
    "copy-conflict": "receipt, proof, chain, exact bytes",
    "unnest": "receipt, proof, chain, exact bytes",
    "copy": "receipt, proof, chain, exact bytes, dedup",
}
# Programs of other languages, which no package of this project brings along.
_SLOTS: Final = (
    ("immudb", "not measured: see the README", "resume point, offline batch receipt"),
    ("Tessera", "not measured: see the README", "dedup for ever, salted commitments"),
)


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


def lines(plan: Plan, measured: Measured) -> Iterator[Line]:
    """The rows of the table, in order."""
    for size in plan.sizes:
        for workers in plan.workers:
            label = f"Counterfoil, stream, {_count(workers, 'worker')}, log {_size(size)}"
            yield _line(measured, f"ingest/{size}/{workers}", label, _LEDGER_LACKS)
    for name, variant in VARIANTS.items():
        workers = max(plan.workers)
        label = f"Counterfoil, {variant.label}, {_count(workers, 'worker')}, log empty"
        yield _line(measured, f"{name}/0/{workers}", label, _LEDGER_LACKS)
    for way in WAYS:
        for connections in plan.connections:
            label = f"PostgreSQL, {_WAY_LABELS[way]}, {_count(connections, 'connection')}"
            yield _line(measured, f"postgres/{way}/{connections}", label, _WAY_LACKS[way])
    for label, reason, lacks in _SLOTS:
        yield Line(label.lower(), label, lacks, reason=reason)
    for size in plan.sizes:
        for workers in plan.workers:
            for how in ("verified", "parsed"):
                label = f"RecordTraining, {plan.callers} callers, {how}, {_count(workers, 'worker')}, log {_size(size)}"
                yield _line(measured, f"training/{size}/{workers}/{how}", label, _LEDGER_LACKS)
    for size in plan.sizes:
        if size:
            label = f"Bulk fill without network, log {_size(size)}"
            yield _line(measured, f"fill/{size}", label, "network, parsing")
        yield _checked(measured, size)


def restarts(plan: Plan, measured: Measured) -> Iterator[Line]:
    """How long a start took, at each size with each number of workers."""
    for size in plan.sizes:
        for workers in plan.workers:
            starts = measured.of(f"ingest/{size}/{workers}", "ready_s")
            for how in ("verified", "parsed"):
                starts += measured.of(f"training/{size}/{workers}/{how}", "ready_s")
            spread = Spread.of(starts)
            label = f"Start to ready, {_count(workers, 'worker')}, log {_size(size)}"
            metrics = {"ready_s": spread} if spread else {}
            yield Line(f"restart/{size}/{workers}", label, "", metrics)


def targets(plan: Plan, measured: Measured) -> Iterator[Target]:
    """What the ledger has to reach, as far as this run can tell."""
    if not plan.judged:
        return
    largest = max(plan.sizes)
    empty_rate = _best_rate(measured, "ingest/0/")
    rivals = ("postgres/copy-conflict/", "postgres/unnest/")
    yield Target("stream ingest, records/s", empty_rate, 80_000, at_least=True)
    if rival := max(_best_rate(measured, prefix) for prefix in rivals):
        what = "stream ingest / best PostgreSQL with a unique event id"
        yield Target(what, empty_rate / rival, 1.0, at_least=True)
    calls = _best_rate(measured, "training/0/")
    yield Target("RecordTraining, records/s", calls, 2_000, at_least=True)
    if largest and empty_rate and calls:
        for name, before in (("ingest", empty_rate), ("training", calls)):
            what = f"{name}, rate at {_size(largest)} / rate at empty"
            after = _best_rate(measured, f"{name}/{largest}/")
            yield Target(what, after / before, 0.8, at_least=True)
    memory = [
        value
        for key in measured.samples
        if key.split("/")[1:2] == [str(largest)]
        for value in measured.of(key, "rss_anon_bytes")
    ]
    if memory:
        what = f"server memory at {_size(largest)}, MiB beyond the page cache"
        yield Target(what, max(memory) / (1 << 20), 400, at_least=False)
    for key in (f"fill/{largest}", *(f"ingest/{largest}/{n}" for n in plan.workers)):
        stored = measured.of(key, "stored_bytes_per_record")
        raw = measured.of(key, "raw_bytes_per_record")
        if stored and raw:
            what = f"bytes stored per record, log {_size(largest)}"
            bound = 1.7 * statistics.median(raw) + 74
            yield Target(what, statistics.median(stored), bound, at_least=False)
            break
    if checks := measured.of(f"fsck/{largest}", "records_per_s"):
        yield Target("fsck, records/s", checks[0], 150_000, at_least=True)


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


def _checked(measured: Measured, size: int) -> Line:
    label = f"fsck, log {_size(size)} and what was added"
    if size:
        return _line(measured, f"fsck/{size}", label, "")
    rates = [
        rate
        for key in measured.samples
        if key.startswith("ingest/0/")
        for rate in measured.of(key, "fsck_records_per_s")
    ]
    spread = Spread.of(rates)
    if spread is None:
        return Line("fsck/0", label, "", reason="did not run")
    return Line("fsck/0", label, "", {"records_per_s": spread})


def _best_rate(measured: Measured, prefix: str) -> float:
    """The best median of the rows whose keys begin so."""
    keys = [key for key in measured.samples if key.startswith(prefix)]
    return max((statistics.median(measured.of(key, "records_per_s")) for key in keys), default=0.0)


def _short(reason: str) -> str:
    """The beginning and the last line, which in the report of a crash says what happened."""
    rows = reason.splitlines() or [""]
    return rows[0] if len(rows) == 1 else f"{rows[0][:60]} ... {rows[-1]}"


def _size(size: int) -> str:
    if size == 0:
        return "empty"
    return f"{size // 1_000_000} M" if size % 1_000_000 == 0 else f"{size:,}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
