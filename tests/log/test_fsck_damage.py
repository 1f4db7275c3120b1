"""fsck of damaged batches: whatever of an entry changed or is gone, the entry is named."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from counterfoil.log import append as append_module
from counterfoil.log.layout import BATCH, BatchPart, checksum, index_key
from counterfoil.record import USAGE

from .bench import START_US, Bench, flipped, usage_body
from .harm import damaged, named

# The head of a stored part, and where in it the bytes lie that no answer depends on.
HEAD_SIZE = 112
PADDING, SEQUENCE = range(2, 4), range(100, 108)


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


def rewritten(value: bytes, offset: int, content: bytes) -> bytes:
    """A part with other bytes in its head, under a checksum that fits: what a faulty writer would store."""
    part = BatchPart(value[4:12][::-1], memoryview(value))
    end = HEAD_SIZE + len(part.head.prefix) + len(part.head.stream_id)
    head = value[:offset] + content + value[offset + len(content) : end]
    return head + value[end:-8] + checksum(head)


@pytest.mark.parametrize(
    ("name", "offset", "content", "what"),
    [
        ("kind", 1, b"\x02", "leaf"),
        ("batch begins later", 16, (9).to_bytes(8, "little"), "batch"),
        ("batch is longer", 24, (281).to_bytes(4, "little"), "checkpoint"),
        ("batch is shorter", 24, (279).to_bytes(4, "little"), "batch"),
        ("time", 28, (START_US + 1).to_bytes(8, "little"), "leaf"),
        ("predecessor", 36, b"p" * 32, "chain"),
    ],
)
def test_a_head_that_was_written_wrongly_is_found(
    sound: Bench, name: str, offset: int, content: bytes, what: str
) -> None:
    """A head that contradicts its records is found though its checksum fits: the leaves tell."""
    key, value, part = part_of(sound, 150)
    assert rewritten(value, 1, bytes([part.head.kind])) == value

    with damaged(sound, BATCH, key, rewritten(value, offset, content)) as report:
        assert what in {fault.what for fault in report.problems}, name


def test_parts_that_disagree_about_their_batch_are_found(parted: Bench) -> None:
    """The parts of a batch repeat its head; where one tells another stream, prefix or seed, it is named."""
    key, value, part = part_of(parted, 76)
    assert part.first != part.head.first

    with damaged(parted, BATCH, key, rewritten(value, 68, b"s" * 32)) as report:
        assert ("batch", part.first) in {(fault.what, fault.index) for fault in report.problems}


def test_an_entry_of_an_unknown_kind_is_found(memory: Bench) -> None:
    """A batch that a faulty writer logged under a kind that nobody knows is named."""
    memory.add(memory.usage("a"))
    batch = memory.usage("b", "c")
    memory.add(dataclasses.replace(batch, kind=dataclasses.replace(USAGE, number=99)))
    report = memory.fsck()

    assert ("leaf", 2) in {(fault.what, fault.index) for fault in report.problems}
    assert "kind 99 is unknown" in {fault.detail for fault in report.problems}


def test_a_time_that_went_back_is_found(memory: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that a faulty writer logged with an earlier time than the one before is named."""
    memory.add(memory.usage("a"))
    with monkeypatch.context() as patch:
        patch.setattr(append_module, "max", lambda *_times: START_US - 1, raising=False)
        memory.add(memory.usage("b"))
    report = memory.fsck()

    assert ("leaf", 2) in {(fault.what, fault.index) for fault in report.problems}


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
