"""What every store must do, run for every member of STORES."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from threading import Barrier, Thread
from typing import TYPE_CHECKING

import pytest

from counterfoil.errors import CounterfoilError, InvalidInput, StartupError
from counterfoil.store import TRANSACTION_SIZE_BYTES_MAX, Transaction, open_store

from .machine import check_store
from .opened import SCHEMES, SPACES, Opened, opened

if TYPE_CHECKING:
    from counterfoil.store import Snapshot

MIB = 1 << 20


@pytest.fixture(params=SCHEMES)
def subject(request: pytest.FixtureRequest) -> Iterator[Opened]:
    with opened(request.param) as found:
        yield found


def copied(view: memoryview | None) -> bytes | None:
    """What a view shows now."""
    return None if view is None else bytes(view)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_random_histories_match_a_dictionary(scheme: str) -> None:
    """No history of transactions, scans, snapshots, aborts and restarts tells a store from a dictionary."""
    check_store(partial(opened, scheme), histories=100)


def test_boundary_keys_and_values_are_stored(subject: Opened) -> None:
    """Keys of 1 and 511 bytes, and values of 0 bytes and 1 MiB, come back as they were put."""
    stored = {b"\x00": b"", b"k" * 511: bytes(range(256)) * (MIB // 256), b"\xff" * 511: b"v"}

    def put(transaction: Transaction) -> None:
        for key, value in stored.items():
            transaction.put("leaves", key, value)

    subject.store.transact(put)
    subject.reopen()

    with subject.store.snapshot() as snapshot:
        assert {key: bytes(value) for key, value in snapshot.scan("leaves")} == stored
        assert [key for key, _ in snapshot.scan("leaves", start=b"k" * 512)] == [b"\xff" * 511]
        assert [key for key, _ in snapshot.scan("leaves", end=b"k" * 512, reverse=True)] == [
            b"k" * 511,
            b"\x00",
        ]


@pytest.mark.parametrize(
    ("key", "value", "field", "reason"),
    [
        (b"", b"v", "key", "KEY_SIZE"),
        (b"k" * 512, b"v", "key", "KEY_SIZE"),
        (b"k", bytes(MIB + 1), "value", "VALUE_SIZE"),
        (b"k", memoryview(bytes(MIB + 4)).cast("I"), "value", "VALUE_SIZE"),
    ],
)
def test_keys_and_values_beyond_the_limits_are_refused(
    subject: Opened, key: bytes, value: bytes, field: str, reason: str
) -> None:
    """An empty key, one of 512 bytes, and a value over 1 MiB are InvalidInput, and nothing is stored."""

    def put(transaction: Transaction) -> None:
        transaction.put("leaves", b"before", b"v")
        transaction.put("leaves", key, value)

    with pytest.raises(InvalidInput) as caught:
        subject.store.transact(put)

    assert (caught.value.field, caught.value.reason) == (field, reason)
    with subject.store.snapshot() as snapshot:
        assert list(snapshot.scan("leaves")) == []


@pytest.mark.parametrize("key", [b"", b"k" * 512])
def test_impossible_keys_are_refused_for_reading_and_deleting(subject: Opened, key: bytes) -> None:
    """A key that cannot be stored is InvalidInput wherever it is used, not merely absent."""
    with subject.store.snapshot() as snapshot, pytest.raises(InvalidInput):
        snapshot.get("leaves", key)
    with subject.store.snapshot() as snapshot, pytest.raises(InvalidInput):
        snapshot.get_many("leaves", [b"k", key])
    with pytest.raises(InvalidInput):
        subject.store.transact(lambda transaction: transaction.delete("leaves", key))


def test_transaction_over_its_limit_is_refused(subject: Opened) -> None:
    """A transaction that puts more than its limit is InvalidInput, whatever it overwrote, and is not stored."""
    value = bytes(MIB)

    def put(transaction: Transaction) -> None:
        for _ in range(TRANSACTION_SIZE_BYTES_MAX // MIB):
            transaction.put("leaves", b"k", value)

    with pytest.raises(InvalidInput, match="split it"):
        subject.store.transact(put)

    with subject.store.snapshot() as snapshot:
        assert snapshot.get("leaves", b"k") is None


def test_unknown_spaces_are_key_errors(subject: Opened) -> None:
    """A space that was not declared is a programming error for every operation."""
    with subject.store.snapshot() as snapshot:
        with pytest.raises(KeyError):
            snapshot.get("other", b"k")
        with pytest.raises(KeyError):
            snapshot.scan("other")
    with pytest.raises(KeyError):
        subject.store.transact(lambda transaction: transaction.put("other", b"k", b"v"))
    with pytest.raises(KeyError):
        subject.store.transact(lambda transaction: transaction.delete("other", b"k"))


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_values_are_taken_over_when_they_are_put(subject: Opened, kind: type[bytearray]) -> None:
    """What happens to the caller's buffer after put does not change what is stored."""
    buffer = bytearray(b"first")

    def put(transaction: Transaction) -> None:
        transaction.put("leaves", b"k", kind(buffer))
        buffer[:] = b"other"

    subject.store.transact(put)

    with subject.store.snapshot() as snapshot:
        assert copied(snapshot.get("leaves", b"k")) == b"first"


def test_views_in_a_transaction_outlive_its_writes(subject: Opened) -> None:
    """A view taken in a transaction shows its value until the end, however much is written after it."""
    sizes = (10, 3000, 300_000)

    def prepare(transaction: Transaction) -> None:
        for size in sizes:
            transaction.put("leaves", b"old%d" % size, b"o" * size)

    def run(transaction: Transaction) -> None:
        views = {size: transaction.get("leaves", b"old%d" % size) for size in sizes}
        for size in sizes:
            transaction.put("leaves", b"new%d" % size, b"n" * size)
        fresh = {size: transaction.get("leaves", b"new%d" % size) for size in sizes}
        for size in sizes:
            transaction.put("leaves", b"old%d" % size, b"x" * size)
            transaction.put("leaves", b"new%d" % size, b"y" * (size + 1))
            transaction.delete("leaves", b"new%d" % size)
        for number in range(300):
            transaction.put("leaves", b"fill%d" % number, b"f" * 2000)
        for size in sizes:
            assert copied(views[size]) == b"o" * size
            assert copied(fresh[size]) == b"n" * size

    subject.store.transact(prepare)
    subject.store.transact(run)


def test_nothing_is_usable_after_its_end(subject: Opened) -> None:
    """Snapshots, scans, transactions and stores refuse to be used when they are over."""
    subject.store.transact(lambda transaction: transaction.put("leaves", b"a", b"v"))
    kept: list[Transaction] = []
    subject.store.transact(kept.append)
    with subject.store.snapshot() as snapshot:
        begun, idle = snapshot.scan("leaves"), snapshot.scan("leaves")
        next(begun)
    readers: list[Snapshot] = [snapshot, *kept]

    for reader in readers:
        with pytest.raises(RuntimeError, match="over"):
            reader.get("leaves", b"a")
        with pytest.raises(RuntimeError, match="over"):
            reader.scan("leaves")
    for scan in (begun, idle):
        with pytest.raises(RuntimeError, match="over"):
            next(scan)
    with pytest.raises(RuntimeError, match="over"):
        kept[0].put("leaves", b"b", b"v")
    with pytest.raises(RuntimeError, match="over"):
        kept[0].delete("leaves", b"a")
    subject.store.close()
    subject.store.close()
    with pytest.raises(RuntimeError, match="closed"), subject.store.snapshot():
        pass
    with pytest.raises(RuntimeError, match="closed"):
        subject.store.transact(kept.append)


def test_transactions_do_not_nest(subject: Opened) -> None:
    """A transaction inside a transaction is refused instead of waiting for itself; the store stays usable."""

    def nest(transaction: Transaction) -> None:
        transaction.put("leaves", b"outer", b"v")
        subject.store.transact(lambda inner: inner.put("leaves", b"inner", b"v"))

    with pytest.raises(RuntimeError, match="inside"):
        subject.store.transact(nest)

    subject.store.transact(lambda transaction: transaction.put("leaves", b"next", b"v"))
    with subject.store.snapshot() as snapshot:
        assert [key for key, _ in snapshot.scan("leaves")] == [b"next"]


def test_threads_take_turns(subject: Opened) -> None:
    """Increments of one counter by several threads at once all count, and readers see it only grow."""
    threads, each = 4, 25
    barrier = Barrier(threads)
    torn: list[str] = []

    def increment(transaction: Transaction) -> int:
        old = transaction.get("leaves", b"count")
        new = 1 + (0 if old is None else int(bytes(old)))
        transaction.put("leaves", b"count", b"%d" % new)
        transaction.put("index", b"count", b"%d" % new)
        return new

    def work() -> None:
        barrier.wait()
        for _ in range(each):
            mine = subject.store.transact(increment)
            with subject.store.snapshot() as snapshot:
                seen = [snapshot.get(space, b"count") for space in SPACES]
                counts = [0 if view is None else int(bytes(view)) for view in seen]
            if counts[0] != counts[1] or counts[0] < mine:
                torn.append(f"{counts} after {mine}")

    workers = [Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert torn == []
    assert subject.store.transact(increment) == threads * each + 1


def test_size_grows_by_what_is_stored(subject: Opened) -> None:
    """Storing 1 MiB makes the store at least 1 MiB larger, and there was room for it."""
    size = subject.store.size_bytes()
    assert subject.store.room() > subject.store.limits.value_size_bytes_max == MIB

    subject.store.transact(lambda transaction: transaction.put("leaves", b"k", bytes(MIB)))

    assert subject.store.size_bytes() >= size + MIB


@pytest.mark.parametrize(
    "url", ["", "lmdb:", "memory:path", "redis:/x", "/var/lib/store", "LMDB:/x"]
)
def test_unknown_stores_are_not_opened(url: str) -> None:
    """A URL that names no store of STORES is a StartupError that says what would."""
    with pytest.raises(StartupError, match="use"):
        open_store(url, SPACES)


def test_memory_cannot_be_read_only() -> None:
    """A read-only store in memory would be empty for ever, and is refused."""
    with pytest.raises(CounterfoilError):
        open_store("memory:", SPACES, read_only=True)
