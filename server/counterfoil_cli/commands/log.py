"""`counterfoil log`: look at a ledger from outside."""

import base64
from typing import TYPE_CHECKING, Annotated, Any

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
    say,
)

if TYPE_CHECKING:
    from counterfoil.v1.log_service_pb2 import Entry

_TAIL_EPILOG = example(
    "counterfoil log tail", "counterfoil log tail --start 0 --kind usage --follow --json"
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    log = typer.Typer(
        help="Look at a ledger: its name and size, its checkpoint, its entries.",
        epilog=example("counterfoil log info --server 127.0.0.1:7070"),
        no_args_is_help=True,
    )
    log.command("info", epilog=example("counterfoil log info --server 127.0.0.1:7070"))(info)
    log.command("checkpoint", epilog=example("counterfoil log checkpoint > checkpoint.txt"))(
        checkpoint
    )
    log.command("tail", epilog=_TAIL_EPILOG)(tail)
    app.add_typer(log, name="log")


def info(
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """The ledger's name, key, size and root, checked against its signed checkpoint."""
    with connect(server, key, api_key) as client:
        said, signed = client.log_info(), client.checkpoint()
        answer = {
            "origin": signed.origin,
            "vkey": signed.keys[-1].vkey,
            "size": signed.size,
            "root_hash": base64.b64encode(signed.root_hash).decode(),
            "environment": said.environment,
            "window_past_s": said.window_past_us // 1_000_000,
            "window_future_s": said.window_future_us // 1_000_000,
            "batch_events_max": said.batch_events_max,
            "batch_size_bytes_max": said.batch_size_bytes_max,
        }
    if json:
        emit(answer)
        return
    for name, value in answer.items():
        say(f"{name:<22}{value}")
    if key is None:
        note("the key is what the server itself shows; name the one you know with --key")


def checkpoint(
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """The newest signed checkpoint, verified: a C2SP signed note as it is."""
    with connect(server, key, api_key) as client:
        signed = client.checkpoint()
    text = signed.note.decode()
    if json:
        root_hash = base64.b64encode(signed.root_hash).decode()
        emit(
            {
                "origin": signed.origin,
                "size": signed.size,
                "root_hash": root_hash,
                "checkpoint": text,
            }
        )
    else:
        say(text.removesuffix("\n"))


def tail(
    start: Annotated[
        int,
        typer.Option(help="The index to begin with; a negative number counts back from the end."),
    ] = -10,
    follow: Annotated[
        bool,
        typer.Option("--follow/--no-follow", help="Go on with each new entry as it is logged."),
    ] = False,
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="Only these: genesis, training, usage, payout, creator, asset, license, revocation or price.",
        ),
    ] = None,
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object for each entry, a line each.")
    ] = False,
) -> None:
    """The newest entries, each verified against the signed tree."""
    number = _kind_number(kind)
    with connect(server, key, api_key) as client:
        first = max(0, client.checkpoint().size + start) if start < 0 else start
        for entry in client.tail(first, number, stop_at_end=not follow):
            if json:
                emit(_as_json(entry))
            else:
                say(_as_line(entry))


def _kind_number(name: str | None) -> int:
    from counterfoil.record import KINDS

    if name is None:
        return 0
    for each in KINDS:
        if each.name == name:
            return each.number
    raise CommandError(f"--kind {name}: choose {', '.join(each.name for each in KINDS)}")


def _as_line(entry: "Entry") -> str:
    from counterfoil.__main__ import format_time

    told = _as_json(entry)
    body = told.get("body")
    facts = (
        " ".join(
            f"{name}={value}" for name, value in body.items() if not isinstance(value, (dict, list))
        )
        if isinstance(body, dict)
        else ""
    )
    return f"{entry.index:>10}  {format_time(entry.time_us)}  {told['kind']:<10} {entry.id:<28} {facts}".rstrip()


def _as_json(entry: "Entry") -> dict[str, Any]:
    """An entry for programs: what its leaf says, and its record in words unless that was redacted."""
    from google.protobuf.json_format import MessageToDict

    from counterfoil.__main__ import format_time
    from counterfoil.entry import parse_record
    from counterfoil.record import KIND_BY_NUMBER

    kind = KIND_BY_NUMBER.get(entry.kind)
    answer: dict[str, Any] = {
        "index": entry.index,
        "kind": kind.name if kind else str(entry.kind),
        "id": entry.id,
        "time": format_time(entry.time_us),
        "time_us": entry.time_us,
        "leaf": base64.b64encode(entry.leaf).decode(),
    }
    if entry.record:
        record = parse_record(entry.record)
        answer["submitter"] = record.submitter
        if record.request_id:
            answer["request_id"] = record.request_id
        if record.backfill:
            answer["backfill"] = True
        answer["body"] = (
            MessageToDict(kind.message.FromString(record.body), preserving_proto_field_name=True)
            if kind
            else base64.b64encode(record.body).decode()
        )
    return answer
