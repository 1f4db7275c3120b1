"""Large merges of the catalog's runs, beside the commits.

A merge of millions of entries takes longer than writers should wait. It is therefore made from a snapshot, written
under a number that no list names yet, a few megabytes to a transaction, and put into the list by a last small one.

A crash before that last transaction leaves chunks that nobody refers to; the next compaction removes them first.
Only one compaction of a store may run at a time (the server gives it to its first worker).
"""

from typing import Final

from counterfoil.log.fingerprint import Fingerprints
from counterfoil.log.layout import META, RUN, RUNS_KEY, index_key, parse_index_key
from counterfoil.log.runs import (
    CHUNK_COUNT,
    Indexes,
    Run,
    Runs,
    delete_run,
    find_due,
    format_runs,
    level_of,
    merge,
    read_runs,
)
from counterfoil.store import Store, Transaction

# How much is written under the store's write lock at a time.
_CHUNKS_AT_A_TIME: Final = 4


def compact(store: Store) -> bool:
    """Do one merge that is due, if there is one; True when there was.

    Raises:
        StoreFull: no room for the merged run; the log stays as it is, and look-ups stay as slow as they are.
        OutcomeUnknown: a commit may not have happened: stop and restart.
    """
    with store.snapshot() as snapshot:
        due = find_due(read_runs(snapshot).runs)
        if due is None:
            return False
        old = read_runs(snapshot).runs[due]
        prints, indexes = merge(snapshot, old)
    remove_orphans(store)
    number = store.transact(_take_number)
    merged = _write(store, number, prints, indexes)
    store.transact(lambda transaction: _swap(transaction, old, merged))
    return True


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


def _write(store: Store, number: int, prints: Fingerprints, indexes: Indexes) -> Run:
    starts = range(0, len(prints), CHUNK_COUNT)
    chunks = list(enumerate(starts))
    for group in range(0, len(chunks), _CHUNKS_AT_A_TIME):
        part = chunks[group : group + _CHUNKS_AT_A_TIME]

        def put(transaction: Transaction, part: list[tuple[int, int]] = part) -> None:
            for chunk, start in part:
                end = start + CHUNK_COUNT
                value = prints[start:end].tobytes() + indexes[start:end].tobytes()
                transaction.put(RUN, index_key(number, chunk), value)

        # A crash after this leaves chunks that nobody refers to.
        store.transact(put)
    fences = tuple(int(prints[start]) for start in starts)
    return Run(number, level_of(len(prints)), len(prints), fences)


def _swap(transaction: Transaction, old: tuple[Run, ...], merged: Run) -> None:
    """Put the merged run in the place of the old ones. From here on look-ups use it; the old chunks go with them."""
    runs = read_runs(transaction)
    at = runs.runs.index(old[0]) if old[0] in runs.runs else len(runs.runs)
    if runs.runs[at : at + len(old)] != old:
        raise RuntimeError("catalog runs changed during their compaction: two compactions at once")
    for run in old:
        delete_run(transaction, run)
    kept = (*runs.runs[:at], merged, *runs.runs[at + len(old) :])
    transaction.put(META, RUNS_KEY, format_runs(Runs(runs.next_number, kept)))
