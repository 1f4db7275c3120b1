"""Values that are written once may be remembered by the store, and are still what is stored."""

from __future__ import annotations

import random
from contextlib import ExitStack
from pathlib import Path

import pytest

from counterfoil.store import LmdbStore, MemoryStore, Snapshot, Store, Transaction, encode_key
from counterfoil.store.lmdb_transaction import Lasting

from .child import SPACES as CHILD_SPACES
from .child import count_of, value_of
from .opened import SCHEMES, SPACES, opened
from .processes import child, line

SEED = 20261126
RUNS, OTHERS = SPACES
PAGE = 4096
SIZES = (0, 1, 16, 100, 2000, 2040, PAGE - 1, PAGE, PAGE + 1, 9000, 70_000)


class Runs:
    """Values under prefixes that are never used twice, and what each holds."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store = store
        self.chance = random.Random(seed)
        self.wanted: dict[bytes, list[bytes]] = {}
        self.number = 0

    def change(self) -> None:
        """In one transaction: add a run, sometimes delete one, and move what shares pages with them."""
        prefix = self.number.to_bytes(8, "big")
        self.number += 1
        sizes = self.chance.choices(SIZES, k=self.chance.randrange(1, 6))
        values = [self.chance.randbytes(size) for size in sizes]
        gone = [old for old in self.wanted if self.chance.random() < 0.2]

        def change(transaction: Transaction) -> None:
            for at, value in enumerate(values):
                transaction.put(RUNS, prefix + bytes([at]), value)
            for old in gone:
                for at in range(len(self.wanted[old])):
                    assert transaction.delete(RUNS, old + bytes([at]))
            for _ in range(20):
                key = self.chance.randbytes(1)
                transaction.put(OTHERS, key, self.chance.randbytes(self.chance.choice(SIZES)))

        self.store.transact(change)
        for old in gone:
            del self.wanted[old]
        self.wanted[prefix] = values


def read(reader: Snapshot, prefixes: list[bytes]) -> list[list[bytes]]:
    """Copies of the lasting values."""
    return [[bytes(view) for view in views] for views in reader.get_lasting(RUNS, prefixes)]


def check_history(store: Store, seed: int) -> None:
    """Run a history, and look at all runs after each step, also in a snapshot that was opened long before."""
    runs = Runs(store, seed)
    with ExitStack() as stack:
        old = stack.enter_context(store.snapshot())
        seen: dict[bytes, list[bytes]] = {}
        for step in range(60):
            runs.change()
            assert read(old, list(seen)) == list(seen.values()), (seed, step)
            with store.snapshot() as snapshot:
                assert read(snapshot, list(runs.wanted)) == list(runs.wanted.values()), (seed, step)
            if step % 7 == 0:
                stack.close()
                old = stack.enter_context(store.snapshot())
                seen = dict(runs.wanted)


@pytest.mark.parametrize("seed", range(SEED, SEED + 5))
@pytest.mark.parametrize("scheme", SCHEMES)
def test_lasting_values_are_what_is_stored(scheme: str, seed: int) -> None:
    """Whatever else is written and deleted around them, values under a prefix are read as they were put."""
    with opened(scheme) as subject:
        check_history(subject.store, seed)


def test_a_small_value_that_is_remembered_is_caught() -> None:
    """The negative control: to remember values that share a page with others gives wrong ones, and is seen."""
    with opened("lmdb:") as subject:
        assert isinstance(subject.store, LmdbStore)
        subject.store._lasting = Lasting(page_size=0)
        with pytest.raises(AssertionError):
            check_history(subject.store, SEED)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_transaction_reads_its_own_runs(scheme: str) -> None:
    """What a transaction wrote is there for it, and is not remembered when it comes to nothing."""
    with opened(scheme) as subject:

        def abandon(transaction: Transaction) -> None:
            transaction.put(RUNS, b"a1", b"x" * 2 * PAGE)
            assert read(transaction, [b"a"]) == [[b"x" * 2 * PAGE]]
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            subject.store.transact(abandon)
        with subject.store.snapshot() as snapshot:
            assert read(snapshot, [b"a", b"a"]) == [[], []]


def test_nothing_is_remembered_when_the_map_may_move(tmp_path: Path) -> None:
    """A larger map may lie elsewhere: all is read anew."""
    store = LmdbStore(tmp_path / "store", SPACES, create=True)
    store.transact(lambda transaction: transaction.put(RUNS, b"a1", b"x" * PAGE))
    with store.snapshot() as snapshot:
        assert read(snapshot, [b"a"]) == [[b"x" * PAGE]]

    assert store._lasting.values
    store._adopt_map()
    assert not store._lasting.values
    store.close()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_lasting_values_end_with_the_snapshot(scheme: str) -> None:
    """A closed snapshot gives none, and an unknown space is an error."""
    with opened(scheme) as subject:
        with subject.store.snapshot() as snapshot, pytest.raises(KeyError):
            snapshot.get_lasting("nowhere", [b"a"])
        with pytest.raises(RuntimeError):
            snapshot.get_lasting(RUNS, [b"a"])


def test_memory_holds_what_it_was_given() -> None:
    """The reference store has values in the order of their keys, those of other prefixes left out."""
    store = MemoryStore(SPACES)

    def fill(transaction: Transaction) -> None:
        for key in (b"a2", b"b1", b"a1", b"`", b"a"):
            transaction.put(RUNS, key, key)

    store.transact(fill)
    with store.snapshot() as snapshot:
        assert read(snapshot, [b"b", b"a", b"c"]) == [[b"b1"], [b"a", b"a1", b"a2"], []]


WIDTH = 5


def entries_seen(store: Store) -> tuple[list[int], list[memoryview]]:
    """The numbers that a sliding store has now, and their lasting values."""
    with store.snapshot() as snapshot:
        count = count_of(snapshot)
        numbers = list(range(max(0, count - WIDTH), count))
        found = snapshot.get_lasting("leaves", [encode_key(number) for number in numbers])
        views = [view for views in found for view in views]
        assert [bytes(view) for view in views] == list(map(value_of, numbers)), numbers
        return numbers, views


def test_another_process_may_delete_and_reuse_what_is_remembered(tmp_path: Path) -> None:
    """While another process adds and deletes for ever, each snapshot's lasting values are its own."""
    path = tmp_path / "store"
    LmdbStore(path, CHILD_SPACES, create=True).close()
    store = LmdbStore(path, CHILD_SPACES, read_only=True)
    seen = set()
    with child("slide", path, str(WIDTH)) as process:
        for _ in range(60):
            line(process)
            seen.update(entries_seen(store)[0])

    assert len(seen) > 2 * WIDTH
    store.close()


def test_a_view_kept_beyond_its_run_shows_other_bytes(tmp_path: Path) -> None:
    """The negative control: pages of what was deleted are given to others, so that a stale view would be seen."""
    path = tmp_path / "store"
    LmdbStore(path, CHILD_SPACES, create=True).close()
    store = LmdbStore(path, CHILD_SPACES, read_only=True)
    with child("slide", path, str(WIDTH)) as process:
        for _ in range(WIDTH):
            line(process)
        (first, *_), (stale, *_) = entries_seen(store)
        for _ in range(10 * WIDTH):
            line(process)
        assert bytes(stale) != value_of(first)
    store.close()
