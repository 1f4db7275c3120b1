"""Where the commands about principals and keys do their work: at a ledger that runs, or in its directory.

Whoever can write to the directory is the operator, with or without a key: a lost operator key is no lost ledger.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from counterfoil_cli.console import CommandError, connect

if TYPE_CHECKING:
    from counterfoil_client import Access
    from counterfoil_server.access.desk import Desk

DirectoryOption = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        metavar="DIR",
        help="Work in the ledger's directory on this machine, without a server and without a key.",
    ),
]
_WORD_START: Final = re.compile(r"(?<!^)(?=[A-Z])")


class _Local:
    """Stands for a connection: each call is done at the desk at once."""

    def __init__(self, desk: "Desk") -> None:
        self._desk = desk

    def unary(self, path: str, request: Any, _answer: Any) -> Any:
        """Do what the method of the service would do for the operator."""
        name = _WORD_START.sub("_", path.rpartition("/")[2]).lower()
        return getattr(self._desk, name)(request)


@contextmanager
def open_access(
    directory: Path | None, server: str, key: str | None, api_key: str | None
) -> Iterator["Access"]:
    """Principals, keys and the audit trail of a ledger; a server may run on the directory.

    Raises:
        CommandError: the ledger does not answer, or refuses.
        StartupError: there is no ledger in the directory.
    """
    from counterfoil_client import Access

    if directory is None:
        with connect(server, key, api_key) as client:
            yield client.access
        return
    from counterfoil_server.access.certificates import CertificateDesk
    from counterfoil_server.access.door import open_ops
    from counterfoil_server.directory import load

    settings = load(directory)
    ops = open_ops(settings)
    try:
        yield Access(_Local(CertificateDesk(ops, settings.environment)))
    finally:
        ops.close()


def parse_role(text: str) -> Any:
    """A role by its name.

    Raises:
        CommandError: there is no such role.
    """
    from counterfoil.v1.access_service_pb2 import Role

    name = f"ROLE_{text.upper()}"
    if name not in Role.keys()[1:]:
        known = ", ".join(word.removeprefix("ROLE_").lower() for word in Role.keys()[1:])
        raise CommandError(f"--role {text}: choose one of {known}")
    return Role.Value(name)


def role_name(role: Any) -> str:
    """The name of a role, as `parse_role` reads it."""
    from counterfoil.v1.access_service_pb2 import Role

    return Role.Name(role).removeprefix("ROLE_").lower()


def parse_span_us(option: str, text: str) -> int:
    """A span of time such as ``90d``, ``12h``, ``30m`` or ``45s``, in microseconds.

    Raises:
        CommandError: it is none.
    """
    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
    if not re.fullmatch(r"[0-9]{1,6}[smhd]", text):
        raise CommandError(f"{option} {text}: say it as 90d, 12h, 30m or 45s")
    return int(text[:-1]) * units[text[-1]] * 1_000_000


def tell_second(time_us: int) -> str:
    """A moment for people, RFC 3339 in UTC, without the fraction of its second."""
    return f"{datetime.fromtimestamp(time_us // 1_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"
