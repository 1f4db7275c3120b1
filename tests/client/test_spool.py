"""The disk spool: what was taken is read again, after any crash that leaves files behind."""

from __future__ import annotations

import os
import random
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from counterfoil.errors import InvalidInput, StartupError
from counterfoil.limits import MIB
from counterfoil_client.errors import ReporterClosed, SpoolFull
from counterfoil_client.frames import HEADER_SIZE, format_frames
from counterfoil_client.spool import Spool

ALL = 1 << 30


def open_spool(folder: Path, *, size: int = MIB, segment: int = 64 * 1024) -> Spool:
    """A small spool."""
    return Spool(folder, size_bytes_max=size, segment_size_bytes=segment)


def read_all(spool: Spool, position: int | None = None) -> list[bytes]:
    """All events from a position on, by default all that are not settled."""
    at = spool.begin if position is None else position
    found: list[bytes] = []
    while True:
        payloads, at = spool.read(at, 7, 1000)
        if not payloads:
            return found
        found += payloads


def newest_segment(folder: Path) -> Path:
    """The file that events are appended to."""
    return max(folder.glob("*.seg"))


def numbered(count: int) -> list[bytes]:
    """Events of different lengths."""
    return [f"event {number} ".encode() * (1 + number % 3) for number in range(count)]


@contextmanager
def disk_full_at(size: int) -> Iterator[None]:
    """Let the operating system refuse to make any file larger than this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_events_come_out_as_they_went_in(tmp_path: Path) -> None:
    """Events are read in order, across segments, and again after a restart."""
    events = numbered(300)
    with open_spool(tmp_path, segment=500) as spool:
        for event in events:
            spool.append([event])
        assert read_all(spool) == events
        assert len(list(tmp_path.glob("*.seg"))) > 3

    with open_spool(tmp_path, segment=500) as spool:
        assert read_all(spool) == events
        assert spool.damages == []


@pytest.mark.parametrize("cut", range(1, HEADER_SIZE + len(b"the last event") + 1))
def test_a_torn_tail_is_cut_at_every_byte(tmp_path: Path, cut: int) -> None:
    """Whatever prefix of the last write a crash left, the events before it are whole and new ones follow them."""
    with open_spool(tmp_path) as spool:
        whole = spool.append([b"one", b"two"])
        end = spool.append([b"the last event"])
    os.truncate(newest_segment(tmp_path), end - cut)

    with open_spool(tmp_path) as spool:
        torn = [(damage.position, damage.size_bytes, damage.torn) for damage in spool.damages]
        spool.append([b"three"])
        assert read_all(spool) == [b"one", b"two", b"three"]

    assert torn == ([(whole, end - cut - whole, True)] if end - cut > whole else [])


@pytest.mark.parametrize(
    "tail", [bytes(64), b"\xc0\xf7" * 20, os.urandom(50)], ids=["zeros", "magic", "noise"]
)
def test_rubbish_at_the_end_is_cut_and_kept_aside(tmp_path: Path, tail: bytes) -> None:
    """What a lost write left behind the last event is reported, copied, and no event."""
    with open_spool(tmp_path) as spool:
        spool.append([b"one"])
    with newest_segment(tmp_path).open("ab") as file:
        file.write(tail)

    with open_spool(tmp_path) as spool:
        assert read_all(spool) == [b"one"]
        (damage,) = spool.damages

    assert damage.torn
    assert damage.file is not None
    assert damage.file.read_bytes() == tail


@pytest.mark.parametrize("seed", range(20))
def test_damage_in_the_middle_costs_what_it_hit(tmp_path: Path, seed: int) -> None:
    """A damaged stretch anywhere is reported and copied; every event that it did not touch is read."""
    rng = random.Random(seed)
    events = numbered(200)
    with open_spool(tmp_path, segment=1000) as spool:
        ends = [spool.append([event]) for event in events]
    begins = [0, *ends[:-1]]
    segment = rng.choice(sorted(tmp_path.glob("*.seg"))[:-1])
    size = segment.stat().st_size
    low = rng.randrange(size)
    high = min(size, low + rng.randrange(1, 120))
    data = bytearray(segment.read_bytes())
    for at in range(low, high):
        data[at] ^= 1 + rng.randrange(255)
    segment.write_bytes(data)
    base = int(segment.stem)
    spared = [
        event
        for event, begin, end in zip(events, begins, ends, strict=True)
        if end <= base + low or begin >= base + high
    ]

    with open_spool(tmp_path, segment=1000) as spool:
        found = read_all(spool)
        damages = spool.damages

    assert found == spared, f"seed {seed}"
    assert damages, f"seed {seed}"
    for damage in damages:
        assert not damage.torn
        assert damage.file is not None
        at = damage.position - base
        assert damage.file.read_bytes() == bytes(data[at : at + damage.size_bytes]), f"seed {seed}"


def test_damage_before_the_end_of_the_newest_segment_is_not_taken_for_a_torn_tail(
    tmp_path: Path,
) -> None:
    """Whole events behind a damaged one are never cut off."""
    with open_spool(tmp_path) as spool:
        first = spool.append([b"one"])
        spool.append([b"two"])
        spool.append([b"three"])
    path = newest_segment(tmp_path)
    data = bytearray(path.read_bytes())
    data[first + HEADER_SIZE] ^= 1
    path.write_bytes(data)

    with open_spool(tmp_path) as spool:
        assert spool.damages == []
        assert read_all(spool) == [b"one", b"three"]
        assert [(each.position, each.torn) for each in spool.damages] == [(first, False)]


def test_a_missing_segment_is_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    """A file that somebody removed leaves a gap with a position and a size."""
    with open_spool(tmp_path, segment=100) as spool:
        for event in numbered(60):
            spool.append([event])
        everything = read_all(spool)
    gone, following = sorted(tmp_path.glob("*.seg"))[1:3]
    gap = int(following.stem) - int(gone.stem)
    gone.unlink()

    with open_spool(tmp_path, segment=100) as spool:
        found = read_all(spool)
        (damage,) = spool.damages

    assert (damage.position, damage.size_bytes, damage.file) == (int(gone.stem), gap, None)
    assert len(found) < len(everything)
    assert [event for event in everything if event in found] == found


def test_settled_events_are_not_read_again_after_a_restart(tmp_path: Path) -> None:
    """The cursor survives, and only what is behind it is left."""
    with open_spool(tmp_path) as spool:
        settled = spool.append([b"one", b"two"])
        spool.append([b"three"])
        spool.release(settled)

    with open_spool(tmp_path) as spool:
        assert spool.begin == settled
        assert read_all(spool) == [b"three"]


def test_a_crash_between_write_and_acknowledgement_gives_the_events_again(tmp_path: Path) -> None:
    """Events that were read, and even sent, are there again when nobody said that they are settled."""
    with open_spool(tmp_path) as spool:
        spool.append([b"one", b"two"])
        assert read_all(spool) == [b"one", b"two"]

    with open_spool(tmp_path) as spool:
        assert read_all(spool) == [b"one", b"two"]


@pytest.mark.parametrize("cursor", [b"", b"-1\n", b"12x\n", b"999999\n", b"\xff\xfe", None])
def test_a_cursor_that_makes_no_sense_loses_nothing(tmp_path: Path, cursor: bytes | None) -> None:
    """Without a good cursor everything that is still there is given again: twice is safe, never is not."""
    with open_spool(tmp_path) as spool:
        spool.append([b"one"])
        spool.release(spool.append([b"two"]))
    if cursor is None:
        (tmp_path / "cursor").unlink()
    else:
        (tmp_path / "cursor").write_bytes(cursor)

    with open_spool(tmp_path) as spool:
        assert read_all(spool) == [b"one", b"two"]


def test_a_cursor_behind_the_end_never_comes_to_cut_an_event(tmp_path: Path) -> None:
    """When a disk lost settled events, the cursor that outlived them is replaced before new events reach it."""
    with open_spool(tmp_path) as spool:
        first = spool.append([b"one"])
        spool.release(spool.append([b"two"]))
    os.truncate(newest_segment(tmp_path), first)
    with open_spool(tmp_path) as spool:
        spool.append([b"a longer event than the one that was lost"])

    with open_spool(tmp_path) as spool:
        assert read_all(spool) == [b"one", b"a longer event than the one that was lost"]
        assert spool.damages == []


def test_segments_go_when_they_are_settled_and_not_before(tmp_path: Path) -> None:
    """Releasing removes the segments below the cursor, and keeps the one that it is in."""
    with open_spool(tmp_path, segment=200) as spool:
        ends = [spool.append([event]) for event in numbered(50)]
        before = sorted(int(path.stem) for path in tmp_path.glob("*.seg"))
        spool.release(ends[25])
        after = sorted(int(path.stem) for path in tmp_path.glob("*.seg"))

    kept = [
        begin for begin, end in zip(before, [*before[1:], ends[-1]], strict=True) if end > ends[25]
    ]
    assert len(before) > len(kept) > 1
    assert after == kept


def test_a_full_spool_refuses_at_once_and_takes_again_when_there_is_room(tmp_path: Path) -> None:
    """SpoolFull takes nothing; after events are settled there is room again, for ever."""
    taken: list[bytes] = []
    refusals = 0
    with open_spool(tmp_path, size=2000) as spool:
        for event in numbered(500):
            try:
                spool.append([event])
            except SpoolFull:
                refusals += 1
                assert spool.size_bytes <= 2000
                assert read_all(spool) == taken
                spool.release(spool.end)
                taken = []
                spool.append([event])
            taken.append(event)

    assert refusals > 5


def test_several_events_are_taken_or_refused_together(tmp_path: Path) -> None:
    """Of a batch that does not fit, no event is taken."""
    with open_spool(tmp_path, size=1000) as spool:
        spool.append([b"before"])
        with pytest.raises(SpoolFull):
            spool.append([bytes(400), bytes(400), bytes(400)])

        assert read_all(spool) == [b"before"]


def test_a_full_disk_leaves_no_half_event(tmp_path: Path) -> None:
    """When the disk takes only part of an event it is refused, and the next one follows the last whole one."""
    with open_spool(tmp_path) as spool:
        end = spool.append([b"one"])
        with disk_full_at(end + 7), pytest.raises(SpoolFull, match="disk"):
            spool.append([b"does not fit"])
        assert newest_segment(tmp_path).stat().st_size == end
        spool.append([b"two"])

        assert read_all(spool) == [b"one", b"two"]


def test_half_an_event_that_stayed_would_be_seen(tmp_path: Path) -> None:
    """Control: bytes that a failed write leaves in the middle are reported as damage, so the test before can fail."""
    with open_spool(tmp_path) as spool:
        spool.append([b"one"])
    with newest_segment(tmp_path).open("ab") as file:
        file.write(format_frames([b"does not fit"])[:7])
        file.write(format_frames([b"two"]))

    with open_spool(tmp_path) as spool:
        assert read_all(spool) == [b"one", b"two"]
        assert [damage.size_bytes for damage in spool.damages] == [7]


def test_one_process_at_a_time(tmp_path: Path) -> None:
    """A second spool on the folder is refused while the first is open, and welcome afterwards."""
    with open_spool(tmp_path), pytest.raises(StartupError, match="in use"):
        open_spool(tmp_path)

    open_spool(tmp_path).close()


def test_a_closed_spool_takes_nothing(tmp_path: Path) -> None:
    """After close, appending and syncing say so; closing twice is harmless."""
    spool = open_spool(tmp_path)
    spool.close()
    spool.close()

    with pytest.raises(ReporterClosed):
        spool.append([b"late"])
    with pytest.raises(ReporterClosed):
        spool.sync()


def test_events_that_cannot_be_framed_are_refused(tmp_path: Path) -> None:
    """An empty event is refused and changes nothing."""
    with open_spool(tmp_path) as spool:
        with pytest.raises(InvalidInput):
            spool.append([b"fine", b""])

        assert spool.end == 0


def test_sync_says_how_far_the_disk_has_it(tmp_path: Path) -> None:
    """Syncing covers what was appended before, in all segments, and leaves nothing to sync."""
    with open_spool(tmp_path, segment=100) as spool:
        for event in numbered(30):
            spool.append([event])
        assert spool.unsynced

        assert spool.sync() == spool.end
        assert not spool.unsynced
        assert spool.sync(spool.end) == spool.end


def test_a_failed_fsync_is_for_good(tmp_path: Path) -> None:
    """After one failure every sync fails: a later success would say nothing about what the kernel dropped."""
    spool = open_spool(tmp_path)
    spool.append([b"one"])
    segment = spool._segments[0]
    good, segment.file = segment.file, os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError) as first:
        spool.sync()
    os.close(segment.file)
    segment.file = good

    with pytest.raises(OSError) as second:
        spool.sync()

    assert second.value is first.value
    spool.close()


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    """Files that are not the spool's are neither read nor removed."""
    (tmp_path / "notes.seg").write_bytes(b"mine")
    (tmp_path / "123.seg").write_bytes(b"mine too")
    with open_spool(tmp_path) as spool:
        spool.release(spool.append([b"one"]))

        assert spool.damages == []

    assert (tmp_path / "notes.seg").read_bytes() == b"mine"
    assert (tmp_path / "123.seg").read_bytes() == b"mine too"
