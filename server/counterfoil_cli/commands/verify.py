"""`counterfoil verify`: check receipts offline. The work is done by `counterfoil.__main__`, which needs no server."""

import json as json_text
from typing import Annotated

import typer

from counterfoil_cli.console import CommandError, example, say

_VKEY = "example.com/ledger+93727de6+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
_EPILOG = example(
    f"counterfoil verify receipt.tlog-proof --key {_VKEY}",
    "counterfoil verify *.jwt --policy policy.txt --json",
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify", epilog=_EPILOG)(verify)


def verify(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Receipts in any form, or folders of exports."),
    ],
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="VKEY", help="The log's verifier key; repeatable."),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="A policy with logs, witnesses and a quorum (C2SP tlog-policy)."
        ),
    ] = None,
    key_change: Annotated[
        list[str] | None,
        typer.Option(
            "--key-change",
            metavar="FILE",
            help="The receipt of a change of the log's key, which leads from a trusted key to another; repeatable.",
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Answer with a JSON list, an object for each file.")
    ] = False,
) -> None:
    """Check receipts and exports offline: no ledger, no network.

    Exit codes: 0 all are good, 1 one of them is bad, 2 it cannot be told (a file that cannot be read, an unknown form or
    key).
    """
    from counterfoil.__main__ import exit_code, read_key_changes, read_policy, verify_file
    from counterfoil.errors import VerificationError

    try:
        trusted = read_key_changes(read_policy(key or [], policy), key_change or [])
    except VerificationError as error:
        raise CommandError(str(error)) from error
    verdicts = [verify_file(file, trusted) for file in files]
    if json:
        say(json_text.dumps([verdict.as_json() for verdict in verdicts], indent=2))
    else:
        for verdict in verdicts:
            say(verdict.describe())
    raise typer.Exit(exit_code(verdicts))
