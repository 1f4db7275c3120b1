"""`counterfoil key`: the keys with which principals call a ledger."""

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
    note,
    say,
)
from counterfoil_cli.desk import (
    DirectoryOption,
    open_access,
    parse_role,
    parse_span_us,
    tell_second,
)

if TYPE_CHECKING:
    from counterfoil.v1.access_service_pb2 import ApiKey

_CREATE = example(
    "counterfoil key create acme --expires 90d --ip 192.0.2.0/24",
    "counterfoil key create root --role operator --dir ledger",
)
IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The key's id, as `counterfoil key list` shows it.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    key = typer.Typer(
        help="The keys with which principals call a ledger.",
        epilog=example("counterfoil key list"),
        no_args_is_help=True,
    )
    key.command("create", epilog=_CREATE)(create)
    key.command("rotate", epilog=example("counterfoil key rotate k7m2q4x5y6za --overlap 2h"))(
        rotate
    )
    key.command("revoke", epilog=example("counterfoil key revoke k7m2q4x5y6za"))(revoke)
    key.command("list", epilog=example("counterfoil key list --principal acme"))(list_all)
    app.add_typer(key, name="key")


def create(
    principal: Annotated[str, typer.Argument(metavar="NAME", help="The principal's id.")],
    role: Annotated[
        str,
        typer.Option(
            help="Make the principal too, in this role; hosts and creators need --tenant."
        ),
    ] = "",
    tenant: Annotated[
        str, typer.Option(help="With --role: whom the principal stands for in the records.")
    ] = "",
    expires: Annotated[
        str, typer.Option(metavar="SPAN", help="How long it is good, such as 90d or 12h.")
    ] = "",
    ip: Annotated[
        list[str] | None,
        typer.Option("--ip", metavar="RANGE", help="Where it may be used from; may be repeated."),
    ] = None,
    remark: Annotated[str, typer.Option("--note", help="A remark for people.")] = "",
    directory: DirectoryOption = None,
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """Make a key. It is shown once, here, and nobody can ask for it again."""
    from counterfoil.v1.access_service_pb2 import Principal
    from counterfoil_client.clock import now_us

    expires_time_us = now_us() + parse_span_us("--expires", expires) if expires else 0
    with open_access(directory, server, key, api_key) as access:
        if role:
            wanted = Principal(principal_id=principal, role=parse_role(role), tenant=tenant)
            access.create_principal(wanted)
        made = access.create_key(
            principal, expires_time_us=expires_time_us, ip_ranges=ip or (), note=remark
        )
    _tell_new(made.api_key, {"api_key": made.api_key, **_as_json(made.key)}, json)


def rotate(
    key_id: IdArgument,
    overlap: Annotated[
        str, typer.Option(metavar="SPAN", help="How long the old key stays good.")
    ] = "1d",
    directory: DirectoryOption = None,
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """Make a key in place of another one, for the same principal and with the same bounds."""
    overlap_us = parse_span_us("--overlap", overlap)
    with open_access(directory, server, key, api_key) as access:
        made = access.rotate_key(key_id, overlap_us=overlap_us)
    answer = {
        "api_key": made.api_key,
        **_as_json(made.key),
        "replaced": _as_json(made.replaced),
    }
    _tell_new(made.api_key, answer, json)
    if not json:
        note(f"the old key {key_id} is good until {_shown(made.replaced.expires_time_us)}")


def revoke(
    key_id: IdArgument,
    directory: DirectoryOption = None,
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """End a key at once, in all workers; streams that are open end at their next message."""
    with open_access(directory, server, key, api_key) as access:
        ended = access.revoke_key(key_id)
    if json:
        emit(_as_json(ended))
    else:
        say(f"Revoked {ended.key_id} of {ended.principal_id}.")


def list_all(
    principal: Annotated[
        str, typer.Option(metavar="NAME", help="Only those of one principal.")
    ] = "",
    directory: DirectoryOption = None,
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """Show keys, without their secrets."""
    with open_access(directory, server, key, api_key) as access:
        found = [_as_json(each) for each in access.keys(principal)]
    if json:
        emit({"keys": found})
        return
    for row in found:
        state = "revoked" if row["revoked_time_us"] else _shown(row["expires_time_us"])
        say(f"{row['key_id']:<14}{row['principal_id']:<24}{state:<22}{row['note']}".rstrip())


def _tell_new(text: str, answer: dict[str, Any], json: bool) -> None:
    if json:
        emit(answer)
    else:
        say(text)
        note("this key is shown this once; keep it where secrets are kept")


def _shown(time_us: int) -> str:
    return tell_second(time_us) if time_us else "does not expire"


def _as_json(key: "ApiKey") -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "principal_id": key.principal_id,
        "created_time_us": key.created_time_us,
        "expires_time_us": key.expires_time_us,
        "revoked_time_us": key.revoked_time_us,
        "ip_ranges": list(key.ip_ranges),
        "note": key.note,
    }
