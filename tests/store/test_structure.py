"""The check of how a store lies on its disk: nothing is wrong with a sound one, and damaged pages are told."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from counterfoil.errors import IntegrityError
from counterfoil.store import LmdbStore, Transaction
from counterfoil.store.lmdb_file import check_pages

from ..fault.rot_pages import PAGE, PageMap
from .child import SPACES, append, differences
from .opened import SCHEMES, opened
from .processes import child, line

SEED = 20261105


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed store with large and small values, and free pages."""
    path = tmp_path / "store"
    store = LmdbStore(path, SPACES, create=True)
    for _ in range(5):
        store.transact(append)

    def small(transaction: Transaction) -> None:
        for number in range(300):
            transaction.put("index", b"small %d" % number, b"v" * 100)

    def fewer(transaction: Transaction) -> None:
        for number in range(200):
            transaction.delete("index", b"small %d" % number)

    store.transact(small)
    store.transact(fewer)
    assert store.check_structure() == []
    store.close()
    return path


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_sound_store_has_nothing_wrong(scheme: str) -> None:
    """Empty, written, and opened again, each store is sound."""
    with opened(scheme) as subject:
        assert subject.store.check_structure() == []
        for _ in range(3):
            subject.store.transact(append)
            assert subject.store.check_structure() == []
        subject.reopen()
        assert subject.store.check_structure() == []


def test_a_store_that_is_written_meanwhile_is_sound(path: Path) -> None:
    """Checked again and again beside a process that commits all the time, a sound store is never accused."""
    reader = LmdbStore(path, SPACES, read_only=True)
    with child("write", path) as writer:
        for _ in range(15):
            line(writer)
            assert reader.check_structure() == []
    reader.close()


def changed(path: Path, offset: int, data: bytes) -> list[str]:
    """What is told of a store with some bytes of its file changed."""
    with (path / "data.mdb").open("r+b") as file:
        file.seek(offset)
        file.write(data)
    store = LmdbStore(path, SPACES, read_only=True)
    try:
        return store.check_structure()
    finally:
        store.close()


def test_a_free_list_that_names_a_page_in_use_is_told(path: Path) -> None:
    """LMDB would overwrite that page with the next commit, and does not notice: all values still read well."""
    data = (path / "data.mdb").read_bytes()
    pages = PageMap(data)
    places = [pages.place(offset) for offset in range(0, len(data), 8)]
    # The list begins with its length; LMDB takes from its end.
    offset = 8 * next(
        at for at, p in enumerate(places) if (p.kind, p.space, p.at) == ("value", "", 8)
    )
    used = next(8 * at // PAGE for at, p in enumerate(places) if p.kind == "leaf" and p.space)
    told = changed(path, offset, struct.pack("=Q", used))

    assert any("both reachable and in the freeDB" in sentence for sentence in told), told
    store = LmdbStore(path, SPACES, read_only=True)
    with store.snapshot() as snapshot:
        assert [text for text in differences(snapshot) if "small" not in text] == []
    store.close()


def test_random_damage_to_page_headers_and_nodes_is_told(path: Path) -> None:
    """Of the bits that place pages, nodes and keys nearly all are told when they flip; values are not its business."""
    chance = random.Random(SEED)
    good = (path / "data.mdb").read_bytes()
    pages = PageMap(good)
    wanted = [at for at in range(2 * PAGE, len(good)) if pages.place(at).kind in ("leaf", "branch")]
    told = 0
    tries = 200
    for offset in chance.sample(wanted, tries):
        bad = bytearray(good)
        bad[offset] ^= 1 << chance.randrange(8)
        (path / "data.mdb").write_bytes(bad)
        told += bool(check_pages(path / "data.mdb"))
    assert told > 0.5 * tries, (told, SEED)


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    """Zeros, text or nothing are no data file; none of them raises."""
    for content in (b"", b"text", bytes(3 * PAGE)):
        (tmp_path / "data.mdb").write_bytes(content)
        assert check_pages(tmp_path / "data.mdb")


@pytest.mark.parametrize("bit", range(1, 7))
@pytest.mark.parametrize("space", SPACES)
def test_a_flag_of_a_space_that_nobody_set_is_refused(path: Path, space: str, bit: int) -> None:
    """With a flag that changes how LMDB compares or replaces values, which no read shows, the store does not open."""
    file = path / "data.mdb"
    data = bytearray(file.read_bytes())
    pages = PageMap(bytes(data))
    # The flags are the two bytes behind the first four of the record that the name leads to.
    key = space.encode()
    record = next(
        at
        for at in range(2 * PAGE, len(data))
        if (place := pages.place(at)).kind == "leaf" and (place.space, place.key) == ("", key)
    )
    data[record + 4] ^= 1 << bit
    file.write_bytes(data)

    with pytest.raises(IntegrityError, match=r"flags that nobody set|MDB_INVALID"):
        LmdbStore(path, SPACES)
