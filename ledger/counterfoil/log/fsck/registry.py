"""The registry made again from the records, and compared with the stored rows, to the byte.

It is replayed in the order of the log into a store of its own in a temporary directory, so that a registry of any size is
checked in the same memory. On the way each record must be one that the rules accept.
"""

from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from counterfoil.errors import IntegrityError
from counterfoil.limits import GROUP_RECORDS_MAX
from counterfoil.log.fsck.report import Report
from counterfoil.log.layout import BATCH, REGISTRY, BatchPart, index_key
from counterfoil.log.registry import Registry
from counterfoil.log.registry.apply import REFUSALS
from counterfoil.log.registry.read import read_change
from counterfoil.record import KIND_BY_NUMBER
from counterfoil.store import Snapshot, Store, Transaction, decode_key, open_store

_INDEX: Final = "Q"


class RegistryCheck:
    """Collects the records that change the registry, replays them, and compares at the end."""

    def __init__(self, report: Report) -> None:
        """Begin with nothing."""
        self._report = report
        self._noted = array(_INDEX)
        self._complete = True
        self._closing = ExitStack()
        # Made when there is something to replay.
        self._store: Store | None = None

    def add(self, part: BatchPart) -> None:
        """Note a part's records, if they change the registry.

        Raises:
            KeyError: the kind is unknown.
        """
        if KIND_BY_NUMBER[part.head.kind].change is not None:
            self._noted.extend(range(part.first, part.first + part.count))

    def replay(self, snapshot: Snapshot) -> None:
        """Apply what was noted since the last time, as the snapshot has it."""
        noted, self._noted = self._noted, array(_INDEX)
        begin = 0
        while begin < len(noted) and self._complete:
            if self._store is None:
                self._store = self._make_store()
            apply = partial(self._replay, snapshot=snapshot, indexes=noted, begin=begin)
            begin = self._store.transact(apply)

    def _make_store(self) -> Store:
        folder = self._closing.enter_context(TemporaryDirectory(prefix="counterfoil-fsck-"))
        store = open_store(f"lmdb:{Path(folder) / 'rows'}", (REGISTRY,), create=True)
        self._closing.callback(store.close)
        return store

    def _replay(
        self, rows: Transaction, snapshot: Snapshot, indexes: "array[int]", begin: int
    ) -> int:
        """Apply records from one place on, as many as one transaction should hold; the place behind them."""
        registry = Registry(rows, snapshot)
        weight = 0
        for at in range(begin, len(indexes)):
            index = indexes[at]
            try:
                entry, change = read_change(snapshot, index)
                registry.check(change, entry.leaf.time_us)
                registry.apply(change, index, entry.leaf.time_us)
            except REFUSALS as error:
                self._report.add(index, "registry", f"the log must not have this record: {error}")
            except IntegrityError as error:
                told = f"{error}; the rows that follow from it were not checked"
                self._report.add(index, "registry", told)
                self._complete = False
                break
            weight += 1 + len(change.contents)
            if weight >= GROUP_RECORDS_MAX:
                return at + 1
        return len(indexes)

    def compare(self, snapshot: Snapshot, size: int) -> None:
        """Compare with the rows of a snapshot, in which the log may have gone on beyond ``size``."""
        for key, value in snapshot.scan(BATCH, start=index_key(size)):
            self.add(BatchPart(key, value))
        self.replay(snapshot)
        if not self._complete:
            return
        with ExitStack() as stack:
            made = self._store and stack.enter_context(self._store.snapshot())
            mine, theirs = made.scan(REGISTRY) if made else iter(()), snapshot.scan(REGISTRY)
            for key, wanted, stored in _side_by_side(mine, theirs):
                if wanted is None:
                    self._told(key, "is one that no entry gives")
                elif stored is None:
                    self._told(key, "is missing")
                elif wanted != stored:
                    self._told(key, "is not what the entries give")

    def close(self) -> None:
        """Remove the temporary directory."""
        self._closing.close()

    def _told(self, key: bytes, what: str) -> None:
        try:
            name = " ".join(map(str, decode_key(key)))
        except ValueError:
            name = key.hex()
        self._report.add(None, "registry", f"the row {name} {what}")


Rows = Iterator[tuple[bytes, memoryview]]


def _side_by_side(
    mine: Rows, theirs: Rows
) -> Iterator[tuple[bytes, memoryview | None, memoryview | None]]:
    """Each key of two sorted sequences of rows, with the value that each has there."""
    left, right = next(mine, None), next(theirs, None)
    while left is not None or right is not None:
        key = min(row[0] for row in (left, right) if row is not None)
        wanted = stored = None
        if left is not None and left[0] == key:
            wanted, left = left[1], next(mine, None)
        if right is not None and right[0] == key:
            stored, right = right[1], next(theirs, None)
        yield key, wanted, stored
