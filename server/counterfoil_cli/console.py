"""What every command shares: how it speaks, how it fails, and how it reaches a ledger.

Standard output carries the answer, or with --json one JSON object and nothing else. Everything else goes to standard
error. Exit codes: 0 done, 1 done and the answer is no (a bad receipt, refused rows, a broken store), 2 not done.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from counterfoil_client import LedgerClient

DEFAULT_ADDRESS: Final = "127.0.0.1:7070"

JsonOption = Annotated[bool, typer.Option("--json", help="Answer with one JSON object.")]
ServerOption = Annotated[
    str,
    typer.Option(
        "--server",
        metavar="HOST:PORT",
        envvar="COUNTERFOIL_SERVER",
        help="The ledger's address; https://HOST:PORT for TLS.",
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="VKEY",
        help="The ledger's verifier key; without it the key that the server shows is believed.",
    ),
]

ApiKeyOption = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        metavar="KEY",
        envvar="COUNTERFOIL_API_KEY",
        help="Who calls. In the environment it is seen by fewer eyes than on a command line.",
    ),
]


class CommandError(Exception):
    """A command cannot be done; the message is one line that says what to do."""

    def __init__(self, message: str, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def example(*commands: str) -> str:
    """The end of a command's help: commands that can be copied, one on each line."""
    return "Example:\n\n\b\n" + "\n".join(commands)


def say(text: str) -> None:
    """One line or more for people, on standard output."""
    print(text, flush=True)


def note(text: str) -> None:
    """A remark beside the answer, on standard error."""
    print(f"counterfoil: {text}", file=sys.stderr, flush=True)


def emit(answer: Mapping[str, Any]) -> None:
    """The answer for programs: one JSON object on one line."""
    text = json.dumps(answer, ensure_ascii=False)
    # Half a character cannot be written as UTF-8; its escape is the one that JSON has for it.
    print(text.encode("utf-8", "backslashreplace").decode(), flush=True)


@contextmanager
def connect(
    server: str, key: str | None, api_key: str | None, submitter: str = "local"
) -> Iterator["LedgerClient"]:
    """A client of the ledger at an address, closed at the end.

    Args:
        key: the log's verifier key, if it is known. api_key: who calls, if the ledger asks.

    Raises:
        CommandError: nobody answers there, or the server shows another key than the one that is trusted.
    """
    from counterfoil_client import LedgerClient, LedgerError

    try:
        client = LedgerClient(server, trust=key, submitter=submitter, api_key=api_key)
    except ValueError as error:
        raise CommandError(f"--api-key: {error}") from error
    try:
        with client:
            yield client
    except LedgerError as error:
        raise CommandError(explain_ledger_error(server, error)) from error


def explain_ledger_error(server: str, error: Any) -> str:
    """One line about a failed call: what it means for the person at the keyboard."""
    if error.reason in ("OUTCOME_UNKNOWN", "STOPPING"):
        return f"the ledger at {server} is going away ({error}); the same command can be repeated safely"
    if error.code == "UNAVAILABLE":
        return (
            f"no ledger answers at {server}; start one with `counterfoil serve DIR`, "
            "or say where it is with --server HOST:PORT"
        )
    if error.code == "DEADLINE_EXCEEDED":
        return f"the ledger at {server} did not answer in time; the same command can be repeated safely"
    broken = "; ".join(f"{each.field}: {each.description}" for each in error.violations)
    reason = f" [{error.reason}]" if error.reason else ""
    return one_line(f"{broken or error}{reason}")


def explain(error: Exception) -> str | None:
    """One line for an error that a person can do something about; None for one that is our fault."""
    from counterfoil.errors import CounterfoilError

    if isinstance(error, (CommandError, CounterfoilError)):
        return one_line(str(error))
    if isinstance(error, OSError):
        return one_line(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    return None


def one_line(text: str) -> str:
    """A message without line breaks."""
    return " ".join(text.split())


def write_file(path: Path, data: bytes) -> None:
    """Write a whole file.

    Raises:
        CommandError: it cannot be written.
    """
    try:
        path.write_bytes(data)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror or error}") from error
