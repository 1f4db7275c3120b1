"""CSV (RFC 4180) with a header line: quotes, line ends inside quotes, CRLF, a byte order mark."""

import csv
from collections.abc import Iterator
from typing import BinaryIO

from counterfoil_cli.importing.lines import LINE_SIZE_BYTES_MAX, read_lines
from counterfoil_cli.importing.rows import FileError, Row, RowError, bad_utf8


class CsvRows:
    """The rows of one CSV file.

    Attributes:
        header: the column names, without the spaces around them.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Read the header.

        Raises:
            FileError: there is no header, it is not CSV or not UTF-8, or a name stands in it twice.
        """
        self._bad: dict[int, RowError] = {}
        self._reader = csv.reader(self._texts(file), strict=True)
        first = next(self._read(), None)
        if first is None:
            raise FileError("the file is empty; a CSV file begins with a line of column names")
        cells, line, _, error = first
        if error is not None:
            raise FileError(f"line {line} should hold the column names: {error.message}")
        self.header = [cell.strip() for cell in cells]
        named: set[str] = set()
        for name in filter(None, self.header):
            if name in named:
                raise FileError(
                    f"the column {name!r} is named twice in line {line}; rename one of them"
                )
            named.add(name)

    def __iter__(self) -> Iterator[Row]:
        """All rows below the header; a row that cannot be read carries its error."""
        width = len(self.header)
        for cells, line, last_line, problem in self._read():
            error = problem
            if error is None and len(cells) != width:
                message = f"the row has {len(cells)} cells and the header {width}"
                error = RowError("WRONG_CELL_COUNT", "", message)
            values = {} if error else dict(zip(self.header, cells, strict=True))
            yield Row(line, last_line, str(line), values, error)

    def _read(self) -> Iterator[tuple[list[str], int, int, RowError | None]]:
        """Cells, first and last line, and what is wrong, for each record; blank lines are left out."""
        while True:
            line = self._reader.line_num + 1
            cells: list[str] = []
            error: RowError | None = None
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as problem:
                # The reader starts afresh with the next line, so that one lost quote costs as few rows as possible.
                error = RowError("INVALID_CSV", "", _explain(problem, line, self._reader.line_num))
            last_line = self._reader.line_num
            for number in range(line, last_line + 1) if self._bad else ():
                error = self._bad.pop(number, None) or error
            if cells or error:
                yield cells, line, last_line, error

    def _texts(self, file: BinaryIO) -> Iterator[str]:
        """The lines for the csv reader. Wrong bytes are noted, and kept harmless as surrogates: no quote or comma."""
        for line in read_lines(file):
            if line.too_long:
                message = f"line {line.number} is longer than {LINE_SIZE_BYTES_MAX} bytes"
                self._bad[line.number] = RowError("TOO_LARGE", "", message)
                yield "\n"
                continue
            try:
                yield line.data.decode("utf-8")
            except UnicodeDecodeError:
                self._bad[line.number] = bad_utf8(line.number, line.data)
                yield line.data.decode("utf-8", "surrogateescape")


def _explain(problem: csv.Error, line: int, last_line: int) -> str:
    where = f"line {line}" if line == last_line else f"lines {line} to {last_line}"
    if "unexpected end of data" in str(problem) or "field larger than" in str(problem):
        return f"{where}: a quote is opened and never closed"
    return f"{where}: not CSV ({problem})"
