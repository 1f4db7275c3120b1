"""A copy of an LMDB store: what one snapshot shows, as a store of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.errors import StartupError
from counterfoil.store import LmdbStore, Transaction

SPACES = ("a", "b")
SECRET = b"a value that was deleted"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LmdbStore]:
    """A store with a thousand values."""
    opened = LmdbStore(tmp_path / "store", SPACES, create=True, map_size_bytes=64 << 20)

    def fill(transaction: Transaction) -> None:
        for number in range(1000):
            transaction.put("a", b"%04d" % number, b"value %d" % number * 50)

    opened.transact(fill)
    yield opened
    opened.close()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A folder for the copy."""
    (tmp_path / "copy").mkdir()
    return tmp_path / "copy"


def dump(path: Path) -> dict[tuple[str, bytes], bytes]:
    """All that a store holds."""
    opened = LmdbStore(path, SPACES, read_only=True)
    try:
        with opened.snapshot() as snapshot:
            return {
                (space, key): bytes(value)
                for space in SPACES
                for key, value in snapshot.scan(space)
            }
    finally:
        opened.close()


def test_a_copy_is_what_the_snapshot_shows(store: LmdbStore, target: Path) -> None:
    """What was committed after the snapshot began is not in the copy, and nothing of before is missing."""
    with store.snapshot() as snapshot:
        shown = {("a", key): bytes(value) for key, value in snapshot.scan("a")}
        store.transact(lambda transaction: transaction.put("a", b"0000", b"changed"))
        store.transact(lambda transaction: transaction.put("b", b"new", b"new"))
        store.copy(target, snapshot)

    assert dump(target) == shown


def test_a_copy_can_be_written_to(store: LmdbStore, target: Path) -> None:
    """It opens as any store, and is no part of the one it was copied from."""
    with store.snapshot() as snapshot:
        store.copy(target, snapshot)
    copy = LmdbStore(target, SPACES, map_size_bytes=64 << 20)
    copy.transact(lambda transaction: transaction.put("b", b"key", b"value"))
    copy.close()

    assert dump(target)["b", b"key"] == b"value"
    with store.snapshot() as snapshot:
        assert snapshot.get("b", b"key") is None


def test_a_copy_holds_nothing_that_was_deleted(store: LmdbStore, target: Path) -> None:
    """Pages that were freed stay behind: their bytes are in the store's file, and in no copy."""
    store.transact(lambda transaction: transaction.put("b", b"key", SECRET * 1000))
    store.transact(lambda transaction: transaction.delete("b", b"key"))
    with store.snapshot() as snapshot:
        store.copy(target, snapshot)

    assert SECRET in (store.path / "data.mdb").read_bytes()
    assert SECRET not in (target / "data.mdb").read_bytes()


def test_a_copy_overwrites_no_store(store: LmdbStore, target: Path) -> None:
    """A folder that has a store keeps it."""
    with store.snapshot() as snapshot:
        store.copy(target, snapshot)
        before = (target / "data.mdb").read_bytes()
        with pytest.raises(StartupError, match="cannot be written"):
            store.copy(target, snapshot)

    assert (target / "data.mdb").read_bytes() == before


def test_a_copy_into_nowhere_is_told(store: LmdbStore, tmp_path: Path) -> None:
    """A folder that is not there is an error with its name, and the store goes on."""
    with (
        store.snapshot() as snapshot,
        pytest.raises(StartupError, match="nowhere"),
    ):
        store.copy(tmp_path / "nowhere", snapshot)
    store.transact(lambda transaction: transaction.put("b", b"key", b"value"))


def test_a_snapshot_that_is_over_is_not_copied(store: LmdbStore, target: Path) -> None:
    """Only what is still shown can be copied."""
    with store.snapshot() as snapshot:
        pass

    with pytest.raises(RuntimeError, match="over"):
        store.copy(target, snapshot)
    assert list(target.iterdir()) == []
