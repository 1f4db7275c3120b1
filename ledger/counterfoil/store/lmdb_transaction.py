"""Reading and writing inside one LMDB transaction."""

from __future__ import annotations

import errno
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeAlias

import lmdb

from counterfoil.errors import IntegrityError, StoreFull
from counterfoil.limits import KEY_SIZE_BYTES_MAX
from counterfoil.store.interface import (
    Value,
    Views,
    check_key,
    check_transaction_size,
    check_value,
)
from counterfoil.store.keys import prefix_end

if TYPE_CHECKING:
    from lmdb import Cursor, _Database


_Located: TypeAlias = tuple[memoryview, ...]


@dataclass(frozen=True, slots=True)
class Lasting:
    """Where lasting values lie in the map; one for all snapshots and transactions of a store.

    A value of a page or more has pages of its own. LMDB neither moves nor writes them before the value is
    put again or deleted, and gives them to nobody else while a reader may see it: so a view that was taken once
    holds in each later snapshot that has the key, for as long as the map stays in its place. Smaller values
    share their page with others and move with it; of these a copy is kept.

    Attributes:
        values: the views, by space and prefix. marks: see `counterfoil.store.interface.Snapshot`.
    """

    page_size: int
    values: dict[str, dict[bytes, _Located]] = field(default_factory=dict)
    marks: dict[Hashable, bytearray] = field(default_factory=dict)


class LmdbSnapshot:
    """See `counterfoil.store.interface.Snapshot`. Values are views of the file: nothing is copied."""

    def __init__(
        self,
        transaction: lmdb.Transaction[memoryview],
        spaces: dict[str, _Database],
        lasting: Lasting,
    ) -> None:
        self._txn = transaction
        self._spaces = spaces
        self._lasting = lasting
        self.marks = lasting.marks
        self._views = Views()
        # Counts what may move data under a cursor or a view; stays 0 in a snapshot.
        self._changes = 0

    def get(self, space: str, key: bytes) -> memoryview | None:
        """See `Snapshot.get`."""
        check_key(key)
        self._views.check_open()
        try:
            value = self._txn.get(key, db=self._spaces[space])
        except lmdb.Error as error:
            self._fail(error)
        return None if value is None else self._hand_out(value)

    def get_many(self, space: str, keys: Iterable[bytes]) -> list[memoryview | None]:
        """See `Snapshot.get_many`."""
        return [self.get(space, key) for key in keys]

    def get_lasting(self, space: str, prefixes: Sequence[bytes]) -> list[tuple[memoryview, ...]]:
        """See `Snapshot.get_lasting`. py-lmdb touches each page of a value that it hands out: here once, not each time."""
        self._views.check_open()
        known = self._lasting.values.get(space, {})
        found = {prefix: known.get(prefix) or self._locate(space, prefix) for prefix in prefixes}
        # What is not committed may still be moved or taken back.
        if not self._changes:
            self._lasting.values[space] = found
        return [found[prefix] for prefix in prefixes]

    def _locate(self, space: str, prefix: bytes) -> _Located:
        least = self._lasting.page_size
        # A view of a view lives on when that one is revoked.
        return tuple(
            memoryview(view if len(view) >= least else bytes(view))
            for _, view in self.scan(space, prefix, prefix_end(prefix))
        )

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
        try:
            # Refused in a transaction that has met a damaged page before.
            cursor = self._txn.cursor(self._spaces[space])
        except lmdb.Error as error:
            self._fail(error)
        return self._scan(cursor, start, end, limit, reverse)

    def copy(self, environment: lmdb.Environment, directory: Path) -> None:
        """Have LMDB write what this snapshot shows into another directory; raises what LMDB raises."""
        self._views.check_open()
        environment.copy(str(directory), compact=True, txn=self._txn)

    def close(self) -> None:
        """End the snapshot and revoke its views."""
        self._views.close()
        self._txn.abort()

    def _scan(
        self,
        cursor: Cursor[memoryview],
        start: bytes,
        end: bytes | None,
        limit: int | None,
        reverse: bool,
    ) -> Iterator[tuple[bytes, memoryview]]:
        self._views.check_open()
        try:
            changes = self._changes
            more = _seek_last(cursor, end) if reverse else _seek_first(cursor, start)
            found = 0
            while more and (limit is None or found < limit):
                key = bytes(cursor.key())
                if (key < start) if reverse else (end is not None and key >= end):
                    return
                yield key, self._hand_out(cursor.value())
                found += 1
                self._views.check_open()
                if changes == self._changes:
                    more = cursor.prev() if reverse else cursor.next()
                else:
                    # Where a cursor stands after its key was deleted is LMDB's business; the key
                    # is known, so the place is looked up again.
                    changes = self._changes
                    more = _seek_last(cursor, key) if reverse else _seek_first(cursor, key + b"\0")
        except lmdb.Error as error:
            self._fail(error)

    def _hand_out(self, view: memoryview) -> memoryview:
        # Once a transaction writes, LMDB may move or free what it has not committed, and a view of
        # that would dangle. Views taken earlier are of committed pages, which stay as they are.
        return self._views.hand_out(memoryview(bytes(view)) if self._changes else view)

    def _fail(self, error: lmdb.Error) -> NoReturn:
        raise IntegrityError(f"the store failed: {error}") from error


def _seek_first(cursor: Cursor[memoryview], start: bytes) -> bool:
    """Go to the first key that is not below ``start``; return whether there is one."""
    if not start:
        return cursor.first()
    # LMDB refuses to look for a key longer than any that it holds.
    stem = start[:KEY_SIZE_BYTES_MAX]
    more = cursor.set_range(stem)
    if more and len(start) > len(stem) and cursor.key() == stem:
        return cursor.next()
    return more


def _seek_last(cursor: Cursor[memoryview], end: bytes | None) -> bool:
    """Go to the last key below ``end``; return whether there is one."""
    if end is None:
        return cursor.last()
    if not end:
        return False
    stem = end[:KEY_SIZE_BYTES_MAX]
    if not cursor.set_range(stem):
        return cursor.last()
    if len(end) > len(stem) and cursor.key() == stem:
        return True
    return cursor.prev()


class LmdbTransaction(LmdbSnapshot):
    """See `counterfoil.store.interface.Transaction`."""

    def __init__(
        self,
        transaction: lmdb.Transaction[memoryview],
        spaces: dict[str, _Database],
        lasting: Lasting,
    ) -> None:
        super().__init__(transaction, spaces, lasting)
        self.number = transaction.id()
        self._written = 0
        # The first error of LMDB. It makes the transaction void, whatever its function does then.
        self.failure: lmdb.Error | None = None

    def put(self, space: str, key: bytes, value: Value) -> None:
        """See `Transaction.put`."""
        check_key(key)
        size = len(key) + check_value(value)
        check_transaction_size(self._written + size)
        self._views.check_open()
        database = self._spaces[space]
        self._changes += 1
        try:
            stored = self._txn.put(key, value, db=database)
        except lmdb.Error as error:
            self._fail(error)
        if not stored:
            # py-lmdb reports some refusals by a return value alone.
            self._fail(lmdb.Error("put was refused without an error"))
        self._written += size

    def delete(self, space: str, key: bytes) -> bool:
        """See `Transaction.delete`."""
        check_key(key)
        self._views.check_open()
        database = self._spaces[space]
        self._changes += 1
        try:
            return self._txn.delete(key, db=database)
        except lmdb.Error as error:
            self._fail(error)

    def commit(self) -> None:
        """Commit; errors are those of LMDB, but an earlier one comes first."""
        self._views.close()
        if self.failure is not None:
            self._fail(self.failure)
        self._txn.commit()

    def _fail(self, error: lmdb.Error) -> NoReturn:
        first = self.failure = self.failure or error
        if isinstance(first, lmdb.MapFullError):
            raise StoreFull("the store's map is full; open it with a larger one") from error
        if first.code in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull(f"the disk of the store is full: {first}") from error
        super()._fail(error)
