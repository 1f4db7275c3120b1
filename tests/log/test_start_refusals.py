"""A log starts on its own newest store, or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from counterfoil.errors import CounterfoilError, IntegrityError, OutcomeUnknown, StartupError
from counterfoil.keys import Signer
from counterfoil.log import SPACES, Anchor, Log, create_log
from counterfoil.log.layout import FORMAT_KEY, META, STATE_KEY, index_key
from counterfoil.store import MemoryStore

from .bench import ORIGIN, SANDBOX, SIGNER, START_US, Bench, bench, check_all, flipped, seed

OTHER_KEY = Signer.from_seed(ORIGIN, b"o" * 32)
OTHER_LOG = Signer.from_seed("example.com/other", b"s" * 32)


def refused(subject: Bench) -> CounterfoilError:
    """The error of a start that must not succeed; its message is one line."""
    with pytest.raises((StartupError, IntegrityError)) as caught:
        subject.start()
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_restart_goes_on_where_it_was(subject: Bench) -> None:
    """Started again and again, with and without new entries, the log is the same."""
    for number in range(4):
        subject.restart()
        before = subject.dump()
        subject.restart()
        assert subject.dump() == before
        subject.add(subject.usage(f"e{number}", f"f{number}"))
    check_all(subject)


def test_a_log_is_created_once(subject: Bench) -> None:
    """A store that has a log is not given another beginning."""
    before = subject.dump()

    with pytest.raises(StartupError, match="already"):
        create_log(subject.store, SIGNER, subject.anchor, START_US, SANDBOX, seed(1))
    assert subject.dump() == before


def test_an_empty_store_is_no_log(tmp_path: Path) -> None:
    """A store that lost everything is not silently begun anew."""
    anchor = Anchor.create(tmp_path / "anchor", SIGNER.verifier)

    with pytest.raises(StartupError, match="counterfoil init"):
        Log(MemoryStore(SPACES), SIGNER, anchor, lambda: START_US, SANDBOX)


def test_an_interrupted_creation_is_told(memory: Bench) -> None:
    """A store with nothing but its format was never a log; the message says to make it again."""
    for space, key in memory.dump():
        if key != FORMAT_KEY:
            memory.delete(space, key)

    assert "interrupted" in str(refused(memory))


@pytest.mark.parametrize("point", ["put", "before-commit"])
@pytest.mark.parametrize("transaction", [1, 2])
def test_a_creation_that_was_interrupted_can_be_repeated(
    tmp_path: Path, transaction: int, point: str
) -> None:
    """Killed before the first entry was durable, the same store takes a new beginning."""
    begun = 0

    def fault(at: str) -> None:
        nonlocal begun
        begun += at == "begin"
        if begun == transaction and at == point:
            raise RuntimeError("killed")

    anchor = Anchor.create(tmp_path / "anchor", SIGNER.verifier)
    store = MemoryStore(SPACES, fault)
    with pytest.raises((RuntimeError, OutcomeUnknown)):
        create_log(store, SIGNER, anchor, START_US, SANDBOX, seed(1))
    again = store.reopen()
    with pytest.raises(StartupError):
        Log(again, SIGNER, anchor, lambda: START_US, SANDBOX)

    create_log(again, SIGNER, anchor, START_US, SANDBOX, seed(2))
    Log(again, SIGNER, anchor, lambda: START_US, SANDBOX)


@pytest.mark.parametrize("signer", [OTHER_KEY, OTHER_LOG], ids=["other key", "other origin"])
def test_another_key_is_refused(memory: Bench, signer: Signer) -> None:
    """The store of one log is not opened with the key of another."""
    with pytest.raises(StartupError):
        Log(memory.store, signer, memory.anchor, lambda: START_US, SANDBOX)


@pytest.mark.parametrize("environment", [0, 1])
def test_another_environment_is_refused(memory: Bench, environment: int) -> None:
    """A sandbox log is not started as a live one, whatever the settings say by now."""
    with pytest.raises(StartupError, match="sandbox"):
        Log(memory.store, SIGNER, memory.anchor, lambda: START_US, environment)


@pytest.mark.parametrize(
    "value", [b"", b"\x00", b"\x01" + ORIGIN.encode(), b"\x02", b"\x02" + b"\xff"]
)
def test_another_format_is_refused(memory: Bench, value: bytes) -> None:
    """A store of another layout version or origin, or with a damaged format, is not opened."""
    memory.put(META, FORMAT_KEY, value)

    refused(memory)


def test_an_old_copy_in_memory_is_refused(memory: Bench) -> None:
    """A store put back to any earlier moment is refused, however little it lacks."""
    assert isinstance(memory.store, MemoryStore)
    copies = []
    for number in range(5):
        copies.append(memory.store.reopen())
        memory.add(memory.usage(f"e{number}"))

    for copy in copies:
        with pytest.raises(StartupError, match="old copy"):
            Log(copy, SIGNER, memory.anchor, lambda: START_US, SANDBOX)
    memory.restart()


def test_an_old_copy_of_the_files_is_refused(tmp_path: Path) -> None:
    """A restored copy of an LMDB directory does not start, and so signs nothing; the newest one does."""
    with bench("lmdb:", tmp_path) as subject:
        subject.add(subject.usage("a"))
        subject.store.close()
        shutil.copytree(subject.store_path, tmp_path / "copy")
        subject.restart()
        subject.add(subject.usage("b"))
        subject.store.close()
        shutil.move(subject.store_path, tmp_path / "newest")
        shutil.copytree(tmp_path / "copy", subject.store_path)

        with pytest.raises(StartupError, match="second history"):
            subject.restart()
        subject.store.close()
        shutil.rmtree(subject.store_path)
        shutil.move(tmp_path / "newest", subject.store_path)
        subject.restart()
        assert subject.state().size == 3


def test_an_old_copy_starts_when_the_anchor_went_back_too(memory: Bench) -> None:
    """The negative control: with an anchor as old as the copy nothing tells, which is why it lies elsewhere."""
    assert isinstance(memory.store, MemoryStore)
    memory.add(memory.usage("a"))
    old, old_anchor = memory.store.reopen(), memory.anchor_path.read_bytes()
    memory.add(memory.usage("b"))
    memory.anchor_path.write_bytes(old_anchor)

    Log(old, SIGNER, memory.anchor, lambda: START_US, SANDBOX)


def test_another_history_of_the_same_length_is_refused(memory: Bench, tmp_path: Path) -> None:
    """A store whose entries are not those that the anchor was signed for is refused, though it is as long."""
    (tmp_path / "other").mkdir()
    memory.add(memory.usage("a", "b"))
    with bench("memory:", tmp_path / "other") as other:
        for number in range(3):
            other.add(other.usage(f"x{number}", f"y{number}"))
        with pytest.raises(StartupError, match="not those that were signed"):
            Log(other.store, SIGNER, memory.anchor, lambda: START_US, SANDBOX)


def test_an_anchor_that_lags_catches_up(subject: Bench) -> None:
    """After a crash between commit and anchor the start brings the anchor to the newest tree."""
    subject.add(subject.usage("a"))
    old = subject.anchor_path.read_bytes()
    subject.add(subject.usage("b"))
    subject.anchor_path.write_bytes(old)
    behind = subject.anchor.read()
    assert behind is not None
    assert behind.size == 2

    subject.restart()

    caught_up = subject.anchor.read()
    assert caught_up is not None
    assert caught_up.size == 3


def test_a_torn_anchor_is_repaired_at_start(subject: Bench) -> None:
    """After a write of the anchor that was cut off the start leaves it with the newest tree again."""
    subject.add(subject.usage("a"))
    before = subject.anchor_path.read_bytes()
    subject.add(subject.usage("b"))
    after = subject.anchor_path.read_bytes()
    changed = [at for at in range(len(before)) if before[at] != after[at]]
    for cut in range(changed[0], changed[-1] + 1, 9):
        subject.anchor_path.write_bytes(after[:cut] + before[cut:])
        subject.restart()
        anchored = subject.anchor.read()
        assert anchored is not None
        assert anchored.size == 3, cut


def test_an_empty_anchor_is_refused(subject: Bench) -> None:
    """A log with an anchor that lost its content does not start by itself."""
    subject.add(subject.usage("a"))
    subject.anchor_path.write_bytes(bytes(2048))

    assert "new-anchor" in str(refused(subject))


def test_every_flipped_bit_of_the_state_is_refused(memory: Bench) -> None:
    """At start, no changed bit of size, time, last leaf hash or frontier goes unnoticed."""
    memory.add(memory.usage(*(f"e{n}" for n in range(13))))
    good = memory.get(META, STATE_KEY)
    assert memory.state().size == 14

    for bit in range(8 * len(good)):
        memory.put(META, STATE_KEY, flipped(good, bit))
        refused(memory)
    memory.put(META, STATE_KEY, good)
    memory.start()


def test_every_flipped_bit_of_the_newest_checkpoint_is_refused(memory: Bench) -> None:
    """At start, the newest checkpoint must be the signed one, to the bit."""
    memory.add(memory.usage("a", "b"))
    key = index_key(3)
    good = memory.get("checkpoint", key)

    for bit in range(8 * len(good)):
        memory.put("checkpoint", key, flipped(good, bit))
        refused(memory)


@pytest.mark.parametrize("space", ["batch", "checkpoint", "meta"])
def test_a_missing_newest_value_is_refused(subject: Bench, space: str) -> None:
    """Without the newest batch, its checkpoint or the state the log does not start, and says so in its own words."""
    subject.add(subject.usage("a", "b"))
    subject.add(subject.usage("c"))
    keys = {"batch": index_key(3), "checkpoint": index_key(4), "meta": STATE_KEY}
    subject.delete(space, keys[space])

    refused(subject)


def test_a_damaged_right_edge_below_the_newest_batch_is_refused(memory: Bench) -> None:
    """Leaf hashes and tiles that the right edge is made of are read again at start."""
    memory.add(memory.usage(*(f"e{n}" for n in range(600))))
    memory.add(memory.usage("last"))
    near_the_edge = memory.get("batch", index_key(1)).index(memory.entries()[580].leaf_hash)
    for space, key, at in (
        ("batch", index_key(1), near_the_edge),
        ("tile", index_key(1, 0), 5),
        ("tile", index_key(1, 0), 40),
    ):
        good = memory.get(space, key)
        memory.put(space, key, flipped(good, 8 * at))
        refused(memory)
        memory.put(space, key, good)
    memory.start()
