"""`counterfoil principal`: who may call a ledger."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from counterfoil_cli import certificate
from counterfoil_cli.console import (
    DEFAULT_ADDRESS,
    ApiKeyOption,
    CommandError,
    JsonOption,
    KeyOption,
    ServerOption,
    emit,
    example,
    say,
)
from counterfoil_cli.desk import DirectoryOption, open_access, parse_role, role_name

if TYPE_CHECKING:
    from counterfoil.v1.access_service_pb2 import Principal

_CREATE = example(
    "counterfoil principal create acme --role host --tenant host_acme --tokens-per-day 1000000000",
    "counterfoil principal create ledger-watch --role auditor",
)
_UPDATE = example(
    "counterfoil principal update acme --disable",
    "counterfoil principal update acme --enable --requests-per-s 100",
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The principal's id.")]
DisplayNameOption = Annotated[str | None, typer.Option("--display-name", help="A name for people.")]
RequestsOption = Annotated[
    int | None, typer.Option("--requests-per-s", help="Calls in a second; 0 for no bound.")
]
RecordsOption = Annotated[
    int | None, typer.Option("--records-per-s", help="Records in a second; 0 for no bound.")
]
TokensOption = Annotated[
    int | None,
    typer.Option("--tokens-per-day", help="Tokens that usage may report in a day; 0 for no bound."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    principal = typer.Typer(
        help="Who may call a ledger: hosts, creators, auditors and others.",
        epilog=example("counterfoil principal list"),
        no_args_is_help=True,
    )
    principal.command("create", epilog=_CREATE)(create)
    principal.command("update", epilog=_UPDATE)(update)
    principal.command("list", epilog=example("counterfoil principal list --json"))(list_all)
    certificate.register(principal)
    app.add_typer(principal, name="principal")


def create(
    name: NameArgument,
    role: Annotated[
        str,
        typer.Option(help="operator, platform, host, creator, auditor or mirror."),
    ],
    tenant: Annotated[
        str,
        typer.Option(help="Of a host: the submitter of its records. Of a creator: its creator id."),
    ] = "",
    display_name: DisplayNameOption = None,
    requests_per_s: RequestsOption = None,
    records_per_s: RecordsOption = None,
    tokens_per_day: TokensOption = None,
    directory: DirectoryOption = None,
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """Make a principal. It can call once it has a key: `counterfoil key create NAME`."""
    from counterfoil.v1.access_service_pb2 import Principal, Quotas

    wanted = Principal(
        principal_id=name,
        role=parse_role(role),
        tenant=tenant,
        display_name=display_name or "",
        quotas=Quotas(
            requests_per_s=requests_per_s or 0,
            records_per_s=records_per_s or 0,
            tokens_per_day=tokens_per_day or 0,
        ),
    )
    with open_access(directory, server, key, api_key) as access:
        _tell(access.create_principal(wanted), "Made", json)


def update(
    name: NameArgument,
    disabled: Annotated[
        bool | None,
        typer.Option("--disable/--enable", help="Lock out, with all keys; or let in again."),
    ] = None,
    display_name: DisplayNameOption = None,
    requests_per_s: RequestsOption = None,
    records_per_s: RecordsOption = None,
    tokens_per_day: TokensOption = None,
    directory: DirectoryOption = None,
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """Change a principal. What is not named stays as it is; one named quota keeps the others."""
    given = {
        "requests_per_s": requests_per_s,
        "records_per_s": records_per_s,
        "tokens_per_day": tokens_per_day,
    }
    if all(value is None for value in (disabled, display_name, *given.values())):
        raise CommandError("nothing to change: name what, such as --disable or --requests-per-s")
    with open_access(directory, server, key, api_key) as access:
        quotas = None
        if any(value is not None for value in given.values()):
            quotas = access.principal(name).quotas
            for quota, value in given.items():
                if value is not None:
                    setattr(quotas, quota, value)
        changed = access.update_principal(
            name, display_name=display_name, quotas=quotas, disabled=disabled
        )
        _tell(changed, "Changed", json)


def list_all(
    directory: DirectoryOption = None,
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """Show all principals."""
    with open_access(directory, server, key, api_key) as access:
        found = [_as_json(principal) for principal in access.principals()]
    if json:
        emit({"principals": found})
        return
    for row in found:
        state = "  locked out" if row["disabled"] else ""
        say(f"{row['principal_id']:<24}{row['role']:<10}{row['tenant']:<24}{state}".rstrip())


def _tell(principal: "Principal", done: str, json: bool) -> None:
    answer = _as_json(principal)
    if json:
        emit(answer)
    else:
        state = ", locked out" if principal.disabled else ""
        say(f"{done} {principal.principal_id}, {answer['role']}{state}.")


def _as_json(principal: "Principal") -> dict[str, Any]:
    return {
        "principal_id": principal.principal_id,
        "role": role_name(principal.role),
        "tenant": principal.tenant,
        "display_name": principal.display_name,
        "disabled": principal.disabled,
        "created_time_us": principal.created_time_us,
        "requests_per_s": principal.quotas.requests_per_s,
        "records_per_s": principal.quotas.records_per_s,
        "tokens_per_day": principal.quotas.tokens_per_day,
    }
