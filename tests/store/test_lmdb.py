"""LMDB in one process: where it opens, a full map, room, and views of the file."""

from __future__ import annotations

import errno
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import pytest

import counterfoil.store.lmdb
from counterfoil.errors import IntegrityError, OutcomeUnknown, StartupError, StoreFull
from counterfoil.store import LmdbStore, Transaction
from counterfoil.store.lmdb_file import refuse_network_filesystem
from counterfoil.store.lmdb_transaction import LmdbTransaction

from .child import SPACES, append, count_of, differences

MIB = 1 << 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store"


def fill(store: LmdbStore) -> int:
    """Append until the store is full; return how many entries it took."""
    for stored in range(1000):
        try:
            store.transact(append)
        except StoreFull:
            return stored
    raise AssertionError("the store never became full")


def test_full_map_loses_nothing_and_can_be_made_larger(path: Path) -> None:
    """In a full map writes are StoreFull and reads go on; a larger map has all there was, and takes more."""
    store = LmdbStore(path, SPACES, create=True, map_size_bytes=4 * MIB)
    stored = fill(store)

    for _ in range(3):
        with pytest.raises(StoreFull):
            store.transact(append)
    with store.snapshot() as snapshot:
        assert (count_of(snapshot), differences(snapshot)) == (stored, [])
    assert store.room() == 0
    store.transact(lambda transaction: transaction.put("index", b"small", b"fits"))
    store.close()

    store = LmdbStore(path, SPACES, map_size_bytes=64 * MIB, room_reserve_bytes=MIB)
    assert store.room() > 32 * MIB
    assert [store.transact(append) for _ in range(10)] == list(range(stored, stored + 10))
    with store.snapshot() as snapshot:
        assert differences(snapshot) == []
    store.close()


def test_caught_full_map_still_aborts(path: Path) -> None:
    """A function that catches StoreFull and goes on commits nothing of what it wrote before."""
    store = LmdbStore(path, SPACES, create=True, map_size_bytes=MIB)

    def persist(transaction: Transaction) -> str:
        transaction.put("index", b"before", b"v")
        for number in range(2):
            try:
                transaction.put("leaves", b"%d" % number, bytes(MIB))
            except StoreFull:
                continue
        return "done"

    with pytest.raises(StoreFull):
        store.transact(persist)
    with store.snapshot() as snapshot:
        assert snapshot.get("index", b"before") is None
    assert store.transact(append) == 0
    store.close()


def test_map_that_fills_up_at_the_commit_is_full(path: Path) -> None:
    """Rewriting small values until LMDB's own free list finds no page is StoreFull as well, not an unknown outcome."""
    store = LmdbStore(path, SPACES, create=True, map_size_bytes=MIB)
    causes = set[str]()
    for number in range(3000):
        key = b"%d" % (number * 7919 % 3000)

        def rewrite(transaction: Transaction, key: bytes = key) -> None:
            transaction.put("leaves", key, key * 500)

        try:
            store.transact(rewrite)
        except StoreFull as error:
            causes.add(str(error.__cause__).split(":")[0])
            if "mdb_txn_commit" in causes:
                break

    assert "mdb_txn_commit" in causes
    with store.snapshot() as snapshot:
        assert all(value == key * 500 for key, value in snapshot.scan("leaves"))
    store.close()


def test_room_keeps_the_reserve(path: Path) -> None:
    """Room is what the map has left less the reserve, and shrinks by what is stored."""
    store = LmdbStore(
        path, SPACES, create=True, map_size_bytes=64 * MIB, room_reserve_bytes=16 * MIB
    )
    before = store.room()
    assert before == 48 * MIB - store.size_bytes()

    store.transact(lambda transaction: transaction.put("leaves", b"k", bytes(MIB)))

    assert MIB <= before - store.room() < 2 * MIB
    store.close()


def test_room_is_bounded_by_the_disk(path: Path) -> None:
    """A map larger than the disk gives no more room than the disk has."""
    store = LmdbStore(path, SPACES, create=True, room_reserve_bytes=0)
    disk = os.statvfs(path)

    assert store.room() <= disk.f_blocks * disk.f_frsize
    assert LmdbStore.limits.key_size_bytes_max == 511
    store.close()


def test_snapshots_do_not_copy(path: Path) -> None:
    """Reading large values in a snapshot allocates next to nothing."""
    store = LmdbStore(path, SPACES, create=True)

    def put(transaction: Transaction) -> None:
        for key in (b"a", b"b", b"c"):
            transaction.put("leaves", key, bytes(MIB))

    store.transact(put)

    tracemalloc.start()
    try:
        with store.snapshot() as snapshot:
            total = sum(len(value) for _, value in snapshot.scan("leaves"))
            view = snapshot.get("leaves", b"a")
            assert view is not None
            assert view.readonly
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert total == 3 * MIB
    assert peak < MIB // 4
    store.close()


def test_new_stores_are_private_to_their_owner(path: Path) -> None:
    """Directory and files of a new store are not for other users."""
    LmdbStore(path, SPACES, create=True).close()

    modes = {name.name: name.stat().st_mode & 0o777 for name in (path, *path.iterdir())}

    assert modes == {"store": 0o700, "data.mdb": 0o600, "lock.mdb": 0o600}


def _nothing(path: Path) -> None:
    del path


def _empty_directory(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("prepare", [_nothing, _empty_directory])
@pytest.mark.parametrize("read_only", [False, True])
def test_missing_stores_are_not_made_by_accident(
    path: Path, prepare: Callable[[Path], None], read_only: bool
) -> None:
    """Without a store at the path, opening says what to do and leaves nothing behind."""
    prepare(path)
    before = sorted(path.parent.rglob("*"))

    with pytest.raises(StartupError, match="counterfoil init"):
        LmdbStore(path, SPACES, read_only=read_only)

    assert sorted(path.parent.rglob("*")) == before


def test_stores_are_not_made_where_there_is_no_directory(path: Path) -> None:
    """A store is made in a directory that exists, or not at all."""
    with pytest.raises(StartupError, match="cannot be made"):
        LmdbStore(path / "deeper", SPACES, create=True)


def test_store_cannot_be_opened_twice(path: Path) -> None:
    """A second opening in the same process is refused, and the first goes on."""
    store = LmdbStore(path, SPACES, create=True)

    with pytest.raises(StartupError, match="already open"):
        LmdbStore(path, SPACES)

    assert store.transact(append) == 0
    store.close()


def test_reopening_with_create_keeps_everything(path: Path) -> None:
    """Asking to create a store that exists opens it, with its entries and with a new space."""
    store = LmdbStore(path, SPACES, create=True)
    store.transact(append)
    store.close()

    store = LmdbStore(path, (*SPACES, "more"), create=True)

    with store.snapshot() as snapshot:
        assert (count_of(snapshot), differences(snapshot)) == (1, [])
        assert list(snapshot.scan("more")) == []
    store.close()


def test_read_only_stores_do_not_write(path: Path) -> None:
    """A read-only store reads, refuses to write, and does not make spaces that are missing."""
    store = LmdbStore(path, SPACES, create=True)
    store.transact(append)
    store.close()

    store = LmdbStore(path, SPACES, read_only=True)
    with store.snapshot() as snapshot:
        assert differences(snapshot) == []
    with pytest.raises(RuntimeError, match="read only"):
        store.transact(append)
    store.close()
    with pytest.raises(StartupError, match="more"):
        LmdbStore(path, (*SPACES, "more"), read_only=True)


def test_close_waits_for_snapshots(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store with an open snapshot does not close under it; afterwards it does."""
    monkeypatch.setattr(counterfoil.store.lmdb, "DRAIN_S_MAX", 0.01)
    store = LmdbStore(path, SPACES, create=True)
    store.transact(append)

    with store.snapshot() as snapshot:
        with pytest.raises(RuntimeError, match="still open"):
            store.close()
        assert differences(snapshot) == []
    store.close()
    with pytest.raises(RuntimeError, match="closed"):
        store.room()


def test_close_inside_a_transaction_is_refused(path: Path) -> None:
    """Closing a store from its own transaction is refused instead of waiting for itself."""
    store = LmdbStore(path, SPACES, create=True)

    def close(transaction: Transaction) -> None:
        append(transaction)
        store.close()

    with pytest.raises(RuntimeError, match="inside a transaction"):
        store.transact(close)
    assert store.transact(append) == 0
    store.close()


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/export /srv/nfs nfs4 rw 0 0
//server/share /srv/with\\040space cifs rw 0 0
host /srv/host 9p rw 0 0
/dev/sdb1 /srv/nfs/local xfs rw 0 0
tmpfs /srv/covered tmpfs rw 0 0
server:/export /srv/covered nfs rw 0 0
"""


@pytest.mark.parametrize(
    "place", ["/srv/nfs", "/srv/nfs/a/b", "/srv/with space/a", "/srv/host/a", "/srv/covered/a"]
)
def test_network_file_systems_are_refused(place: str) -> None:
    """A path on NFS, SMB or 9p is refused, also below the mount and where it hides a local one."""
    with pytest.raises(StartupError, match="local disk"):
        refuse_network_filesystem(Path(place), MOUNTS)


@pytest.mark.parametrize("place", ["/", "/srv", "/srv/nfsx", "/srv/nfs/local/a", "/var/lib"])
def test_local_file_systems_are_let_pass(place: str) -> None:
    """A local path is accepted, also one with a similar name or inside a network mount."""
    refuse_network_filesystem(Path(place), MOUNTS)


def test_damaged_meta_pages_are_refused(path: Path) -> None:
    """A data file that is empty, of another format, or overwritten at its start is an IntegrityError."""
    store = LmdbStore(path, SPACES, create=True)
    store.transact(append)
    store.close()
    data = path / "data.mdb"
    whole = data.read_bytes()
    damaged = {
        "empty": b"",
        "zeros": bytes(len(whole)),
        "text": b"not a store\n" * 1000,
        "half a page": whole[:2048],
        "one page": whole[:4096],
        "magic": whole[:16] + bytes(4) + whole[20:],
        "version": whole[:20] + b"\x07" + whole[21:],
    }

    for name, content in damaged.items():
        data.write_bytes(content)
        with pytest.raises(IntegrityError):
            LmdbStore(path, SPACES)
        assert data.read_bytes() == content, name

    data.write_bytes(whole)
    store = LmdbStore(path, SPACES)
    with store.snapshot() as snapshot:
        assert differences(snapshot) == []
    store.close()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EINTR])
def test_when_lmdb_gave_up_the_outcome_is_unknown(
    path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A meta page that failed may be on the disk: whatever the errno, nobody is told that nothing was stored."""
    store = LmdbStore(path, SPACES, create=True)
    environment = store._env
    failed = lmdb.Error("mdb_txn_commit")
    failed.code = code  # type: ignore[misc] # final to Python; LMDB's binding sets it in C

    class Panicked:
        """LMDB after a write of its meta page failed: no transaction begins."""

        begun = 0

        def begin(self, **options: Any) -> Any:
            """The transaction that fails, and then none."""
            self.begun += 1
            if self.begun > 1:
                raise lmdb.PanicError("MDB_PANIC")
            return environment.begin(**options)

    def fail(_transaction: LmdbTransaction) -> None:
        raise failed

    with monkeypatch.context() as patch:
        patch.setattr(store, "_env", Panicked())
        patch.setattr(LmdbTransaction, "commit", fail)
        with pytest.raises(OutcomeUnknown):
            store.transact(append)
    with pytest.raises(OutcomeUnknown, match="earlier"):
        store.transact(append)
    store.close()
