"""Where the private keys of a ledger lie, once it has changed one: the file ``signing_keys.toml``.

::

    [[key]]
    purpose = "checkpoint"
    vkey = "example.com/ledger+2f6a1b09+AQ..."
    uri = "file:signing.key"

A ledger that never changed a key has no such file: its key is that of the settings. `counterfoil signing-key rotate`
writes it, and people may edit a ``uri`` when a key moves. No secret is in it. Which of these keys signs what is told by the log,
not here; a key that is listed and that the log does not know is one whose change was prepared and never made.
"""

import json
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from counterfoil.errors import StartupError, VerificationError
from counterfoil.keys import Verifier
from counterfoil.record.key_change import PURPOSES
from counterfoil_server.files import replace_durably

TABLE_NAME: Final = "signing_keys.toml"
CHECKPOINT: Final = "checkpoint"
_FIELDS: Final = ("purpose", "vkey", "uri")
_HEAD: Final = "# Where the private keys of this ledger lie; docs/OPERATING.md explains it.\n"


@dataclass(frozen=True, slots=True)
class ListedKey:
    """One line of the table: what the key is for, its public half, and the reference of its private half."""

    purpose: str
    verifier: Verifier
    uri: str


def read_table(directory: Path, purpose: str = CHECKPOINT) -> list[ListedKey]:
    """The listed keys of a purpose, in the order of the file; none when there is no file.

    Raises:
        StartupError: it cannot be understood.
    """
    return [listed for listed in _read(directory / TABLE_NAME) if listed.purpose == purpose]


def write_table(directory: Path, purpose: str, keys: Sequence[ListedKey]) -> None:
    """Put the keys of one purpose into the table, durably, in the place of those that were there.

    A crash before leaves the old table, one after it the new one; nothing is between.

    Raises:
        StartupError: the table that is there cannot be understood.
    """
    others = [listed for listed in _read(directory / TABLE_NAME) if listed.purpose != purpose]
    text = _HEAD + "".join(map(_format, (*others, *keys)))
    replace_durably(directory / TABLE_NAME, text.encode(), 0o644)


def _format(listed: ListedKey) -> str:
    # A JSON string is a TOML basic string too.
    fields = (listed.purpose, listed.verifier.vkey, listed.uri)
    lines = [f"{name} = {json.dumps(value)}" for name, value in zip(_FIELDS, fields, strict=True)]
    return "\n".join(["\n[[key]]", *lines, ""])


def _read(path: Path) -> Iterable[ListedKey]:
    try:
        table = tomllib.loads(path.read_text())
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, RecursionError) as error:
        raise StartupError(f"{path} cannot be read: {error}") from error
    rows = table.pop("key", [])
    if table or not isinstance(rows, list):
        raise StartupError(f"{path} has something else than [[key]] tables")
    keys = [_parse(path, row) for row in rows]
    if len({(key.purpose, key.verifier) for key in keys}) != len(keys):
        raise StartupError(f"{path} lists a key twice")
    return keys


def _parse(path: Path, row: Any) -> ListedKey:
    if not isinstance(row, dict) or set(row) != set(_FIELDS):
        raise StartupError(f"{path}: each key has {', '.join(_FIELDS)}, and nothing else")
    if not all(isinstance(value, str) and value and "\0" not in value for value in row.values()):
        raise StartupError(f"{path}: {', '.join(_FIELDS)} of a key are texts, and not empty")
    if row["purpose"] not in PURPOSES:
        raise StartupError(f"{path}: the purpose of a key is one of {', '.join(PURPOSES)}")
    try:
        return ListedKey(row["purpose"], Verifier.parse(row["vkey"]), row["uri"])
    except VerificationError as error:
        raise StartupError(f"{path}: {error}") from error
