"""The anchor file: two slots, of which the worse one is always the next to go."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from counterfoil.errors import StartupError
from counterfoil.keys import Signer
from counterfoil.log.anchor import SLOT_SIZE, Anchor
from counterfoil.log.place import place_of
from counterfoil.note import sign_checkpoint

from .bench import ORIGIN, SIGNER, flipped

SEED = 20260817
OTHER_KEY = Signer.from_seed(ORIGIN, b"o" * 32)
OTHER_LOG = Signer.from_seed("example.com/other", b"s" * 32)


def note(size: int, signer: Signer = SIGNER) -> bytes:
    """A checkpoint of a size."""
    return sign_checkpoint(signer.name, size, size.to_bytes(32, "big"), signer)


def newest(anchor: Anchor) -> int:
    """The size of the newest checkpoint, 0 when there is none."""
    found = anchor.read()
    return 0 if found is None else found.size


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "anchor"


@pytest.fixture
def anchor(path: Path) -> Anchor:
    return Anchor.create(path, SIGNER.verifier)


def slots(path: Path) -> list[bytes]:
    """The two slots as they lie in the file."""
    data = path.read_bytes()
    return [data[:SLOT_SIZE], data[SLOT_SIZE:]]


def test_a_new_anchor_is_empty(anchor: Anchor, path: Path) -> None:
    """A fresh file has two empty slots, is for its owner alone, and holds no checkpoint."""
    assert anchor.read() is None
    assert path.read_bytes() == bytes(2 * SLOT_SIZE)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_newest_checkpoint_is_read(anchor: Anchor, path: Path) -> None:
    """Whatever was advanced to last is what is read, by this process and the next."""
    for size in (1, 2, 3, 10, 11, 5000):
        anchor.advance(note(size), size)
        assert newest(anchor) == size
        assert newest(Anchor(path, SIGNER.verifier)) == size


def test_it_never_goes_back(anchor: Anchor, path: Path) -> None:
    """An older or an equal checkpoint leaves the file as it is."""
    for size in (5, 9):
        anchor.advance(note(size), size)
    before = path.read_bytes()

    for size in (1, 5, 8, 9):
        anchor.advance(note(size), size)
        assert path.read_bytes() == before


def test_the_older_slot_is_replaced(anchor: Anchor, path: Path) -> None:
    """An advance writes one slot and leaves the newer one untouched."""
    for size in range(1, 8):
        before = slots(path)
        anchor.advance(note(size), size)
        after = slots(path)
        kept = [old for old, new in zip(before, after, strict=True) if old == new]
        assert len(kept) == 1
        if size > 1:
            assert kept[0].startswith(note(size - 1))


def test_a_torn_write_leaves_the_checkpoint_before(anchor: Anchor, path: Path) -> None:
    """However far the write of a slot came, the other slot still tells; the write whole tells the new one."""
    anchor.advance(note(8), 8)
    anchor.advance(note(9), 9)
    data = path.read_bytes()
    new = note(10).ljust(SLOT_SIZE, b"\0")
    assert data.startswith(note(8))

    for written in range(len(note(10)) + 1):
        torn = new[:written] + data[written:]
        path.write_bytes(torn)
        whole = torn[:SLOT_SIZE] == new
        assert newest(anchor) == (10 if whole else 9), written


def test_a_torn_slot_is_the_next_to_go(anchor: Anchor, path: Path) -> None:
    """After a torn write the next advance repairs that slot, and never touches the good one."""
    anchor.advance(note(8), 8)
    anchor.advance(note(9), 9)
    data = path.read_bytes()
    new = note(10).ljust(SLOT_SIZE, b"\0")

    for written in range(0, len(note(10)), 7):
        path.write_bytes(new[:written] + data[written:])
        if newest(anchor) == 8:
            continue
        anchor.advance(note(10), 10)
        assert newest(anchor) == 10, written
        assert slots(path)[1] == data[SLOT_SIZE:], written


def test_every_flipped_bit_of_a_slot_leaves_a_working_anchor(anchor: Anchor, path: Path) -> None:
    """Rot in one slot is noticed by its signature: the other one tells, and the next advance takes effect."""
    anchor.advance(note(8), 8)
    anchor.advance(note(9), 9)
    data = path.read_bytes()

    for bit in range(8 * SLOT_SIZE, 8 * (SLOT_SIZE + len(note(9)))):
        path.write_bytes(flipped(data, bit))
        assert newest(anchor) == 8, bit
        anchor.advance(note(20), 20)
        assert newest(anchor) == 20, bit
        # The good slot was not the one that had to go.
        assert slots(path)[0] == data[:SLOT_SIZE], bit


@pytest.mark.parametrize("claim", [b"99999999", b"9223372036854775807", b"1" * 400])
def test_a_size_that_nobody_signed_does_not_count(anchor: Anchor, path: Path, claim: bytes) -> None:
    """A slot that merely claims to be new holds back neither the start nor the next checkpoint."""
    anchor.advance(note(8), 8)
    forged = note(9).replace(b"\n9\n", b"\n" + claim + b"\n")
    path.write_bytes(slots(path)[0] + forged.ljust(SLOT_SIZE, b"\0")[:SLOT_SIZE])

    assert newest(anchor) == 8
    anchor.advance(note(9), 9)
    assert newest(anchor) == 9


@pytest.mark.parametrize(
    "size", [0, 1, 100, SLOT_SIZE - 1, SLOT_SIZE, SLOT_SIZE + 1, 2 * SLOT_SIZE - 1]
)
def test_a_short_file_counts_as_far_as_it_goes(anchor: Anchor, path: Path, size: int) -> None:
    """A file that was cut short is read without an error of its own: a slot counts if it is whole."""
    anchor.advance(note(8), 8)
    anchor.advance(note(9), 9)
    path.write_bytes(path.read_bytes()[:size])

    if size == 0:
        assert anchor.read() is None
    elif size < len(note(8)):
        with pytest.raises(StartupError):
            anchor.read()
    else:
        assert newest(anchor) == (9 if size >= SLOT_SIZE + len(note(9)) else 8)


@pytest.mark.parametrize("signer", [OTHER_KEY, OTHER_LOG], ids=["other key", "other origin"])
def test_the_anchor_of_another_log_is_refused(anchor: Anchor, signer: Signer) -> None:
    """A file with checkpoints of another key or origin is not taken for an empty one."""
    anchor.advance(note(8, signer), 8)

    with pytest.raises(StartupError, match="put the right file back"):
        anchor.read()


def test_garbage_is_refused(anchor: Anchor, path: Path) -> None:
    """A file without any good checkpoint is not taken for an empty one."""
    for garbage in (
        b"x",
        b"\n\n\n",
        note(9)[:-5],
        b"\xff" * 2 * SLOT_SIZE,
        bytes(SLOT_SIZE) + b"x",
    ):
        path.write_bytes(garbage)
        with pytest.raises(StartupError):
            anchor.read()


def test_a_missing_anchor_is_told(path: Path) -> None:
    """Without the file nothing is opened, and the message says what to do."""
    with pytest.raises(StartupError, match="put it back") as caught:
        Anchor(path, SIGNER.verifier)
    assert "\n" not in str(caught.value)
    with pytest.raises(StartupError):
        Anchor(path.parent, SIGNER.verifier)


def test_an_anchor_is_never_overwritten_by_a_new_one(anchor: Anchor, path: Path) -> None:
    """Creating an anchor where there is one is refused, and the old one stays."""
    anchor.advance(note(8), 8)

    with pytest.raises(StartupError, match="already"):
        Anchor.create(path, SIGNER.verifier)
    assert newest(anchor) == 8


def test_two_writers_never_move_it_back(path: Path) -> None:
    """Writers that advance at the same time leave the newest checkpoint, and no reader ever sees an older one again."""
    Anchor.create(path, SIGNER.verifier).close()
    chance = random.Random(SEED)
    sizes = list(range(1, 121))
    chance.shuffle(sizes)
    notes = {size: note(size) for size in sizes}
    seen: list[int] = []
    done: list[bool] = []

    def write(part: list[int]) -> None:
        writer = Anchor(path, SIGNER.verifier)
        for size in part:
            writer.advance(notes[size], size)
        writer.close()

    def read() -> None:
        reader = Anchor(path, SIGNER.verifier)
        while not done:
            seen.append(newest(reader))
        reader.close()

    watcher = Thread(target=read)
    writers = [Thread(target=write, args=(sizes[n::3],)) for n in range(3)]
    for thread in (watcher, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.append(True)
    watcher.join()

    assert newest(Anchor(path, SIGNER.verifier)) == 120
    assert seen == sorted(seen), SEED


def test_a_slot_is_read_and_written_under_the_lock(
    anchor: Anchor, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the look at the slots to the flush of the new one, nobody else gets the lock."""
    held: list[str] = []

    def watched(name: str) -> Callable[..., Any]:
        original = getattr(os, name)

        def call(*args: Any) -> Any:
            with path.open("rb") as other, pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
            held.append(name)
            return original(*args)

        return call

    for name in ("pread", "pwrite", "fdatasync"):
        monkeypatch.setattr(os, name, watched(name))
    anchor.advance(note(3), 3)

    # In this order, too: what is not flushed when this returns would not be an anchor.
    assert held == ["pread", "pwrite", "fdatasync"]
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_slot_that_is_written_in_part_is_an_error(
    anchor: Anchor, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk takes half a note nobody is told that the anchor moved; the checkpoint before it still counts."""
    anchor.advance(note(3), 3)
    write = os.pwrite
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda file, data, at: write(file, data[: SLOT_SIZE // 8], at))
        with pytest.raises(OSError, match="in part"):
            anchor.advance(note(4), 4)

    assert newest(Anchor(path, SIGNER.verifier)) == 3
    anchor.advance(note(4), 4)
    assert newest(Anchor(path, SIGNER.verifier)) == 4


def test_only_the_file_itself_is_in_its_place(anchor: Anchor, path: Path, tmp_path: Path) -> None:
    """An anchor that was written to and renamed is in its place; one without a place, and every copy, is not."""
    assert not anchor.is_in_place()
    anchor.take_place()
    anchor.advance(note(3), 3)
    copy, elsewhere = tmp_path / "copy", tmp_path / "elsewhere"
    shutil.copy2(path, copy)
    path.rename(elsewhere)

    assert anchor.is_in_place()
    assert Anchor(elsewhere, SIGNER.verifier).is_in_place()
    assert not Anchor(copy, SIGNER.verifier).is_in_place()


def test_where_inodes_are_not_numbered_the_inode_is_the_place() -> None:
    """A file system that does not count the uses of an inode, such as /proc, gives the generation 0."""
    with Path("/proc/self/status").open("rb") as file:
        inode = os.fstat(file.fileno()).st_ino
        assert place_of(file.fileno()) == f"inode {inode} generation 0\n".encode()
