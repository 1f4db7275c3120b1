"""The scrub: rot that is planted under a log in use is found within one period, and a sound log is let be."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from counterfoil.log import runs as catalog
from counterfoil.log.compact import compact
from counterfoil.log.fsck import Fault, Scrub
from counterfoil.log.fsck import scrub as scrub_module
from counterfoil.log.fsck.entries import EntryCheck
from counterfoil.log.layout import RUN, BatchPart, index_key, seal
from counterfoil.log.runs import Run
from counterfoil.packed import Hashes
from counterfoil.record import USAGE
from counterfoil.store import Snapshot, encode_key

from .bench import START_US, Bench, flipped, usage_body

SEED = 20261103
PERIOD_US = 100_000_000
LOOKS = 25
# The entries of the log below.
SIZE = 290


@pytest.fixture
def filled(memory: Bench) -> Bench:
    """All kinds of records, in a stream too, and a tile."""
    memory.append(memory.usage("a", "b", "c", stream_id="s", sequence=1), memory.training(1))
    memory.append(memory.usage("d", "e", stream_id="s", sequence=2))
    memory.append(memory.payout(5))
    memory.append(memory.usage(*(f"e{n}" for n in range(280))))
    memory.append(memory.usage("f", stream_id="s", sequence=3), memory.training(2))
    assert memory.state().size == SIZE
    return memory


def scrub_of(subject: Bench, period_us: int = PERIOD_US) -> Scrub:
    """A scrub of the log."""
    return Scrub(subject.store, subject.signer.verifier, subject.log.secret, period_us)


def watch(scrub: Scrub, begin_us: int, periods: float = 1.0) -> list[Fault]:
    """Look evenly for some periods; what was found."""
    looks = int(LOOKS * periods)
    found = []
    for at in range(looks + 1):
        found += scrub.look(begin_us + PERIOD_US * at // LOOKS)
    return found


@pytest.mark.parametrize("phase", [0.0, 0.3, 0.5, 0.99])
def test_a_sound_log_raises_no_alarm(subject: Bench, phase: float) -> None:
    """Nothing is found in a sound log, wherever the clock says to begin, while it grows and its catalog is merged."""
    subject.append(subject.usage("a", stream_id="s", sequence=1), subject.training(1))
    scrub, begin_us = scrub_of(subject), START_US + int(PERIOD_US * phase)
    for at in range(3 * LOOKS):
        assert scrub.look(begin_us + PERIOD_US * at // LOOKS) == []
        subject.append(subject.usage(f"e{at}", f"f{at}"), subject.payout(at))
        compact(subject.store)


def test_an_empty_ledger_is_sound(memory: Bench) -> None:
    """A log with nothing but its first entry is scrubbed without an alarm."""
    assert watch(scrub_of(memory), START_US, 3) == []


def rotten(subject: Bench) -> Iterator[tuple[str, bytes, bytes]]:
    """Each stored value that belongs to records, with a bit changed in the middle."""
    for (space, key), value in sorted(subject.dump().items()):
        if space != "meta":
            yield space, key, flipped(value, 4 * len(value))


def test_rot_anywhere_is_found_within_a_period(filled: Bench) -> None:
    """A bit changed in any batch, tile, checkpoint, catalog run or stream is found, whenever it happens in a round."""
    chance = random.Random(SEED)
    missed = []
    for space, key, bad in rotten(filled):
        good = filled.get(space, key)
        scrub, begin_us = scrub_of(filled), START_US + chance.randrange(PERIOD_US)
        before_us = chance.randrange(PERIOD_US)
        assert watch(scrub, begin_us, before_us / PERIOD_US) == []
        filled.put(space, key, bad)
        if not watch(scrub, begin_us + before_us):
            missed.append((space, key.hex()))
        filled.put(space, key, good)

    assert missed == [], SEED


@pytest.mark.parametrize("key", [b"state", b"runs"])
def test_rot_in_what_all_depends_on_is_found_at_once(filled: Bench, key: bytes) -> None:
    """State or list of runs damaged: told by the next look, once, and the scrub lives on."""
    good = filled.get("meta", key)
    scrub = scrub_of(filled)
    assert scrub.look(START_US) == []
    filled.put("meta", key, flipped(good, 100))

    assert watch(scrub, START_US + 1) != []
    filled.put("meta", key, good)
    assert watch(scrub, START_US + 2 * PERIOD_US) == []


def test_what_is_found_is_named(filled: Bench) -> None:
    """An alarm names the entry and the part, and each fault once in a round."""
    key = index_key(8)
    filled.put("batch", key, flipped(filled.get("batch", key), 8 * 20_000))
    scrub = scrub_of(filled)
    begin_us = START_US - START_US % PERIOD_US
    found = watch(scrub, begin_us)

    assert {(fault.what, 8 <= (fault.index or 0) < 288) for fault in found} == {("record", True)}
    assert len(found) == len(set(found))
    # The next round tells it again, for whoever missed it.
    assert set(found) <= set(watch(scrub, begin_us + PERIOD_US))


def test_a_missing_batch_is_found_and_the_rest_is_checked(filled: Bench) -> None:
    """A batch that is gone does not end the scrub: rot behind it is found too."""
    filled.delete("batch", index_key(5))
    body = filled.get("batch", index_key(289))
    filled.put("batch", index_key(289), flipped(body, 8 * (len(body) - 12)))
    found = watch(scrub_of(filled), START_US - START_US % PERIOD_US)

    assert {fault.index for fault in found} >= {5, 289}


def test_rot_where_the_scrub_begins_is_found(filled: Bench) -> None:
    """A scrub whose first batch cannot be read tells so, and goes over the log from its beginning."""
    key = index_key(8)
    filled.put("batch", key, flipped(filled.get("batch", key), 3))
    begin_us = START_US - START_US % PERIOD_US + PERIOD_US // 2
    found = watch(scrub_of(filled), begin_us)

    assert 8 in {fault.index for fault in found}


def test_a_look_reads_little(memory: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """However far behind it is, a look checks one bound of records, and later looks catch up."""
    monkeypatch.setattr(scrub_module, "RECORDS_AT_A_TIME", 10)
    for number in range(20):
        memory.append(memory.usage(*(f"{number}-{n}" for n in range(5))))
    seen: list[int] = []
    check = EntryCheck.check

    def counted(self: EntryCheck, part: BatchPart) -> Hashes:
        seen.append(part.count)
        return check(self, part)

    monkeypatch.setattr(EntryCheck, "check", counted)
    scrub = scrub_of(memory)
    begin_us = START_US - START_US % PERIOD_US
    for at in range(14):
        before = sum(seen)
        assert scrub.look(begin_us + at + (PERIOD_US if at else 0)) == []
        assert sum(seen) - before <= 15

    assert sum(seen) >= 101


def test_a_clock_that_goes_back_does_no_harm(filled: Bench) -> None:
    """With a clock that jumps back and forth by days no alarm is raised, and rot is still found."""
    scrub = scrub_of(filled)
    chance = random.Random(SEED)
    for _ in range(50):
        assert scrub.look(START_US + chance.randrange(-(10**12), 10**12)) == []
    key = index_key(8)
    filled.put("batch", key, flipped(filled.get("batch", key), 8 * 20_000))

    assert watch(scrub, START_US, 2) != []


def test_a_scrub_that_does_not_hash_finds_nothing(
    filled: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: with the entries' check left out, rot in a salt goes unseen."""
    key = index_key(8)
    filled.put("batch", key, flipped(filled.get("batch", key), 8 * 19_000))
    assert watch(scrub_of(filled), START_US) != []

    monkeypatch.setattr(EntryCheck, "check", EntryCheck.skip)
    assert watch(scrub_of(filled), START_US) == []


def test_a_line_of_the_catalog_under_another_index_is_found(memory: Bench) -> None:
    """A catalog whose order is sound and whose index is wrong is found by the entry that misses its line."""
    memory.append(memory.batch(USAGE, [usage_body(f"e{n}") for n in range(20)]))
    (key,) = {key for (space, key) in memory.dump() if space == RUN and key != index_key(0, 0)}
    value = memory.get(RUN, key)
    memory.put(RUN, key, flipped(value, 8 * (len(value) - 8)))

    assert {fault.what for fault in watch(scrub_of(memory), START_US)} == {"catalog"}


def test_the_pace_is_not_that_of_the_writers(
    memory: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written in a round is read in the next one, which begins at the first entry and ends at the last."""
    read: list[list[int]] = [[]]
    check = EntryCheck.check

    def watched(self: EntryCheck, part: BatchPart, *rest: object) -> object:
        read[-1].append(part.first)
        return check(self, part, *rest)

    monkeypatch.setattr(EntryCheck, "check", watched)
    begin_us = START_US - START_US % PERIOD_US
    scrub = scrub_of(memory)
    for number in range(2):
        for at in range(LOOKS):
            scrub.look(begin_us + number * PERIOD_US + PERIOD_US * at // LOOKS)
            memory.append(*(memory.payout(100 * number + 2 * at + more) for more in range(2)))
        read.append([])
    scrub.look(begin_us + 2 * PERIOD_US)

    first, second = read[0], read[1] + read[2]
    assert max(first, default=0) == 0, "the first round has the genesis entry alone to read"
    # The end of the first round comes with the first look of the second.
    assert sorted(set(second) - {0}) == list(range(1, 1 + 2 * LOOKS))


def test_every_line_of_the_catalog_is_missed(memory: Bench) -> None:
    """Whichever line of a record rots, that of its identity or of one of its terms, is found."""
    memory.append(memory.training(1))
    keys = [key for (space, key) in memory.dump() if space == RUN]
    lines = 0
    for key in keys:
        value = memory.get(RUN, key)
        for at in range(len(value) // 2, len(value), 8):
            memory.put(RUN, key, flipped(value, 8 * at))
            assert {fault.what for fault in watch(scrub_of(memory), START_US)} == {"catalog"}
            lines += 1
        memory.put(RUN, key, value)

    assert lines > 2


def test_a_resume_point_that_went_back_is_found(filled: Bench) -> None:
    """A producer that believed it would send again what is logged, or leave out what is not."""
    filled.put("stream", encode_key("host", "s"), seal((2).to_bytes(8, "big")))

    assert {fault.what for fault in watch(scrub_of(filled), START_US)} == {"stream"}


def chunk_faults(faults: list[Fault]) -> list[str]:
    """What was told of chunks that are not what was written."""
    return [fault.detail for fault in faults if "is not what was written" in fault.detail]


def test_a_chunk_that_rots_in_use_is_told(memory: Bench) -> None:
    """Each chunk that this process has answered from is looked at again within a period, and told once in a round."""
    for number in range(40):
        memory.append(memory.usage(f"e{number}"), memory.training(number))
    begin_us = START_US - START_US % PERIOD_US
    assert watch(scrub_of(memory), begin_us) == []
    keys = [key for (space, key) in memory.dump() if space == RUN]
    for key in keys:
        good = memory.get(RUN, key)
        memory.put(RUN, key, flipped(good, 0))
        told = chunk_faults(watch(scrub_of(memory), begin_us))
        assert len(told) == 1, told
        assert f"run {int.from_bytes(key[:8], 'big')} " in told[0]
        memory.put(RUN, key, good)
    assert len(keys) > 2


def test_chunks_have_their_turn(memory: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a round each chunk is looked at once, spread over the round; a look that comes late does no more than its share."""
    monkeypatch.setattr(scrub_module, "CHUNKS_AT_A_TIME", 2)
    looked: list[tuple[int, int]] = []
    real = catalog.read_checked

    def counted(snapshot: Snapshot, run: Run, chunk: int) -> memoryview:
        looked.append((run.number, chunk))
        return real(snapshot, run, chunk)

    monkeypatch.setattr(scrub_module, "read_checked", counted)
    monkeypatch.setattr(catalog, "CHUNK_COUNT", 6)
    memory.append(memory.usage(*(f"e{number}" for number in range(100))))
    memory.append(memory.usage("f"))
    begin_us = START_US - START_US % PERIOD_US
    scrub = scrub_of(memory)
    at_once = []
    for at in (*range(LOOKS), *range(LOOKS, LOOKS + 20)):
        # The round is over at once, behind its first half.
        late_us = PERIOD_US // 2 if at >= LOOKS // 2 else 0
        before = len(looked)
        assert scrub.look(begin_us + PERIOD_US * min(at, LOOKS) // LOOKS + late_us) == []
        at_once.append(len(looked) - before)
        if scrub._round != begin_us // PERIOD_US:
            break
    assert sorted(looked) == sorted({*looked})
    assert len(looked) == 18
    assert max(at_once) == 2
    assert sum(1 for count in at_once if count) > 8
