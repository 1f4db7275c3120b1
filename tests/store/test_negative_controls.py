"""The conformance suite finds stores that are wrong on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import pytest

from counterfoil.store import MemoryStore, Snapshot, Store, Transaction, Value
from counterfoil.store.memory import MemorySnapshot

from .machine import check_store
from .opened import SPACES, Opened

T = TypeVar("T")


class Reader:
    """A snapshot or transaction that passes everything on; the faults below override one method."""

    def __init__(self, inner: Snapshot, store: Faulty) -> None:
        self.inner = inner
        self.store = store
        self.marks = inner.marks

    def get(self, space: str, key: bytes) -> memoryview | None:
        return self.inner.get(space, key)

    def get_many(self, space: str, keys: Iterable[bytes]) -> list[memoryview | None]:
        return [self.get(space, key) for key in keys]

    def get_lasting(self, space: str, prefixes: Sequence[bytes]) -> list[tuple[memoryview, ...]]:
        return self.inner.get_lasting(space, prefixes)

    def scan(
        self,
        space: str,
        start: bytes = b"",
        end: bytes | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, memoryview]]:
        return self.inner.scan(space, start, end, limit, reverse)


class Writer(Reader):
    """The same with the methods that write."""

    def __init__(self, inner: Transaction, store: Faulty) -> None:
        super().__init__(inner, store)
        self.writer = inner

    def put(self, space: str, key: bytes, value: Value) -> None:
        self.writer.put(space, key, value)

    def delete(self, space: str, key: bytes) -> bool:
        return self.writer.delete(space, key)


class Faulty(MemoryStore):
    """A store with the readers and writers of one fault, by default of none."""

    def __init__(self, fault: type[Reader] = Reader) -> None:
        super().__init__(SPACES)
        self.reader = Reader if issubclass(fault, Writer) else fault
        self.writer = fault if issubclass(fault, Writer) else Writer

    def direct(self) -> Snapshot:
        """A reader of the newest state that never closes."""
        return MemorySnapshot(self._tables, self._marks)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:  # type: ignore[override]
        with super().snapshot() as snapshot:
            yield self.reader(snapshot, self)

    def transact(self, fn: Callable[[Transaction], T]) -> T:
        return super().transact(lambda transaction: fn(self.writer(transaction, self)))

    def restore(self, other: Faulty) -> None:
        """Take over what a restart finds of another store."""
        self._tables, self._size = other._tables, other._size


class EndIsInclusive(Reader):
    """A scan reaches its end instead of stopping before it."""

    def scan(
        self,
        space: str,
        start: bytes = b"",
        end: bytes | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, memoryview]]:
        end = end if end is None else end + b"\x00"
        return self.inner.scan(space, start, end, limit, reverse)


class StartIsExclusive(Writer):
    """A scan in a transaction begins after its start."""

    def scan(
        self,
        space: str,
        start: bytes = b"",
        end: bytes | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, memoryview]]:
        start = start and start + b"\x00"
        return self.inner.scan(space, start, end, limit, reverse)


class ReverseLimitCutsTheTop(Reader):
    """A reverse scan with a limit yields the lowest keys instead of the highest."""

    def scan(
        self,
        space: str,
        start: bytes = b"",
        end: bytes | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, memoryview]]:
        found = list(self.inner.scan(space, start, end, limit))
        return iter(found[::-1] if reverse else found)


class OwnWritesAreInvisible(Writer):
    """A transaction reads what was committed before it."""

    def get(self, space: str, key: bytes) -> memoryview | None:
        return self.store.direct().get(space, key)


class ScanIsTakenAtItsStart(Writer):
    """A scan in a transaction misses what is written ahead of it."""

    def scan(
        self,
        space: str,
        start: bytes = b"",
        end: bytes | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, memoryview]]:
        return iter(list(self.inner.scan(space, start, end, limit, reverse)))


class SnapshotIsLive(Reader):
    """A snapshot shows later commits."""

    def get(self, space: str, key: bytes) -> memoryview | None:
        return self.store.direct().get(space, key)


class ViewsOutliveTheirSnapshot(Reader):
    """A view can be used after its snapshot has closed."""

    def scan(
        self,
        space: str,
        start: bytes = b"",
        end: bytes | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, memoryview]]:
        for key, view in self.inner.scan(space, start, end, limit, reverse):
            yield key, memoryview(bytes(view))


class LargeValuesAreCut(Writer):
    """A value of 1 MiB loses its last byte."""

    def put(self, space: str, key: bytes, value: Value) -> None:
        self.writer.put(space, key, bytes(value)[: (1 << 20) - 1])


class DeleteAlwaysSucceeds(Writer):
    """Deleting what is not there claims that it was."""

    def delete(self, space: str, key: bytes) -> bool:
        self.writer.delete(space, key)
        return True


class AbortKeepsPuts(Faulty):
    """What a transaction wrote before it raised is stored."""

    def transact(self, fn: Callable[[Transaction], T]) -> T:
        errors: list[Exception] = []

        def run(transaction: Transaction) -> list[T]:
            try:
                return [fn(transaction)]
            except Exception as error:  # noqa: BLE001
                errors.append(error)
                return []

        results = super().transact(run)
        for error in errors:
            raise error
        return results[0]


class RestartLosesTheLastCommit(Faulty):
    """A commit is on the disk only when the next one is."""

    def transact(self, fn: Callable[[Transaction], T]) -> T:
        self.before = self._tables
        return super().transact(fn)

    def restore(self, other: Faulty) -> None:
        super().restore(other)
        self._tables = getattr(other, "before", self._tables)


FAULTS: dict[str, Callable[[], Faulty]] = {
    **{
        reader.__name__: partial(Faulty, reader)
        for reader in (
            EndIsInclusive,
            StartIsExclusive,
            ReverseLimitCutsTheTop,
            OwnWritesAreInvisible,
            ScanIsTakenAtItsStart,
            SnapshotIsLive,
            ViewsOutliveTheirSnapshot,
            LargeValuesAreCut,
            DeleteAlwaysSucceeds,
        )
    },
    **{store.__name__: store for store in (AbortKeepsPuts, RestartLosesTheLastCommit)},
}


@contextmanager
def opened_faulty(make: Callable[[], Faulty]) -> Iterator[Opened]:
    """Open an empty store with a fault."""

    def again(store: Store) -> Store:
        assert isinstance(store, Faulty)
        renewed = make()
        renewed.restore(store)
        return renewed

    subject = Opened(make(), again)
    yield subject
    subject.store.close()


@pytest.mark.parametrize("name", FAULTS)
def test_conformance_suite_catches(name: str) -> None:
    """A store with one fault does not pass the suite that all stores pass."""
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check_store(partial(opened_faulty, FAULTS[name]), histories=300, shrink=False)


def test_conformance_suite_passes_a_wrapper_without_fault() -> None:
    """What the controls above are caught for is their fault, not the way in which they are made."""
    check_store(partial(opened_faulty, Faulty), histories=20, shrink=False)
