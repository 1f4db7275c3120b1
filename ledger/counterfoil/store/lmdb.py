"""The default store: one LMDB environment in a directory on a local disk.

LMDB 0.9 (the data format of every distribution's tools), bundled with py-lmdb; copy-on-write pages,
two alternating meta pages, no recovery step. Writers of all processes take turns at one mutex,
which a killed writer gives up; readers never wait. The flags are fixed: sync, metasync and lock on,
writemap off. An environment cannot be opened twice in a process, nor used across a fork.

What a crash leaves true, step by step:

==================================  ================================================================
crash or loss of power              what the next opening finds
==================================  ================================================================
while the directory is created      no data file, an empty or a half one: nothing was promised yet
inside ``fn``                       the state before; LMDB writes pages at the commit, or earlier
                                    only pages that no committed state refers to
commit: pages written               the state before; the new pages are not referred to
commit: pages flushed (fdatasync)   the state before
commit: meta page written (O_DSYNC) before or after: 120 bytes in one sector, so nothing between.
                                    If the process alone died, the page cache may know what the disk
                                    does not; hence opening flushes the file before it is read
`transact` returned                 the state after
==================================  ================================================================

Readers in any process see a commit only once its meta page is on the disk, with the exception of the
killed writer in the table. If the flush itself fails, the system reports it once and forgets it; so
this class refuses every transaction after a failed commit until the store is opened anew. Two
failures are no reason for that when LMDB still shows the state before: no room is `StoreFull`, and
after an interruption by a signal the transaction runs again, with its writes and its flush.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Condition, Lock, get_ident
from types import TracebackType
from typing import Final, TypeVar

import lmdb

from counterfoil.errors import Busy, IntegrityError, OutcomeUnknown, StartupError, StoreFull
from counterfoil.limits import MIB
from counterfoil.store.interface import StoreLimits, Transaction
from counterfoil.store.lmdb_environment import DAMAGE, open_environment, open_space
from counterfoil.store.lmdb_file import (
    check_data_file,
    check_pages,
    flush_directories,
    is_full,
    prepare_directory,
    refuse_network_filesystem,
)
from counterfoil.store.lmdb_transaction import Lasting, LmdbSnapshot, LmdbTransaction

T = TypeVar("T")

# Address space, not disk: the file grows as it is written.
MAP_SIZE_BYTES: Final = 1 << 40
ROOM_RESERVE_BYTES: Final = 64 * MIB
# One slot for every snapshot open at the same time in all processes; fixed by who opens first.
READERS_MAX: Final = 1024
# Snapshots are short; one that outlives this while the map must grow is a mistake.
DRAIN_S_MAX: Final = 5.0
_ATTEMPTS: Final = 10
_RETRY_AFTER_S: Final = 0.05


class LmdbStore:
    """A store in one LMDB environment. See the module for what is durable when.

    Args:
        path: The directory. It holds data.mdb and lock.mdb.
        spaces: The names of the spaces; missing ones are created, unless ``read_only``.
        map_size_bytes: The bound of the data file. A smaller one than the file has is raised to it.
        room_reserve_bytes: What `room` keeps back, so that work in progress can end.
        read_only: Open without a way to write; the spaces must exist.
        create: Make the directory and the file if they do not exist.

    Raises:
        StartupError: There is no store at ``path``, or it cannot be used from here.
        IntegrityError: The data file is damaged or cut short.
    """

    limits = StoreLimits()

    def __init__(
        self,
        path: str | os.PathLike[str],
        spaces: Sequence[str],
        *,
        map_size_bytes: int = MAP_SIZE_BYTES,
        room_reserve_bytes: int = ROOM_RESERVE_BYTES,
        read_only: bool = False,
        create: bool = False,
    ) -> None:
        self._path = Path(path)
        self._reserve = room_reserve_bytes
        self._read_only = read_only
        self._process = os.getpid()
        self._writer = Lock()
        self._writer_thread: int | None = None
        # Guards the number of open snapshots; nobody may move the map while there is one.
        self._readers = Condition()
        self._snapshots = 0
        self._unknown = False
        self._closed = False
        refuse_network_filesystem(self._path)
        prepare_directory(self._path, create=create, read_only=read_only)
        sizes = (len(spaces), map_size_bytes, READERS_MAX)
        self._env = open_environment(self._path, *sizes, read_only=read_only)
        try:
            self._check_file()
            self._env.reader_check()
            if not read_only:
                self._settle()
            self._spaces = {
                space: open_space(self._env, self._path, space, create=not read_only)
                for space in spaces
            }
            if create:
                flush_directories(self._path)
        except lmdb.Error as error:
            self._env.close()
            raise IntegrityError(f"{self._path} cannot be read: {error}") from error
        except BaseException:
            self._env.close()
            raise
        self._page_size: int = self._env.stat()["psize"]
        self._lasting = Lasting(self._page_size)

    @property
    def path(self) -> Path:
        """The directory of the environment."""
        return self._path

    @property
    def last_transaction(self) -> int:
        """The number of the newest commit of any process; it never falls. Costs about a microsecond: no snapshot is made."""
        number: int = self._env.info()["last_txnid"]
        return number

    def _check_file(self) -> None:
        """Check the file against a state that a read transaction holds fast meanwhile."""
        for _ in range(_ATTEMPTS):
            with self._env.begin() as pin:
                if check_data_file(self._path / "data.mdb", pin.id()):
                    return
        raise Busy("the store is written faster than checked", retry_after_s=_RETRY_AFTER_S)

    def _settle(self) -> None:
        """Finish what a killed writer may have left behind, before anybody builds on it.

        Whoever takes its mutex makes its last meta page visible, if that was written; and only the
        flush makes sure that the page is on the disk, and not in the page cache alone.
        """
        self._env.begin(write=True).abort()
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._env.sync(True)
                return
            except lmdb.Error as error:
                if error.code != errno.EINTR or attempt == _ATTEMPTS:
                    raise

    def snapshot(self) -> _OpenSnapshot:
        """See `Store.snapshot`."""
        return _OpenSnapshot(self)

    def open_snapshot(self) -> LmdbSnapshot:
        """Begin a read transaction; `close_snapshot` ends it. Prefer `snapshot`."""
        for _ in range(_ATTEMPTS):
            with self._readers:
                self._check_usable()
                self._snapshots += 1
            try:
                return LmdbSnapshot(self._env.begin(buffers=True), self._spaces, self._lasting)
            except lmdb.MapResizedError:
                self._snapshot_ended()
                self._adopt_map()
            except lmdb.ReadersFullError:
                self._snapshot_ended()
                # A process that was killed keeps its slots until somebody looks.
                if self._env.reader_check() == 0:
                    break
            except BaseException:
                self._snapshot_ended()
                raise
        raise Busy("too many snapshots are open", retry_after_s=_RETRY_AFTER_S)

    def close_snapshot(self, snapshot: LmdbSnapshot) -> None:
        """End what `open_snapshot` began."""
        try:
            snapshot.close()
        finally:
            self._snapshot_ended()

    def _snapshot_ended(self) -> None:
        with self._readers:
            self._snapshots -= 1
            if self._snapshots == 0:
                self._readers.notify_all()

    def _adopt_map(self) -> None:
        """Take over the size of a map that another process has grown.

        The map may move, so no snapshot of this process may be open, and no transaction.
        """
        if not self._writer.acquire(timeout=DRAIN_S_MAX):
            raise Busy("a transaction is in the way of a larger map", retry_after_s=_RETRY_AFTER_S)
        try:
            self._set_map()
        finally:
            self._writer.release()

    def _set_map(self) -> None:
        with self._readers:
            if not self._readers.wait_for(lambda: self._snapshots == 0, DRAIN_S_MAX):
                raise Busy("a snapshot is in the way of a larger map", retry_after_s=_RETRY_AFTER_S)
            self._lasting.values.clear()
            self._env.set_mapsize(0)

    def transact(self, fn: Callable[[Transaction], T]) -> T:
        """See `Store.transact`. ``fn`` runs again when a signal interrupted the commit."""
        if self._writer_thread == get_ident():
            raise RuntimeError("a transaction was begun inside a transaction")
        with self._writer:
            self._check_usable()
            if self._read_only:
                raise RuntimeError("this store was opened to be read only")
            if self._unknown:
                raise OutcomeUnknown("an earlier commit failed; open the store anew")
            for _ in range(_ATTEMPTS):
                transaction = LmdbTransaction(self._begin_write(), self._spaces, self._lasting)
                self._writer_thread = get_ident()
                try:
                    result = fn(transaction)
                    if self._commit(transaction):
                        return result
                finally:
                    self._writer_thread = None
                    transaction.close()
        raise Busy("commits are interrupted again and again", retry_after_s=_RETRY_AFTER_S)

    def _begin_write(self) -> lmdb.Transaction[memoryview]:
        for _ in range(_ATTEMPTS):
            try:
                return self._env.begin(write=True, buffers=True)
            except lmdb.MapResizedError:
                self._set_map()
            except lmdb.PanicError as error:
                self._unknown = True
                raise OutcomeUnknown("LMDB gave up after a failed write; open anew") from error
        raise Busy("the map keeps growing", retry_after_s=_RETRY_AFTER_S)

    def _commit(self, transaction: LmdbTransaction) -> bool:
        """Commit; False when an interruption left everything as it was."""
        number = transaction.number
        try:
            transaction.commit()
            return True
        except StoreFull:
            raise
        except lmdb.MapFullError as error:
            # LMDB takes the pages for its free list before it writes anything.
            raise StoreFull("the store's map is full; open it with a larger one") from error
        except BaseException as error:
            if transaction.failure is not None:
                raise
            if isinstance(error, lmdb.Error) and self._is_before(number):
                if error.code == errno.EINTR:
                    return False
                if is_full(self._path, error.code):
                    raise StoreFull(f"the disk of the store is full: {error}") from error
            self._unknown = True
            if isinstance(error, Exception):
                raise OutcomeUnknown("the commit may or may not have been stored") from error
            raise

    def _is_before(self, number: int) -> bool:
        """Whether a commit that failed has certainly left the state before it.

        LMDB writes the meta page last, after the flush of the pages. If that very write fails it gives up for good. Pages
        that did not reach the disk are referred to by no state, and are written whole before one does.
        """
        try:
            self._env.begin(write=True).abort()
        except lmdb.Error:
            return False
        return self._env.info()["last_txnid"] < number

    def room(self) -> int:
        """See `Store.room`: what map and disk still hold, less the reserve.

        Pages that were freed inside the file count as used, though LMDB uses them again: a run long
        enough for a large value may not be among them. So the truth may be more, never less.
        """
        self._check_usable()
        disk = os.statvfs(self._path)
        map_left = self._env.info()["map_size"] - self.size_bytes()
        return max(0, min(map_left, disk.f_bavail * disk.f_frsize) - self._reserve)

    def size_bytes(self) -> int:
        """Return the size of the data file in bytes, freed pages included. It never shrinks."""
        self._check_usable()
        return (self._env.info()["last_pgno"] + 1) * self._page_size

    def copy(self, directory: Path, snapshot: LmdbSnapshot) -> None:
        """Write what a snapshot shows as a store of its own into an existing directory without one.

        Writers go on meanwhile, but no page that they free is used again: the file grows. Pages that hold nothing any
        more are left out. Nothing is flushed; the caller does that before the copy counts.

        Raises:
            StartupError: The directory has a store, or the copy cannot be written.
            IntegrityError: The data file is damaged.
        """
        try:
            snapshot.copy(self._env, directory)
        except DAMAGE as error:
            raise IntegrityError(f"{self._path} is damaged: {error}; run fsck") from error
        except lmdb.Error as error:
            raise StartupError(f"a copy cannot be written into {directory}: {error}") from error

    def check_structure(self) -> list[str]:
        """See `Store.check_structure`: every page, key and count, and the free list, read without LMDB.

        A free list that names a page in use is what LMDB itself would not notice before it has overwritten that page.
        """
        self._check_usable()
        wrong: list[str] = []
        for _ in range(_ATTEMPTS):
            # While this is open no page that the newest state leads to is used again.
            with self._env.begin() as pin:
                wrong = check_pages(self._path / "data.mdb")
                # A commit meanwhile may have been seen half, in a meta page.
                if not wrong or self._env.info()["last_txnid"] == pin.id():
                    break
        return wrong

    def clear_dead_readers(self) -> int:
        """Free the slots of processes that died while reading; return how many there were.

        Such a slot holds back the reuse of pages. Call it every minute or so.
        """
        self._check_usable()
        return self._env.reader_check()

    def close(self) -> None:
        """See `Store.close`.

        Raises:
            RuntimeError: A snapshot was still open after some seconds; its views would dangle.
        """
        if self._writer_thread == get_ident():
            raise RuntimeError("a store cannot be closed inside a transaction")
        with self._writer, self._readers:
            if self._closed:
                return
            if not self._readers.wait_for(lambda: self._snapshots == 0, DRAIN_S_MAX):
                raise RuntimeError("a snapshot is still open")
            self._closed = True
            self._lasting.values.clear()
            self._env.close()

    def _check_usable(self) -> None:
        if self._closed:
            raise RuntimeError("this store is closed")
        if os.getpid() != self._process:
            raise RuntimeError(
                "an LMDB store cannot be used across a fork; open it in each process"
            )


class _OpenSnapshot:
    """The context manager that `LmdbStore.snapshot` returns; reading begins on entry."""

    __slots__ = ("_snapshot", "_store")

    def __init__(self, store: LmdbStore) -> None:
        self._store = store
        self._snapshot: LmdbSnapshot | None = None

    def __enter__(self) -> LmdbSnapshot:
        if self._snapshot is not None:
            raise RuntimeError("a snapshot is entered once")
        self._snapshot = self._store.open_snapshot()
        return self._snapshot

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._snapshot is not None:
            self._store.close_snapshot(self._snapshot)
