"""The printed table, and the JSON that holds the same and every sample."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Final

from harness.plan import Plan
from harness.rounds import Measured
from harness.summary import Line, Spread, count_of, lines, lock_shares, overload_told, restarts
from harness.targets import targets

FORMAT: Final = "counterfoil/benchmark@v1"
_MIB: Final = 1 << 20

Cell = Callable[[Spread], str]

# Heading, metric, and how its spread is shown.
_CELLS: Final[tuple[tuple[str, str, Cell], ...]] = (
    ("rate/s", "records_per_s", lambda spread: f"{spread.median:,.0f}"),
    ("min..max", "records_per_s", lambda spread: f"{spread.least:,.0f}..{spread.greatest:,.0f}"),
    ("p50 ms", "p50_ms", lambda spread: f"{spread.median:.1f}"),
    ("p99 ms", "p99_ms", lambda spread: f"{spread.median:.1f}"),
    ("p99.9 ms", "p999_ms", lambda spread: f"{spread.median:.1f}"),
    ("CPU µs server", "server_cpu_us", lambda spread: f"{spread.median:.1f}"),
    ("client", "client_cpu_us", lambda spread: f"{spread.median:.1f}"),
    ("B/record", "stored_bytes_per_record", lambda spread: f"{spread.median:.0f}"),
    ("MiB", "rss_anon_bytes", lambda spread: f"{spread.greatest / _MIB:.0f}"),
)
_LACKS: Final = "does not have"


def format_table(plan: Plan, measured: Measured) -> str:
    """One table of all rows, then the starts and the targets."""
    found = [it for it in lines(plan, measured) if plan.rounds or it.metrics or it.reason]
    heading = ["", *(title for title, _, _ in _CELLS), _LACKS]
    rows = [[line.label, *_cells(line), _last(line)] for line in found]
    text = [*_align([heading, *rows]), ""]
    starts = [
        [line.label, *(f"{it.median:.2f} s  ({it.least:.2f}..{it.greatest:.2f})" for it in each)]
        for line in restarts(plan, measured)
        if (each := list(line.metrics.values()))
    ]
    text += [*_align(starts), ""]
    for workers, share in lock_shares(plan, measured):
        told = f"stream ingest with {count_of(workers, 'worker')}, log empty"
        text.append(f"{told}: {share:.0%} of what the write lock lets pass in groups of 8 batches")
    text += overload_told(measured)
    for target in targets(plan, measured):
        sign, verdict = (">=" if target.at_least else "<="), "met" if target.met else "NOT MET"
        value, bound = _round(target.value), _round(target.bound)
        text.append(f"{verdict:8} {target.what}: {value} ({sign} {bound})")
    return "\n".join(line.rstrip() for line in text)


def to_json(plan: Plan, measured: Measured, facts: dict[str, Any]) -> dict[str, Any]:
    """Everything: the facts, the settings, each row with its spreads, the targets, and the raw samples."""
    rows = [*lines(plan, measured), *restarts(plan, measured)]
    return {
        "format": FORMAT,
        **facts,
        "postgres": measured.postgres,
        "plan": asdict(plan),
        "rounds": measured.rounds,
        "seconds": measured.seconds,
        "rows": [asdict(line) for line in rows],
        "write_lock_shares": dict(lock_shares(plan, measured)),
        "targets": [{**asdict(target), "met": target.met} for target in targets(plan, measured)],
        "failures": measured.failures,
        "samples": dict(measured.samples),
    }


def _cells(line: Line) -> list[str]:
    return [
        show(line.metrics[metric]) if metric in line.metrics else "" for _, metric, show in _CELLS
    ]


def _last(line: Line) -> str:
    return f"{line.lacks}  [{line.reason}]" if line.reason else line.lacks


def _round(value: float) -> str:
    return f"{value:,.2f}" if value < 10 else f"{value:,.0f}"


def _align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell; the first and the last to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
    last = len(widths) - 1
    return [
        "  ".join(
            cell.ljust(width) if at in (0, last) else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
