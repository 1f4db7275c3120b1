"""Large merges of the catalog's runs, beside the commits.

A merge of millions of entries takes longer than writers should wait, and more memory than a server should take. It is
therefore made a few megabytes at a time: each share is read from a snapshot and written in a transaction of its own, under
a number that no list names yet; a last small transaction puts it into the list.

A crash before that last transaction leaves chunks that nobody refers to; the next compaction removes them first.
Only one compaction of a store may run at a time (the server gives it to its first worker).
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import numpy as np

from counterfoil.log.columns import ENTRY_SIZE, Entries, Part, merge_entries, split_columns
from counterfoil.log.layout import META, RUN, RUNS_KEY, index_key, parse_index_key
from counterfoil.log.runs import (
    CHUNK_COUNT,
    FAN,
    Run,
    Runs,
    check_order,
    delete_run,
    describe_chunk,
    describe_run,
    format_runs,
    read_checked,
    read_chunk,
    read_runs,
    split_chunks,
)
from counterfoil.store import Snapshot, Store, Transaction

# How much is merged in one snapshot, and written under the store's write lock, at a time.
_CHUNKS_AT_A_TIME: Final = 4


def compact(store: Store) -> bool:
    """Do one merge that is due, if there is one; True when there was.

    Raises:
        StoreFull: no room for the merged run; the log stays as it is, and look-ups stay as slow as they are.
        OutcomeUnknown: a commit may not have happened: stop and restart.
    """
    with store.snapshot() as snapshot:
        runs = read_runs(snapshot).runs
        due = find_due(runs)
    if due is None:
        return False
    remove_orphans(store)
    number = store.transact(_take_number)
    merged = _write(store, number, runs[due])
    store.transact(lambda transaction: _swap(transaction, runs[due], merged))
    return True


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


def remove_orphans(store: Store) -> int:
    """Remove chunks of runs that the list does not name, left by a crash; the number removed."""
    with store.snapshot() as snapshot:
        known = {run.number for run in read_runs(snapshot).runs}
        found = [
            bytes(key) for key, _ in snapshot.scan(RUN) if parse_index_key(key)[0] not in known
        ]

    def remove(transaction: Transaction) -> None:
        # Under the write lock the list is asked again: a commit may have added the run meanwhile.
        listed = {run.number for run in read_runs(transaction).runs}
        for key in found:
            if parse_index_key(key)[0] not in listed:
                transaction.delete(RUN, key)

    if found:
        store.transact(remove)
    return len(found)


def _take_number(transaction: Transaction) -> int:
    runs = read_runs(transaction)
    transaction.put(META, RUNS_KEY, format_runs(Runs(runs.next_number + 1, runs.runs)))
    return runs.next_number


def _write(store: Store, number: int, runs: Sequence[Run]) -> Run:
    """Write the merged run, a few chunks to a transaction."""
    described: list[tuple[bytes, bytes]] = []
    for chunks in _merge_shares(store, runs):
        first = len(described)

        def put(
            transaction: Transaction, first: int = first, chunks: Sequence[Entries] = chunks
        ) -> None:
            for chunk, value in enumerate(chunks, first):
                transaction.put(RUN, index_key(number, chunk), value)

        # A crash after this leaves chunks that nobody refers to.
        store.transact(put)
        described += map(describe_chunk, chunks)
    return describe_run(number, sum(run.count for run in runs), described)


def _merge_shares(store: Store, runs: Sequence[Run]) -> Iterator[list[Entries]]:
    """The chunks of the merged run, a few at a time, each share from a snapshot of its own."""
    done, counts = [0] * len(runs), [run.count for run in runs]
    rest: Entries = b""
    while done != counts:
        chunks: list[Entries] = []
        with store.snapshot() as snapshot:
            _find_listed(snapshot, runs)
            while done != counts and len(chunks) < _CHUNKS_AT_A_TIME:
                merged, done = merge_step(snapshot, runs, done, rest)
                *full, rest = split_chunks(merged)
                chunks += full
        yield chunks if done != counts else [*chunks, rest]


def merge_step(
    snapshot: Snapshot, runs: Sequence[Run], done: Sequence[int], rest: Entries
) -> tuple[bytes, list[int]]:
    """Merge what is certain from one chunk of each run.

    Args:
        done: how many entries of each run were merged before. rest: merged entries that did not fill a chunk.

    Raises:
        IntegrityError: a chunk is missing, is not what was written, or was written out of order. Nothing may be built
            on it: what is written behind it has a new checksum.

    Returns:
        The rest and the entries behind it, and how many of each run are merged now. At least one chunk is used up.
    """
    parts: list[Part] = [(rest, 0, len(rest) // ENTRY_SIZE)]
    ends: list[tuple[int, int]] = []
    for place, run in enumerate(runs):
        chunk, begin = divmod(done[place], CHUNK_COUNT)
        if done[place] == run.count:
            parts.append((b"", 0, 0))
            continue
        # It is looked at when the merge comes to it, and not again in the steps behind that.
        have = (read_chunk if begin else read_checked)(snapshot, run, chunk)
        if not begin:
            check_order(run, chunk, have)
        parts.append((have, begin, run.chunk_count(chunk)))
        if chunk + 1 < len(run.chunks):
            ends.append((int(split_columns(have)[0][-1]), place))
    # Certain is what stands before the end of the chunk that ends first: nothing that is not read yet can belong there.
    # Where fingerprints are equal, older runs stand first.
    bound, lowest = min(ends, default=(0, len(runs)))
    for place, (entries, begin, count) in enumerate(parts[1:]):
        if ends and place != lowest:
            prints = split_columns(entries)[0][begin:count]
            side: Literal["left", "right"] = "right" if place < lowest else "left"
            cut = int(np.searchsorted(prints, np.uint64(bound), side=side))
            parts[place + 1] = (entries, begin, begin + cut)
    now = [had + end - begin for had, (_, begin, end) in zip(done, parts[1:], strict=True)]
    return merge_entries(parts), now


def _find_listed(snapshot: Snapshot, runs: Sequence[Run]) -> int:
    """Where in the list these runs stand."""
    listed = read_runs(snapshot).runs
    at = listed.index(runs[0]) if runs[0] in listed else len(listed)
    if listed[at : at + len(runs)] != tuple(runs):
        raise RuntimeError("catalog runs changed during their compaction: two compactions at once")
    return at


def _swap(transaction: Transaction, old: Sequence[Run], merged: Run) -> None:
    """Put the merged run in the place of the old ones. From here on look-ups use it; the old chunks go with them."""
    at = _find_listed(transaction, old)
    runs = read_runs(transaction)
    for run in old:
        delete_run(transaction, run)
    kept = (*runs.runs[:at], merged, *runs.runs[at + len(old) :])
    transaction.put(META, RUNS_KEY, format_runs(Runs(runs.next_number, kept)))
