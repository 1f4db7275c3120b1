"""fsck of a sound log: of all kinds, sizes and histories, and beside a writer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from counterfoil.keys import Signer
from counterfoil.log import compact as compaction
from counterfoil.log import runs as catalog
from counterfoil.log.compact import compact
from counterfoil.log.fsck import Report, check, check_log
from counterfoil.record import USAGE

from .bench import ORIGIN, Bench, bench, tree_root, usage_body

SEED = 20260820


def grow(subject: Bench, groups: int) -> None:
    """Append random groups of all kinds, with duplicates, conflicts, streams and backfill."""
    chance = random.Random(SEED)
    sequences = {"s": 0, "t": 0}
    for group in range(groups):
        batches = []
        for number in range(chance.randrange(1, 4)):
            match chance.randrange(6):
                case 0:
                    batches.append(subject.training(chance.randrange(500)))
                case 1:
                    batches.append(subject.payout(chance.randrange(500)))
                case 2:
                    stream = chance.choice("st")
                    sequences[stream] += 1
                    ids = [f"{stream}{sequences[stream]}.{n}" for n in range(5)]
                    batches.append(
                        subject.usage(*ids, stream_id=stream, sequence=sequences[stream])
                    )
                case 3:
                    bodies = [
                        usage_body(f"d{chance.randrange(200)}", tokens=chance.randrange(2))
                        for _ in range(chance.randrange(1, 10))
                    ]
                    batches.append(subject.batch(USAGE, bodies, atomic=chance.randrange(2) == 0))
                case 4:
                    batches.append(subject.usage(f"b{group}.{number}", backfill=True))
                case _:
                    ids = [f"u{group}.{number}.{n}" for n in range(chance.randrange(1, 30))]
                    batches.append(subject.usage(*ids, submitter=f"host{chance.randrange(3)}"))
        subject.append(*batches)
        while chance.randrange(8) == 0 and compact(subject.store):
            pass
        if group % 50 == 49:
            subject.restart()


@pytest.fixture
def small_merges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs and chunks small enough for many of them."""
    monkeypatch.setattr(catalog, "INLINE_COUNT_MAX", 255)
    monkeypatch.setattr(catalog, "CHUNK_COUNT", 100)
    monkeypatch.setattr(compaction, "CHUNK_COUNT", 100)


def test_a_long_mixed_log_is_sound(subject: Bench, small_merges: None) -> None:
    """Hundreds of batches with merges and restarts between them: nothing is wrong, and the tree is told."""
    grow(subject, 150)
    report = subject.fsck()

    assert report.problems == []
    assert report.sound
    assert report.size == subject.state().size > 1000
    hashes = [entry.leaf_hash for entry in subject.entries()]
    assert report.root_hash == tree_root(hashes) == subject.state().tree().root()


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 513, 1024, 1100])
def test_logs_around_the_edges_of_tiles_are_sound(memory: Bench, size: int) -> None:
    """Trees whose last tile is empty, full, or has just begun."""
    if size > 1:
        memory.add(memory.usage(*(f"e{n}" for n in range(size - 1))))

    report = memory.fsck()

    assert report.problems == []
    assert report.size == size


def test_a_batch_of_several_parts_is_sound(memory: Bench) -> None:
    """A batch that is stored as several values is checked as one."""
    metadata = {f"k{n}": "v" * 512 for n in range(32)}
    bodies = [usage_body(f"e{n}", metadata=metadata) for n in range(150)]
    memory.add(memory.usage("before"))
    memory.add(memory.batch(USAGE, bodies))
    memory.add(memory.usage("after"))

    assert memory.fsck().problems == []


def test_progress_is_told(memory: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller hears of what is done and of all there is to do, up to the end."""
    monkeypatch.setattr(check, "_RECORDS_AT_A_TIME", 50)
    for number in range(20):
        memory.add(memory.usage(*(f"e{number}.{n}" for n in range(13))))
    heard: list[tuple[int, int]] = []
    check_log(
        memory.store,
        memory.signer.verifier,
        memory.log.secret,
        memory.anchor,
        lambda done, all_: heard.append((done, all_)),
    )

    assert [done for done, _ in heard] == sorted(done for done, _ in heard)
    assert heard[-1] == (261, 261)
    assert len(heard) > 3


def test_a_log_that_grows_meanwhile_is_sound(
    subject: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Appends, merges of the catalog and new checkpoints beside the check are no faults."""
    monkeypatch.setattr(check, "_RECORDS_AT_A_TIME", 20)
    for number in range(10):
        subject.add(subject.usage(*(f"e{number}.{n}" for n in range(9))))
    size = subject.state().size
    calls = 0

    def write(_done: int, _all: int) -> None:
        nonlocal calls
        calls += 1
        ids = [f"n{calls}.{n}" for n in range(300)]
        subject.append(subject.usage(*ids, stream_id="s", sequence=calls), subject.training(calls))

    report = check_log(
        subject.store, subject.signer.verifier, subject.log.secret, subject.anchor, write
    )

    assert calls > 2
    assert report.size == size
    assert [fault for fault in report.problems if fault.what != "anchor"] == []


def test_the_anchor_may_move_on_during_the_check(memory: Bench) -> None:
    """An anchor that is newer than the check began is no old copy: the store has that tree by now."""
    memory.add(memory.usage("a", "b"))

    def write(_done: int, _all: int) -> None:
        memory.append(memory.usage("c"))

    report = check_log(
        memory.store, memory.signer.verifier, memory.log.secret, memory.anchor, write
    )

    assert report.problems == []


def test_without_an_anchor_the_rest_is_checked(memory: Bench) -> None:
    """Where there is no anchor to compare with, nothing is said of it."""
    memory.add(memory.usage("a", "b"))

    assert memory.fsck(anchor=False).sound


def test_the_check_changes_nothing(memory: Bench) -> None:
    """A check leaves every stored byte as it was, in a sound log and in a damaged one."""
    memory.add(memory.usage("a", "b"))
    for _ in range(2):
        before, anchored = memory.dump(), memory.anchor_path.read_bytes()
        memory.fsck()
        assert (memory.dump(), memory.anchor_path.read_bytes()) == (before, anchored)
        memory.put("meta", b"state", b"damaged")


def test_an_old_copy_is_told_by_its_anchor(memory: Bench, tmp_path: Path) -> None:
    """A store older than its anchor, and one with another history, are not sound."""
    memory.add(memory.usage("a"))
    (tmp_path / "old").mkdir()
    (tmp_path / "other").mkdir()
    old = memory.clone(tmp_path / "old")
    memory.add(memory.usage("b"))
    old.anchor_path.write_bytes(memory.anchor_path.read_bytes())

    (fault,) = old.fsck().problems
    assert (fault.what, fault.index) == ("anchor", None)
    assert "old copy" in fault.detail
    with bench("memory:", tmp_path / "other") as other:
        other.add(other.usage("x"))
        memory.anchor_path.write_bytes(other.anchor_path.read_bytes())
        assert [fault.what for fault in memory.fsck().problems] == ["anchor"]


def test_another_key_is_told(memory: Bench) -> None:
    """Under the key of another log no checkpoint verifies, the log's own key is strange, and it is not called sound."""
    memory.add(memory.usage("a"))
    other = Signer.from_seed(ORIGIN, b"o" * 32)
    report = check_log(
        memory.store, other.verifier, memory.log.secret, None, lambda _done, _all: None
    )

    assert {fault.what for fault in report.problems} == {"checkpoint", "keys"}


def test_the_speed_of_a_check_is_told() -> None:
    """Records a second are told once a time was taken, and are 0 before."""
    assert Report(size=500, seconds=2.0).records_per_second == 250.0
    assert Report(size=500).records_per_second == 0.0
