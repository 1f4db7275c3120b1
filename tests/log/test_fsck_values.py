"""fsck of everything beside the batches: tiles, catalog, checkpoints, state, streams and anchor."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.errors import StartupError
from counterfoil.keys import Signer
from counterfoil.log import Anchor
from counterfoil.log.layout import (
    BATCH,
    CHECKPOINT,
    META,
    RUN,
    RUNS_KEY,
    STATE_KEY,
    STREAM,
    TILE,
    index_key,
    seal,
    unseal,
)
from counterfoil.log.runs import Runs, format_runs, parse_runs
from counterfoil.store import encode_key

from .bench import ORIGIN, Bench, flipped
from .harm import damaged, named


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
    head = 21 + 2 * len(runs.runs[0].fences)
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


def test_a_second_record_of_one_identity_is_found(memory: Bench) -> None:
    """The negative control of idempotency: a record that slipped past an empty catalog is found as a duplicate."""
    memory.add(memory.usage("a", "b"))
    runs = memory.get(META, RUNS_KEY)
    memory.put(META, RUNS_KEY, format_runs(Runs(99, ())))
    outcome = memory.add(memory.usage("x", "b"))
    assert list(outcome.positions) == [0, 1], "the catalog was away"
    memory.put(META, RUNS_KEY, runs)
    report = memory.fsck()

    assert ("dedup", 4) in {(fault.what, fault.index) for fault in report.problems}


def test_a_damaged_state_does_not_hide_other_damage(sound: Bench) -> None:
    """Where the state cannot be read the entries are checked all the same, from their records up."""
    key, size = index_key(1), sound.state().size
    with (
        damaged(sound, META, STATE_KEY, b"") as report,
        damaged(sound, BATCH, key, flipped(sound.get(BATCH, key), 8 * 400)) as both,
    ):
        assert {fault.what for fault in report.problems} == {"state"}
        assert report.size == size
        assert named(both) <= {1, 2, 3}
        assert named(both)


def test_damaged_pages_are_not_followed(sound: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the store's own check finds fault with its pages, that is told and nothing else is looked at."""
    monkeypatch.setattr(type(sound.store), "check_structure", lambda _store: ["page 7 is lost"])
    monkeypatch.setattr(type(sound.store), "snapshot", None)
    report = sound.fsck()

    assert [fault.what for fault in report.problems] == ["pages", "store"]
    assert "page 7" in report.problems[0].detail
    assert "not checked" in report.problems[1].detail
