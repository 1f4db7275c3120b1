"""What a growth run says: for each thing measured a curve over the size of the log, the table, and the targets.

Everything here is taken from the result, the JSON that a run wrote, so that an old result gives the same again.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from harness.summary import Spread
from harness.targets import Target

_MIB: Final = 1 << 20

# What is logarithmic in the size grows by the ratio of the logarithms. The half on top is for the caches of the
# processor, which hold all of a small log and little of a large one. The smallest thing worse than that, the square root,
# would grow 22-fold from 0.1 M to 50 M, where this bound is 2.3.
_OVER_LOGARITHM: Final = 1.5
_KEPT_RATE: Final = 0.8
_MEMORY_BYTES_MAX: Final = 400 * _MIB


@dataclass(frozen=True)
class Curve:
    """One line of a panel.

    Attributes:
        label: what tells it from the others of its panel. points: size of the log to its values, ascending.
    """

    label: str
    points: dict[int, Spread]


@dataclass(frozen=True)
class Panel:
    """Curves that share an axis; ``unit`` is that of the axis, and ``digits`` how many a table shows of it."""

    title: str
    unit: str
    digits: int
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class _Line:
    """Where a curve's values are: the steps of a name, a path into their samples, and what one unit is."""

    label: str
    step: str
    path: tuple[str, ...]
    unit: float = 1.0


def _latency(way: str) -> tuple[_Line, ...]:
    return (
        _Line("p50", "reads", (way, "p50_ms")),
        _Line("p99", "reads", (way, "p99_ms")),
    )


_PANELS: Final[tuple[tuple[str, str, int, tuple[_Line, ...]], ...]] = (
    ("Stream ingest, 2 workers", "records/s", 0, (_Line("", "ingest", ("records_per_s",)),)),
    ("fsck", "records/s", 0, (_Line("", "fsck", ("records_per_s",)),)),
    ("Start to ready", "s", 2, (_Line("", "reads", ("ready_s",)),)),
    ("Event by its identity", "ms", 2, _latency("usage_event")),
    ("Entry by its index", "ms", 2, _latency("entry")),
    ("Receipt", "ms", 2, _latency("receipt")),
    ("Inclusion proof", "ms", 2, _latency("inclusion_proof")),
    ("Consistency proof", "ms", 2, _latency("consistency_proof")),
    ("Page of 100 entries", "ms", 2, _latency("list_entries")),
    ("Page of 10 trainings of a model", "ms", 2, _latency("list_trainings")),
    (
        "Bytes per record",
        "bytes",
        0,
        (
            _Line("file", "stored", ("file_bytes_per_record",)),
            _Line("pages in use", "stored", ("stored_bytes_per_record",)),
            _Line("as it was sent", "stored", ("raw_bytes_per_record",)),
        ),
    ),
    (
        "Memory beyond the page cache",
        "MiB",
        0,
        (
            _Line("server, 2 workers", "ingest", ("rss_anon_bytes",), _MIB),
            _Line("fsck", "fsck", ("rss_anon_bytes",), _MIB),
        ),
    ),
)


def panels(result: dict[str, Any]) -> list[Panel]:
    """All curves of a result; a size that was not measured is left out of its curve."""
    return [
        Panel(title, unit, digits, tuple(_curve(result, line) for line in lines))
        for title, unit, digits, lines in _PANELS
    ]


def _curve(result: dict[str, Any], line: _Line) -> Curve:
    found = {
        size: Spread.of([value / line.unit for value in _values(result, line, size)])
        for size in result["plan"]["sizes"]
    }
    return Curve(line.label, {size: spread for size, spread in found.items() if spread})


def _values(result: dict[str, Any], line: _Line, size: int) -> Iterator[float]:
    for sample in result["samples"].get(f"{line.step}/{size}", ()):
        value = sample
        for name in line.path:
            value = value[name]
        yield value


def targets(result: dict[str, Any]) -> Iterator[Target]:
    """What growth must not do, as far as this result can tell: the largest size against the smallest."""
    sizes = result["plan"]["sizes"]
    if not result["plan"]["judged"] or len(sizes) < 2:
        return
    smallest, largest = min(sizes), max(sizes)
    bound = _OVER_LOGARITHM * math.log(largest) / math.log(smallest)
    span = f"at {millions(largest)} / at {millions(smallest)}"
    for panel in panels(result):
        for curve in panel.curves:
            before, after = curve.points.get(smallest), curve.points.get(largest)
            if before is None or after is None:
                continue
            ratio = after.median / before.median
            if panel.unit == "records/s":
                yield Target(f"{panel.title}, rate {span}", ratio, _KEPT_RATE, at_least=True)
            elif panel.unit == "s" or curve.label == "p50":
                yield Target(f"{panel.title}, time {span}", ratio, bound, at_least=False)
            elif panel.unit == "MiB":
                told = f"{panel.title} at {millions(largest)}, {curve.label}, MiB"
                most = _MEMORY_BYTES_MAX / _MIB
                yield Target(told, after.greatest, most, at_least=False)
            elif curve.label == "pages in use":
                raw = _raw_bytes(result, largest)
                told = f"bytes stored per record of {raw:.0f} at {millions(largest)}"
                yield Target(told, after.median, 1.7 * raw + 74, at_least=False)


def _raw_bytes(result: dict[str, Any], size: int) -> float:
    return float(result["samples"][f"stored/{size}"][0]["raw_bytes_per_record"])


def format_table(result: dict[str, Any]) -> str:
    """Each curve as a row, each size as a column: medians; then the targets."""
    sizes = result["plan"]["sizes"]
    rows = [["", *map(millions, sizes)]]
    for panel in panels(result):
        for curve in panel.curves:
            label = f"{panel.title}, {curve.label}" if curve.label else panel.title
            cells = [_cell(curve.points.get(size), panel.digits) for size in sizes]
            rows.append([f"{label}, {panel.unit}", *cells])
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    text = [
        "  ".join([row[0].ljust(first), *map(str.rjust, row[1:], others)]).rstrip() for row in rows
    ]
    text.append("")
    for target in targets(result):
        sign, verdict = (">=" if target.at_least else "<="), "met" if target.met else "NOT MET"
        text.append(f"{verdict:8} {target.what}: {target.value:,.2f} ({sign} {target.bound:,.2f})")
    return "\n".join(text)


def _cell(spread: Spread | None, digits: int) -> str:
    return "-" if spread is None else f"{spread.median:,.{digits}f}"


def millions(size: int) -> str:
    """A number of records, for people."""
    return f"{size / 1e6:g} M"
