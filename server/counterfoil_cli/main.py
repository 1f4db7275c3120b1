"""The program `counterfoil`.

A command is a module with `register(app)`; adding one is a new file in `commands` and a line in COMMANDS. Heavy imports
(gRPC, LMDB, rich) stand inside the commands that need them, so that help and offline verification start at once.
"""

import faulthandler
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

try:
    import typer
except ModuleNotFoundError as error:
    # The base install is the verifier alone, and brings this program's name along.
    raise SystemExit(
        "counterfoil: this command needs the server's packages: install counterfoil[server]; "
        "receipts can be checked without them: python -m counterfoil verify FILE --key VKEY"
    ) from error

from counterfoil_cli import console, guard
from counterfoil_cli.commands import (
    asset,
    audit,
    backup,
    creator,
    demo,
    drill,
    export,
    fsck,
    init,
    key,
    licence,
    log,
    price,
    principal,
    receipt,
    restore,
    serve,
    signing_key,
    training,
    usage,
    verify,
    whoami,
)

COMMANDS: Final = (
    *(init, serve, training, usage, receipt, verify, log),
    *(creator, asset, licence, price),
    *(principal, key, whoami, audit),
    *(fsck, signing_key, backup, restore, export, drill, demo),
)

app: Final = typer.Typer(
    name="counterfoil",
    help="An append-only, signed ledger that anybody can check.",
    epilog=console.example(
        "counterfoil demo",
        "counterfoil init ledger --origin example.com/ledger",
        "counterfoil serve ledger",
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
for command in COMMANDS:
    command.register(app)


@app.callback()
def choose_certificates(
    ca: Annotated[
        Path | None,
        typer.Option(
            "--ca",
            metavar="FILE",
            envvar="COUNTERFOIL_CA",
            help="With https://: whose signature a ledger's certificate must have.",
        ),
    ] = None,
    client_cert: Annotated[
        Path | None,
        typer.Option(
            "--client-cert",
            metavar="FILE",
            envvar="COUNTERFOIL_CLIENT_CERT",
            help="The certificate that is shown to the ledger.",
        ),
    ] = None,
    client_key: Annotated[
        Path | None,
        typer.Option(
            "--client-key",
            metavar="FILE",
            envvar="COUNTERFOIL_CLIENT_KEY",
            help="Its private key.",
        ),
    ] = None,
) -> None:
    """An append-only, signed ledger that anybody can check."""
    # The client takes all three from the environment, and so does every program that a command starts.
    chosen = {
        "COUNTERFOIL_CA": ca,
        "COUNTERFOIL_CLIENT_CERT": client_cert,
        "COUNTERFOIL_CLIENT_KEY": client_key,
    }
    os.environ.update({name: str(path) for name, path in chosen.items() if path is not None})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. Errors that a person can mend take one line, without a traceback.

    Args:
        arguments: None for those of the process, which is then guarded against damaged stores where it reads them.
    """
    if arguments is None:
        if sys.stderr is not None:
            # Where a signal ends the process, this says what it was doing.
            faulthandler.enable()
        if guard.is_guarded(sys.argv[1:]):
            return guard.guarded(lambda: _run(None))
    return _run(arguments)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = app(arguments, prog_name="counterfoil", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        return _usage_error(error)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): the rest has nowhere to go, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        told = console.explain(error)
        if told is None:
            raise
        console.note(told)
        return error.exit_code if isinstance(error, console.CommandError) else 2
    return code if isinstance(code, int) else 0


def _usage_error(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    told = error.format_message() if hasattr(error, "format_message") else str(error)
    if context is not None and told.startswith("Usage:"):
        print(told, file=sys.stderr)
    else:
        path = context.command_path if context is not None else "counterfoil"
        console.note(console.one_line(f"{told} See `{path} --help`."))
    return 2
