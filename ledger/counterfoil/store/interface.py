"""What the ledger asks of a store: ordered bytes to bytes, in named spaces, with serial durable transactions.

A space is a name declared when the store is opened. Keys order as bytes do. Everything above this
package is written against these protocols only; `counterfoil.store.STORES` lists what fulfils them.

What holds for every store:

* A transaction is serial (one at a time, over all threads and processes that share the store),
  atomic (all of its writes or none) and durable once `Store.transact` has returned.
* A snapshot shows the state after some whole transaction, unchanged for as long as it is open.
* A scan inside a transaction sees that transaction's own writes: each step yields the next key in
  order as of that step. Deleting or writing at or behind the place of the scan does not disturb it.
* Views (memoryviews) end with the snapshot or the transaction that handed them out. A view itself
  raises ValueError when used later; what was derived from it (a slice, an array) cannot be revoked
  and must not be kept. Copy with ``bytes(view)`` what must live longer.
* After OutcomeUnknown the store refuses every further transaction: only opening it anew shows what
  was stored. Reads go on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, TypeVar

from counterfoil.errors import InvalidInput
from counterfoil.limits import KEY_SIZE_BYTES_MAX, MIB, VALUE_SIZE_BYTES_MAX

T = TypeVar("T")

Value: TypeAlias = bytes | bytearray | memoryview

# All that a transaction writes is held in memory until it commits, and LMDB lists at most 131,071
# dirty pages of 4 KiB at a time. A quarter of a GiB is a mistake in the batching, not a batch.
TRANSACTION_SIZE_BYTES_MAX: Final = 256 * MIB

# How many of the views handed out last are revoked when their snapshot closes. The bound keeps a
# long scan from holding one object for every key that it passed.
_VIEWS_REVOKED_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """What fits a store, in bytes. Keys have at least one byte; values may be empty."""

    key_size_bytes_max: int = KEY_SIZE_BYTES_MAX
    value_size_bytes_max: int = VALUE_SIZE_BYTES_MAX
    transaction_size_bytes_max: int = TRANSACTION_SIZE_BYTES_MAX


class Snapshot(Protocol):
    """A reader of one unchanging state. Used by one thread at a time, and for a short time.

    Attributes:
        marks: what its readers remember of lasting values, by what they like: one dictionary for all snapshots and
            transactions of an open store. It begins empty when the store is opened, and is never stored; who adds to it
            bounds it.
    """

    marks: dict[Hashable, bytearray]

    def get(self, space: str, key: bytes) -> memoryview | None:
        """Return the value at ``key``, or None.

        Raises:
            InvalidInput: The key is empty or longer than the limit.
            KeyError: The space was not declared.
        """

    def get_many(self, space: str, keys: Iterable[bytes]) -> list[memoryview | None]:
        """Return `get` of every key, in the order of ``keys``. Raises as `get` does."""

    def get_lasting(self, space: str, prefixes: Sequence[bytes]) -> list[tuple[memoryview, ...]]:
        """Return, for each prefix, all values whose keys begin with it, in the order of the keys.

        For values that are written once and asked for often. The caller answers for it that all keys below
        a prefix were committed by what this snapshot shows, and that no value below it is ever another one;
        they may all be deleted, if their prefix is never used again. So a store may remember them, or
        where they lie, for as long as each call names their prefix. Unlike others these views are not revoked when the
        snapshot closes; the rule is the same.

        Raises:
            KeyError: The space was not declared.
        """

    def scan(
        self,
        space: str,
        start: bytes = b"",
        end: bytes | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, memoryview]]:
        """Yield keys and values with ``start <= key < end`` in byte order.

        Args:
            space: Where to look.
            start: The first key that belongs to the range; it need not exist, and may be of any length.
            end: The first key that does not belong to it; None for no end.
            limit: At most so many pairs.
            reverse: The same set from the top; the limit then cuts off its lower part.

        Raises:
            KeyError: The space was not declared.
        """


class Transaction(Snapshot, Protocol):
    """A reader that sees its own writes, and the writer of what `Store.transact` will commit.

    It is valid only inside the function that it was given to, on that thread.
    """

    def put(self, space: str, key: bytes, value: Value) -> None:
        """Set ``key`` to ``value``, whether or not it was there.

        Raises:
            InvalidInput: Key, value or the whole transaction is beyond the limits.
            StoreFull: There is no room. The transaction is lost, even if this error is caught.
            KeyError: The space was not declared.
        """

    def delete(self, space: str, key: bytes) -> bool:
        """Remove ``key``; return whether it was there. Raises as `put` does."""


class Store(Protocol):
    """An open store. All methods may be called from any thread."""

    @property
    def limits(self) -> StoreLimits:
        """What fits."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Return a context manager that opens a snapshot of the newest state on entry.

        Snapshots are for one page of results, never for a wait on the network: while one is open,
        no space that it can see is used again.

        Raises:
            Busy: (on entry) no reader slot is free, or the map is being grown.
        """

    def transact(self, fn: Callable[[Transaction], T]) -> T:
        """Run ``fn`` in a transaction of its own, commit, and return what it returned.

        ``fn`` must have no effect but on its transaction, for a store may run it again. A crash
        before this returns leaves either all writes of ``fn`` or none; after it returned, all.

        Raises:
            Exception: Whatever ``fn`` raised; nothing was written.
            StoreFull: There was no room; nothing was written.
            OutcomeUnknown: The commit failed; all or nothing was written. Restart and reconcile.
        """

    def room(self) -> int:
        """Return the bytes that may still be written, 0 when new work should be refused.

        A store keeps a reserve beyond that, so that what has begun can end.
        """

    def size_bytes(self) -> int:
        """Return the bytes that the stored data occupy."""

    def check_structure(self) -> list[str]:
        """Return what is wrong with how the store lies on its disk, a sentence each; others may write meanwhile.

        It says nothing about keys and values, which the store knows no checksums of.
        """

    def close(self) -> None:
        """Release everything. Waits for a running transaction; a second call does nothing."""


def check_key(key: bytes) -> None:
    """Raise InvalidInput unless ``key`` has 1 to 511 bytes."""
    if not 0 < len(key) <= KEY_SIZE_BYTES_MAX:
        raise InvalidInput(
            f"a key has {len(key)} bytes, and must have 1 to {KEY_SIZE_BYTES_MAX}",
            field="key",
            reason="KEY_SIZE",
        )


def check_value(value: Value) -> int:
    """Return the size of ``value`` in bytes; raise InvalidInput if it is over 1 MiB."""
    size = value.nbytes if isinstance(value, memoryview) else len(value)
    if size > VALUE_SIZE_BYTES_MAX:
        raise InvalidInput(
            f"a value has {size} bytes, and must have at most {VALUE_SIZE_BYTES_MAX}",
            field="value",
            reason="VALUE_SIZE",
        )
    return size


def check_transaction_size(size: int) -> None:
    """Raise InvalidInput if a transaction has put more than 256 MiB of keys and values."""
    if size > TRANSACTION_SIZE_BYTES_MAX:
        raise InvalidInput(
            f"a transaction writes over {TRANSACTION_SIZE_BYTES_MAX} bytes; split it",
            field="transaction",
            reason="TRANSACTION_SIZE",
        )


class Views:
    """The views that a snapshot has handed out, to be revoked when it closes.

    Without this a stale view of a memory-mapped file reads other data in silence, or ends the
    process once the file is unmapped.
    """

    __slots__ = ("_views", "closed")

    def __init__(self) -> None:
        self._views: deque[memoryview] = deque(maxlen=_VIEWS_REVOKED_MAX)
        self.closed = False

    def hand_out(self, view: memoryview) -> memoryview:
        """Remember ``view`` and return it."""
        self._views.append(view)
        return view

    def check_open(self) -> None:
        """Raise RuntimeError if the snapshot or transaction is over."""
        if self.closed:
            raise RuntimeError("this snapshot or transaction is over")

    def close(self) -> None:
        """Revoke the views; using one raises ValueError from now on."""
        self.closed = True
        while self._views:
            view = self._views.pop()
            try:
                view.release()
            except BufferError:
                # Something holds an export of the view, such as an array made from it. Python has
                # no way to revoke that; the rule in the module's docstring is all that is left.
                continue
