"""`counterfoil serve`: run a ledger."""

from pathlib import Path
from typing import Annotated

import typer

from counterfoil_cli.console import DEFAULT_ADDRESS, JsonOption, emit, example, say

_EPILOG = example(
    "counterfoil serve ledger", "counterfoil serve ledger --grpc 0.0.0.0:7070 --workers 4"
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve", epilog=_EPILOG)(serve)


def serve(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What `counterfoil init` made.")],
    grpc: Annotated[
        str,
        typer.Option(
            "--grpc", metavar="HOST:PORT", help="Where to listen; port 0 takes a free one."
        ),
    ] = DEFAULT_ADDRESS,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="How many processes share the port.")
    ] = 1,
    json: JsonOption = False,
) -> None:
    """Run a ledger until it is told to stop (Ctrl-C or SIGTERM), which lets calls that are under way finish.

    One line says when it is ready and where.
    """
    from counterfoil_server.serve import serve as run

    def announce(line: str) -> None:
        if json:
            emit({"ready": True, **_FACTS.match(line).groupdict()})
        else:
            say(f"counterfoil: {line}")

    raise typer.Exit(run(directory, grpc, workers, announce))
