"""What a fuzz target is: seeds, one function that reads hostile bytes, and the errors it may raise.

A target reads bytes through the very functions that the product uses, and asserts what must hold for bytes that are
accepted: that they come out the same when they are written again, or mean the same when they are read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from counterfoil.errors import CounterfoilError


class PropertyBroken(AssertionError):
    """Bytes were accepted, and what must then hold does not."""


class Finding(Exception):
    """A case that showed a fault of the product; the message has the target and the bytes."""


@dataclass(frozen=True)
class Target:
    """One parser, or several that read the same bytes.

    Attributes:
        name: names the file of its corpus.
        seeds: real objects, made anew each time; the corpus adds what was found by mutation.
        read: reads one case. Returns when it is accepted, and raises one of ``refusals`` when not.
        refusals: what its documentation allows it to raise; everything else is a finding.
        words: byte strings that its format knows, for mutation.
        size_bytes_max: the largest case that is tried.
    """

    name: str
    seeds: Callable[[], Iterable[bytes]]
    read: Callable[[bytes], None]
    refusals: tuple[type[Exception], ...] = (CounterfoilError,)
    words: tuple[bytes, ...] = field(default=())
    size_bytes_max: int = 4096


def try_case(target: Target, data: bytes) -> bool:
    """Whether the target accepts a case.

    Raises:
        Finding: it raised what it must not raise, or accepted what breaks its property.
    """
    try:
        target.read(data)
    except target.refusals:
        return False
    except Exception as error:
        shown = data.hex() if len(data) <= 4096 else f"{data[:4096].hex()}... ({len(data)} bytes)"
        told = f"{target.name}: {type(error).__name__}: {error}; the case in hexadecimal: {shown}"
        raise Finding(told) from error
    return True


def must(condition: bool, told: str) -> None:
    """Assert a property of accepted bytes, in optimized Python too."""
    if not condition:
        raise PropertyBroken(told)


class Cut:
    """Takes typed arguments off hostile bytes, for functions that have more than one."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def number(self, size: int = 8) -> int:
        """A big-endian number of so many bytes; zero at the end."""
        return int.from_bytes(self.take(size), "big")

    def take(self, size: int) -> bytes:
        """The next bytes, fewer at the end."""
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def rest(self) -> bytes:
        """All that is left."""
        taken, self._data = self._data, b""
        return taken

    def pieces(self, size: int) -> list[bytes]:
        """All that is left in pieces of one size; the last one may be shorter."""
        data = self.rest()
        return [data[at : at + size] for at in range(0, len(data), size)]


def as_text(data: bytes) -> str:
    """Hostile text: any bytes, with halves of characters where they are not UTF-8."""
    return data.decode("utf-8", "surrogateescape")
