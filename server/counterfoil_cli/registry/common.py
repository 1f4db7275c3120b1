"""The commands that are the same for every kind of object: get, list, revoke and history."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from counterfoil_cli.arguments import parse_when
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
from counterfoil_cli.registry.options import (
    EtagOption,
    ObjectArgument,
    OutputOption,
    RequestIdOption,
    SubmitterOption,
)
from counterfoil_cli.registry.writing import Write

Command = Callable[..., None]


def make_group(word: str, purpose: str) -> typer.Typer:
    """A group of commands, ``counterfoil WORD ...``."""
    return typer.Typer(
        help=purpose, epilog=example(f"counterfoil {word} --help"), no_args_is_help=True
    )


def add_common(group: typer.Typer, word: str, field: str, one: str) -> None:
    """Add get, revoke and history.

    Args:
        word: as it is typed. field: what messages call the object. one: an id for the examples.
    """

    def get(
        object_id: ObjectArgument,
        server: ServerOption = DEFAULT_ADDRESS,
        key: KeyOption = None,
        api_key: ApiKeyOption = None,
        json: JsonOption = False,
    ) -> None:
        with connect(server, key, api_key) as client:
            state = getattr(client.registry, f"{field}s").get(object_id)
        answer = to_json(state)
        if json:
            emit(answer)
        else:
            show(answer)

    def revoke(
        object_id: ObjectArgument,
        reason: Annotated[str, typer.Option(help="Why, in words.")] = "",
        effective: Annotated[
            str | None,
            typer.Option(metavar="TIME", help="When it ends: an RFC 3339 time. By default now."),
        ] = None,
        etag: EtagOption = None,
        request_id: RequestIdOption = None,
        submitter: SubmitterOption = "local",
        output: OutputOption = None,
        server: ServerOption = DEFAULT_ADDRESS,
        key: KeyOption = None,
        api_key: ApiKeyOption = None,
        json: JsonOption = False,
    ) -> None:
        effective_time_us = parse_when("--effective", effective)
        write = Write(word, field, submitter, request_id, output, server, key, api_key, json)
        write.revoke(object_id, etag, reason, effective_time_us)

    def history(
        object_id: ObjectArgument,
        server: ServerOption = DEFAULT_ADDRESS,
        key: KeyOption = None,
        api_key: ApiKeyOption = None,
        json: JsonOption = False,
    ) -> None:
        with connect(server, key, api_key) as client:
            versions = list(getattr(client.registry, f"{field}s").history(object_id))
        if json:
            emit({"versions": [to_json(version) for version in versions]})
            return
        for version in versions:
            say(_line_of(version))

    commands: tuple[tuple[Command, str], ...] = (
        (get, f"The {word} as it is now: its newest version, and its end if there is one."),
        (revoke, f"End the {word}. It takes effect when it is logged, or later; it is not undone."),
        (history, f"Everything that was ever said of the {word}, oldest first."),
    )
    for command, told in commands:
        name = command.__name__
        group.command(name, help=told, epilog=example(f"counterfoil {word} {name} {one}"))(command)


def show_list(states: Iterator[Any], plural: str, *, json: bool) -> None:
    """Print the objects of a list: a line each, or one JSON object."""
    if json:
        emit({plural: [to_json(state) for state in states]})
        return
    for state in states:
        say(_line_of(state))


def to_json(message: Any) -> dict[str, Any]:
    """A message for programs."""
    from google.protobuf.json_format import MessageToDict

    answer: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return answer


def show(answer: dict[str, Any], indent: int = 0) -> None:
    """Print a message for people: a field a line."""
    for name, value in answer.items():
        space = "  " * indent
        if isinstance(value, dict):
            say(f"{space}{name}")
            show(value, indent + 1)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for each in value:
                say(f"{space}{name}")
                show(each, indent + 1)
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value
            say(f"{space}{name:<20} {shown}")


def _line_of(message: Any) -> str:
    """One line: the version's etag and time, and what its body says in short."""
    from counterfoil.__main__ import format_time

    version = message.version
    told = to_json(message)
    body = next(
        told[name]
        for name in ("creator", "asset", "license", "price", "revocation")
        if name in told
    )
    ended = "" if "revocation_version" not in told else " (revoked)"
    facts = " ".join(
        f"{name}={value}"
        for name, value in body.items()
        if not isinstance(value, (dict, list)) and name != "replaces"
    )
    return f"{version.etag:<24} {format_time(version.time_us)}  v{version.version}{ended}  {facts}"
