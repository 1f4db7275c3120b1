"""A chunk of the catalog that is not what was written is answered from by nobody, and built on by nobody."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from counterfoil.errors import CounterfoilError, IntegrityError, OutcomeUnknown
from counterfoil.log import SPACES, Appended, columns
from counterfoil.log import runs as catalog
from counterfoil.log.columns import ENTRY_SIZE, Entries, asked_chunks
from counterfoil.log.compact import compact
from counterfoil.log.layout import META, RUN, RUNS_KEY, index_key, parse_index_key
from counterfoil.log.read import find_identity, list_entries
from counterfoil.log.runs import Run, add_entries, find, find_from, read_checked, read_runs
from counterfoil.log.sound import chunk_checksum
from counterfoil.record import TRAINING, USAGE
from counterfoil.store import MemoryStore, Snapshot, Store, Transaction
from counterfoil.twin import references

from .bench import Bench, flipped, training_body, usage_body

SEED = 20261127
COUNT = 5
# Of the inline merges in a commit, and of compaction, with the bounds of the fixture small_merges.
SMALL_RUNS, LARGE_RUNS = (1, 1, 1), (10, 10, 10, 10)

Ask = Callable[[MemoryStore], object]


def stored(counts: Sequence[int]) -> MemoryStore:
    """A catalog of one run for each count, with fingerprints 3i at index i."""
    store, first = MemoryStore(SPACES), 0
    for count in counts:
        grow(store, first, count)
        first += count
    return store


def grow(store: Store, first: int, count: int) -> None:
    """Add a run of entries."""
    indexes = np.arange(first, first + count, dtype=np.uint64)
    prints = indexes * np.uint64(3)
    store.transact(lambda transaction: add_entries(transaction, prints, indexes))


def runs_of(store: Store) -> tuple[Run, ...]:
    """The runs that are listed."""
    with store.snapshot() as snapshot:
        return read_runs(snapshot).runs


def look_up(store: MemoryStore) -> list[tuple[int, int]]:
    """Ask for all entries as the search for duplicates does."""
    with store.snapshot() as snapshot:
        asked = np.arange(0, 300, 3, dtype=np.uint64)
        hits = find(snapshot, read_runs(snapshot).runs, asked)
        return sorted((hit.position, hit.index) for hit in hits)


def list_all(store: MemoryStore) -> list[list[int]]:
    """Ask for each entry as lists do."""
    with store.snapshot() as snapshot:
        runs = read_runs(snapshot).runs
        return [find_from(snapshot, runs, print_, 0, 9) for print_ in range(0, 300, 3)]


def merge_in_a_commit(store: MemoryStore) -> None:
    """Add an entry, which makes a merge of small runs due."""
    grow(store, 99, 1)


def rotten(store: MemoryStore) -> Iterator[tuple[bytes, int, bytes, bytes]]:
    """Each bit of each chunk: key, place, and the value without and with it flipped."""
    with store.snapshot() as snapshot:
        values = [(key, bytes(value)) for key, value in snapshot.scan(RUN)]
    for key, good in values:
        for bit in range(8 * len(good)):
            yield key, bit, good, flipped(good, bit)


def put(store: Store, key: bytes, value: bytes) -> None:
    """Store a chunk behind the log's back."""
    store.transact(lambda transaction: transaction.put(RUN, key, value))


USES: dict[str, tuple[Sequence[int], Ask]] = {
    "look-up": ((COUNT,), look_up),
    "list": ((COUNT,), list_all),
    "merge in a commit": (SMALL_RUNS, merge_in_a_commit),
    "merge beside commits": (LARGE_RUNS, compact),
}


@pytest.mark.usefixtures("small_merges")
@pytest.mark.parametrize("use", USES)
def test_each_flipped_bit_is_told_at_the_first_use(use: str) -> None:
    """Whichever bit of a chunk flips, a process that uses the chunk for the first time refuses, and changes nothing."""
    counts, ask = USES[use]
    store = stored(counts)
    before, flips = runs_of(store), 0
    for key, bit, good, bad in rotten(store):
        put(store, key, bad)
        with pytest.raises(IntegrityError, match="is not what was written"):
            ask(store.reopen())
        put(store, key, good)
        assert runs_of(store) == before, (key, bit)
        flips += 1
    assert flips == 8 * ENTRY_SIZE * sum(counts)
    ask(store.reopen())


@pytest.mark.usefixtures("small_merges")
@pytest.mark.parametrize("use", ["merge in a commit", "merge beside commits"])
def test_a_merge_looks_again(use: str) -> None:
    """A chunk that rots after its first use is not merged: what is written behind it would have a checksum that fits."""
    counts, ask = USES[use]
    store = stored(counts)
    assert len(look_up(store)) == sum(counts)
    key, _, _, bad = next(rotten(store))
    put(store, key, bad)

    with pytest.raises(IntegrityError, match="is not what was written"):
        ask(store)
    assert len(runs_of(store)) == len(counts)


# Chunks of one size: of two runs, and two of one run.
SWAPS = (((0, 0), (1, 0)), ((0, 0), (0, 1)), ((2, 1), (0, 0)))


@pytest.mark.usefixtures("small_merges")
@pytest.mark.parametrize(("place", "other"), SWAPS)
@pytest.mark.parametrize("ask", [look_up, list_all], ids=["look-up", "list"])
def test_a_misplaced_chunk_is_told(
    ask: Ask, place: tuple[int, int], other: tuple[int, int]
) -> None:
    """A chunk under the number of another run, or in another place of its own, is not answered from."""
    store = stored((12, 12, 12))
    with store.snapshot() as snapshot:
        value = snapshot.get(RUN, index_key(*other))
        assert value is not None
        misplaced = bytes(value)
    put(store, index_key(*place), misplaced)

    with pytest.raises(IntegrityError, match=f"chunk {place[1]} of catalog run {place[0]} is not"):
        ask(store.reopen())


def test_a_lost_write_is_told() -> None:
    """What lay under a key before, though it is a sound chunk of as many entries, is not taken for what was written."""
    before, store = stored((COUNT,)), stored((COUNT + 1, COUNT))
    with before.snapshot() as snapshot:
        value = snapshot.get(RUN, index_key(0, 0))
        assert value is not None
        old = bytes(value)
    put(store, index_key(1, 0), old)

    with pytest.raises(IntegrityError, match="run 1 is not what was written"):
        look_up(store.reopen())


@pytest.mark.usefixtures("small_merges")
def test_other_chunks_are_answered_from() -> None:
    """A damaged chunk that a question does not need is no reason to refuse it."""
    store = stored((12,))
    put(store, index_key(0, 1), bytes(6 * ENTRY_SIZE))
    with store.snapshot() as snapshot:
        runs = read_runs(snapshot).runs
        hits = find(snapshot, runs, np.array([3, 9], dtype=np.uint64))
        assert [hit.index for hit in hits] == [1, 3]
        assert find_from(snapshot, runs, 6, 0, 9) == [2]


@pytest.mark.usefixtures("small_merges")
def test_a_chunk_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its first use a chunk is answered from without being hashed, by look-ups and lists alike."""
    store = stored((12,))
    looked: list[int] = []

    def counted(entries: Entries) -> bytes:
        looked.append(len(entries))
        return chunk_checksum(entries)

    monkeypatch.setattr(catalog, "chunk_checksum", counted)
    for ask in (look_up, look_up, list_all):
        ask(store)
    assert looked == [6 * ENTRY_SIZE] * 2
    list_all(store.reopen())
    assert len(looked) == 4, "another opening of the store looks for itself"


def test_a_mark_is_for_what_was_committed() -> None:
    """A number whose transaction came to nothing marks nothing of the run that gets it afterwards."""
    store = MemoryStore(SPACES)

    def abandon(transaction: Transaction) -> None:
        prints = np.array([7, 8], dtype=np.uint64)
        add_entries(transaction, prints, prints)
        assert len(find(transaction, read_runs(transaction).runs, prints)) == 2
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.transact(abandon)
    grow(store, 0, 2)
    put(store, index_key(0, 0), bytes(2 * ENTRY_SIZE))
    with pytest.raises(IntegrityError):
        look_up(store)


def test_what_is_found_damaged_is_not_used_again() -> None:
    """Once somebody has looked and seen damage, this process refuses the chunk, though it had used it before."""
    store = stored((COUNT,))
    look_up(store)
    key, _, good, bad = next(rotten(store))
    put(store, key, bad)
    look_up(store)
    (run,) = runs_of(store)
    with store.snapshot() as snapshot, pytest.raises(IntegrityError):
        read_checked(snapshot, run, 0)

    with pytest.raises(IntegrityError):
        look_up(store)
    put(store, key, good)
    assert len(look_up(store)) == COUNT


@pytest.mark.parametrize("ask", [look_up, list_all], ids=["look-up", "list"])
def test_marks_are_bounded(ask: Ask) -> None:
    """However many runs come and go, what is remembered follows the number of those that are listed."""
    store, most = MemoryStore(SPACES), 0
    for first in range(200):
        grow(store, first, 1)
        ask(store)
        with store.snapshot() as snapshot:
            most = max(most, len(snapshot.marks) - 2 * len(runs_of(store)))
    assert 0 < most <= catalog._MARKED_RUNS_KEPT


@pytest.mark.parametrize("search", [columns.find_entries, references["find_entries"]])
def test_the_chunks_that_are_looked_at_are_those_that_are_searched(
    search: Callable[..., bytes],
) -> None:
    """A look-up, compiled or not, looks into each chunk that is asked for, and into no other."""
    chance = random.Random(SEED)
    for _ in range(300):
        prints = sorted(chance.choices(range(30), k=chance.randrange(1, 25)))
        column = np.array(prints, dtype="<u8")
        chunks = tuple(
            memoryview(np.tile(column[at : at + 4], 2).tobytes()) for at in range(0, len(prints), 4)
        )
        asked = np.array(sorted(chance.choices(range(32), k=chance.randrange(0, 6))), dtype="<u8")
        wanted = asked_chunks(asked, column[::4].copy())
        for at in range(len(chunks)):
            gone = (*chunks[:at], memoryview(b""), *chunks[at + 1 :])
            run = (7, len(prints), column[::4].tobytes(), gone)
            if at not in wanted:
                assert search(asked, [run], 4) == search(asked, [(*run[:3], chunks)], 4)
                continue
            with pytest.raises(ValueError, match=f"chunk {at} of"):
                search(asked, [run], 4)


class Asked:
    """A log of some records, and what its catalog is for: duplicates, identities and lists."""

    def __init__(self, subject: Bench) -> None:
        self.subject = subject
        subject.append(subject.usage("a", "b", "c"))
        subject.append(subject.training(1, request_id="r"), subject.training(2))
        self.keys = [key for space, key in subject.dump() if space == RUN]

    def first_time(self) -> None:
        """Forget what this process has seen, as a start does."""
        with self.subject.store.snapshot() as snapshot:
            snapshot.marks.clear()
        self.subject.forgive()

    def duplicate(self) -> object:
        """Send what is in the log already; the indexes that were found."""
        self.first_time()
        batches = (
            self.subject.batch(USAGE, [usage_body("b")]),
            self.subject.batch(TRAINING, [training_body(1)], request_id="r"),
        )
        try:
            outcomes = self.subject.append(*batches)
        except OutcomeUnknown as error:
            return error.__cause__
        assert all(isinstance(outcome, Appended) for outcome in outcomes)
        return [[item.index for item in outcome.existing] for outcome in outcomes]  # type: ignore[union-attr]

    def identity(self) -> object:
        """Look a record up by what its submitter calls it."""
        return self._read(
            lambda snapshot: (
                find_identity(snapshot, self.subject.log.secret, USAGE, "host", "b").index
            )
        )

    def list(self) -> object:
        """List records by one of their terms."""
        terms = {"creator_id": "creator_1"}
        return self._read(
            lambda snapshot: [
                entry.index
                for entry in list_entries(snapshot, self.subject.log.secret, TRAINING, terms, 0, 9)
            ]
        )

    def _read(self, ask: Callable[[Snapshot], object]) -> object:
        self.first_time()
        with self.subject.store.snapshot() as snapshot:
            try:
                return ask(snapshot)
            except CounterfoilError as error:
                return error


QUESTIONS = {"duplicate": Asked.duplicate, "identity": Asked.identity, "list": Asked.list}


def wrong_answers(asked: Asked, question: str) -> int:
    """How many answers are neither right nor a refusal, with a bit of each byte of the catalog flipped in turn."""
    ask = QUESTIONS[question]
    right, wrong = ask(asked), 0
    for key in asked.keys:
        good = asked.subject.get(RUN, key)
        size = asked.subject.state().size
        for at in range(len(good)):
            asked.subject.put(RUN, key, flipped(good, 8 * at + at % 8))
            given = ask(asked)
            wrong += given != right and not isinstance(given, IntegrityError)
            asked.subject.put(RUN, key, good)
            if asked.subject.state().size != size:
                return wrong  # A duplicate was logged: what follows would be compared with another log.
    return wrong


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_answer_is_incomplete(memory: Bench, question: str) -> None:
    """With any byte of the catalog changed a duplicate, an identity or a list is right, or the store is said to be damaged."""
    assert wrong_answers(Asked(memory), question) == 0


@pytest.mark.parametrize("question", QUESTIONS)
def test_without_checksums_answers_are_incomplete(
    memory: Bench, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    """The negative control: with the look at the checksum left out duplicates are logged again, and lists lack entries."""
    monkeypatch.setattr(catalog, "check_chunk", lambda *_: None)
    assert wrong_answers(Asked(memory), question) > 0


def test_fsck_finds_each_bit(memory: Bench) -> None:
    """Each flipped bit of a chunk is told by fsck, which names the chunk."""
    memory.append(memory.usage("a", "b", "c"))
    flips = 0
    for (space, key), good in memory.dump().items():
        if space != RUN or parse_index_key(key)[0] == 0:
            continue
        for bit in range(8 * len(good)):
            memory.put(RUN, key, flipped(good, bit))
            told = [fault.detail for fault in memory.fsck().problems if fault.what == "catalog"]
            assert any("is not what was written" in detail for detail in told), bit
            memory.put(RUN, key, good)
            flips += 1
    assert flips == 8 * ENTRY_SIZE * 3


@pytest.mark.usefixtures("small_merges")
def test_a_merged_run_has_checksums_of_its_own() -> None:
    """What a merge wrote is told from what rots in it later."""
    store = stored(LARGE_RUNS)
    assert compact(store)
    (run,) = runs_of(store)
    assert len(run.checksums) == 8 * len(run.chunks) > 8
    assert len(look_up(store.reopen())) == sum(LARGE_RUNS)
    put(store, index_key(run.number, 3), bytes(6 * ENTRY_SIZE))

    with pytest.raises(IntegrityError, match=f"chunk 3 of catalog run {run.number}"):
        look_up(store.reopen())


def test_a_list_that_is_gone_is_told(subject: Bench) -> None:
    """Without its list of runs a log knows nothing of its records: that is damage, and no empty catalog."""
    subject.append(subject.usage("a", "b"))
    subject.delete(META, RUNS_KEY)
    with subject.store.snapshot() as snapshot, pytest.raises(IntegrityError, match="is missing"):
        find_identity(snapshot, subject.log.secret, USAGE, "host", "b")
    with pytest.raises(OutcomeUnknown, match="is missing"):
        subject.append(subject.usage("b"))

    assert [fault.what for fault in subject.fsck().problems] == ["catalog"]
