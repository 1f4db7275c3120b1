"""`counterfoil demo`: everything once, on this machine, in under a minute."""

from typing import Annotated

import typer

from counterfoil_cli.console import CommandError, JsonOption, emit, example, say

_EPILOG = example("counterfoil demo")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo", epilog=_EPILOG)(demo)


def demo(
    events: Annotated[
        int, typer.Option(min=2, max=1_000_000, help="How many usage events to send.")
    ] = 20_000,
    json: JsonOption = False,
) -> None:
    """Show what a ledger does, with a real one that is gone afterwards.

    It starts a ledger, records a proof of training for real files, streams usage over gRPC, fetches a receipt, verifies
    it offline, shows that a changed one is refused, and checks the ledger's files.
    """
    from counterfoil_cli.console import explain_ledger_error
    from counterfoil_cli.demo.story import tell_story
    from counterfoil_client import LedgerError

    def quiet(_line: str) -> None:
        """With --json only the answer is printed."""

    try:
        answer = tell_story(events, quiet if json else say)
    except LedgerError as error:
        told = explain_ledger_error("the demonstration's address", error)
        raise CommandError(told) from error
    if json:
        emit(answer)
