"""`counterfoil fsck`: check a ledger's own files."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from counterfoil_cli.console import JsonOption, emit, example, say
from counterfoil_cli.progress import progress

_EPILOG = example("counterfoil fsck ledger")

# A store that is broken all over would fill the screen; the first places tell where to look.
_PROBLEMS_SHOWN_MAX = 100


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("fsck", epilog=_EPILOG)(fsck)


def fsck(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What `counterfoil init` made.")],
    new_anchor: Annotated[
        bool,
        typer.Option(
            help="Make a new anchor from the store after the check. Only when the old one is lost for good and this "
            "store is known to be the newest: the anchor is what tells."
        ),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Rebuild everything from the entries and compare it with what is stored.

    Leaves, commitments, chain, tree, tiles, duplicate index, catalogue, checkpoint and anchor. It only reads, and works
    beside a running server. Exit codes: 0 all is well, 1 something is wrong, 2 it could not be checked.
    """
    from counterfoil_server.directory import fsck as check
    from counterfoil_server.directory import renew_anchor

    with progress("Checking entries", None) as advance:
        done_before = 0

        def report_progress(done: int, total: int) -> None:
            nonlocal done_before
            advance(done - done_before, total)
            done_before = done

        report = check(directory, report_progress, with_anchor=not new_anchor)
    if new_anchor and report.sound:
        renew_anchor(directory)
    count = len(report.problems) + report.more
    if json:
        emit(
            {
                "ok": report.sound,
                "size": report.size,
                "problem_count": count,
                "problems": [asdict(each) for each in report.problems],
                "records_per_second": round(report.records_per_second),
            }
        )
    elif report.sound:
        entries = f"{report.size:,} {'entry is' if report.size == 1 else 'entries are'}"
        if new_anchor:
            say("A new anchor was made from the newest checkpoint.")
        say(f"All is well: {entries} sound ({report.records_per_second:,.0f} a second).")
    else:
        for each in report.problems[:_PROBLEMS_SHOWN_MAX]:
            where = "the log" if each.index is None else f"entry {each.index}"
            say(f"{where}: {each.what}: {each.detail}")
        say(f"{count:,} {'fault' if count == 1 else 'faults'} in {report.size:,} entries.")
    raise typer.Exit(0 if report.sound else 1)
