"""`counterfoil receipt`: fetch the receipt of one entry."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

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
    write_file,
)

_EPILOG = example(
    "counterfoil receipt pt_42_9f8e7d6c --format tlog-proof -o receipt.tlog-proof",
    "counterfoil receipt 42 --format jwt",
)


class Format(StrEnum):
    """The forms of a receipt."""

    TLOG_PROOF = "tlog-proof"
    JWT = "jwt"
    JSON = "json"
    BINARY = "binary"
    BATCH = "batch"


_BINARY_FORMATS = (Format.BINARY, Format.BATCH)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("receipt", epilog=_EPILOG)(receipt)


def receipt(
    record: Annotated[
        str,
        typer.Argument(metavar="ID", help="An index such as 42, or an id such as pt_42_9f8e7d6c."),
    ],
    form: Annotated[
        Format,
        typer.Option(
            "--format", help="batch is the receipt of the whole batch that the entry came in."
        ),
    ] = Format.TLOG_PROOF,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Where to put it; else it is printed."),
    ] = None,
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """Fetch the receipt of one entry and verify it before it is kept."""
    from counterfoil.receipt import verify_receipt

    if output is None and json:
        raise CommandError("--json says where the receipt is: add -o FILE")
    if output is None and form in _BINARY_FORMATS and sys.stdout.isatty():
        raise CommandError(f"a {form} receipt is not for the screen: add -o FILE")
    with connect(server, key, api_key) as client:
        data = client.receipt(record, form.value)
        verified = verify_receipt(data, client.vkey)
    if output is None:
        sys.stdout.buffer.write(data)
        return
    write_file(output, data)
    answer = {
        "id": record,
        "format": form.value,
        "file": str(output),
        "size_bytes": len(data),
        "origin": verified.origin,
        "index": verified.first_index,
        "count": verified.count,
        "tree_size": verified.size,
        "vkey": client.vkey,
    }
    if json:
        emit(answer)
    else:
        note(f"wrote {output}; check it anywhere: counterfoil verify {output} --key {client.vkey}")
