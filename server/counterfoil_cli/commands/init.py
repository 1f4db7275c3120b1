"""`counterfoil init`: make the directory of a new ledger."""

from pathlib import Path
from typing import Annotated

import typer

from counterfoil_cli.console import CommandError, JsonOption, emit, example, say

_EPILOG = example("counterfoil init ledger --origin example.com/ledger")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init", epilog=_EPILOG)(init)


def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A directory that does not exist or is empty.")
    ],
    origin: Annotated[
        str,
        typer.Option(help="The log's name for ever: a host name that you control, and a path."),
    ],
    sandbox: Annotated[
        bool,
        typer.Option(
            "--sandbox", help="A log for trying out; its receipts say so and never pass as live."
        ),
    ] = False,
    anchor: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Where the newest checkpoint is kept; best on another disk."
        ),
    ] = None,
    signing_key: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="Where its private key lies, if there is one: file:, env: or pkcs11:. Without this one is made.",
        ),
    ] = None,
    no_key: Annotated[
        bool,
        typer.Option(
            "--no-key",
            help="Make no operator key: everybody on this machine may do everything, and nobody else anything.",
        ),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Make a new ledger: its settings, its signing key, an empty store, and the first operator's key.

    Without --signing-key the signing key is drawn here and never leaves the directory. Keep a copy of it in a safe place; give the
    verifier key that is printed to everybody. The operator's key is printed this once: programs take it from COUNTERFOIL_API_KEY.
    """
    from counterfoil_server.directory import create, load_signer

    if anchor is not None and not anchor.absolute().parent.is_dir():
        raise CommandError(
            f"--anchor {anchor}: make the directory {anchor.absolute().parent} first"
        )
    environment = "sandbox" if sandbox else "live"
    settings = create(
        directory, origin, environment, anchor.absolute() if anchor else None, signing_key
    )
    vkey = load_signer(settings).verifier.vkey
    answer = {
        "directory": str(directory),
        "origin": settings.origin,
        "environment": settings.environment,
        "vkey": vkey,
    }
    operator_key = "" if no_key else _make_operator(directory)
    if operator_key:
        answer["operator_key"] = operator_key
    if json:
        emit(answer)
    else:
        say(f"Made the ledger {settings.origin} in {directory}.")
        say(f"Its verifier key, for everybody: {vkey}")
        if operator_key:
            say(f"The operator's key, shown this once: {operator_key}")
        say(f"Start it: counterfoil serve {directory}")


def _make_operator(directory: Path) -> str:
    """Make the principal ``operator`` and a key for it; returns the key."""
    from counterfoil.v1.access_service_pb2 import ROLE_OPERATOR, Principal
    from counterfoil_cli.desk import open_access

    with open_access(directory, "", None, None) as access:
        access.create_principal(Principal(principal_id="operator", role=ROLE_OPERATOR))
        return access.create_key("operator", note="made by init").api_key
