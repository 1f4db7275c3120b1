"""`counterfoil licence`: what buyers may do with works. `counterfoil license` is the same command."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

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
    note,
    say,
    write_file,
)
from counterfoil_cli.registry.check import check
from counterfoil_cli.registry.common import add_common, make_group, show_list, to_json
from counterfoil_cli.registry.licences import change_command
from counterfoil_cli.registry.options import CreatorOption, ObjectArgument

_CREATE = example(
    "counterfoil licence create l1 --creator ada --asset novel --buyer acme --use training \\",
    "    --territory DE --start 2026-01-01T00:00:00Z --end 2027-01-01T00:00:00Z --price standard",
    "counterfoil licence create all --creator ada --template training-nonexclusive@1",
)
_UPDATE = example("counterfoil licence update l1 --end 2028-01-01T00:00:00Z")
_CHECK = example(
    "counterfoil licence check --asset novel --buyer acme --use training --model model_xyz"
)


class ExportFormat(StrEnum):
    """What a licence can be written as for other programs."""

    RSL = "rsl"
    TDMREP = "tdmrep"


def register(app: typer.Typer) -> None:
    """Add the commands, and the American spelling as a second name that help does not show."""
    group = make_group("licence", "What buyers may do with works: terms, times, prices.")
    group.command("create", help="Grant a licence.", epilog=_CREATE)(change_command(new=True))
    group.command(
        "update", help="Change what is given, and leave the rest as it is.", epilog=_UPDATE
    )(change_command(new=False))
    group.command("list", epilog=example("counterfoil licence list --buyer acme"))(list_licences)
    add_common(group, "licence", "license", "l1")
    group.command("check", epilog=_CHECK)(check)
    group.command("templates", epilog=example("counterfoil licence templates"))(templates)
    group.command("export", epilog=example("counterfoil licence export l1 --format rsl"))(export)
    app.add_typer(group, name="licence")
    app.add_typer(group, name="license", hidden=True)


def list_licences(
    creator: CreatorOption = None,
    asset: Annotated[str, typer.Option(metavar="ID", help="Only those for this asset.")] = "",
    buyer: Annotated[str, typer.Option(metavar="ID", help="Only those of this buyer.")] = "",
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """Licences in the order of registration; filters combine."""
    with connect(server, key, api_key) as client:
        states = client.registry.licenses.list(
            creator_id=creator or "", asset_id=asset, buyer=buyer
        )
        show_list(states, "licenses", json=json)


def templates(
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """Standard clauses that licences can name."""
    with connect(server, key, api_key) as client:
        known = client.registry.license_templates()
    if json:
        emit({"templates": [to_json(template) for template in known]})
        return
    for template in known:
        say(f"{template.name}@{template.version}  {template.title}")


def export(
    licence_id: ObjectArgument,
    form: Annotated[ExportFormat, typer.Option("--format", help="RSL is XML, TDMRep JSON.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Where to put it; else it is printed."),
    ] = None,
    server: ServerOption = DEFAULT_ADDRESS,
    key: KeyOption = None,
    api_key: ApiKeyOption = None,
    json: JsonOption = False,
) -> None:
    """A licence for other programs, as far as their format has a place for what it says."""
    with connect(server, key, api_key) as client:
        answer = client.registry.export_license(licence_id, f"LICENSE_FORMAT_{form.value.upper()}")
    if output is not None:
        write_file(output, answer.document.encode())
    if json:
        emit({**to_json(answer), "widens": answer.widens, "file": str(output) if output else None})
        return
    if output is None:
        say(answer.document.removesuffix("\n"))
    if answer.widens:
        note(
            f"WARNING: this document allows more than licence {licence_id} does, because {form.value} cannot state some of "
            "its limits. Give it to those who know the licence; published, it would be an offer to everybody."
        )
    if answer.left_out:
        note(f"{form.value} has no place for: {', '.join(answer.left_out)}")
