"""`counterfoil fsck`: check a ledger's own files."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from counterfoil_cli.console import JsonOption, emit, example, say
from counterfoil_cli.progress import progress, totals

_EPILOG = example("counterfoil fsck ledger", "counterfoil fsck ledger --new-anchor 20002")

# A store that is broken all over would fill the screen; the first places tell where to look.
_PROBLEMS_SHOWN_MAX = 100


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("fsck", epilog=_EPILOG)(fsck)


def fsck(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What `counterfoil init` made.")],
    new_anchor: Annotated[
        int | None,
        typer.Option(
            metavar="SIZE",
            min=1,
            help="Make a new anchor after the check: you decide that this log ended at SIZE entries. Only when the old "
            "anchor is lost for good and nothing beyond SIZE was ever signed; else two histories will be.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Rebuild everything from the entries and compare it with what is stored.

    Leaves, commitments, chain, tree, tiles, duplicate index, catalogue, checkpoint and anchor. It only reads, and works
    beside a running server. Exit codes: 0 all is well, 1 something is wrong, 2 it could not be checked.
    """
    from counterfoil_server.decide import renew_anchor
    from counterfoil_server.directory import fsck as check

    with progress("Checking entries", None) as advance:
        report = check(directory, totals(advance), with_anchor=new_anchor is None)
    if new_anchor is not None and report.sound:
        renew_anchor(directory, new_anchor)
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
        if new_anchor is not None:
            say(f"A new anchor was made: by your word this log ended at {new_anchor:,} entries.")
        say(f"All is well: {entries} sound ({report.records_per_second:,.0f} a second).")
    else:
        for each in report.problems[:_PROBLEMS_SHOWN_MAX]:
            where = "the log" if each.index is None else f"entry {each.index}"
            say(f"{where}: {each.what}: {each.detail}")
        say(f"{count:,} {'fault' if count == 1 else 'faults'} in {report.size:,} entries.")
    raise typer.Exit(0 if report.sound else 1)
