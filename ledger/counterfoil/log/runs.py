"""The catalog: a multimap from 64-bit fingerprints to indexes, kept as sorted runs (a log-structured merge tree).

Duplicates are found here, and records by creator or model. A B-tree keyed by hashes would dirty one page for each
record; here each commit writes one sorted run, and runs are merged four at a time, so that a record is written
log4(n) times in long sequential values: O'Neil et al., "The log-structured merge-tree", 1996.

    run space      key (run, chunk)     fingerprints ascending, uint64 each | indexes, uint64 each
    meta "runs"    the list of runs, oldest first: id, level, count, first fingerprint and checksum of each chunk

Small merges happen in the commit that makes them due; large ones by :mod:`counterfoil.log.compact`, beside the commits.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from counterfoil.errors import IntegrityError
from counterfoil.limits import VALUE_SIZE_BYTES_MAX
from counterfoil.log.columns import (
    ENTRY_SIZE,
    Entries,
    Indexes,
    Part,
    asked_chunks,
    find_entries,
    merge_entries,
    sort_entries,
    split_columns,
)
from counterfoil.log.fingerprint import Fingerprints
from counterfoil.log.layout import META, RUN, RUNS_KEY, STATE_KEY, index_key, seal, unseal
from counterfoil.log.sound import (
    CHECKSUM_SIZE,
    chunk_checksum,
    forget_marks,
    keep_marks,
    marks_of,
)
from counterfoil.store import Snapshot, Transaction

# Runs of one level that make a merge due. Four keeps the number of runs, which each look-up pays for, near the
# number of times that a record is written again: both grow with log4 of the log.
FAN: Final = 4
# A merge up to this many entries, a whole level, is done in the commit itself. One less than 4^8: four runs of level 7 are for
# compaction, four of any level below it for the commit, so that both never take the same run.
INLINE_COUNT_MAX: Final = 65_535
# A value of 1 MiB less LMDB's page header fills its pages exactly, and freed ones fit the next.
CHUNK_COUNT: Final = (VALUE_SIZE_BYTES_MAX - 16) // ENTRY_SIZE

# Of so many runs that are listed no more the marks are kept at least, beside as many again as are listed.
_MARKED_RUNS_KEPT: Final = 16

_LIST_HEAD = struct.Struct("<BQI")
_RUN_HEAD = struct.Struct("<QBQI")
_VERSION: Final = 2


@dataclass(frozen=True, slots=True)
class Run:
    """One sorted run.

    Attributes:
        fences: the first fingerprint of each of its chunks, uint64 each. checksums: of each chunk, eight bytes each.
    """

    number: int
    level: int
    count: int
    fences: bytes
    checksums: bytes

    @property
    def chunks(self) -> range:
        """The numbers of its chunks."""
        return range(len(self.fences) // 8)

    def chunks_between(self, low: int, high: int) -> range:
        """The numbers of the chunks that may have fingerprints [low, high)."""
        fences = np.frombuffer(self.fences, dtype="<u8")
        # The chunk before a fence may end with the same fingerprint.
        begin = max(0, int(np.searchsorted(fences, np.uint64(low))) - 1)
        end = int(np.searchsorted(fences, np.uint64(high))) if high < 1 << 64 else len(fences)
        return range(begin, end)

    def chunk_count(self, chunk: int) -> int:
        """Entries in one of its chunks: all are full but the last."""
        return min(CHUNK_COUNT, self.count - chunk * CHUNK_COUNT)

    def checksum(self, chunk: int) -> bytes:
        """The checksum of one of its chunks."""
        return self.checksums[CHECKSUM_SIZE * chunk : CHECKSUM_SIZE * (chunk + 1)]


@dataclass(frozen=True, slots=True)
class Runs:
    """All runs, oldest first, and the number of the next one."""

    next_number: int
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A fingerprint that was asked for and found; ``position`` is its place in the question."""

    position: int
    index: int


def format_runs(runs: Runs) -> bytes:
    """The stored list; the inverse of :func:`parse_runs`."""
    parts = [_LIST_HEAD.pack(_VERSION, runs.next_number, len(runs.runs))]
    for run in runs.runs:
        parts.append(_RUN_HEAD.pack(run.number, run.level, run.count, len(run.chunks)))
        parts += (run.fences, run.checksums)
    return seal(b"".join(parts))


@lru_cache(maxsize=4)  # Each commit reads it twice.
def parse_runs(value: bytes) -> Runs:
    """Read the stored list; an empty value is the empty list.

    Raises:
        IntegrityError: it is no such list.
    """
    if not value:
        return Runs(0, ())
    value = unseal(value, "list of catalog runs")
    try:
        version, next_number, count = _LIST_HEAD.unpack_from(value)
        at = _LIST_HEAD.size
        runs = []
        for _ in range(count):
            number, level, entries, chunks = _RUN_HEAD.unpack_from(value, at)
            at += _RUN_HEAD.size
            # When the value ends before they do, so does the last slice before ``at``, and this is refused below.
            middle, end = at + 8 * chunks, at + (8 + CHECKSUM_SIZE) * chunks
            runs.append(Run(number, level, entries, value[at:middle], value[middle:end]))
            at = end
    except struct.error as error:
        raise IntegrityError("the stored list of catalog runs is cut short") from error
    numbers = {run.number for run in runs}
    told = all(run.level == level_of(run.count) for run in runs)
    if version != _VERSION or at != len(value) or len({*numbers, next_number}) != count + 1:
        raise IntegrityError("the stored list of catalog runs is damaged")
    if max(numbers, default=-1) > next_number or not told:
        raise IntegrityError("the stored list of catalog runs contradicts itself")
    return Runs(next_number, tuple(runs))


def read_runs(snapshot: Snapshot) -> Runs:
    """The list of runs in a snapshot.

    Raises:
        IntegrityError: it is damaged, or is gone from a log that has entries, each of which is listed.
    """
    value = snapshot.get(META, RUNS_KEY)
    if value is None and snapshot.get(META, STATE_KEY) is not None:
        raise IntegrityError("the stored list of catalog runs is missing; run fsck")
    return parse_runs(b"" if value is None else bytes(value))


def read_chunk(snapshot: Snapshot, run: Run, chunk: int) -> memoryview:
    """The entries of one chunk, where they lie: valid while the snapshot is open.

    Raises:
        IntegrityError: the chunk is missing or has another size than its run says.
    """
    value = snapshot.get(RUN, index_key(run.number, chunk))
    count = run.chunk_count(chunk)
    if value is None or len(value) != ENTRY_SIZE * count:
        raise IntegrityError(f"chunk {chunk} of catalog run {run.number} is missing or damaged")
    return value


def read_sound(snapshot: Snapshot, run: Run, chunk: int) -> memoryview:
    """The same, looked at before this process uses it for the first time.

    Raises:
        IntegrityError: the chunk is missing, or is not what was written.
    """
    entries = read_chunk(snapshot, run, chunk)
    marks = marks_of(snapshot, run.number, run.checksums)
    if not marks[chunk]:
        check_chunk(run, chunk, entries)
        marks[chunk] = 1
    return entries


def read_checked(snapshot: Snapshot, run: Run, chunk: int) -> memoryview:
    """The same, looked at in any case: for who builds on it, or comes to look. What is damaged is not used again.

    Raises:
        IntegrityError: the chunk is missing, or is not what was written.
    """
    try:
        entries = read_chunk(snapshot, run, chunk)
        check_chunk(run, chunk, entries)
    except IntegrityError:
        forget_marks(snapshot, run.number, run.checksums)
        raise
    return entries


def check_chunk(run: Run, chunk: int, entries: Entries) -> None:
    """Compare a chunk with its checksum.

    Raises:
        IntegrityError: it is not what was written.
    """
    if chunk_checksum(entries) != run.checksum(chunk):
        told = f"chunk {chunk} of catalog run {run.number} is not what was written; run fsck"
        raise IntegrityError(told)


def check_order(run: Run, chunk: int, entries: Entries) -> None:
    """Look at what a look-up takes for granted of whoever wrote: fingerprints ascend, and the first is the fence.

    Raises:
        IntegrityError: it is not so.
    """
    prints, _ = split_columns(entries)
    begins = prints[:1].tobytes() == run.fences[8 * chunk : 8 * chunk + 8]
    if not begins or bool((prints[1:] < prints[:-1]).any()):
        raise IntegrityError(f"chunk {chunk} of catalog run {run.number} is out of order; run fsck")


def split_chunks(entries: Entries) -> list[Entries]:
    """Sorted entries as values to store, each a chunk; the last has what remains."""
    if len(entries) <= ENTRY_SIZE * CHUNK_COUNT:
        return [entries]
    prints, indexes = split_columns(entries)
    return [
        prints[begin : begin + CHUNK_COUNT].tobytes()
        + indexes[begin : begin + CHUNK_COUNT].tobytes()
        for begin in range(0, len(prints), CHUNK_COUNT)
    ]


def write_run(transaction: Transaction, number: int, entries: Entries) -> Run:
    """Store entries that are already sorted as a run, and say what it is."""
    chunks = split_chunks(entries)
    for chunk, value in enumerate(chunks):
        transaction.put(RUN, index_key(number, chunk), value)
    return describe_run(
        number, len(entries) // ENTRY_SIZE, [describe_chunk(value) for value in chunks]
    )


def describe_chunk(entries: Entries) -> tuple[bytes, bytes]:
    """What the list says of a chunk: its fence and its checksum."""
    return bytes(entries[:8]), chunk_checksum(entries)


def describe_run(number: int, count: int, chunks: Sequence[tuple[bytes, bytes]]) -> Run:
    """What the list says of a run of so many entries, of whose chunks it says this."""
    fences, checksums = (b"".join(column) for column in zip(*chunks, strict=True))
    return Run(number, level_of(count), count, fences, checksums)


def add_entries(transaction: Transaction, prints: Fingerprints, indexes: Indexes) -> None:
    """Add entries as a new run, and do the small merges that this makes due.

    Levels never rise from older to newer runs, and three of a level may wait for a fourth: so there are at most
    ``3 * log4(n)`` runs, once :mod:`counterfoil.log.compact` has done the large merges.
    """
    if not len(prints):
        return
    runs = read_runs(transaction)
    newest: list[Part] = [(sort_entries(prints, indexes), 0, len(prints))]
    kept, count, level = list(runs.runs), len(prints), level_of(len(prints))
    # Runs of the top level and above it are for compaction, which may be at work on them.
    while kept and kept[-1].level <= level and kept[-1].level < level_of(INLINE_COUNT_MAX):
        # A smaller run before this one, or the fourth of a level: taken in before anything is written.
        taken = kept[-1:]
        if kept[-1].level == level:
            taken = [run for run in kept[-(FAN - 1) :] if run.level == level]
            if len(taken) < FAN - 1 or sum(run.count for run in taken) + count > INLINE_COUNT_MAX:
                break
        newest = [*(part for run in taken for part in _read_run(transaction, run)), *newest]
        for run in taken:
            delete_run(transaction, run)
        del kept[-len(taken) :]
        count += sum(run.count for run in taken)
        level = level_of(count)
    entries = merge_entries(newest) if len(newest) > 1 else newest[0][0]
    kept.append(write_run(transaction, runs.next_number, entries))
    transaction.put(META, RUNS_KEY, format_runs(Runs(runs.next_number + 1, tuple(kept))))


def level_of(count: int) -> int:
    """The level of a run: log4 of its count, rounded down."""
    return (count.bit_length() - 1) // 2


def _read_run(snapshot: Snapshot, run: Run) -> list[Part]:
    return [(read_checked(snapshot, run, chunk), 0, run.chunk_count(chunk)) for chunk in run.chunks]


def delete_run(transaction: Transaction, run: Run) -> None:
    """Remove a run's chunks."""
    for chunk in run.chunks:
        transaction.delete(RUN, index_key(run.number, chunk))


def sort_question(prints: Fingerprints) -> tuple[Fingerprints, Indexes]:
    """Fingerprints in ascending order, and the position that each had."""
    return split_columns(sort_entries(prints, np.arange(len(prints), dtype=np.uint64)))


def find(snapshot: Snapshot, runs: Sequence[Run], prints: Fingerprints) -> list[Hit]:
    """All entries with one of these fingerprints, run by run.

    Args:
        runs: of the list in this snapshot. prints: the question; any order, repetitions allowed.
    """
    return find_sorted(snapshot, runs, *sort_question(prints))


def find_sorted(
    snapshot: Snapshot, runs: Sequence[Run], asked: Fingerprints, positions: Indexes
) -> list[Hit]:
    """The same for a question that is sorted already.

    Raises:
        IntegrityError: a chunk that is asked is missing, or is not what was written.
    """
    # A run that is listed is complete, and its number is never given to another.
    chunks = snapshot.get_lasting(RUN, [index_key(run.number) for run in runs])
    marks = snapshot.marks
    for run, have in zip(runs, chunks, strict=True):
        # Nearly always the whole run was looked at before; what is asked for each run and group is kept short.
        if 0 in marks.get((run.number, run.checksums), b"\x00"):
            _require_sound(snapshot, run, have, asked)
    _forget_merged(snapshot, runs)
    searched = [
        (run.number, run.count, run.fences, have) for run, have in zip(runs, chunks, strict=True)
    ]
    try:
        hits = find_entries(asked, searched, CHUNK_COUNT)
    except ValueError as error:
        raise IntegrityError(str(error)) from error
    places, indexes = split_columns(hits)
    return [
        Hit(position, index)
        for position, index in zip(positions[places].tolist(), indexes.tolist(), strict=True)
    ]


def _require_sound(
    snapshot: Snapshot, run: Run, chunks: Sequence[memoryview], asked: Fingerprints
) -> None:
    """Look at those chunks of a run that a question goes to, and that this process did not look at before."""
    marks = marks_of(snapshot, run.number, run.checksums)
    # Most runs that are new have one chunk: that costs less to look at than to find out whether it is asked.
    for chunk in (0,) if len(marks) == 1 else asked_chunks(asked, run.fences):
        # One that is missing is told by the look-up.
        if chunk < len(chunks) and not marks[chunk]:
            check_chunk(run, chunk, chunks[chunk])
            marks[chunk] = 1


def _forget_merged(snapshot: Snapshot, runs: Sequence[Run]) -> None:
    # Older snapshots may know other runs: these are kept for a while.
    if len(snapshot.marks) > 2 * len(runs) + _MARKED_RUNS_KEPT:
        keep_marks(snapshot, [(run.number, run.checksums) for run in runs])


def find_from(
    snapshot: Snapshot, runs: Sequence[Run], fingerprint: int, first_index: int, limit: int
) -> list[int]:
    """Up to ``limit`` indexes under one fingerprint, from ``first_index`` on, ascending.

    Raises:
        IntegrityError: a chunk that is asked is missing, or is not what was written.
    """
    wanted = np.uint64(fingerprint)
    found: list[int] = []
    for run in runs:
        enough = len(found) + limit
        for chunk in run.chunks_between(fingerprint, fingerprint + 1):
            prints, indexes = split_columns(read_sound(snapshot, run, chunk))
            first = int(np.searchsorted(prints, wanted, side="left"))
            stop = int(np.searchsorted(prints, wanted, side="right"))
            matching = indexes[first:stop]
            start = int(np.searchsorted(matching, np.uint64(first_index), side="left"))
            found += matching[start : start + limit].tolist()
            # Within a run, equal fingerprints stand in the order of the log.
            if len(found) >= enough:
                break
    _forget_merged(snapshot, runs)
    return sorted(found)[:limit]
