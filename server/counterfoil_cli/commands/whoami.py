"""`counterfoil whoami`: who the ledger takes the caller for."""

import typer

from counterfoil_cli.console import (
    DEFAULT_ADDRESS,
    ApiKeyOption,
    JsonOption,
    KeyOption,
    ServerOption,
    connect,
    emit,
    example,
    say,
)
from counterfoil_cli.desk import role_name


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("whoami", epilog=example("counterfoil whoami --server 127.0.0.1:7070"))(whoami)


def whoami(
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """Say who the ledger takes you for: principal, role and tenant."""
    with connect(server, key, api_key) as client:
        told = client.access.who_am_i()
    answer = {
        "principal_id": told.principal.principal_id,
        "role": role_name(told.principal.role),
        "tenant": told.principal.tenant,
        "key_id": told.key_id,
        "open": told.open,
    }
    if json:
        emit(answer)
    elif told.open:
        say("The ledger has no keys: everybody on its machine is its operator.")
    else:
        tenant = f" for {told.principal.tenant}" if told.principal.tenant else ""
        say(f"{answer['principal_id']}, {answer['role']}{tenant}, with the key {told.key_id}")
