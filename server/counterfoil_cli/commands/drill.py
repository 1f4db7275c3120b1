"""`counterfoil drill`: show that a backup of this ledger can be restored."""

import base64
from pathlib import Path
from typing import Annotated

import typer

from counterfoil_cli.console import JsonOption, emit, example, say
from counterfoil_cli.progress import progress, totals

_EPILOG = example("counterfoil drill ledger")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("drill", epilog=_EPILOG)(drill)


def drill(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What `counterfoil init` made.")],
    scratch: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where backup and copy lie meanwhile: twice the size of the store. Without this beside DIR.",
        ),
    ] = None,
    entries: Annotated[
        int, typer.Option(min=1, help="How many entries are drawn and compared.")
    ] = 100,
    json: JsonOption = False,
) -> None:
    """Back up, restore elsewhere, check every entry, and compare the copy with the original.

    Root, size, and entries drawn at random with their receipts; and the copy must not start. It changes nothing, works
    beside a running server, and removes what it made. Exit codes: 0 the backup can be relied upon, 1 it cannot, 2 the
    ledger could not be read.
    """
    from counterfoil_server.backup.drill import run_drill

    with progress("Checking entries", None) as advance:
        report = run_drill(directory, totals(advance), scratch=scratch, entries=entries)
    tree = report.tree
    if json:
        emit(
            {
                "ok": report.ok,
                "size": tree.size if tree else None,
                "root_hash": base64.b64encode(tree.root_hash).decode() if tree else None,
                "size_bytes": report.size_bytes,
                "entries_checked": report.entries_checked,
                "seconds": {step: round(took_s, 3) for step, took_s in report.seconds.items()},
                "problems": report.problems,
            }
        )
        raise typer.Exit(0 if report.ok else 1)
    for step, took_s in report.seconds.items():
        say(f"{step:<10}{took_s:>10.3f} s")
    for problem in report.problems:
        say(f"wrong: {problem}")
    if report.ok and tree is not None:
        say(
            f"All is well: {tree.size:,} entries restored and sound, {report.entries_checked} of them compared with "
            "their receipts; the copy does not start."
        )
    raise typer.Exit(0 if report.ok else 1)
