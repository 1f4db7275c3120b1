"""Tiles, their paths, and bundles of entries."""

from __future__ import annotations

import random

import pytest

from counterfoil.errors import InvalidInput, OutOfRange, VerificationError
from counterfoil.tlog import (
    TILE_WIDTH,
    format_bundle,
    leaf_hash,
    locate_node,
    parse_bundle,
    parse_tile_path,
    partial_width,
    tile_node,
    tile_path,
)

from .reference import numbered_tree
from .vectors import load

SIZE_MAX = 2**63 - 1
LOG = load("checkpoint/tessera.json")

PATHS: list[tuple[str, int | None, int, int]] = [
    ("tile/0/000", 0, 0, 256),
    ("tile/0/255", 0, 255, 256),
    ("tile/0/999", 0, 999, 256),
    ("tile/0/x001/000", 0, 1000, 256),
    ("tile/0/x001/x234/067", 0, 1234067, 256),
    ("tile/5/x123/x456/789", 5, 123456789, 256),
    ("tile/63/000.p/1", 63, 0, 1),
    ("tile/1/000.p/17", 1, 0, 17),
    ("tile/0/273.p/112", 0, 273, 112),
    ("tile/0/x009/x223/x372/x036/x854/x775/807", 0, SIZE_MAX, 256),
    ("tile/entries/000", None, 0, 256),
    ("tile/entries/x001/x234/067.p/255", None, 1234067, 255),
]

NO_PATHS = [
    "",
    "tile",
    "tile/0",
    "tile/0/",
    "tile/0/0",
    "tile/0/00",
    "tile/0/0000",
    "tile/0/x000/001",
    "tile/0/x000",
    "tile/0/x01/000",
    "tile/0/001/000",
    "tile/0/X001/000",
    "tile/0/x001/",
    "tile/0/x001x002/000",
    "tile/00/000",
    "tile/01/000",
    "tile/64/000",
    "tile/99/000",
    "tile/100/000",
    "tile/-1/000",
    "tile/+1/000",
    "tile/a/000",
    "tile//000",
    "tile/0/000.p",
    "tile/0/000.p/",
    "tile/0/000.p/0",
    "tile/0/000.p/00",
    "tile/0/000.p/01",
    "tile/0/000.p/256",
    "tile/0/000.p/999",
    "tile/0/000.p/-1",
    "tile/0/000.P/1",
    "tile/0/000p/1",
    "tile/0/000/p/1",
    "/tile/0/000",
    " tile/0/000",
    "tile/0/000 ",
    "tile/0/000\n",
    "tile/0/000/",
    "tile/0/../000",
    "tile/0/\u0660\u0660\u0660",
    "tile/data/000",
    "tile/Entries/000",
    "tile/0/x009/x223/x372/x036/x854/x775/808",
    "tile/0/x999/x999/x999/x999/x999/x999/999",
    "tile/0/" + "x001/" * 7 + "000",
    "tile/0/" + "x001/" * 5000 + "000",
]


@pytest.mark.parametrize(("path", "level", "index", "width"), PATHS)
def test_known_paths(path: str, level: int | None, index: int, width: int) -> None:
    """Known paths are written and read as C2SP tlog-tiles says."""
    assert path == tile_path(level, index, width)
    assert (level, index, width) == parse_tile_path(path)


@pytest.mark.parametrize("path", NO_PATHS)
def test_what_is_no_path_is_refused(path: str) -> None:
    """What tile_path would not write is invalid input, and never another error."""
    with pytest.raises(InvalidInput):
        parse_tile_path(path)


def test_paths_come_back() -> None:
    """Every path that is written is read as what it was written from."""
    rng = random.Random(7)
    for _ in range(2000):
        level = rng.choice([None, *range(64)])
        index, width = rng.randrange(2 ** rng.randrange(1, 64)), rng.randrange(1, 257)

        assert (level, index, width) == parse_tile_path(tile_path(level, index, width))


@pytest.mark.parametrize(
    ("level", "index", "width"),
    [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 2**63, 1), (0, 0, 0), (0, 0, -1), (0, 0, 257)],
)
def test_no_path_out_of_range(level: int, index: int, width: int) -> None:
    """There is no path for a tile that cannot be."""
    with pytest.raises(OutOfRange):
        tile_path(level, index, width)


@pytest.mark.parametrize(
    ("level", "size", "width"),
    [
        (0, 0, 0),
        (0, 1, 1),
        (0, 255, 255),
        (0, 256, 0),
        (1, 256, 1),
        (0, 70000, 112),
        (1, 70000, 17),
        (2, 70000, 1),
        (3, 70000, 0),
        (7, SIZE_MAX, 127),
        (8, SIZE_MAX, 0),
        (63, SIZE_MAX, 0),
    ],
)
def test_partial_widths(level: int, size: int, width: int) -> None:
    """The last tile of a level is as wide as C2SP tlog-tiles says."""
    assert width == partial_width(level, size)


@pytest.mark.parametrize(("level", "size"), [(-1, 5), (64, 5), (0, -1), (0, 2**63)])
def test_no_partial_width_out_of_range(level: int, size: int) -> None:
    """There is no width for a level or a size that cannot be."""
    with pytest.raises(OutOfRange):
        partial_width(level, size)


def test_every_node_is_in_its_tile() -> None:
    """Every complete node of a tree of 600 leaves is found in the tiles of that tree."""
    size = 600
    tree = numbered_tree(size)
    tiles: dict[tuple[int, int], bytes] = {}
    for tile_level in range(2):
        hashes = [tree.read(8 * tile_level, index) for index in range(size >> 8 * tile_level)]
        for first in range(0, len(hashes), TILE_WIDTH):
            tiles[tile_level, first // TILE_WIDTH] = b"".join(hashes[first : first + TILE_WIDTH])
    for level in range(10):
        for index in range(size >> level):
            tile_level, tile_index, first, count = locate_node(level, index)
            node = tile_node(tiles[tile_level, tile_index], first, count)

            assert tree.read(level, index) == node, (level, index)


@pytest.mark.parametrize(
    ("level", "index", "place"),
    [
        (0, 0, (0, 0, 0, 1)),
        (0, 257, (0, 1, 1, 1)),
        (7, 1, (0, 0, 128, 128)),
        (7, 2, (0, 1, 0, 128)),
        (8, 0, (1, 0, 0, 1)),
        (9, 3, (1, 0, 6, 2)),
        (62, 0, (7, 0, 0, 64)),
        (62, 1, (7, 0, 64, 64)),
    ],
)
def test_known_places(level: int, index: int, place: tuple[int, int, int, int]) -> None:
    """A node's tile follows from its level and index as C2SP tlog-tiles says."""
    assert place == locate_node(level, index)


@pytest.mark.parametrize(("level", "index"), [(-1, 0), (0, -1), (63, 0), (0, 2**63), (62, 2)])
def test_no_place_out_of_range(level: int, index: int) -> None:
    """There is no tile for a node that no tree has."""
    with pytest.raises(OutOfRange):
        locate_node(level, index)


@pytest.mark.parametrize(
    ("first", "count"), [(-1, 1), (0, 0), (0, 3), (0, -1), (4, 1), (3, 2), (2, 4), (0, 8)]
)
def test_tile_does_not_hold_the_node(first: int, count: int) -> None:
    """Hashes beyond the tile, or not a power of two of them, are out of range."""
    with pytest.raises(OutOfRange):
        tile_node(bytes(4 * 32), first, count)


def test_tile_may_be_a_view() -> None:
    """A tile is read from a view of stored bytes as from the bytes."""
    tile = bytes(range(256)) * 4

    assert tile_node(tile, 8, 8) == tile_node(memoryview(tile), 8, 8)
    assert type(tile_node(memoryview(tile), 3, 1)) is bytes


@pytest.mark.parametrize("width", range(1, 16))
def test_tiles_of_another_implementation(width: int) -> None:
    """Tiles and bundles of tessera's log hold its leaves, and we write the same bundles."""
    entries = [leaf.encode() for leaf in LOG["leaves"][:width]]
    bundle, tile = (bytes.fromhex(LOG[kind][str(width)]) for kind in ("bundles", "tiles"))

    assert entries == parse_bundle(bundle, width)
    assert bundle == format_bundle(entries)
    assert tile == b"".join(leaf_hash(entry) for entry in entries)
    for position, entry in enumerate(entries):
        assert leaf_hash(entry) == tile_node(tile, position, 1)


@pytest.mark.parametrize("entries", [[b""], [b"", b""], [b"a" * 65535], [b"x"] * 256])
def test_bundles_come_back(entries: list[bytes]) -> None:
    """Every bundle that is written is read as what it was written from, empty entries too."""
    assert entries == parse_bundle(format_bundle(entries), len(entries))


@pytest.mark.parametrize("entries", [[], [b"x"] * 257, [b"a" * 65536], [b"", b"a" * 70000]])
def test_no_such_bundle(entries: list[bytes]) -> None:
    """No bundle is written of no entries, of too many, or of one that is too long."""
    with pytest.raises(InvalidInput):
        format_bundle(entries)


def test_damaged_bundles_are_refused() -> None:
    """A bundle that is cut anywhere, goes on, or has another width is refused."""
    bundle = format_bundle([b"one", b"", b"three"])
    for end in range(len(bundle)):
        with pytest.raises(VerificationError):
            parse_bundle(bundle[:end], 3)
    for tail in (b"\x00", b"\x00\x00", b"\x00\x01", b"\x00\x01x", b"\xff\xff"):
        with pytest.raises(VerificationError):
            parse_bundle(bundle + tail, 3)
    for width in (0, 1, 2, 4, 256):
        with pytest.raises(VerificationError):
            parse_bundle(bundle, width)
