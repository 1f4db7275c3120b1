"""What the readers hand over: rows with the place they came from, and what can be wrong with one."""

from collections.abc import Mapping
from dataclasses import dataclass


class RowError(Exception):
    """One row cannot become an event. Its neighbours can.

    Attributes:
        reason: what is wrong, in UPPER_SNAKE, like the ledger's own reasons.
        field: the target or column that is at fault; empty when the whole row is.
        message: the same in words.
    """

    def __init__(self, reason: str, field: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.field = field
        self.message = message


class FileError(Exception):
    """The file as a whole cannot be imported; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file: values by column, or why there are none.

    Attributes:
        line: where the row begins, counted from 1.
        last_line: where it ends; the same line for most rows.
        key: names the row within its file for ever: the line, or "item-N" in a JSON array.
        values: column name to value: text in a CSV file, any JSON value in a JSON file.
        error: why the row could not be read; values are then empty.
    """

    line: int
    last_line: int
    key: str
    values: Mapping[str, object]
    error: RowError | None = None


def bad_utf8(line: int, raw: bytes) -> RowError:
    """The error of a line that is not UTF-8, with the place of the first wrong byte."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        place = f"byte {error.start + 1} of line {line} (0x{raw[error.start]:02x})"
        return RowError("INVALID_UTF8", "", f"{place} is not UTF-8")
    return RowError("INVALID_UTF8", "", f"line {line} is not UTF-8")


__all__ = ["FileError", "Row", "RowError", "bad_utf8"]
