"""`counterfoil export`: the log as it was at a size, as files that vouch for themselves."""

import base64
from pathlib import Path
from typing import Annotated

import typer

from counterfoil_cli.console import JsonOption, emit, example, say
from counterfoil_cli.progress import progress, totals

_EPILOG = example("counterfoil export ledger june --size 20002")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export", epilog=_EPILOG)(export)


def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What `counterfoil init` made.")],
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="A folder that does not exist; it is made.")
    ],
    size: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="At least the first N entries: those of the oldest signed tree that holds them. Without this all.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write the log as it was at a size into a new folder: checkpoint, tiles, leaves, records and salts.

    It needs no server and no key to be checked but the verifier key: `counterfoil verify TARGET --key VKEY`. It works
    beside a running server. It holds all records in the clear.
    """
    from counterfoil_server.export import export as write

    with progress("Writing entries", None) as advance:
        exported = write(directory, target, size, totals(advance))
    tree = exported.tree
    if json:
        emit(
            {
                "target": str(target),
                "origin": tree.origin,
                "size": tree.size,
                "root_hash": base64.b64encode(tree.root_hash).decode(),
                "vkey": exported.vkey,
                "files": exported.files,
                "size_bytes": exported.size_bytes,
            }
        )
        return
    say(f"Exported {tree.size:,} entries of {tree.origin} in {exported.files:,} files.")
    say(f"Check it anywhere: counterfoil verify {target} --key {exported.vkey}")
