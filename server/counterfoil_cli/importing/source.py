"""Opens a usage file: tells its form by its first bytes, fingerprints it, and gives its rows."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final

from blake3 import blake3

from counterfoil_cli.importing.cloudevents import is_cloudevent, unwrap
from counterfoil_cli.importing.csv_rows import CsvRows
from counterfoil_cli.importing.json_rows import is_json_line, read_json_document, read_json_lines
from counterfoil_cli.importing.lines import UTF8_BOM
from counterfoil_cli.importing.rows import FileError, Row

_SNIFF_SIZE_BYTES: Final = 1 << 16
_FOREIGN_STARTS: Final = {
    b"\xff\xfe": "is UTF-16; save it as UTF-8",
    b"\xfe\xff": "is UTF-16; save it as UTF-8",
    b"\x1f\x8b": "is compressed (gzip); decompress it first",
    b"PK\x03\x04": "is a ZIP archive or a spreadsheet; save it as CSV",
    b"PAR1": "is Parquet; save it as CSV or JSON lines",
}


class Form(StrEnum):
    """The forms of a usage file. CloudEvents are JSON, and told by their own `specversion`."""

    AUTO = "auto"
    CSV = "csv"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Source:
    """A usage file that is open.

    Attributes:
        header: the columns of a CSV file; None for JSON.
        rows: all rows, to be read once.
        id_prefix: what the derived ids of this file begin with: its content's fingerprint and a colon.
        size_bytes: its length.
        position: how many bytes were read so far.
    """

    header: Sequence[str] | None
    rows: Iterator[Row]
    id_prefix: str
    size_bytes: int
    position: Callable[[], int]


@contextmanager
def open_source(path: Path, form: Form, mapped: frozenset[str]) -> Iterator[Source]:
    """Open a file for as long as the block runs.

    Args:
        path: a regular file.
        form: what it is; AUTO looks.
        mapped: the columns that the command line maps by name.

    Raises:
        FileError: it cannot be read, is nothing that can be imported, or changed while the block ran.
    """
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            prefix = f"{_content_hash(path, file)}:"
            header, rows = _read(path, file, _sniff(file) if form is Form.AUTO else form)
            shaped = (unwrap(row, mapped) if is_cloudevent(row) else row for row in rows)
            yield Source(header, shaped, prefix, before.st_size, file.tell)
            after = os.fstat(file.fileno())
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise FileError(f"{path} changed while it was imported; import files that are finished")


def _content_hash(path: Path, file: BinaryIO) -> str:
    """32 hexadecimal digits: enough that no two files of the world meet, short enough for an id."""
    hasher = blake3(max_threads=blake3.AUTO)
    start = file.read(4)
    for foreign, told in _FOREIGN_STARTS.items():
        if start.startswith(foreign):
            raise FileError(f"{path} {told}")
    if not start:
        raise FileError(f"{path} is empty")
    file.seek(0)
    while piece := file.read(1 << 22):
        hasher.update(piece)
    file.seek(0)
    return hasher.hexdigest(length=16)


def _sniff(file: BinaryIO) -> Form:
    start = file.read(_SNIFF_SIZE_BYTES).removeprefix(UTF8_BOM).lstrip()
    file.seek(0)
    return Form.JSON if start[:1] in {b"{", b"["} else Form.CSV


def _read(path: Path, file: BinaryIO, form: Form) -> tuple[Sequence[str] | None, Iterator[Row]]:
    try:
        if form is Form.CSV:
            table = CsvRows(file)
            return table.header, iter(table)
        if is_json_line(file):
            return None, read_json_lines(file)
        # A fault in a document leaves no way to tell where the next row begins. So it is read to its end first:
        # it is imported as a whole or not at all.
        for _ in read_json_document(file):
            pass
    except FileError as error:
        raise FileError(f"{path}: {error}") from error
    file.seek(0)
    return None, read_json_document(file)
