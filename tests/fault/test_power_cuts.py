"""Power cuts at every moment of a load, the quick form; ``make power-cuts`` is the long one."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from .power_cuts import BROKEN, SEED
from .power_disk import Image, fates, moments, nothing_more, write_out
from .power_judge import REFUSED, SOUND
from .power_trace import (
    Event,
    Flushed,
    Named,
    Resized,
    Said,
    UnmodelledError,
    Write,
    parse_trace,
    why_not_traceable,
)
from .reporting import run_form

STATES = 400
needs_strace = pytest.mark.skipif(bool(why_not_traceable()), reason=why_not_traceable())


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the quick form found. It forks for each state, so that it runs in a process without threads."""
    return run_form("power_cuts", tmp_path_factory.mktemp("power"), "--states", str(STATES))


@needs_strace
def test_no_power_cut_loses_what_was_acknowledged(result: dict[str, Any]) -> None:
    """In each drawn state the log opens with all acknowledged entries and one history; only an unfinished init is refused."""
    assert result["bad"] == [], result["seed"]
    assert result["states"] == sum(result["verdicts"].values()) == STATES
    assert set(result["verdicts"]) <= {SOUND, REFUSED}
    assert result["states_with_fsck_and_another_append"] >= STATES // 10


@needs_strace
@pytest.mark.parametrize("name", BROKEN)
def test_losses_of_a_broken_server_are_seen(result: dict[str, Any], name: str) -> None:
    """The negative controls: a flush left out, a meta page not durable, an answer or an anchor before its commit."""
    assert result["negative_controls"][name]["caught"] > 0


def hexed(text: str) -> str:
    """As strace -xx prints it."""
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def line(name: str, path: str, rest: str, result: str, pid: int = 7) -> str:
    """A line of a trace about an open file."""
    return f"{pid} {name}(3<{hexed(path)}>{rest}) = {result}\n"


OPEN = f'7 openat(AT_FDCWD<{hexed("/")}>, "{hexed("/a/d/x")}", O_RDWR|O_CREAT, 0600) = 3<{hexed("/a/d/x")}>\n'


def parsed(*lines: str) -> list[Event]:
    """The events of a trace of the directory /a/d with the journal /a/j."""
    return parse_trace(lines, Path("/a/d"), Path("/a/j"))


def test_calls_become_events() -> None:
    """Opening, writing, moving, flushing and resizing a file are seen, and lines of the journal; other files are not."""
    events = parsed(
        OPEN,
        line("write", "/a/d/x", f', "{hexed("ab")}", 2', "2"),
        line("lseek", "/a/d/x", ", 9, SEEK_SET", "9"),
        line(
            "writev",
            "/a/d/x",
            f', [{{iov_base="{hexed("cd")}"}}, {{iov_base="{hexed("e")}"}}], 2',
            "3",
        ),
        line("pwrite64", "/a/d/x", f', "{hexed("fgh")}", 3, 4096', "2"),
        line("fdatasync", "/a/d/x", "", "0"),
        line("fsync", "/a/d/x", "", "-1 EIO"),
        line("ftruncate", "/a/d/x", ", 70", "0"),
        line("write", "/a/other", f', "{hexed("zz")}", 2', "2"),
        line("write", "/a/j", f', "{hexed("{}")}", 2', "2"),
    )

    assert events == [
        Named("d/x", 0, 0, folder=False),
        Write("d/x", 1, 1, 0, b"ab", durable=False),
        Write("d/x", 3, 3, 9, b"cde", durable=False),
        Write("d/x", 4, 4, 4096, b"fg", durable=False),
        Flushed("d/x", 5, 5),
        Resized("d/x", 7, 7, 70),
        Said("/a/j", 9, 9, {}),
    ]


def test_a_write_under_way_is_not_covered_by_a_flush() -> None:
    """A write that ends after a flush began stays pending, though it began before."""
    text = line("pwrite64", "/a/d/x", f', "{hexed("a")}", 1, 0', "1", 8)
    begun, _, ended = text.partition("1, 0")
    events = parsed(
        OPEN,
        begun + "1, 0 <unfinished ...>\n",
        line("fdatasync", "/a/d/x", "", "0"),
        f"8 <... pwrite64 resumed>{ended}",
        line("fdatasync", "/a/d/x", "", "0"),
    )
    first, second, end = moments(events)

    assert isinstance(events[1], Write)
    assert (events[1].start, events[1].end) == (1, 3)
    assert events[1] in first.pending
    assert events[1] in second.pending
    assert events[1] not in end.pending


@pytest.mark.parametrize("name", ["rename", "unlink", "fallocate", "truncate"])
def test_a_call_that_the_model_does_not_know_is_an_error(name: str) -> None:
    """A watched file that is renamed or removed stops the check; one elsewhere does not."""
    parsed(f'7 {name}("{hexed("/b/x")}") = 0\n')
    with pytest.raises(UnmodelledError):
        parsed(f'7 {name}("{hexed("/a/d/x")}") = 0\n')


def test_every_subset_of_two_writes_is_a_state() -> None:
    """With two writes since the last flush the disk has none, either or both, and each torn."""
    writes = [
        Write("x", 1, 1, 0, b"a" * 512, durable=False),
        Write("x", 2, 2, 512, b"b" * 1024, durable=False),
    ]
    seen = set()
    for choice in fates(writes, random.Random(SEED), 200):
        image = Image({"x": bytearray()}, {"x"})
        for change, fate in zip(writes, choice, strict=True):
            image.apply(change, fate)
        seen.add(bytes(image.files["x"]))
    empty, a, b = bytes(512), b"a" * 512, b"b" * 512

    assert {b"", a, empty + b + b, a + b + b, a + empty + b, a + b + empty, a + empty * 2} <= seen
    assert all(len(data) in (0, 512, 1536) for data in seen)
    assert list(nothing_more(writes, random.Random(SEED), 9)) == [[False, False]]


def test_a_name_above_that_is_lost_takes_all_below(tmp_path: Path) -> None:
    """A file whose folder was not made durable is gone with it."""
    image = Image({"d/x": bytearray(b"x")}, {".", "d/x"})
    write_out(image, tmp_path, random.Random(0))
    assert list(tmp_path.iterdir()) == []

    image.names.add("d")
    write_out(image, tmp_path, random.Random(0))
    assert (tmp_path / "d" / "x").read_bytes() == b"x"


def test_older_bytes_never_come_over_newer_ones() -> None:
    """A pending write does not undo a later one at the same place that is durable already."""
    old = Write("x", 1, 1, 0, b"old!", durable=False)
    new = Write("x", 2, 2, 1, b"NE", durable=True)
    _, end = moments([old, new])
    end.image.apply(end.pending[0], True)

    assert end.image.files["x"] == b"oNE!"
