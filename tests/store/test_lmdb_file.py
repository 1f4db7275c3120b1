"""Data files that end too early: refused before LMDB maps them, unless only free pages are missing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from counterfoil.errors import IntegrityError
from counterfoil.store import LmdbStore, Transaction

from .child import SPACES, append, count_of, differences
from .test_lmdb_processes import child, line

MIB = 1 << 20
PAGE = 4096


def build(path: Path, commits: int) -> None:
    """Make a store whose file ends before its last page, as LMDB may leave it.

    Pages that one transaction takes at the end of the file and gives back are counted but never
    written, once LMDB has free pages from earlier transactions. A snapshot held over ``commits``
    small transactions keeps their free pages apart, which makes the free list a tree.
    """
    store = LmdbStore(path, SPACES, create=True)
    for _ in range(3):
        store.transact(append)
    fillers = [b"\xff%d" % number for number in range(8)]

    def put(transaction: Transaction) -> None:
        for key in fillers:
            transaction.put("index", key, bytes(MIB))

    def delete(transaction: Transaction) -> None:
        for key in fillers:
            transaction.delete("index", key)

    def come_and_go(transaction: Transaction) -> None:
        transaction.put("index", b"\xfe", b"v")
        put(transaction)
        put(transaction)
        delete(transaction)

    store.transact(put)
    store.transact(delete)
    store.transact(append)
    with store.snapshot():
        for number in range(commits):
            store.transact(lambda transaction, n=number: transaction.put("index", b"n", b"%d" % n))
    store.transact(come_and_go)
    counted = store.size_bytes()
    store.close()
    assert os.stat(path / "data.mdb").st_size < counted


@pytest.fixture(params=[1, 400], ids=["plain", "tree"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    build(tmp_path / "store", request.param)
    return tmp_path / "store"


def test_healthy_short_files_are_opened(path: Path) -> None:
    """A file that lacks only pages on the free list opens, with all entries, and takes new ones."""
    store = LmdbStore(path, SPACES)

    for _ in range(5):
        store.transact(append)

    with store.snapshot() as snapshot:
        assert (count_of(snapshot), differences(snapshot)) == (9, [])
    store.close()
    checked = subprocess.run(
        [os.sys.executable, "-m", "lmdb", "verify", str(path)], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
