"""`counterfoil serve`: run a ledger."""

import re
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from counterfoil_cli.console import DEFAULT_ADDRESS, JsonOption, emit, example, say

_EPILOG = example(
    "counterfoil serve ledger", "counterfoil serve ledger --grpc 0.0.0.0:7070 --workers 4"
)

_READY: Final = re.compile(
    r"ready, origin (?P<origin>\S+), size (?P<size>\d+), grpc (?P<grpc>\S+?)(?:, http (?P<http>\S+?))?(?P<tls>, tls)?"
    r"(?:, (?P<workers>\d+) workers?)?"
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
    http: Annotated[
        str | None,
        typer.Option(
            "--http",
            metavar="HOST:PORT",
            help="Where to listen for HTTP: access tokens and public keys. Without it there is none.",
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="How many processes share the port.")
    ] = 1,
    json: JsonOption = False,
) -> None:
    """Run a ledger until it is told to stop (Ctrl-C or SIGTERM), which lets calls that are under way finish.

    One line says when it is ready and where.
    """
    from counterfoil_server.serve import serve as run
    from counterfoil_server.workers import Addresses

    def announce(line: str) -> None:
        if json:
            emit(_as_json(line))
        else:
            say(f"counterfoil: {line}")

    raise typer.Exit(run(directory, Addresses(grpc, http or ""), workers, announce))


def _as_json(line: str) -> dict[str, Any]:
    """What the server says when it is ready, for programs."""
    found = _READY.fullmatch(line)
    if found is None:
        return {"ready": True, "message": line}
    return {
        "ready": True,
        "origin": found["origin"],
        "size": int(found["size"]),
        "grpc": found["grpc"],
        "http": found["http"],
        "tls": found["tls"] is not None,
        "workers": int(found["workers"] or 1),
    }
