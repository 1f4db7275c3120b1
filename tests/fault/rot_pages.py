"""Which byte of an LMDB data file is what: read page by page, without LMDB.

Layout as in ``counterfoil.store.lmdb_file``. Every page that the newest meta page leads to has an owner; a page
without one is free or was never used, and no reader comes to it before it is written anew.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

PAGE: Final = 4096
_HEADER: Final = 16
_BRANCH: Final = 0x01
_LARGE_VALUE, _SUBTREE = 0x01, 0x02
_NO_PAGE: Final = (1 << 64) - 1
_META_SIZE: Final = 152
_ROOT_AT: Final = 40


@dataclass(frozen=True)
class Place:
    """What a byte belongs to.

    Attributes:
        kind: ``meta``, ``branch``, ``leaf`` (headers, pointers and keys), ``value``, ``gap`` (of a page in use) or
            ``free``.
        space: the space, "" for the two trees that LMDB keeps for itself.
        key: of a value. at: its place in the value.
    """

    kind: str
    space: str = ""
    key: bytes = b""
    at: int = 0


@dataclass(frozen=True)
class _Piece:
    """Bytes [begin, end) of the file, and what they are."""

    begin: int
    end: int
    kind: str
    key: bytes = b""


class PageMap:
    """The owner of each byte of a file."""

    def __init__(self, data: bytes | memoryview) -> None:
        """Read a whole file, which must be sound."""
        self._data = data
        self._pieces: dict[int, tuple[str, list[_Piece]]] = {}
        self.size = len(data)
        newest = max((0, 1), key=lambda page: self._number(PAGE * page + 144, "Q"))
        base = PAGE * newest
        self._tree("", self._number(base + 80, "Q"))
        for key, at in self._tree("", self._number(base + 128, "Q")):
            for _ in self._walk(key.decode(), self._number(at + _ROOT_AT, "Q")):
                pass

    def place(self, offset: int) -> Place:
        """What the byte at an offset is."""
        if offset < 2 * PAGE:
            return Place("meta" if offset % PAGE < _META_SIZE else "gap")
        space, pieces = self._pieces.get(offset // PAGE, ("", None))
        if pieces is None:
            return Place("free")
        for piece in pieces:
            if piece.begin <= offset < piece.end:
                return Place(piece.kind, space, piece.key, offset - piece.begin)
        return Place("gap", space)

    def _number(self, at: int, form: str) -> int:
        return int(struct.unpack_from("=" + form, self._data, at)[0])

    def _tree(self, space: str, root: int) -> list[tuple[bytes, int]]:
        return list(self._walk(space, root))

    def _walk(self, space: str, number: int) -> Iterator[tuple[bytes, int]]:
        """Note the pages of a tree; gives key and place of each value that is a tree itself."""
        if number == _NO_PAGE:
            return
        base = PAGE * number
        flags, lower = self._number(base + 10, "H"), self._number(base + 12, "H")
        kind = "branch" if flags & _BRANCH else "leaf"
        pieces = [_Piece(base, base + lower, kind)]
        self._pieces[number] = space, pieces
        for at in range(_HEADER, lower, 2):
            node = base + self._number(base + at, "H")
            low, high, node_flags, key_size = struct.unpack_from("=HHHH", self._data, node)
            key = bytes(self._data[node + 8 : node + 8 + key_size])
            value, size = node + 8 + key_size, low | high << 16
            if flags & _BRANCH:
                pieces.append(_Piece(node, value, kind))
                yield from self._walk(space, low | high << 16 | node_flags << 32)
            elif node_flags & _LARGE_VALUE:
                pieces.append(_Piece(node, value + 8, kind))
                self._large(space, key, self._number(value, "Q"), size)
            else:
                subtree = bool(node_flags & _SUBTREE)
                pieces.append(_Piece(node, value, kind))
                pieces.append(_Piece(value, value + size, "leaf" if subtree else "value", key))
                if subtree:
                    yield key, value

    def _large(self, space: str, key: bytes, number: int, size: int) -> None:
        base = PAGE * number
        pieces = [
            _Piece(base, base + _HEADER, "leaf"),
            _Piece(base + _HEADER, base + _HEADER + size, "value", key),
        ]
        for page in range(number, number + -(-(_HEADER + size) // PAGE)):
            self._pieces[page] = space, pieces
