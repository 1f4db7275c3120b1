"""JSON lines (an object a line), or one JSON document: an array of objects or a single object.

Numbers keep their digits (decimals become `Decimal`). A key that stands twice in one object is refused, because readers
disagree on which one counts.
"""

import codecs
import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal, DecimalException
from typing import Any, BinaryIO, Final, NoReturn

from counterfoil_cli.importing.lines import LINE_SIZE_BYTES_MAX, UTF8_BOM, Line, read_lines
from counterfoil_cli.importing.rows import FileError, Row, RowError, bad_utf8

_CHUNK_SIZE_BYTES: Final = 1 << 18
_SPACE: Final = re.compile(r"[ \t\r\n]*")


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except DecimalException:
        raise ValueError(f"{text[:40]} is not a number that can be kept exactly") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise ValueError(f"{max(counts, key=counts.__getitem__)!r} stands twice in one object")
    return values


_DECODER: Final = json.JSONDecoder(
    parse_float=_decimal, parse_constant=_no_constant, object_pairs_hook=_object
)


def is_json_line(file: BinaryIO) -> bool:
    """Whether a file holds an object a line: the first line is one, or the file is no document either.

    A broken first line must not turn a file of lines into one broken document, so that both are tried.
    """
    first = next((line for line in read_lines(file) if line.data.strip()), None)
    file.seek(0)
    if first is None or first.data.lstrip().startswith(b"["):
        return False
    try:
        _parse_line(first)
    except RowError:
        try:
            for _ in read_json_document(file):
                pass
        except FileError:
            return True
        finally:
            file.seek(0)
        return False
    return True


def read_json_lines(file: BinaryIO) -> Iterator[Row]:
    """A row for every line that is not blank; a line that cannot be read carries its error."""
    for line in read_lines(file):
        if line.data.strip():
            try:
                yield Row(line.number, line.number, str(line.number), _parse_line(line))
            except RowError as error:
                yield Row(line.number, line.number, str(line.number), {}, error)


def _parse_line(line: Line) -> dict[str, Any]:
    if line.too_long:
        raise RowError(
            "TOO_LARGE", "", f"line {line.number} is longer than {LINE_SIZE_BYTES_MAX} bytes"
        )
    try:
        value = _DECODER.decode(line.data.decode("utf-8").rstrip())
    except UnicodeDecodeError:
        raise bad_utf8(line.number, line.data) from None
    except json.JSONDecodeError as error:
        message = f"line {line.number}, column {error.colno}: not JSON ({error.msg})"
        raise RowError("INVALID_JSON", "", message) from None
    except (ValueError, RecursionError) as error:
        raise RowError("INVALID_JSON", "", f"line {line.number}: {_reason(error)}") from None
    if not isinstance(value, dict):
        raise RowError("INVALID_JSON", "", f"line {line.number} is not a JSON object")
    return value


def read_json_document(file: BinaryIO) -> Iterator[Row]:
    """A row for every object of the array, or for the one object that is the document.

    Raises:
        FileError: the document is not JSON, not UTF-8, or holds something else than objects. Nothing after the fault
            could be told apart, so that callers read the document once before they send anything of it.
    """
    document = _Document(file)
    if document.peek() == "[":
        document.take("[")
        number = 0
        while document.peek() != "]":
            if number:
                document.take(",")
            number += 1
            yield document.take_object(f"item-{number}")
        document.take("]")
    else:
        yield document.take_object("item-1")
    if document.peek():
        document.fail("something follows the end of the document")


class _Document:
    """A window onto the text of one document, which grows until a value is whole."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0
        self._line = 1
        self._ended = False

    def peek(self) -> str:
        """The next character that is not white space; empty at the end."""
        while True:
            end = self._end_of_space()
            self._line += self._text.count("\n", self._at, end)
            self._at = end
            if end < len(self._text) or self._ended:
                return self._text[end : end + 1]
            self._grow(_CHUNK_SIZE_BYTES)

    def take(self, character: str) -> None:
        if self.peek() != character:
            self.fail(f"{character!r} is missing")
        self._at += 1

    def take_object(self, key: str) -> Row:
        """The object that begins here, as a row."""
        if self.peek() != "{":
            self.fail("an object is missing")
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                # Cut off by the window, or wrong: only more text can tell.
                size = len(self._text) - self._at
                if not self._ended and size <= LINE_SIZE_BYTES_MAX:
                    self._grow(max(_CHUNK_SIZE_BYTES, size))
                    continue
                self._line += self._text.count("\n", self._at, error.pos)
                self.fail(
                    f"not JSON ({error.msg})"
                    if self._ended
                    else f"longer than {LINE_SIZE_BYTES_MAX} bytes"
                )
            except (ValueError, RecursionError) as error:
                self.fail(_reason(error))
            line = self._line
            self._line += self._text.count("\n", self._at, end)
            self._at = end
            return Row(line, self._line, key, value)

    def fail(self, what: str) -> NoReturn:
        raise FileError(
            f"line {self._line}: {what}; nothing was sent, correct the file and import it again"
        )

    def _end_of_space(self) -> int:
        match = _SPACE.match(self._text, self._at)
        return match.end() if match else self._at

    def _grow(self, size: int) -> None:
        data = self._file.read(size)
        if self._at + len(self._text) == 0:
            data = data.removeprefix(UTF8_BOM)
        self._ended = len(data) == 0
        rest = self._text[self._at :]
        try:
            self._text = rest + self._decoder.decode(data, final=self._ended)
        except UnicodeDecodeError as error:
            self._line += rest.count("\n") + error.object[: error.start].count(b"\n")
            self.fail("not UTF-8")
        self._at = 0


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
