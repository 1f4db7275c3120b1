"""`counterfoil backup`: a consistent copy of a ledger while it runs."""

import base64
from pathlib import Path
from typing import Annotated

import typer

from counterfoil_cli.console import JsonOption, emit, example, note, say

_EPILOG = example("counterfoil backup ledger backups/2026-07-01")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("backup", epilog=_EPILOG)(backup)


def backup(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What `counterfoil init` made.")],
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="A folder that does not exist; it is made.")
    ],
    with_key: Annotated[
        bool,
        typer.Option(
            "--with-key",
            help="Put the private key into it too: whoever has the backup can then sign as the log.",
        ),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Copy a ledger into a new folder, consistently, while the server runs.

    Every record that was acknowledged before is in it. The folder appears when all of it is on the disk; nothing is
    overwritten. It holds all records in the clear. The anchor is not in it: keep that on another disk.
    """
    from counterfoil_server.backup.take import take_backup

    manifest = take_backup(directory, target, with_key=with_key)
    tree = manifest.checkpoint
    size_bytes = sum(facts.size_bytes for facts in manifest.files.values())
    if json:
        emit(
            {
                "target": str(target),
                "origin": tree.origin,
                "size": tree.size,
                "root_hash": base64.b64encode(tree.root_hash).decode(),
                "size_bytes": size_bytes,
                "with_key": with_key,
            }
        )
        return
    say(f"Backed up {tree.size:,} entries of {tree.origin} ({size_bytes:,} bytes) into {target}.")
    if not with_key:
        note("the private key is not in it; a restore needs both")
