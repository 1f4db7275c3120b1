"""The files of an export: the log as it was at one signed size, read from the store beside its writers.

Entries never change, so that each group of them is read in a short snapshot of its own.
"""

from collections.abc import Iterator

from counterfoil.entry import format_leaf
from counterfoil.errors import IntegrityError
from counterfoil.export import (
    CHECKPOINT_NAME,
    VKEY_NAME,
    Opening,
    Tiles,
    bundle_path,
    format_records,
    records_path,
)
from counterfoil.keys import Verifier
from counterfoil.log.fsck.report import Progress
from counterfoil.log.read import read_checkpoint, read_entries
from counterfoil.note import Checkpoint, Trust, as_trust
from counterfoil.packed import Hashes
from counterfoil.store import Store
from counterfoil.tlog import TILE_WIDTH, format_bundle


def find_tree(store: Store, trust: Verifier | Trust, size: int | None) -> Checkpoint:
    """The oldest signed tree with at least ``size`` entries, or the newest of all.

    A group commit is signed as a whole: between its first entry and its last there was no tree.

    Raises:
        OutOfRange: the log is not that long.
        VerificationError: the checkpoint is not signed with the log's key.
    """
    with store.snapshot() as snapshot:
        return as_trust(trust).check(read_checkpoint(snapshot, size)[1])


def export_files(store: Store, tree: Checkpoint, progress: Progress) -> Iterator[tuple[str, bytes]]:
    """Path and content of each file of an export, the checkpoint last.

    Raises:
        IntegrityError: the entries are damaged, or are not those that were signed.
    """
    yield VKEY_NAME, b"".join(key.vkey.encode() + b"\n" for key in tree.keys)
    tiles = Tiles()
    for begin in range(0, tree.size, TILE_WIDTH):
        end = min(begin + TILE_WIDTH, tree.size)
        with store.snapshot() as snapshot:
            entries = list(read_entries(snapshot, begin, end))
        number = begin // TILE_WIDTH
        leaves = [format_leaf(entry.leaf) for entry in entries]
        yield bundle_path(number, end - begin), format_bundle(leaves)
        openings = [Opening(entry.salt, entry.record) for entry in entries]
        yield records_path(number, end - begin), format_records(openings)
        yield from tiles.feed(Hashes.of(entry.leaf_hash for entry in entries))
        progress(end, tree.size)
    yield from tiles.finish()
    if tiles.tree.root() != tree.root_hash:
        told = f"the first {tree.size} entries are not those that were signed; run fsck"
        raise IntegrityError(told)
    yield CHECKPOINT_NAME, tree.note
