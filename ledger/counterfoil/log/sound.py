"""What vouches for a chunk of the catalog: a checksum of it, which stands in the list of runs beside its fence.

No leaf vouches for a chunk, and one bit of it can hide a duplicate, or an entry from a list. So a process looks at the
checksum before it answers from a chunk for the first time, and marks it as sound: to look each time would be to read the
whole catalog for each group of records. What rots behind a mark is found by whoever looks in any case: merges, the scrub,
fsck. They take the mark away.

The list is sealed, and names each run by a number that is never used again. So a chunk of another run, or what lay there
before a write that was lost, has the wrong checksum as well.
"""

from collections.abc import Hashable, Iterable
from typing import Final

from blake3 import blake3

from counterfoil.log.columns import Entries
from counterfoil.store import Snapshot

CHECKSUM_SIZE: Final = 8


def chunk_checksum(entries: Entries) -> bytes:
    """Eight bytes that tell rot in a chunk. BLAKE3, since four times as much of it is hashed in a second as by SHA-256."""
    return blake3(entries).digest(length=CHECKSUM_SIZE)


def marks_of(snapshot: Snapshot, number: int, checksums: bytes) -> bytearray:
    """A byte for each chunk of a run: 1 where this process has found it sound since it opened the store.

    A transaction that came to nothing may have used the number before: so the checksums belong to the name.
    """
    key = (number, checksums)
    marks = snapshot.marks.get(key)
    return (
        snapshot.marks.setdefault(key, bytearray(len(checksums) // CHECKSUM_SIZE))
        if marks is None
        else marks
    )


def keep_marks(snapshot: Snapshot, runs: Iterable[tuple[int, bytes]]) -> None:
    """Forget what is marked of other runs than these, named by number and checksums: of those that were merged."""
    kept: set[Hashable] = set(runs)
    # A copy, because other threads add to it meanwhile.
    for key in list(snapshot.marks):
        if key not in kept:
            snapshot.marks.pop(key, None)


def forget_marks(snapshot: Snapshot, number: int, checksums: bytes) -> None:
    """Forget what is marked of a run, so that all of it is looked at again."""
    snapshot.marks.pop((number, checksums), None)
