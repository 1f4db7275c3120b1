"""The reference store: plain dictionaries, nothing durable, and faults on demand.

It is as simple as the contract allows, because the other stores are tested against the same rules
and the ledger above is tested against the faults that only this store can produce at will.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock, get_ident
from typing import TypeVar

from counterfoil.errors import OutcomeUnknown, StoreFull
from counterfoil.store.interface import (
    StoreLimits,
    Transaction,
    Value,
    Views,
    check_key,
    check_transaction_size,
    check_value,
)
from counterfoil.store.keys import prefix_end

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Table:
    """One space: the values, and their keys in order. Never changed once committed."""

    values: dict[bytes, bytes]
    keys: list[bytes]

    def copy(self) -> _Table:
        return _Table(dict(self.values), list(self.keys))


class MemorySnapshot:
    """See `counterfoil.store.interface.Snapshot`."""

    def __init__(self, tables: Mapping[str, _Table], marks: dict[Hashable, bytearray]) -> None:
        self.marks = marks
        self._tables = dict(tables)
        self._views = Views()

    def close(self) -> None:
        """End the snapshot and revoke its views."""
        self._views.close()

    def get(self, space: str, key: bytes) -> memoryview | None:
        """See `Snapshot.get`."""
        check_key(key)
        self._views.check_open()
        value = self._tables[space].values.get(key)
        return None if value is None else self._views.hand_out(memoryview(value))

    def get_many(self, space: str, keys: Iterable[bytes]) -> list[memoryview | None]:
        """See `Snapshot.get_many`."""
        return [self.get(space, key) for key in keys]

    def get_lasting(self, space: str, prefixes: Sequence[bytes]) -> list[tuple[memoryview, ...]]:
        """See `Snapshot.get_lasting`."""
        return [
            tuple(view for _, view in self.scan(space, prefix, prefix_end(prefix)))
            for prefix in prefixes
        ]

    def scan(
        self,
        space: str,
        start: bytes = b"",
        end: bytes | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, memoryview]]:
        """See `Snapshot.scan`."""
        self._views.check_open()
        self._tables[space]
        step = self._last if reverse else self._first
        return self._scan(space, start, end, limit, step)

    def _scan(
        self,
        space: str,
        start: bytes,
        end: bytes | None,
        limit: int | None,
        step: Callable[[list[bytes], bytes, bytes | None], bytes | None],
    ) -> Iterator[tuple[bytes, memoryview]]:
        found = 0
        while limit is None or found < limit:
            self._views.check_open()
            table = self._tables[space]
            key = step(table.keys, start, end)
            if key is None:
                return
            yield key, self._views.hand_out(memoryview(table.values[key]))
            found += 1
            if step == self._last:
                end = key
            else:
                start = key + b"\x00"

    @staticmethod
    def _first(keys: list[bytes], start: bytes, end: bytes | None) -> bytes | None:
        place = bisect_left(keys, start)
        if place == len(keys) or (end is not None and keys[place] >= end):
            return None
        return keys[place]

    @staticmethod
    def _last(keys: list[bytes], start: bytes, end: bytes | None) -> bytes | None:
        place = len(keys) if end is None else bisect_left(keys, end)
        if place == 0 or keys[place - 1] < start:
            return None
        return keys[place - 1]


class MemoryTransaction(MemorySnapshot):
    """See `counterfoil.store.interface.Transaction`."""

    def __init__(
        self,
        tables: Mapping[str, _Table],
        marks: dict[Hashable, bytearray],
        size: int,
        capacity: int,
        fault: Callable[[str], None],
    ) -> None:
        super().__init__(tables, marks)
        self._fault = fault
        self._capacity = capacity
        self._copied: set[str] = set()
        self._written = 0
        self.size = size
        self.full = False

    @property
    def tables(self) -> Mapping[str, _Table]:
        """The state that this transaction would commit."""
        return self._tables

    def put(self, space: str, key: bytes, value: Value) -> None:
        """See `Transaction.put`."""
        check_key(key)
        size = len(key) + check_value(value)
        check_transaction_size(self._written + size)
        self._views.check_open()
        table = self._writable(space)
        self._fault("put")
        old = table.values.get(key)
        grown = self.size + size - (0 if old is None else len(key) + len(old))
        if self.full or grown > self._capacity:
            self.full = True
            raise StoreFull(f"the store holds at most {self._capacity} bytes")
        self._written += size
        self.size = grown
        if old is None:
            insort(table.keys, key)
        table.values[key] = bytes(value)

    def delete(self, space: str, key: bytes) -> bool:
        """See `Transaction.delete`."""
        check_key(key)
        self._views.check_open()
        table = self._writable(space)
        old = table.values.pop(key, None)
        if old is None:
            return False
        del table.keys[bisect_left(table.keys, key)]
        self.size -= len(key) + len(old)
        return True

    def _writable(self, space: str) -> _Table:
        if space not in self._copied:
            self._tables[space] = self._tables[space].copy()
            self._copied.add(space)
        return self._tables[space]


class MemoryStore:
    """A store in memory.

    Args:
        spaces: The names of the spaces.
        fault: Called with "begin", "put", "before-commit" and "after-commit" as a transaction comes
            to these points. What it raises at the first two aborts the transaction and is raised
            on. At "before-commit" the commit is lost, at "after-commit" it is stored, and either
            way it is reported as OutcomeUnknown.
        capacity_bytes: Beyond so many bytes of keys and values a put raises StoreFull.
    """

    limits = StoreLimits()

    def __init__(
        self,
        spaces: Sequence[str],
        fault: Callable[[str], None] | None = None,
        *,
        capacity_bytes: int = 1 << 40,
    ) -> None:
        self._tables: Mapping[str, _Table] = {space: _Table({}, []) for space in spaces}
        self._marks: dict[Hashable, bytearray] = {}
        self._size = 0
        self._fault = fault or _no_fault
        self._capacity = capacity_bytes
        self._writer = Lock()
        self._writer_thread: int | None = None
        self._unknown = False
        self._closed = False

    @contextmanager
    def snapshot(self) -> Iterator[MemorySnapshot]:
        """See `Store.snapshot`."""
        self._check_open()
        snapshot = MemorySnapshot(self._tables, self._marks)
        try:
            yield snapshot
        finally:
            snapshot.close()

    def transact(self, fn: Callable[[Transaction], T]) -> T:
        """See `Store.transact`."""
        if self._writer_thread == get_ident():
            raise RuntimeError("a transaction was begun inside a transaction")
        with self._writer:
            self._check_open()
            if self._unknown:
                raise OutcomeUnknown("an earlier commit failed; open the store anew")
            self._writer_thread = get_ident()
            transaction = MemoryTransaction(
                self._tables, self._marks, self._size, self._capacity, self._fault
            )
            try:
                self._fault("begin")
                result = fn(transaction)
                if transaction.full:
                    raise StoreFull(f"the store holds at most {self._capacity} bytes")
                self._commit(transaction)
            finally:
                self._writer_thread = None
                transaction.close()
            return result

    def _commit(self, transaction: MemoryTransaction) -> None:
        try:
            self._fault("before-commit")
            self._tables, self._size = transaction.tables, transaction.size
            self._fault("after-commit")
        except BaseException as error:
            self._unknown = True
            if isinstance(error, Exception):
                raise OutcomeUnknown("the commit may or may not have been stored") from error
            raise

    def reopen(self, fault: Callable[[str], None] | None = None) -> MemoryStore:
        """Return a new store with what was committed here, as a restart of the process would."""
        reopened = MemoryStore((), fault, capacity_bytes=self._capacity)
        reopened._tables, reopened._size = self._tables, self._size
        return reopened

    def room(self) -> int:
        """See `Store.room`."""
        return max(0, self._capacity - self._size)

    def size_bytes(self) -> int:
        """Return the bytes of all keys and values."""
        return self._size

    def check_structure(self) -> list[str]:
        """See `Store.check_structure`: there is no disk, and nothing to be wrong."""
        return []

    def close(self) -> None:
        """See `Store.close`. What was stored can still be had with `reopen`."""
        with self._writer:
            self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("this store is closed")


def _no_fault(point: str) -> None:
    del point
