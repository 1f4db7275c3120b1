"""Physical lines of a file as bytes, counted, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

# A row that becomes an event of at most 64 KiB has no use for more; a file without line ends must not fill memory.
LINE_SIZE_BYTES_MAX: Final = 1 << 20

UTF8_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Attributes:
        number: counted from 1.
        data: its bytes with the line end; the byte order mark of the first line is taken off.
        too_long: longer than LINE_SIZE_BYTES_MAX; data holds its beginning only.
    """

    number: int
    data: bytes
    too_long: bool


def read_lines(file: BinaryIO) -> Iterator[Line]:
    """All lines up to the end of the file."""
    number = 0
    while raw := file.readline(LINE_SIZE_BYTES_MAX + 1):
        number += 1
        too_long = len(raw) > LINE_SIZE_BYTES_MAX
        if too_long and not raw.endswith(b"\n"):
            _skip_to_line_end(file)
        yield Line(number, raw.removeprefix(UTF8_BOM) if number == 1 else raw, too_long)


def _skip_to_line_end(file: BinaryIO) -> None:
    while raw := file.readline(LINE_SIZE_BYTES_MAX):
        if raw.endswith(b"\n"):
            return
