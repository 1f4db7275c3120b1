"""Nodes of the tree: written as tiles of 256, read from tiles and batches.

Tiles are those of C2SP tlog-tiles, from level 1 up. Level 0, the leaf hashes, lies with the batches; nodes between two
tile levels are computed from at most 256 hashes below them.
"""

from collections.abc import Sequence

from counterfoil.errors import IntegrityError
from counterfoil.log.layout import BATCH, TILE, BatchPart, index_key
from counterfoil.packed import HASH_SIZE, Hashes
from counterfoil.store import Snapshot, Transaction
from counterfoil.tlog import TILE_HEIGHT, TILE_WIDTH, locate_node, root_hash, tile_node

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


def read_node(snapshot: Snapshot, level: int, index: int) -> bytes:
    """The hash of the complete subtree of 2^level leaves at an index.

    Raises:
        IntegrityError: a batch or a tile is missing.
    """
    tile_level, number, first, count = locate_node(level, index)
    if tile_level == 0:
        begin = number * TILE_WIDTH + first
        return root_hash(read_leaf_hashes(snapshot, begin, begin + count))
    tile = snapshot.get(TILE, index_key(tile_level, number))
    if tile is None or len(tile) < HASH_SIZE * (first + count):
        raise IntegrityError(f"tile {number} of level {tile_level} is missing or cut short")
    return tile_node(tile, first, count)
