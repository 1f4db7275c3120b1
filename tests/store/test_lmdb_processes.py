"""LMDB between processes: writers that are killed, readers beside a writer, maps that grow, forks."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import counterfoil.store.lmdb
from counterfoil.errors import Busy
from counterfoil.store import LmdbStore
from counterfoil.store.lmdb import READERS_MAX

from .child import SPACES, append, count_of, differences
from .processes import child, line, verify

CYCLES = 10
SEED = 20_260_801


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store = LmdbStore(tmp_path / "store", SPACES, create=True)
    store.close()
    return store.path


def lost_entries(path: Path, acknowledged: int) -> list[str]:
    """What is wrong with a store in which entries up to ``acknowledged`` were promised to be."""
    store = LmdbStore(path, SPACES)
    try:
        with store.snapshot() as snapshot:
            wrong = differences(snapshot)
            count = count_of(snapshot)
    finally:
        store.close()
    return wrong + [f"entry {number} is lost" for number in range(count, acknowledged + 1)]


def test_killed_writers_lose_nothing_acknowledged(path: Path) -> None:
    """However often a writer is killed amid its load, all acknowledged entries are there, and none is torn."""
    chance = random.Random(SEED)
    acknowledged = -1
    for cycle in range(CYCLES):
        with child("write", path) as process:
            for _ in range(chance.randrange(1, 25)):
                acknowledged = int(line(process))
            process.kill()
            # What it said before the signal reached it counts as well.
            assert process.stdout is not None
            said = [text for text in process.stdout.read().split("\n") if text.strip()]
            acknowledged = max([acknowledged, *map(int, said)])
        assert lost_entries(path, acknowledged) == [], f"cycle {cycle} of seed {SEED}"

    assert verify(path) == ""


def test_acknowledging_before_the_commit_is_caught(path: Path) -> None:
    """The check above finds an entry that was acknowledged before it was durable."""
    with child("promise", path) as process:
        acknowledged = int(line(process))

    assert lost_entries(path, acknowledged) == ["entry 0 is lost"]


def test_second_process_reads_while_one_writes(path: Path) -> None:
    """A reader in another process sees only whole commits, in their order, and all of them in the end."""
    store = LmdbStore(path, SPACES)
    with child("watch", path, "60") as process:
        assert line(process) == "ready"
        for _ in range(60):
            store.transact(append)
        assert line(process) == "states []"
        assert process.wait() == 0
    store.close()


def test_two_writing_processes_take_turns(path: Path) -> None:
    """Entries that two processes append at the same time are all there, once each."""
    store = LmdbStore(path, SPACES)
    with child("grow", path, "40") as process:
        mine = [store.transact(append) for _ in range(40)]
        assert process.wait() == 0
    with store.snapshot() as snapshot:
        assert (count_of(snapshot), differences(snapshot)) == (80, [])
    assert len(set(mine)) == 40
    store.close()


def test_growth_by_another_process_is_adopted(path: Path) -> None:
    """A store with a small map reads and writes what another process wrote beyond it."""
    store = LmdbStore(path, SPACES, map_size_bytes=1 << 20, room_reserve_bytes=0)
    with child("grow", path, "20") as process:
        assert process.wait() == 0

    with store.snapshot() as snapshot:
        assert (count_of(snapshot), differences(snapshot)) == (20, [])
    store.close()

    store = LmdbStore(path, SPACES, map_size_bytes=1 << 20)
    with child("grow", path, "20") as process:
        assert process.wait() == 0
    assert store.transact(append) == 40
    with store.snapshot() as snapshot:
        assert (count_of(snapshot), differences(snapshot)) == (41, [])
    store.close()


def test_map_is_not_moved_under_an_open_snapshot(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a snapshot is open, a larger map is not adopted: Busy, and the snapshot stays whole."""
    monkeypatch.setattr(counterfoil.store.lmdb, "DRAIN_S_MAX", 0.01)
    store = LmdbStore(path, SPACES, map_size_bytes=1 << 20)
    store.transact(append)
    with store.snapshot() as early:
        with child("grow", path, "20") as process:
            assert process.wait() == 0
        with pytest.raises(Busy), store.snapshot():
            pass
        with pytest.raises(Busy):
            store.transact(append)
        assert (count_of(early), differences(early)) == (1, [])

    assert store.transact(append) == 21
    store.close()


def test_snapshots_beyond_the_slots_are_pushed_back(path: Path) -> None:
    """With all reader slots taken a snapshot is Busy; with one given back it opens."""
    store = LmdbStore(path, SPACES)
    snapshots = [store.open_snapshot() for _ in range(READERS_MAX)]

    with pytest.raises(Busy), store.snapshot():
        pass

    store.close_snapshot(snapshots.pop())
    with store.snapshot() as snapshot:
        assert count_of(snapshot) == 0
    for each in snapshots:
        store.close_snapshot(each)
    store.close()


def test_slots_of_killed_readers_are_found_when_needed(path: Path) -> None:
    """Slots that a killed process held do not keep others from reading."""
    store = LmdbStore(path, SPACES)
    with child("hold", path, str(READERS_MAX)) as process:
        assert line(process) == "ready"
        with pytest.raises(Busy), store.snapshot():
            pass
    with store.snapshot() as snapshot:
        assert count_of(snapshot) == 0

    with child("hold", path, "3") as process:
        assert line(process) == "ready"
        assert store.clear_dead_readers() == 0
    assert store.clear_dead_readers() == 3
    store.close()


def test_stores_are_refused_across_a_fork(path: Path) -> None:
    """A forked child cannot use its parent's store, and does not harm it."""
    with child("fork", path) as process:
        assert [line(process) for _ in range(4)] == ["True", "True", "True", "0"]

    assert lost_entries(path, 0) == []


def test_commits_that_fail_in_the_kernel_are_unknown(path: Path) -> None:
    """A commit that the kernel refuses is OutcomeUnknown; then nothing is written until a restart, reads go on."""
    with child("fail", path) as process:
        said = [line(process) for _ in range(5)]

    assert said == ["unknown True", "unknown False", "reads 1 []", "restart 1 []", "stored 1"]
