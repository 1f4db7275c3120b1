"""`counterfoil restore`: a ledger's directory from a backup."""

import base64
from pathlib import Path
from typing import Annotated

import typer

from counterfoil_cli.console import JsonOption, emit, example, note, say
from counterfoil_cli.progress import progress, totals

_EPILOG = example(
    "counterfoil restore backups/2026-07-01 ledger --anchor /disk2/anchor --key signing.key"
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("restore", epilog=_EPILOG)(restore)


def restore(
    backup: Annotated[
        Path, typer.Argument(metavar="BACKUP", help="What `counterfoil backup` made.")
    ],
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A directory that does not exist or is empty.")
    ],
    anchor: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The log's anchor itself, no copy of it; it is used where it lies. Without this it is looked for "
            "where it was when the backup was taken.",
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="The private key, when it is not in the backup: a file, or a URI."
        ),
    ] = None,
    for_reading: Annotated[
        bool,
        typer.Option(
            "--for-reading",
            help="Make a copy that is read, exported and checked, and does not start.",
        ),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Put a backup back: its files are compared with its manifest, and every entry is checked.

    A backup that is older than what was signed is refused, because going on from it would sign a second history. When
    the anchor is not at hand the ledger is restored and will not start; the answer says what is missing.
    """
    from counterfoil_server.backup.restore import restore as put_back

    with progress("Checking entries", None) as advance:
        restored = put_back(
            backup,
            directory,
            totals(advance),
            anchor=anchor,
            key=key,
            for_reading=for_reading,
        )
    tree = restored.manifest.checkpoint
    if json:
        emit(
            {
                "directory": str(directory),
                "origin": tree.origin,
                "size": tree.size,
                "root_hash": base64.b64encode(tree.root_hash).decode(),
                "startable": restored.startable,
                "missing": restored.missing,
            }
        )
        return
    say(f"Restored {tree.size:,} entries of {tree.origin} into {directory}; all are sound.")
    if restored.startable:
        say(f"Start it: counterfoil serve {directory}")
    else:
        note(f"it will not start: {restored.missing}")
