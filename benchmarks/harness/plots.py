"""Draws a growth result: small multiples over the size of the log, as one SVG that comes out the same each time."""

from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from harness.growth_curves import Curve, Panel, millions, panels
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_COLUMNS: Final = 3
_PANEL_INCHES: Final = (3.6, 2.3)
_COLORS: Final = ("#0b5394", "#c27a12", "#777777")
# Not typed: which keys there are differs from version to version of matplotlib.
_STYLE: Final[Any] = {
    "axes.edgecolor": "#888888",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.5,
    "grid.color": "#e4e4e4",
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    # Text stays text, and nothing in the file is drawn by lot: the same result gives the same bytes.
    "svg.fonttype": "none",
    "svg.hashsalt": "counterfoil",
}


def draw(result: dict[str, Any], path: Path) -> None:
    """Write the SVG of a result: medians as lines, with the least and the greatest value as whiskers."""
    found = panels(result)
    rows = -(-len(found) // _COLUMNS)
    width, height = _PANEL_INCHES
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_COLUMNS * width, rows * height + 0.8), layout="constrained")
        grid = figure.subplots(rows, _COLUMNS, squeeze=False)
        for axes, panel in zip(grid.flat, found, strict=False):
            _draw_panel(axes, panel, result["plan"]["sizes"])
        for axes in grid.flat[len(found) :]:
            axes.set_axis_off()
        figure.suptitle(caption(result), fontsize=8.5, x=0.01, ha="left")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None})
    # Its writer ends lines of style with a space.
    lines = path.read_text("utf-8").splitlines()
    path.write_text("".join(f"{line.rstrip()}\n" for line in lines), "utf-8")


def caption(result: dict[str, Any]) -> str:
    """What the picture shows, and of which run."""
    machine = result["machine"]
    changed = " with uncommitted changes" if machine["uncommitted_changes"] else ""
    return (
        "Counterfoil as its log grows: medians, whiskers from the least to the greatest (p99 without). "
        "Flat or logarithmic is good.\n"
        f"Commit {machine['commit'][:12]}{changed}, {result['started'][:10]}, "
        f"{machine['cpus_usable']} processors, {machine['cpu']}"
    )


def _draw_panel(axes: Axes, panel: Panel, sizes: list[int]) -> None:
    axes.set_title(f"{panel.title}, {panel.unit}")
    for curve, color in zip(panel.curves, _COLORS, strict=False):
        _draw_curve(axes, curve, color)
    axes.set_xscale("log")
    axes.set_xticks(sizes, [millions(size) for size in sizes])
    axes.minorticks_off()
    axes.set_xlim(min(sizes) / 1.5, max(sizes) * 1.5)
    # From zero, so that flat looks flat; room for the legend above the highest curve.
    labelled = len(panel.curves) > 1
    axes.set_ylim(0, axes.dataLim.y1 * (1.35 if labelled else 1.15))
    axes.yaxis.set_major_formatter("{x:,g}")
    if labelled:
        axes.legend(loc="upper left", ncols=len(panel.curves), borderaxespad=0)


def _draw_curve(axes: Axes, curve: Curve, color: str) -> None:
    sizes, spreads = list(curve.points), list(curve.points.values())
    medians = [spread.median for spread in spreads]
    below = [spread.median - spread.least for spread in spreads]
    above = [spread.greatest - spread.median for spread in spreads]
    # The tail's own spread would set the scale of the panel; it is in the data.
    tail = curve.label == "p99"
    axes.errorbar(
        sizes,
        medians,
        yerr=None if tail else [below, above],
        color=color,
        label=curve.label or None,
        linestyle="--" if tail else "-",
        linewidth=1.5,
        marker="o",
        markersize=3.5,
        capsize=2.5,
        elinewidth=0.8,
    )
