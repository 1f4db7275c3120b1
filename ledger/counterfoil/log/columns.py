"""Entries of the catalog as columns: n fingerprints, then n indexes, each a little-endian uint64, in one value.

This is what the store keeps of a chunk, so that nothing is converted on the way. The functions here are pure, and have
compiled twins, which search at the speed of memory: fingerprints are spread evenly, so that interpolation lands near an
entry, and many questions wait for their cache lines together.
"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from counterfoil.log.fingerprint import Fingerprints
from counterfoil.twin import twin_of

ENTRY_SIZE: Final = 16

Column: TypeAlias = bytes | memoryview | NDArray[np.uint64]
"""Numbers, little-endian uint64, one behind the other."""
Entries: TypeAlias = bytes | bytearray | memoryview
"""A column of fingerprints, and behind it one of what belongs to each: indexes, or places in a question."""
Indexes: TypeAlias = NDArray[np.uint64]
Places: TypeAlias = NDArray[np.intp]
Part: TypeAlias = tuple[Entries, int, int]
"""The entries [begin, end) of a chunk."""
SearchedRun: TypeAlias = tuple[int, int, bytes, tuple[memoryview, ...]]
"""Number and count of a run, the first fingerprint of each of its chunks, and its chunks."""


def split_columns(entries: Entries) -> tuple[Fingerprints, Indexes]:
    """The fingerprints and the indexes, where they lie."""
    both = np.frombuffer(entries, dtype="<u8")
    return both[: len(both) // 2], both[len(both) // 2 :]


def _join_columns(prints: Fingerprints, indexes: Indexes) -> bytes:
    return prints.astype("<u8").tobytes() + indexes.astype("<u8").tobytes()


@twin_of
def sort_entries(prints: Column, indexes: Column) -> bytes:
    """Entries by fingerprint; where it is equal, in the order given.

    Raises:
        ValueError: the columns are not of one length.
    """
    keys, values = np.frombuffer(prints, dtype="<u8"), np.frombuffer(indexes, dtype="<u8")
    if len(keys) != len(values):
        raise ValueError(f"{len(keys)} fingerprints, {len(values)} indexes")
    order = np.argsort(keys, kind="stable")
    return _join_columns(keys[order], values[order])


@twin_of
def merge_entries(parts: Sequence[Part]) -> bytes:
    """Entries of sorted parts by fingerprint; where it is equal, those of earlier parts first.

    Raises:
        ValueError: a chunk has no such entries.
    """
    prints, indexes = [np.empty(0, dtype="<u8")], [np.empty(0, dtype="<u8")]
    for chunk, begin, end in parts:
        if len(chunk) % ENTRY_SIZE or not 0 <= begin <= end <= len(chunk) // ENTRY_SIZE:
            raise ValueError(f"no entries {begin} to {end} in {len(chunk)} bytes")
        columns = split_columns(chunk)
        prints.append(columns[0][begin:end])
        indexes.append(columns[1][begin:end])
    keys = np.concatenate(prints)
    # A stable sort does little more than merge what is sorted in stretches.
    order = np.argsort(keys, kind="stable")
    return _join_columns(keys[order], np.concatenate(indexes)[order])


@twin_of
def find_entries(asked: Column, runs: Sequence[SearchedRun], chunk_count: int) -> bytes:
    """All entries of runs that have one of these fingerprints, run by run.

    Args:
        asked: fingerprints, ascending. chunk_count: entries in each chunk of a run but its last.

    Returns:
        Entries, with the place of the fingerprint in the question instead of the fingerprint.

    Raises:
        ValueError: a chunk is missing or has another size than its run says.
    """
    question = np.frombuffer(asked, dtype="<u8")
    places, indexes = [np.empty(0, dtype="<u8")], [np.empty(0, dtype="<u8")]
    for number, count, fences, chunks in runs:
        for chunk, begin, end in _shares(question, np.frombuffer(fences, dtype="<u8")):
            wanted = max(0, min(chunk_count, count - chunk * chunk_count))
            if chunk >= len(chunks) or len(chunks[chunk]) != ENTRY_SIZE * wanted:
                raise ValueError(f"chunk {chunk} of catalog run {number} is missing or damaged")
            have, values = split_columns(chunks[chunk])
            first = np.searchsorted(have, question[begin:end], side="left")
            stop = np.searchsorted(have, question[begin:end], side="right")
            for place in np.flatnonzero(first < stop).tolist():
                found = values[first[place] : stop[place]]
                places.append(np.full(len(found), begin + place, dtype="<u8"))
                indexes.append(found)
    return _join_columns(np.concatenate(places), np.concatenate(indexes))


def asked_chunks(asked: Column, fences: Column) -> list[int]:
    """The chunks of a run that :func:`find_entries` looks into for a sorted question."""
    question, bounds = np.frombuffer(asked, dtype="<u8"), np.frombuffer(fences, dtype="<u8")
    begins, ends = _bounds(question, bounds)
    found: list[int] = np.flatnonzero(begins < ends).tolist()
    return found


def _shares(question: Fingerprints, fences: Fingerprints) -> Iterator[tuple[int, int, int]]:
    """Which part [begin, end) of a sorted question each chunk is asked for, when it is."""
    begins, ends = _bounds(question, fences)
    for chunk in np.flatnonzero(begins < ends).tolist():
        yield chunk, int(begins[chunk]), int(ends[chunk])


def _bounds(question: Fingerprints, fences: Fingerprints) -> tuple[Places, Places]:
    """For each chunk where its part of a sorted question begins, and where it ends.

    A chunk lies between its fence and the next, both included: equal fingerprints may stand on both sides of a fence.
    """
    begins = np.searchsorted(question, fences, side="left")
    ends = np.append(np.searchsorted(question, fences[1:], side="right"), len(question))
    return begins, ends
