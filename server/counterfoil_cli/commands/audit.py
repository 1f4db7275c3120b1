"""`counterfoil audit`: who changed what, and who was refused."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from counterfoil_cli.console import (
    DEFAULT_ADDRESS,
    ApiKeyOption,
    JsonOption,
    KeyOption,
    ServerOption,
    emit,
    example,
    say,
)
from counterfoil_cli.desk import DirectoryOption, open_access, tell_second

if TYPE_CHECKING:
    from counterfoil.v1.access_service_pb2 import AuditEvent


def register(app: typer.Typer) -> None:
    """Add the commands."""
    audit = typer.Typer(
        help="Who changed what, and who was refused.",
        epilog=example("counterfoil audit list"),
        no_args_is_help=True,
    )
    audit.command("list", epilog=example("counterfoil audit list --after 1200 --json"))(list_all)
    app.add_typer(audit, name="audit")


def list_all(
    after: Annotated[
        int, typer.Option(min=0, metavar="SEQUENCE", help="Only what came after this event.")
    ] = 0,
    directory: DirectoryOption = None,
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """Show the audit trail, oldest first: changes of principals and keys, and denials (a line for those of a second)."""
    with open_access(directory, server, key, api_key) as access:
        found = [_as_json(event) for event in access.audit_events(after)]
    if json:
        emit({"events": found})
        return
    for row in found:
        time = tell_second(row["time_us"])
        times = f" ({row['count']} times)" if row["count"] > 1 else ""
        who = row["principal_id"] or "-"
        what = f"{row['action']} {row['subject']} {row['detail']}".rstrip()
        say(f"{row['sequence']:<8}{time}  {who:<20}{row['peer']:<18}{what}{times}")


def _as_json(event: "AuditEvent") -> dict[str, Any]:
    return {
        "sequence": event.sequence,
        "time_us": event.time_us,
        "action": event.action,
        "principal_id": event.principal_id,
        "key_id": event.key_id,
        "subject": event.subject,
        "detail": event.detail,
        "peer": event.peer,
        "count": event.count,
    }
