"""`counterfoil usage`: bring usage from a file into the ledger, and make the key of consumers' pseudonyms."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from counterfoil.limits import BATCH_EVENTS_MAX
from counterfoil_cli.console import (
    DEFAULT_ADDRESS,
    ApiKeyOption,
    CommandError,
    JsonOption,
    KeyOption,
    ServerOption,
    connect,
    emit,
    example,
    note,
    say,
)
from counterfoil_cli.progress import progress

if TYPE_CHECKING:
    from counterfoil_cli.importing.run import Summary
    from counterfoil_cli.importing.verdicts import Verdicts

_EPILOG = example(
    "counterfoil usage import requests.csv --map event_time=TIMESTAMP \\",
    "    --map input_tokens=ContextTokens --map output_tokens=GeneratedTokens \\",
    "    --set model_id=model_xyz --backfill",
    "counterfoil usage import events.jsonl --results results.jsonl --json",
)
_KEY_EPILOG = example(
    "counterfoil usage consumer-key consumer.key",
    "counterfoil usage import events.jsonl --consumer-key file:consumer.key",
)
_COLUMNS_NAMED_MAX = 12


def register(app: typer.Typer) -> None:
    """Add the command."""
    usage = typer.Typer(
        help="Usage events.",
        epilog=example("counterfoil usage import events.jsonl"),
        no_args_is_help=True,
    )
    usage.command("import", epilog=_EPILOG)(import_usage)
    usage.command("consumer-key", epilog=_KEY_EPILOG)(make_key)

    @usage.callback()
    def group() -> None:
        """Usage events."""

    app.add_typer(usage, name="usage")


def import_usage(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="CSV, JSON lines, a JSON document, or CloudEvents."),
    ],
    maps: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="TARGET=COLUMN", help="Take a field from a column; repeatable."
        ),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="TARGET=VALUE",
            help="Give a field the same value in every row; repeatable.",
        ),
    ] = None,
    submitter: Annotated[str, typer.Option(help="Whose events these are.")] = "local",
    backfill: Annotated[
        bool,
        typer.Option(
            "--backfill", help="Let in events older than the ledger's window, marked as such."
        ),
    ] = False,
    form: Annotated[
        str, typer.Option("--format", metavar="auto|csv|json", help="What the file is.")
    ] = "auto",
    batch: Annotated[
        int, typer.Option(min=1, max=BATCH_EVENTS_MAX, help="Rows in one batch.")
    ] = 1000,
    errors: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where refused rows go, with the reason  [default: FILE.errors.jsonl]",
        ),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write what became of every row: a JSON object a line."),
    ] = None,
    receipts: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Keep the verified receipts, with their records, in a directory."
        ),
    ] = None,
    consumer_key: Annotated[
        str | None,
        typer.Option(
            metavar="file:PATH|env:NAME",
            help="Replace plain consumer ids by pseudonyms that are made with this key.",
        ),
    ] = None,
    creator: Annotated[
        str,
        typer.Option(
            metavar="ID",
            help="Whose works every row is about, for the pseudonyms  [default: the creator of the row's asset]",
        ),
    ] = "",
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """Bring usage from a file into the ledger, a verdict for every row.

    Targets are the fields of a usage event: event_id, event_time (RFC 3339 or an epoch number; no zone means UTC),
    model_id, input_tokens, output_tokens, tokens, receipt_ref, asset_id, license_id, consumer_id, action, attributions
    (asset:ppm,asset:ppm), consents, metadata.KEY. A column named like a target maps by itself. In JSON a.b reaches
    into an object.

    A row without an event_id gets one from the content of the file and the line, so that importing the same file again
    adds nothing. An import that was interrupted goes on by being repeated. After changing a file, give its rows ids of
    their own, or import the changed rows alone: another content means other ids.

    With --consumer-key plain consumer ids never leave this machine, and the file of refused rows has their lines alone.

    Exit codes: 0 every row is in the ledger, 1 some were refused, 2 the import could not be done.
    """
    from counterfoil_cli.importing.mapping import parse_field_map
    from counterfoil_cli.importing.rows import FileError
    from counterfoil_cli.importing.run import Plan, run_import
    from counterfoil_cli.importing.source import Form
    from counterfoil_cli.importing.verdicts import Verdicts
    from counterfoil_client import open_consumer_key

    if creator and consumer_key is None:
        raise CommandError("--creator is for pseudonyms: give --consumer-key too")
    secret = None if consumer_key is None else open_consumer_key(consumer_key)
    try:
        field_map = parse_field_map(maps or [], sets or [])
        plan = Plan(file, Form(form), field_map, backfill, batch, secret, creator)
    except FileError as error:
        raise CommandError(str(error)) from error
    except ValueError:
        raise CommandError(f"--format {form}: choose auto, csv or json") from None
    errors_path = errors or file.with_name(f"{file.name}.errors.jsonl")
    verdicts = Verdicts(errors_path, results, receipts, keep_rows=secret is None)
    try:
        with (
            connect(server, key, api_key, submitter) as client,
            verdicts,
            progress(f"Importing {file.name}", None, in_bytes=True) as advance,
        ):
            summary = run_import(client, plan, verdicts, advance)
    except FileError as error:
        raise CommandError(str(error)) from error
    except KeyboardInterrupt:
        note(f"stopped after {verdicts.answered} rows were answered; repeat the command to go on")
        raise
    except CommandError as error:
        if verdicts.answered:
            told = f"{error}; {verdicts.answered} rows were answered, repeat the command to go on"
            raise CommandError(told) from error
        raise
    _report(summary, verdicts, json)
    raise typer.Exit(1 if summary.rejected else 0)


def make_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to put it; a new file.")],
    json: JsonOption = False,
) -> None:
    """Make the key that consumers' pseudonyms are made with. It is not shown.

    Keep it, and keep it secret: whoever has it can find out whether somebody they think of is among the consumers. Keep a
    copy: with another key every consumer becomes another one.
    """
    from counterfoil_client import make_consumer_key

    make_consumer_key(file)
    if json:
        emit({"file": str(file)})
        return
    say(f"A consumer key is in {file}, readable by you alone. Keep a copy where you keep secrets.")


def _report(summary: "Summary", verdicts: "Verdicts", json: bool) -> None:
    if summary.ignored_columns:
        # As Python shows them where a terminal would obey them.
        shown = [
            name if name.isprintable() else repr(name)
            for name in summary.ignored_columns[:_COLUMNS_NAMED_MAX]
        ]
        more = ", ..." if len(summary.ignored_columns) > len(shown) else ""
        note(f"columns that nothing was mapped from: {', '.join(shown)}{more}")
    if summary.plain_consumers:
        note(
            f"events with plain consumer ids: {summary.plain_consumers}; the ledger keeps them for ever. "
            "Replace them with --consumer-key"
        )
    if json:
        emit(
            {
                "rows": summary.rows,
                "accepted": summary.accepted,
                "duplicates": summary.duplicates,
                "rejected": summary.rejected,
                "errors_file": str(verdicts.errors_file) if verdicts.errors_file else None,
                "ignored_columns": summary.ignored_columns,
            }
        )
        return
    say(
        f"{summary.rows} {'row' if summary.rows == 1 else 'rows'}: {summary.accepted} accepted, {summary.duplicates} in the ledger before, "
        f"{summary.rejected} refused."
    )
    if verdicts.errors_file:
        say(f"The refused rows and the reasons: {verdicts.errors_file}")
