"""The catalog: a multimap from 64-bit fingerprints to indexes, kept as sorted runs (a log-structured merge tree).

Duplicates are found here, and records by creator or model. A B-tree keyed by hashes would dirty one page for each
record; here each commit writes one sorted run, and runs are merged four at a time, so that a record is written
log4(n) times in long sequential values: O'Neil et al., "The log-structured merge-tree", 1996.

    run space      key (run, chunk)     fingerprints ascending, uint64 each | indexes, uint64 each
    meta "runs"    the list of runs, oldest first: id, level, count, first fingerprint of each chunk

Small merges happen in the commit that makes them due; large ones by :mod:`counterfoil.log.compact`, beside the commits.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterfoil.errors import IntegrityError
from counterfoil.limits import VALUE_SIZE_BYTES_MAX
from counterfoil.log.fingerprint import Fingerprints
from counterfoil.log.layout import META, RUN, RUNS_KEY, index_key, seal, unseal
from counterfoil.store import Snapshot, Transaction

# Runs of one level that make a merge due. Four keeps the number of runs, which each look-up pays for, near the
# number of times that a record is written again: both grow with log4 of the log.
FAN: Final = 4
# A merge up to this many entries, a whole level, is done in the commit itself. One less than 4^8: four runs of level 7 are for
# compaction, four of any level below it for the commit, so that both never take the same run.
INLINE_COUNT_MAX: Final = 65_535
_ENTRY_SIZE = 16
# A value of 1 MiB less LMDB's page header fills its pages exactly, and freed ones fit the next.
CHUNK_COUNT: Final = (VALUE_SIZE_BYTES_MAX - 16) // _ENTRY_SIZE

_LIST_HEAD = struct.Struct("<BQI")
_RUN_HEAD = struct.Struct("<QBQI")
_VERSION: Final = 1

Indexes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Run:
    """One sorted run; ``fences`` holds the first fingerprint of each of its chunks."""

    number: int
    level: int
    count: int
    fences: tuple[int, ...]

    def chunk_count(self, chunk: int) -> int:
        """Entries in one of its chunks: all are full but the last."""
        return min(CHUNK_COUNT, self.count - chunk * CHUNK_COUNT)


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
        parts.append(_RUN_HEAD.pack(run.number, run.level, run.count, len(run.fences)))
        parts.append(struct.pack(f"<{len(run.fences)}Q", *run.fences))
    return seal(b"".join(parts))


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
            fences = struct.unpack_from(f"<{chunks}Q", value, at)
            at += 8 * chunks
            runs.append(Run(number, level, entries, fences))
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
    """The list of runs in a snapshot."""
    value = snapshot.get(META, RUNS_KEY)
    return parse_runs(b"" if value is None else bytes(value))


def read_chunk(snapshot: Snapshot, run: Run, chunk: int) -> tuple[Fingerprints, Indexes]:
    """The fingerprints and indexes of one chunk, where they lie: valid while the snapshot is open.

    Raises:
        IntegrityError: the chunk is missing or has another size than its run says.
    """
    value = snapshot.get(RUN, index_key(run.number, chunk))
    count = run.chunk_count(chunk)
    if value is None or len(value) != _ENTRY_SIZE * count:
        raise IntegrityError(f"chunk {chunk} of catalog run {run.number} is missing or damaged")
    both = np.frombuffer(value, dtype="<u8")
    return both[:count], both[count:]


def write_run(
    transaction: Transaction, number: int, level: int, prints: Fingerprints, indexes: Indexes
) -> Run:
    """Store a run that is already sorted, and say what it is."""
    fences = []
    for chunk, start in enumerate(range(0, len(prints), CHUNK_COUNT)):
        part, where = prints[start : start + CHUNK_COUNT], indexes[start : start + CHUNK_COUNT]
        transaction.put(RUN, index_key(number, chunk), part.tobytes() + where.tobytes())
        fences.append(int(part[0]))
    return Run(number, level, len(prints), tuple(fences))


def add_entries(transaction: Transaction, prints: Fingerprints, indexes: Indexes) -> None:
    """Add entries as a new run, and do the small merges that this makes due.

    Levels never rise from older to newer runs, and three of a level may wait for a fourth: so there are at most
    ``3 * log4(n)`` runs, once :mod:`counterfoil.log.compact` has done the large merges.
    """
    if not len(prints):
        return
    runs = read_runs(transaction)
    order = np.argsort(prints, kind="stable")
    newest: list[tuple[Fingerprints, Indexes]] = [(prints[order], indexes[order])]
    kept, count, level = list(runs.runs), len(prints), level_of(len(prints))
    # Runs of the top level and above it are for compaction, which may be at work on them.
    while kept and kept[-1].level <= level and kept[-1].level < level_of(INLINE_COUNT_MAX):
        # A smaller run before this one, or the fourth of a level: taken in before anything is written.
        taken = kept[-1:]
        if kept[-1].level == level:
            taken = [run for run in kept[-(FAN - 1) :] if run.level == level]
            if len(taken) < FAN - 1 or sum(run.count for run in taken) + count > INLINE_COUNT_MAX:
                break
        newest = [*(_read_run(transaction, run) for run in taken), *newest]
        for run in taken:
            delete_run(transaction, run)
        del kept[-len(taken) :]
        count += sum(run.count for run in taken)
        level = level_of(count)
    kept.append(write_run(transaction, runs.next_number, level, *sort_together(newest)))
    transaction.put(META, RUNS_KEY, format_runs(Runs(runs.next_number + 1, tuple(kept))))


def level_of(count: int) -> int:
    """The level of a run: log4 of its count, rounded down."""
    return (count.bit_length() - 1) // 2


def find_due(runs: Sequence[Run]) -> slice | None:
    """Neighbours whose merge is due: the oldest four of one level, the lowest such level first.

    Or else a run and a larger one behind it, which a commit that took in many small runs can leave: without this the
    older one would wait for ever.
    """
    for end in range(len(runs), FAN - 1, -1):
        begin = end - FAN
        if runs[begin].level == runs[end - 1].level:
            while begin and runs[begin - 1].level == runs[begin].level:
                begin -= 1
            return slice(begin, begin + FAN)
    for end in range(len(runs), 1, -1):
        if runs[end - 2].level < runs[end - 1].level:
            return slice(end - 2, end)
    return None


def sort_together(parts: Sequence[tuple[Fingerprints, Indexes]]) -> tuple[Fingerprints, Indexes]:
    """The entries of several sorted runs, oldest first, by fingerprint and, where equal, by index.

    A stable sort keeps equal fingerprints in the order of the log, and on input that is already sorted in stretches it
    does little more than merge them.
    """
    prints = np.concatenate([prints for prints, _ in parts])
    indexes = np.concatenate([indexes for _, indexes in parts])
    order = np.argsort(prints, kind="stable")
    return prints[order], indexes[order]


def _read_run(snapshot: Snapshot, run: Run) -> tuple[Fingerprints, Indexes]:
    chunks = [read_chunk(snapshot, run, chunk) for chunk in range(len(run.fences))]
    return np.concatenate([c[0] for c in chunks]), np.concatenate([c[1] for c in chunks])


def merge(snapshot: Snapshot, runs: Sequence[Run]) -> tuple[Fingerprints, Indexes]:
    """The entries of neighbouring runs as one."""
    return sort_together([_read_run(snapshot, run) for run in runs])


def delete_run(transaction: Transaction, run: Run) -> None:
    """Remove a run's chunks."""
    for chunk in range(len(run.fences)):
        transaction.delete(RUN, index_key(run.number, chunk))


def find(snapshot: Snapshot, runs: Sequence[Run], prints: Fingerprints) -> Iterator[Hit]:
    """All entries with one of these fingerprints, run by run.

    Args:
        prints: the question; any order, repetitions allowed.
    """
    order = np.argsort(prints)
    asked = prints[order]
    for run in runs:
        if not run.fences:
            continue
        # Where each chunk's share of the question begins: one search for all chunks.
        cuts = np.searchsorted(asked, np.array(run.fences[1:], dtype=np.uint64), side="left")
        edges = [0, *cuts.tolist(), len(asked)]
        for chunk in range(len(run.fences)):
            # An equal fingerprint may stand on both sides of a fence: the chunk before is asked for it as well.
            begin, end = edges[chunk], edges[chunk + 1]
            while end < len(asked) and asked[end] == run.fences[chunk + 1]:
                end += 1
            if begin < end:
                have, indexes = read_chunk(snapshot, run, chunk)
                yield from _find_in_chunk(have, indexes, asked[begin:end], order[begin:end])


def _find_in_chunk(
    have: Fingerprints, indexes: Indexes, asked: Fingerprints, positions: NDArray[np.intp]
) -> Iterator[Hit]:
    at = np.searchsorted(have, asked, side="left")
    np.minimum(at, len(have) - 1, out=at)
    for hit in np.flatnonzero(have[at] == asked).tolist():
        place = int(at[hit])
        while place < len(have) and have[place] == asked[hit]:
            yield Hit(int(positions[hit]), int(indexes[place]))
            place += 1


def find_from(
    snapshot: Snapshot, runs: Sequence[Run], fingerprint: int, first_index: int, limit: int
) -> list[int]:
    """Up to ``limit`` indexes under one fingerprint, from ``first_index`` on, ascending."""
    wanted = np.uint64(fingerprint)
    found: list[int] = []
    for run in runs:
        for chunk, fence in enumerate(run.fences):
            last = chunk + 1 == len(run.fences)
            if fence > fingerprint or not (last or run.fences[chunk + 1] >= fingerprint):
                continue
            prints, indexes = read_chunk(snapshot, run, chunk)
            begin = int(np.searchsorted(prints, wanted, side="left"))
            end = int(np.searchsorted(prints, wanted, side="right"))
            matching = indexes[begin:end]
            start = int(np.searchsorted(matching, np.uint64(first_index), side="left"))
            found += matching[start : start + limit].tolist()
    return sorted(found)[:limit]
