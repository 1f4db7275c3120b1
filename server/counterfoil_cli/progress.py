"""Progress bars on standard error, when somebody is there to see them."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol


class Advance(Protocol):
    """Moves a bar on; a total corrects what was thought before."""

    def __call__(self, more: int, total: int | None = None) -> None:
        """Say that so much more is done."""


def totals(advance: Advance) -> Callable[[int, int], None]:
    """What is told how much is done of how much in all, and moves a bar on."""
    before = 0

    def report(done: int, total: int) -> None:
        nonlocal before
        advance(done - before, total)
        before = done

    return report


def _invisible(more: int, total: int | None = None) -> None:
    """Nobody looks."""


@contextmanager
def progress(what: str, total: int | None, *, in_bytes: bool = False) -> Iterator[Advance]:
    """A bar while the block runs; nothing when standard error is no terminal.

    Args:
        what: the words before the bar.
        total: how much there is; None when it is not known yet.
        in_bytes: what is counted is bytes, and shown with their units.
    """
    if not sys.stderr.isatty():
        yield _invisible
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    amount: ProgressColumn = DownloadColumn() if in_bytes else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), amount, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(what, total=total)

        def advance(more: int, total: int | None = None) -> None:
            bars.update(task, advance=more, total=total)

        yield advance
