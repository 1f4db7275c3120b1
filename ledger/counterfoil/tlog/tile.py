"""Tiles: a tree cut into immutable files of 256 hashes, as in C2SP tlog-tiles.

Tile n of tile level L holds the nodes of tree level 8 * L from index 256 * n on, 32 bytes each:
level 0 the leaf hashes, and each hash of level L + 1 the root of one full tile of level L. The last
tile of a level may be *partial*: narrower, and named with its width. Entries are kept beside them
in bundles of 256.

::

    tile/0/x001/x234/067            the full tile 1,234,067 of level 0
    tile/1/000.p/17                 the first 17 hashes of tile 0 of level 1
    tile/entries/000                the first 256 entries
"""

from __future__ import annotations

import re

from counterfoil.errors import InvalidInput, OutOfRange, VerificationError
from counterfoil.limits import TREE_SIZE_MAX
from counterfoil.packed import HASH_SIZE
from counterfoil.tlog.hashing import hash_pairs

TILE_HEIGHT = 8
"""Tree levels in a tile."""

TILE_WIDTH = 1 << TILE_HEIGHT
"""Hashes in a full tile, and entries in a full bundle."""

TILE_LEVEL_MAX = 63
"""The largest tile level that a path can name."""

ENTRY_SIZE_BYTES_MAX = 0xFFFF
"""The largest entry of a bundle: its length is written in two bytes."""

_PATH = re.compile(
    r"tile/(?P<level>entries|[0-9]{1,2})/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})"
    r"(?:\.p/(?P<width>[0-9]{1,3}))?"
)


def tile_path(level: int | None, index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of a tile, or of a bundle of entries when the level is None.

    Raises:
        OutOfRange: If level, index or width cannot be those of a tile.
    """
    if level is not None:
        _check_tile_level(level)
    if not 0 <= index <= TREE_SIZE_MAX:
        raise OutOfRange(f"no such tile index: {index}", size=TREE_SIZE_MAX)
    if not 1 <= width <= TILE_WIDTH:
        raise OutOfRange(f"no such tile width: {width}", size=TILE_WIDTH)
    groups = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        groups.append(f"x{index % 1000:03d}")
    kind = "entries" if level is None else str(level)
    suffix = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{kind}/{'/'.join(reversed(groups))}{suffix}"


def parse_tile_path(path: str) -> tuple[int | None, int, int]:
    """Return (level, index, width) of a path: the inverse of tile_path, and of nothing else.

    Raises:
        InvalidInput: If tile_path would not write this path.
    """
    match = _PATH.fullmatch(path)
    if match is None:
        raise _not_a_tile_path()
    level = None if match["level"] == "entries" else int(match["level"])
    index = int(match["index"].replace("x", "").replace("/", ""))
    width = TILE_WIDTH if match["width"] is None else int(match["width"])
    try:
        written = tile_path(level, index, width)
    except OutOfRange as error:
        raise _not_a_tile_path() from error
    if written != path:
        raise _not_a_tile_path()
    return level, index, width


def partial_width(level: int, size: int) -> int:
    """Return how many hashes the last tile of a level holds at a tree size; 0 if all are full.

    For bundles of entries the level is 0.

    Raises:
        OutOfRange: If the level or the size is negative or too large.
    """
    _check_tile_level(level)
    if not 0 <= size <= TREE_SIZE_MAX:
        raise OutOfRange(f"no such tree size: {size}", size=0)
    return (size >> TILE_HEIGHT * level) % TILE_WIDTH


def locate_node(level: int, index: int) -> tuple[int, int, int, int]:
    """Return where in the tiles a node is: (tile level, tile index, first hash, number of hashes).

    The node is the root over that many neighbouring hashes of the tile, a power of two below 256:
    see tile_node.

    Raises:
        OutOfRange: If there is no such node in a tree below 2^63 leaves.
    """
    if not 0 <= level < TREE_SIZE_MAX.bit_length() or not 0 <= index <= TREE_SIZE_MAX >> level:
        raise OutOfRange(f"no such node: level {level}, index {index}", size=TREE_SIZE_MAX)
    tile_level, above = divmod(level, TILE_HEIGHT)
    tile_index, first = divmod(index << above, TILE_WIDTH)
    return tile_level, tile_index, first, 1 << above


def tile_node(tile: bytes | memoryview, first: int, count: int) -> bytes:
    """Return the root over count hashes of a tile, a power of two, from the first one on.

    Raises:
        OutOfRange: If the tile does not hold them, or count is not a power of two.
    """
    end = first + count
    if first < 0 or count < 1 or count & (count - 1) or end * HASH_SIZE > len(tile):
        raise OutOfRange(
            f"the tile does not hold hashes [{first}, {end})", size=len(tile) // HASH_SIZE
        )
    nodes = bytes(tile[first * HASH_SIZE : end * HASH_SIZE])
    while len(nodes) > HASH_SIZE:
        nodes = hash_pairs(nodes)
    return nodes


def format_bundle(entries: list[bytes]) -> bytes:
    """Return a bundle: each entry with its length before it, a big-endian 16-bit number.

    Raises:
        InvalidInput: If there are none or more than 256, or one is longer than 65,535 bytes.
    """
    if not 1 <= len(entries) <= TILE_WIDTH:
        raise InvalidInput(
            f"a bundle holds 1 to {TILE_WIDTH} entries", field="entries", reason="COUNT"
        )
    parts = []
    for position, entry in enumerate(entries):
        if len(entry) > ENTRY_SIZE_BYTES_MAX:
            raise InvalidInput(
                f"entry {position} is longer than {ENTRY_SIZE_BYTES_MAX} bytes",
                field="entries",
                reason="LENGTH",
                position=position,
            )
        parts.append(len(entry).to_bytes(2, "big"))
        parts.append(entry)
    return b"".join(parts)


def parse_bundle(data: bytes, width: int = TILE_WIDTH) -> list[bytes]:
    """Return the entries of a bundle of this width.

    Raises:
        VerificationError: If it does not hold exactly so many entries.
    """
    entries: list[bytes] = []
    position = 0
    while position < len(data):
        start = position + 2
        position = start + int.from_bytes(data[position:start], "big")
        if start > len(data) or position > len(data) or len(entries) == width:
            raise VerificationError(f"bundle: entry {len(entries)} should not be there, or is cut")
        entries.append(data[start:position])
    if len(entries) != width:
        raise VerificationError(f"bundle: {len(entries)} entries instead of {width}")
    return entries


def _check_tile_level(level: int) -> None:
    if not 0 <= level <= TILE_LEVEL_MAX:
        raise OutOfRange(f"no such tile level: {level}", size=TILE_LEVEL_MAX + 1)


def _not_a_tile_path() -> InvalidInput:
    return InvalidInput("this is not the path of a tile", field="path", reason="TILE_PATH")
