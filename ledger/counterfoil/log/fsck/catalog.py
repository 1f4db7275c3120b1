"""The catalog made again from the records, and compared with the stored runs, entry by entry.

What the records give is sorted a stretch at a time into a temporary file, 16 bytes an entry. Then both sides are read a
share of the fingerprints at a time, so that a log of any size is checked in the same memory.
"""

import mmap
from collections.abc import Iterator, Sequence
from itertools import pairwise
from tempfile import TemporaryFile

import numpy as np

from counterfoil.errors import IntegrityError
from counterfoil.log.columns import (
    ENTRY_SIZE,
    Indexes,
    Part,
    merge_entries,
    sort_entries,
    split_columns,
)
from counterfoil.log.existing import read_identity
from counterfoil.log.fingerprint import Fingerprints
from counterfoil.log.fsck.lines import catalog_lines
from counterfoil.log.fsck.report import Report
from counterfoil.log.layout import BatchPart
from counterfoil.log.runs import Run, check_chunk, check_order, read_chunk, read_runs
from counterfoil.store import Snapshot

# Entries that are sorted at a time, and that a share has about as many of.
_STRETCH_COUNT = 1 << 19
# Marks the index of a term's entry in the file: terms may be equal, identities may not.
_TERM = np.uint64(1 << 63)


class CatalogCheck:
    """Collects what the catalog must hold, and compares at the end."""

    def __init__(self, report: Report, secret: bytes) -> None:
        """Begin with nothing; ``secret`` is that of the log's fingerprints."""
        self._report = report
        self._secret = secret
        self._file = TemporaryFile()  # noqa: SIM115 - closed by close()
        self._waiting: list[tuple[Fingerprints, Indexes]] = []
        self._waiting_count = 0
        self._stretches: list[int] = []

    def add(self, part: BatchPart) -> None:
        """Take in the identities and terms of a part's records.

        Raises:
            IntegrityError: a record cannot be read.
        """
        identities, terms = catalog_lines(self._secret, part)
        indexes = np.arange(part.first, part.first + part.count, dtype=np.uint64)
        self._collect(identities, indexes)
        if terms.shape[1]:
            self._collect(terms.reshape(-1), np.repeat(indexes, terms.shape[1]) | _TERM)

    def _collect(self, prints: Fingerprints, indexes: Indexes) -> None:
        self._waiting.append((prints, indexes))
        self._waiting_count += len(prints)
        if self._waiting_count >= _STRETCH_COUNT:
            self._write_stretch()

    def _write_stretch(self) -> None:
        if self._waiting:
            prints, indexes = map(np.concatenate, zip(*self._waiting, strict=True))
            self._file.write(sort_entries(prints, indexes))
            self._stretches.append(len(prints))
            self._waiting, self._waiting_count = [], 0

    def compare(self, snapshot: Snapshot, size: int) -> None:
        """Compare with the runs of a snapshot, whose entries from ``size`` on are left aside."""
        self._write_stretch()
        self._file.flush()
        stretches = list(self._map_stretches())
        runs = read_runs(snapshot).runs
        shares = max(sum(self._stretches), sum(run.count for run in runs)) // _STRETCH_COUNT + 1
        bounds = list(pairwise(2**64 * share // shares for share in range(shares + 1)))
        for low, high in bounds:
            self._check_twins(snapshot, *split_columns(_merge_between(stretches, low, high)))
        for run in runs:
            for chunk in run.chunks:
                self._check_chunk(run, chunk, read_chunk(snapshot, run, chunk))
        for low, high in bounds:
            prints, indexes = split_columns(_merge_between(stretches, low, high))
            stored = split_columns(merge_entries(list(_stored(snapshot, runs, low, high))))
            mine, theirs = _pairs(prints, indexes & ~_TERM), _pairs(*stored)
            self._compare_share(mine[mine["index"] < size], theirs[theirs["index"] < size])

    def close(self) -> None:
        """Remove the temporary file."""
        self._file.close()

    def _check_chunk(self, run: Run, chunk: int, entries: memoryview) -> None:
        try:
            check_chunk(run, chunk, entries)
            check_order(run, chunk, entries)
        except IntegrityError as error:
            self._report.add(None, "catalog", str(error))

    def _map_stretches(self) -> Iterator[memoryview]:
        if not self._stretches:
            return
        whole = memoryview(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ))
        end = 0
        for count in self._stretches:
            begin, end = end, end + ENTRY_SIZE * count
            yield whole[begin:end]

    def _compare_share(self, mine: np.ndarray, theirs: np.ndarray) -> None:
        if np.array_equal(mine, theirs):
            return
        if len(mine) != len(theirs):
            told = f"it has {len(theirs)} lines where the entries give {len(mine)}"
            self._report.add(None, "catalog", told)
        for _, index in np.setdiff1d(mine, theirs)[:100].tolist():
            self._report.add(index, "catalog", "the entry is not in the catalog where it belongs")
        for _, index in np.setdiff1d(theirs, mine)[:100].tolist():
            self._report.add(
                index, "catalog", "the catalog has a line that the entry does not give"
            )

    def _check_twins(self, snapshot: Snapshot, prints: Fingerprints, indexes: Indexes) -> None:
        """No identity may be in the log twice; equal fingerprints are looked at one by one."""
        identities = indexes < _TERM
        prints, indexes = prints[identities], indexes[identities]
        for place in np.flatnonzero(prints[1:] == prints[:-1]).tolist():
            first, second = int(indexes[place]), int(indexes[place + 1])
            if read_identity(snapshot, first) == read_identity(snapshot, second):
                self._report.add(second, "dedup", f"the entry has the identity of entry {first}")


def _merge_between(stretches: Sequence[memoryview], low: int, high: int) -> bytes:
    """What the records give of the fingerprints [low, high)."""
    return merge_entries([_cut(stretch, low, high) for stretch in stretches])


def _stored(snapshot: Snapshot, runs: Sequence[Run], low: int, high: int) -> Iterator[Part]:
    """What the runs have of the fingerprints [low, high), oldest first."""
    for run in runs:
        for chunk in run.chunks_between(low, high):
            yield _cut(read_chunk(snapshot, run, chunk), low, high)


def _cut(entries: memoryview, low: int, high: int) -> Part:
    """The part of sorted entries with fingerprints [low, high)."""
    prints, _ = split_columns(entries)
    begin = int(np.searchsorted(prints, np.uint64(low)))
    end = int(np.searchsorted(prints, np.uint64(high))) if high < 1 << 64 else len(prints)
    # Entries that rotted out of their order may seem to end before they begin.
    return entries, begin, max(begin, end)


def _pairs(prints: Fingerprints, indexes: Indexes) -> np.ndarray:
    both = np.empty(len(prints), dtype=[("print", np.uint64), ("index", np.uint64)])
    both["print"], both["index"] = prints, indexes
    return both
