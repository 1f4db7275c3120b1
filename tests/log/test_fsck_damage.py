"""fsck of a damaged log: each kind of stored value, changed or gone, is found, and the entry is named."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from counterfoil.errors import StartupError
from counterfoil.keys import Signer
from counterfoil.log import Anchor
from counterfoil.log import append as append_module
from counterfoil.log.fsck import Report
from counterfoil.log.layout import (
    BATCH,
    CHECKPOINT,
    META,
    RUN,
    RUNS_KEY,
    STATE_KEY,
    STREAM,
    TILE,
    BatchPart,
    index_key,
    seal,
    unseal,
)
from counterfoil.log.runs import parse_runs
from counterfoil.record import USAGE
from counterfoil.store import encode_key

from .bench import ORIGIN, START_US, Bench, flipped, usage_body

# The head of a stored part, and where in it the bytes lie that no answer depends on.
HEAD_SIZE = 112
PADDING, SEQUENCE = range(2, 4), range(100, 108)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A log of all kinds, with streams and a tile of level 1."""
    made = Bench("memory:", tmp_path_factory.mktemp("sound"))
    made.append(made.usage("a", "b", "c", stream_id="s", sequence=1), made.training(1))
    made.append(made.usage("d", "e", stream_id="s", sequence=2))
    made.append(made.payout(5))
    made.append(made.usage(*(f"e{n}" for n in range(280))))
    made.append(made.usage("f", stream_id="s", sequence=3), made.training(2))
    assert made.fsck().problems == []
    assert made.state().size == 290
    yield made
    made.close()


@pytest.fixture(scope="module")
def parted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A log whose second batch, the entries 2 to 76, is stored in two parts."""
    made = Bench("memory:", tmp_path_factory.mktemp("parted"))
    made.append(made.usage("a"))
    metadata = {f"k{n}": "v" * 512 for n in range(32)}
    made.append(made.batch(USAGE, [usage_body(f"l{n}", metadata=metadata) for n in range(75)]))
    made.append(made.usage("b"))
    assert made.fsck().problems == []
    yield made
    made.close()


@contextmanager
def damaged(subject: Bench, space: str, key: bytes, value: bytes | None) -> Iterator[Report]:
    """The report about a log with one value changed, or gone."""
    good = subject.get(space, key)
    assert value != good
    if value is None:
        subject.delete(space, key)
    else:
        subject.put(space, key, value)
    try:
        yield subject.fsck()
    finally:
        subject.put(space, key, good)


def named(report: Report) -> set[int]:
    """The entries that a report names."""
    return {fault.index for fault in report.problems if fault.index is not None}


def part_of(subject: Bench, index: int) -> tuple[bytes, bytes, BatchPart]:
    """Key, value and reading of the stored part that holds an entry."""
    for (space, key), value in subject.dump().items():
        if space == BATCH:
            part = BatchPart(key, memoryview(value))
            if part.first <= index < part.first + part.count:
                return key, value, part
    raise AssertionError(index)


def columns(subject: Bench, index: int) -> Iterator[tuple[str, int, int]]:
    """Name, offset and size of each stored piece of an entry."""
    _, value, part = part_of(subject, index)
    at = index - part.first
    head = HEAD_SIZE + len(part.head.prefix) + len(part.head.stream_id)
    yield "leaf", head + 32 * at, 32
    yield "commitment", head + 32 * part.count + 32 * at, 32
    yield "salt", head + 64 * part.count + 16 * at, 16
    bodies = part.bodies()
    # A checksum of eight bytes ends the value.
    start = len(value) - 8 - sum(map(len, bodies[at:]))
    yield "body", start, len(bodies[at])


def check_pieces(subject: Bench, index: int) -> None:
    """Each piece of an entry, changed in some bits, makes fsck name the entry."""
    key, value, part = part_of(subject, index)
    for piece, offset, size in columns(subject, index):
        for bit in (8 * offset, 8 * (offset + size // 2) + 3, 8 * (offset + size) - 1):
            with damaged(subject, BATCH, key, flipped(value, bit)) as report:
                first = report.problems[0]
                assert first.index == index, (piece, bit)
                assert first.what == {"salt": "record", "body": "record"}.get(piece, piece)
                assert named(report) <= {index, part.first}, (piece, bit)


@pytest.mark.parametrize("index", [0, 1, 2, 3, 4, 6, 7, 8, 150, 287, 288, 289])
def test_a_damaged_piece_of_an_entry_is_named(sound: Bench, index: int) -> None:
    """Leaf hash, commitment, salt or body changed in one bit: that entry is named, and no other one."""
    check_pieces(sound, index)


@pytest.mark.parametrize("index", [2, 40, 61, 62, 63, 76])
def test_a_damaged_piece_of_a_batch_in_parts_is_named(parted: Bench, index: int) -> None:
    """The same holds for entries on both sides of the seam between two parts of a batch."""
    check_pieces(parted, index)


def test_damage_in_several_entries_is_all_named(sound: Bench) -> None:
    """Every damaged entry of a batch is named, whatever is damaged in it, and the others vouch for the rest."""
    key, value, _ = part_of(sound, 100)
    for which, index in enumerate((20, 100, 101, 250)):
        _, offset, _ = list(columns(sound, index))[which % 3]
        value = flipped(value, 8 * offset)

    with damaged(sound, BATCH, key, value) as report:
        assert named(report) == {20, 100, 101, 250}


@pytest.mark.parametrize("pieces", [(0, 3), (1, 2), (1, 3), (0, 1), (0, 1, 2, 3)])
def test_an_entry_damaged_in_several_pieces_is_named(sound: Bench, pieces: tuple[int, ...]) -> None:
    """Two or more damaged pieces of one entry name it, and no entry before it."""
    key, value, _ = part_of(sound, 100)
    found = list(columns(sound, 100))
    for piece in pieces:
        value = flipped(value, 8 * found[piece][1] + 1)

    with damaged(sound, BATCH, key, value) as report:
        assert report.problems[0].index == 100
        assert not named(report) & set(range(1, 100)) - {8}


def test_two_swapped_records_are_named(sound: Bench) -> None:
    """Records that changed places, with their salts or without, do not fit their leaves."""
    key, value, part = part_of(sound, 50)
    one, two = part.bodies()[50 - part.first : 52 - part.first]
    assert len(one) == len(two)
    swapped = value.replace(one + two, two + one)

    with damaged(sound, BATCH, key, swapped) as report:
        assert {50, 51} <= named(report)


def unnoticed_in_head(subject: Bench, index: int) -> list[int]:
    """The bytes of a part's head and prefix in which a flipped bit is not found."""
    key, value, part = part_of(subject, index)
    unnoticed = []
    for at in range(HEAD_SIZE + len(part.head.prefix)):
        # Padding means nothing; and which batch of its stream it was is asked by nobody but fsck itself.
        if at in PADDING or at in SEQUENCE:
            continue
        with damaged(subject, BATCH, key, flipped(value, 8 * at + at % 8)) as report:
            if report.sound:
                unnoticed.append(at)
            elif indexes := named(report):
                assert part.first <= min(indexes) <= part.first + part.count, at
    return unnoticed


@pytest.mark.parametrize("index", [0, 1, 4, 5, 7, 150, 289])
def test_every_byte_of_a_head_counts(sound: Bench, index: int) -> None:
    """Kind, indexes, counts, time, predecessor, salt seed, sizes and prefix: damage is found, and named there."""
    assert unnoticed_in_head(sound, index) == []


@pytest.mark.parametrize("index", [2, 76])
def test_every_byte_of_the_head_of_a_part_counts(parted: Bench, index: int) -> None:
    """What the parts of a batch repeat is the same in each of them, and the batch's own."""
    assert unnoticed_in_head(parted, index) == []


@pytest.mark.parametrize("index", [5, 7, 150])
def test_a_damaged_time_or_kind_does_not_accuse_the_whole_log(sound: Bench, index: int) -> None:
    """A batch whose head is damaged is named by its entries; those behind it are sound, and not named."""
    key, value, part = part_of(sound, index)
    wrong = []
    for name, bit in (("kind", 8), ("time", 8 * 35), ("time", 8 * 30 + 4)):
        with damaged(sound, BATCH, key, flipped(value, bit)) as report:
            assert not report.sound
            beyond = {at for at in named(report) if at > part.first + part.count}
            if beyond:
                wrong.append((name, bit, len(beyond)))

    assert wrong == []


def test_damaged_lengths_are_found(sound: Bench) -> None:
    """A changed length of a record names its batch; two that cancel out name the records."""
    key, value, part = part_of(sound, 100)
    lengths = HEAD_SIZE + len(part.head.prefix) + 80 * part.count
    at = lengths + 4 * (100 - part.first)
    for bit in (8 * at, 8 * at + 5, 8 * at + 31):
        with damaged(sound, BATCH, key, flipped(value, bit)) as report:
            assert part.first <= min(named(report)) < part.first + part.count

    shifted = bytearray(value)
    shifted[at] += 1
    shifted[at + 4] -= 1
    with damaged(sound, BATCH, key, bytes(shifted)) as report:
        assert {100, 101} <= named(report)


@pytest.mark.parametrize("index", [0, 1, 5, 8, 289])
def test_a_missing_batch_is_named(sound: Bench, index: int) -> None:
    """A batch or a part of one that is gone is named by its first entry."""
    key, _, part = part_of(sound, index)

    with damaged(sound, BATCH, key, None) as report:
        assert part.first in named(report)


@pytest.mark.parametrize("change", ["cut", "emptied", "grown", "another batch", "zeros"])
def test_a_batch_of_other_bytes_is_found(sound: Bench, change: str) -> None:
    """A part that was cut, emptied, grown, or overwritten by another one is found."""
    key, value, part = part_of(sound, 150)
    other = part_of(sound, 5)[1]
    bad = {
        "cut": value[:-1],
        "emptied": b"",
        "grown": value + b"\x00",
        "another batch": other,
        "zeros": bytes(len(value)),
    }

    with damaged(sound, BATCH, key, bad[change]) as report:
        assert not report.sound
        assert named(report) == {part.first}


def test_every_byte_of_a_tile_counts(sound: Bench) -> None:
    """A flipped bit in any byte of a tile is found, with a leaf below the damaged node; a missing tile, too."""
    tiles = [key for space, key in sound.dump() if space == TILE]
    assert tiles == [index_key(1, 0)]
    value = sound.get(TILE, tiles[0])

    for at in range(len(value)):
        with damaged(sound, TILE, tiles[0], flipped(value, 8 * at + at % 8)) as report:
            assert [(fault.what, fault.index) for fault in report.problems] == [
                ("tile", at // 32 * 256)
            ]
    for bad in (None, b"", value[:-1]):
        with damaged(sound, TILE, tiles[0], bad) as report:
            assert {fault.what for fault in report.problems} == {"tile"}


@pytest.mark.parametrize("key", [index_key(1, 1), index_key(2, 0), index_key(1, 10**6)])
def test_a_tile_too_many_is_found(sound: Bench, key: bytes) -> None:
    """A tile beyond the end of the tree does not belong there."""
    sound.put(TILE, key, bytes(32))
    try:
        assert {fault.what for fault in sound.fsck().problems} == {"tile"}
    finally:
        sound.delete(TILE, key)


def test_every_byte_of_the_catalog_counts(sound: Bench) -> None:
    """A flipped bit in any stored fingerprint or index is found, and so is a missing chunk."""
    chunks = [(key, value) for (space, key), value in sound.dump().items() if space == RUN]
    assert chunks
    for key, value in chunks:
        step = max(1, len(value) // 60)
        for at in range(0, len(value), step):
            with damaged(sound, RUN, key, flipped(value, 8 * at + at % 8)) as report:
                assert {fault.what for fault in report.problems} == {"catalog"}, (key, at)
        for bad in (None, b"", value[:-16], value + bytes(16)):
            with damaged(sound, RUN, key, bad) as report:
                assert not report.sound


def test_a_line_of_the_catalog_twice_is_found(sound: Bench) -> None:
    """A run that is listed beside the run that it was merged into answers everything twice: that is found."""
    runs = parse_runs(sound.get(META, RUNS_KEY))
    chunk = sound.get(RUN, index_key(runs.runs[0].number, 0))
    again = runs.next_number
    value = bytearray(unseal(sound.get(META, RUNS_KEY), "runs"))
    head = 21 + 8 * len(runs.runs[0].fences)
    value[1:9] = (again + 1).to_bytes(8, "little")
    value[9:13] = (len(runs.runs) + 1).to_bytes(4, "little")
    twice = again.to_bytes(8, "little") + bytes(value[13 + 8 : 13 + head])
    sound.put(RUN, index_key(again, 0), chunk)
    try:
        with damaged(sound, META, RUNS_KEY, seal(bytes(value) + twice)) as report:
            assert {fault.what for fault in report.problems} == {"catalog"}
    finally:
        sound.delete(RUN, index_key(again, 0))


def test_the_list_of_runs_is_checked(sound: Bench) -> None:
    """Numbers, levels, counts and fences of the runs are checked; the next number may only be too large."""
    value = sound.get(META, RUNS_KEY)
    following = parse_runs(value).next_number

    for bit in (*range(8 * 13), *range(8 * 13, 8 * len(value), 5)):
        bad = flipped(value, bit)
        larger = int.from_bytes(bad[1:9], "little") > following
        with damaged(sound, META, RUNS_KEY, bad) as report:
            assert larger or not report.sound, bit
    with damaged(sound, META, RUNS_KEY, None) as report:
        assert {fault.what for fault in report.problems} == {"catalog"}


def checkpoints(subject: Bench) -> list[bytes]:
    """The keys of the stored checkpoints."""
    return sorted(key for space, key in subject.dump() if space == CHECKPOINT)


def test_every_byte_of_a_checkpoint_counts(sound: Bench) -> None:
    """A flipped bit in any byte of any checkpoint is found."""
    for key in checkpoints(sound):
        value = sound.get(CHECKPOINT, key)
        for at in range(0, len(value), 3):
            with damaged(sound, CHECKPOINT, key, flipped(value, 8 * at + at % 8)) as report:
                assert not report.sound, (key, at)


def test_a_missing_checkpoint_is_found(sound: Bench) -> None:
    """Each group's checkpoint belongs to the answers that it was given with: none may be missing."""
    unnoticed = []
    for key in checkpoints(sound):
        with damaged(sound, CHECKPOINT, key, None) as report:
            if report.sound:
                unnoticed.append(int.from_bytes(key, "big"))

    assert unnoticed == []


def test_a_checkpoint_in_the_place_of_another_is_found(sound: Bench) -> None:
    """Good checkpoints under the wrong size, or at a size that no batch ends at, are found."""
    keys = checkpoints(sound)
    with damaged(sound, CHECKPOINT, keys[1], sound.get(CHECKPOINT, keys[2])) as report:
        assert not report.sound
    stray = index_key(3)
    assert stray not in keys
    sound.put(CHECKPOINT, stray, sound.get(CHECKPOINT, keys[1]))
    try:
        assert {fault.what for fault in sound.fsck().problems} == {"checkpoint"}
    finally:
        sound.delete(CHECKPOINT, stray)


def test_without_any_checkpoint_the_log_is_not_sound(memory: Bench) -> None:
    """A store whose checkpoints are all gone is reported, not refused with an error of its own."""
    memory.delete(CHECKPOINT, index_key(1))

    assert not memory.fsck().sound


def test_every_byte_of_the_state_counts(sound: Bench) -> None:
    """Size, time, last leaf hash and frontier are those of the entries."""
    value = sound.get(META, STATE_KEY)
    for at in range(len(value)):
        with damaged(sound, META, STATE_KEY, flipped(value, 8 * at + at % 8)) as report:
            assert not report.sound, at
    for bad in (None, b"", value[:-1], value + b"\x00"):
        with damaged(sound, META, STATE_KEY, bad) as report:
            assert not report.sound


def test_the_format_is_checked(sound: Bench) -> None:
    """The layout version and origin that a start would refuse are told by fsck, too."""
    value = sound.get(META, b"format")
    for bad in (None, b"", flipped(value, 0), flipped(value, 20), value + b"x"):
        with damaged(sound, META, b"format", bad) as report:
            assert not report.sound, bad


def test_a_changed_resume_point_is_found(sound: Bench) -> None:
    """The resume point of a stream that went back, forward, or away is found: producers rely on it."""
    key = encode_key("host", "s")
    value = sound.get(STREAM, key)
    unnoticed = []
    for bit in range(8 * len(value)):
        with damaged(sound, STREAM, key, flipped(value, bit)) as report:
            if report.sound:
                unnoticed.append(bit)
    with damaged(sound, STREAM, key, None) as report:
        assert {fault.what for fault in report.problems} == {"stream"}

    assert unnoticed == []


def test_a_damaged_anchor_is_found(sound: Bench) -> None:
    """An anchor that is empty, of another log, ahead of the store, or damaged in both slots is found."""
    good = sound.anchor_path.read_bytes()
    other = Signer.from_seed(ORIGIN, b"o" * 32)
    foreign = Anchor.create(sound.directory / "foreign", other.verifier)
    foreign.advance(b"x", 1)
    both = bytearray(good)
    both[30] ^= 1
    both[1024 + 30] ^= 1
    for bad in (
        bytes(2048),
        b"",
        bytes(both),
        b"x" * 2048,
        (sound.directory / "foreign").read_bytes(),
    ):
        sound.anchor_path.write_bytes(bad)
        try:
            report = sound.fsck()
            assert not report.sound, bad[:20]
            assert len(report.problems) == 1
        finally:
            sound.anchor_path.write_bytes(good)


def test_a_missing_anchor_is_told(tmp_path: Path) -> None:
    """Without the file there is nothing to check against, which is told at once."""
    with pytest.raises(StartupError):
        Anchor(tmp_path / "nowhere", Signer.from_seed(ORIGIN, b"s" * 32).verifier)


def test_a_log_with_many_faults_is_bounded(memory: Bench) -> None:
    """A store that is damaged all over gives a thousand faults, and the number of the others."""
    memory.add(memory.usage(*(f"e{n}" for n in range(1500))))
    key = index_key(1)
    value = bytearray(memory.get(BATCH, key))
    part = BatchPart(key, memoryview(bytes(value)))
    salts = HEAD_SIZE + len(part.head.prefix) + 64 * part.count
    for at in range(part.count):
        value[salts + 16 * at] ^= 1
    memory.put(BATCH, key, bytes(value))
    report = memory.fsck()

    assert len(report.problems) == 1000
    assert report.more >= 500
    assert not report.sound


def test_an_entry_of_an_unknown_kind_is_found(memory: Bench) -> None:
    """A batch that a faulty writer logged under a kind that nobody knows is named."""
    memory.add(memory.usage("a"))
    batch = memory.usage("b", "c")
    memory.add(dataclasses.replace(batch, kind=dataclasses.replace(USAGE, number=9)))
    report = memory.fsck()

    assert ("leaf", 2) in {(fault.what, fault.index) for fault in report.problems}
    assert "kind 9 is unknown" in {fault.detail for fault in report.problems}


def test_a_time_that_went_back_is_found(memory: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that a faulty writer logged with an earlier time than the one before is named."""
    memory.add(memory.usage("a"))
    with monkeypatch.context() as patch:
        patch.setattr(append_module, "max", lambda *_times: START_US - 1, raising=False)
        memory.add(memory.usage("b"))
    report = memory.fsck()

    assert ("leaf", 2) in {(fault.what, fault.index) for fault in report.problems}


def test_a_second_record_of_one_identity_is_found(memory: Bench) -> None:
    """The negative control of idempotency: a record that slipped past an empty catalog is found as a duplicate."""
    memory.add(memory.usage("a", "b"))
    runs = memory.get(META, RUNS_KEY)
    memory.delete(META, RUNS_KEY)
    outcome = memory.add(memory.usage("x", "b"))
    assert list(outcome.positions) == [0, 1], "the catalog was away"
    memory.put(META, RUNS_KEY, runs)
    report = memory.fsck()

    assert ("dedup", 4) in {(fault.what, fault.index) for fault in report.problems}
