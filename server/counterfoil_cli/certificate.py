"""`counterfoil principal certificate`: client certificates by whose names principals are known."""

from typing import TYPE_CHECKING, Annotated

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
from counterfoil_cli.desk import DirectoryOption, open_access

if TYPE_CHECKING:
    from counterfoil.v1.access_service_pb2 import CertificateName

NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A subject alternative name with its kind: uri:…, dns:… or email:…",
    ),
]
_ADD = example("counterfoil principal certificate add acme uri:spiffe://acme.example/host")
_REMOVE = example("counterfoil principal certificate remove uri:spiffe://acme.example/host")
_LIST = example("counterfoil principal certificate list --principal acme")


def register(principal: typer.Typer) -> None:
    """Add the commands to `counterfoil principal`."""
    certificate = typer.Typer(
        help="Client certificates by whose names principals are known, for mTLS.",
        epilog=_ADD,
        no_args_is_help=True,
    )
    certificate.command("add", epilog=_ADD)(add)
    certificate.command("remove", epilog=_REMOVE)(remove)
    certificate.command("list", epilog=_LIST)(list_all)
    principal.add_typer(certificate, name="certificate")


def add(
    principal: Annotated[str, typer.Argument(metavar="PRINCIPAL", help="The principal's id.")],
    name: NameArgument,
    directory: DirectoryOption = None,
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """Let certificates with a name stand for a principal. They must be of an authority in tls_client_ca."""
    with open_access(directory, server, key, api_key) as access:
        added = access.add_certificate_name(name, principal)
    _tell(added, f"Certificates named {added.name} stand for {added.principal_id}.", json)


def remove(
    name: NameArgument,
    directory: DirectoryOption = None,
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """Let a name stand for nobody, at once; streams that are open end at their next message."""
    with open_access(directory, server, key, api_key) as access:
        removed = access.remove_certificate_name(name)
    _tell(removed, f"Certificates named {removed.name} stand for nobody.", json)


def list_all(
    principal: Annotated[
        str, typer.Option(metavar="PRINCIPAL", help="Only those of one principal.")
    ] = "",
    directory: DirectoryOption = None,
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """Show the names of certificates."""
    with open_access(directory, server, key, api_key) as access:
        found = [_as_json(each) for each in access.certificate_names(principal)]
    if json:
        emit({"certificate_names": found})
        return
    for row in found:
        say(f"{row['principal_id']:<24}{row['name']}")


def _tell(name: "CertificateName", told: str, json: bool) -> None:
    if json:
        emit(_as_json(name))
    else:
        say(told)


def _as_json(name: "CertificateName") -> dict[str, str]:
    return {"name": name.name, "principal_id": name.principal_id}
