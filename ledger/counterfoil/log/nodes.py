"""Nodes of the tree: written as tiles of 256, read from tiles and batches.

Tiles are those of C2SP tlog-tiles, from level 1 up. Level 0, the leaf hashes, lies with the batches; nodes between two
tile levels are computed from at most 256 hashes below them.
"""

from collections.abc import Sequence

from counterfoil.errors import IntegrityError
from counterfoil.log.layout import BATCH, TILE, BatchPart, index_key
from counterfoil.log.state import read_state
from counterfoil.packed import HASH_SIZE, Hashes
from counterfoil.store import Snapshot, Transaction
from counterfoil.tlog import TILE_HEIGHT, TILE_WIDTH, locate_node
from counterfoil.tlog.hashing import hash_pairs

New = Sequence[tuple[int, int, Hashes]]


def write_tiles(transaction: Transaction, complete: New) -> None:
    """Store the nodes of tile levels among those that became complete: (level, first index, hashes).

    The last, partial tile of a level is read and written again; full ones never change.
    """
    for level, first, hashes in complete:
        if level % TILE_HEIGHT:
            continue
        at = 0
        while at < len(hashes):
            number, offset = divmod(first + at, TILE_WIDTH)
            taken = Hashes.of(hashes[at : at + TILE_WIDTH - offset])
            key = index_key(level // TILE_HEIGHT, number)
            before = transaction.get(TILE, key) if offset else b""
            if before is None or len(before) != HASH_SIZE * offset:
                raise IntegrityError(f"tile {number} of level {level // TILE_HEIGHT} is damaged")
            transaction.put(TILE, key, bytes(before) + taken.data)
            at += len(taken)


def find_part(snapshot: Snapshot, index: int) -> BatchPart:
    """The batch part that holds an entry, which the log must have; valid while the snapshot is open.

    Raises:
        IntegrityError: its part is missing, or is not what its key says.
    """
    for key, value in snapshot.scan(BATCH, end=index_key(index + 1), limit=1, reverse=True):
        part = BatchPart(key, value)
        if part.first <= index < part.first + part.count:
            return part
    raise IntegrityError(f"the batch of entry {index} is missing or damaged", index=index)


def read_leaf_hashes(snapshot: Snapshot, begin: int, end: int) -> Hashes:
    """The leaf hashes of the entries [begin, end), all of which must be there.

    Raises:
        IntegrityError: a batch of them is missing.
    """
    if begin >= end:
        return Hashes()
    first = find_part(snapshot, begin)
    columns = [first.leaf_hashes(begin - first.first, min(first.count, end - first.first)).data]
    following = first.first + first.count
    for key, value in snapshot.scan(BATCH, start=index_key(following), end=index_key(end)):
        part = BatchPart(key, value)
        if part.first != following:
            raise IntegrityError(f"the batch of entry {following} is missing", index=following)
        columns.append(part.leaf_hashes(0, min(part.count, end - part.first)).data)
        following = part.first + part.count
    hashes = Hashes(b"".join(columns))
    if len(hashes) != end - begin:
        raise IntegrityError(f"the batch of entry {following} is missing", index=following)
    return hashes


class Nodes:
    """The nodes of the tree in one snapshot. Each tile is read once, and hashed as far up as somebody asks.

    A proof needs a node of nearly every height of a tile, so that hashing whole levels costs it nothing more.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        """Read from a snapshot, and no longer than it is open."""
        self._snapshot = snapshot
        self._size = read_state(snapshot).size
        # Of each tile its own hashes, then their parents, and so on: 32 bytes each, one behind the other.
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def read(self, level: int, index: int) -> bytes:
        """The hash of the complete subtree of 2^level leaves at an index, for the functions of ``counterfoil.tlog``.

        Raises:
            IntegrityError: a batch or a tile is missing.
        """
        tile_level, number, first, count = locate_node(level, index)
        heights = self._tiles.get((tile_level, number))
        if heights is None:
            heights = self._tiles[tile_level, number] = [self._read_tile(tile_level, number)]
        if len(heights[0]) < HASH_SIZE * (first + count):
            raise IntegrityError(f"tile {number} of level {tile_level} is missing or cut short")
        height = count.bit_length() - 1
        while len(heights) <= height:
            heights.append(hash_pairs(heights[-1]))
        at = HASH_SIZE * (first >> height)
        return heights[height][at : at + HASH_SIZE]

    def _read_tile(self, tile_level: int, number: int) -> bytes:
        if tile_level == 0:
            begin = number * TILE_WIDTH
            end = min(begin + TILE_WIDTH, self._size)
            return read_leaf_hashes(self._snapshot, begin, end).data
        return bytes(self._snapshot.get(TILE, index_key(tile_level, number)) or b"")
