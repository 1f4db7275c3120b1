"""Data files that end too early: refused before LMDB maps them, unless only free pages are missing."""

from __future__ import annotations

import os
import random
import shutil
import signal
import struct
from functools import partial
from operator import itemgetter
from pathlib import Path

import pytest

from counterfoil.errors import IntegrityError
from counterfoil.store import LmdbStore, Transaction

from .child import SPACES, append, count_of, differences
from .processes import child, line, verify

MIB = 1 << 20
PAGE = 4096
SEED = 511
BRANCH = 1


def build(path: Path, commits: int) -> None:
    """Make a store whose file ends before its last page, as LMDB may leave it.

    Pages that one transaction takes at the end of the file and gives back are counted but never
    written, once LMDB has free pages from earlier transactions. A snapshot held over ``commits``
    small transactions keeps their free pages apart, which makes the free list a tree.
    """
    store = LmdbStore(path, SPACES, create=True)
    for _ in range(3):
        store.transact(append)
    fillers = [b"\xff%d" % number for number in range(20)]

    def put(transaction: Transaction) -> None:
        for key in fillers:
            transaction.put("index", key, bytes(MIB))

    def delete(transaction: Transaction) -> None:
        for key in fillers:
            transaction.delete("index", key)

    def rewrite(value: bytes, transaction: Transaction) -> None:
        transaction.put("index", b"n", value)

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
            store.transact(partial(rewrite, b"%d" % number))
        store.transact(come_and_go)
    counted = store.size_bytes()
    store.close()
    assert (path / "data.mdb").stat().st_size < counted


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
    assert verify(path) == ""


def test_free_list_of_the_fixture_is_a_tree(tmp_path: Path) -> None:
    """After many commits under a snapshot the free list branches, so that the checks here walk a tree."""
    build(tmp_path / "store", 400)
    with (tmp_path / "store" / "data.mdb").open("rb") as file:
        # Of each meta page, the root of the free list and the number of the transaction.
        metas = [struct.unpack("=80xQ56xQ", os.pread(file.fileno(), 152, at)) for at in (0, PAGE)]
        root, _ = max(metas, key=itemgetter(1))
        (flags,) = struct.unpack("=10xH", os.pread(file.fileno(), 12, root * PAGE))

    assert flags & BRANCH


def test_files_cut_short_are_refused(path: Path) -> None:
    """At whatever length a file is cut, it is refused, or nothing but free pages is missing and all is sound."""
    size = (path / "data.mdb").stat().st_size
    chance = random.Random(SEED)
    pages = sorted({0, 1, 2, 3, *chance.sample(range(size // PAGE), 60)}, reverse=True)
    lengths = [size, *(page * PAGE + chance.choice([0, 0, 1, 4095]) for page in pages)]

    with child("cut", path, ",".join(map(str, lengths))) as process:
        outcomes = [line(process).split(" ", 1)[1] for _ in lengths]

    sound = outcomes.count("sound")
    assert 0 < sound < len(lengths), f"seed {SEED}"
    assert outcomes == ["sound"] * sound + ["refused"] * (len(lengths) - sound), f"seed {SEED}"


@pytest.mark.parametrize("size", [10, 5000, 300_000])
def test_files_without_their_last_byte_are_refused(tmp_path: Path, size: int) -> None:
    """One byte missing from the last page, which is in use, is enough to be refused."""
    store = LmdbStore(tmp_path / "store", SPACES, create=True)
    store.transact(lambda transaction: transaction.put("leaves", b"k", bytes(size)))
    counted = store.size_bytes()
    store.close()
    data = tmp_path / "store" / "data.mdb"
    assert data.stat().st_size == counted
    os.truncate(data, counted - 1)

    with pytest.raises(IntegrityError, match="in use"):
        LmdbStore(tmp_path / "store", SPACES)


def test_reading_a_cut_file_without_the_check_ends_the_process(path: Path, tmp_path: Path) -> None:
    """What the check prevents is real: LMDB alone opens the cut file, and dies reading it."""
    shutil.copytree(path, tmp_path / "copy")
    os.truncate(tmp_path / "copy" / "data.mdb", 16 * PAGE)

    with child("trust", tmp_path / "copy") as process:
        assert process.wait() == -signal.SIGBUS

    with pytest.raises(IntegrityError, match="in use"):
        LmdbStore(tmp_path / "copy", SPACES)
