"""Clocks that jump and that run backwards: one history, times that never decrease, and records that are not lost."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.entry import parse_leaf
from counterfoil.errors import OutcomeUnknown
from counterfoil.limits import TIME_US_MAX
from counterfoil.log.read import read_entries
from counterfoil.receipt import parse_batch_receipt
from counterfoil_server import directory as server_directory
from counterfoil_server.directory import fsck

from ..server.edge import connected, now_us
from ..server.load import Journal as Sent
from ..server.load import Load, expect_fsck_sound, expect_sound
from ..support.ledger_process import LedgerProcess
from .history import Journal
from .small_ledger import look, make, quiet, running, write

SEED = 60
SECOND_US = 1_000_000
YEAR_US = 365 * 86_400 * SECOND_US
JUMPS_US = tuple(
    sign * size
    for size in (1, SECOND_US, 60 * SECOND_US, 86_400 * SECOND_US, YEAR_US, 10 * YEAR_US)
    for sign in (1, -1)
)
_PATCH = """
import os, time
_real, _file = time.time_ns, os.open(os.environ["COUNTERFOIL_TEST_CLOCK"], os.O_RDONLY)
time.time_ns = lambda: _real() + 1000 * int(os.pread(_file, 32, 0) or 0)
"""


class Clock:
    """The clock of the ledgers of this process."""

    def __init__(self) -> None:
        self.now_us = now_us()

    def __call__(self) -> int:
        return self.now_us


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that the test sets."""
    clock = Clock()
    monkeypatch.setattr(server_directory, "now_us", clock)
    return clock


def times_of(path: Path) -> list[int]:
    """The time in each leaf of a ledger."""
    with running(path) as log, log.store.snapshot() as snapshot:
        return [entry.leaf.time_us for entry in read_entries(snapshot, 0, 1 << 40)]


def jump_and_write(path: Path, journal: Journal, clock: Clock, jump_us: int) -> None:
    """Write, let the clock jump, write on and start again, let it jump back, and write on."""
    for step_us in (SECOND_US, jump_us, -jump_us, SECOND_US):
        with running(path) as log:
            write(log, journal, 2)
            clock.now_us += step_us
            write(log, journal)
            look(log, journal)


@pytest.mark.parametrize("jump_us", JUMPS_US)
def test_a_jump_of_the_clock_leaves_one_history(tmp_path: Path, clock: Clock, jump_us: int) -> None:
    """Forward or back, by a microsecond or ten years, beside a running log and between starts."""
    journal = make(tmp_path / "ledger")

    jump_and_write(tmp_path / "ledger", journal, clock, jump_us)

    times = times_of(tmp_path / "ledger")
    assert times == sorted(times)
    assert journal.forks == []
    assert fsck(tmp_path / "ledger", quiet).problems == []


def test_a_clock_that_jumps_at_random_leaves_one_history(tmp_path: Path, clock: Clock) -> None:
    """Many jumps of every size, one after the other, with starts between them."""
    journal, chance = make(tmp_path / "ledger"), random.Random(SEED)

    for _ in range(10):
        with running(tmp_path / "ledger") as log:
            for _ in range(10):
                # Ten years ahead at most: the next test has what is beyond.
                jump_us = chance.choice(JUMPS_US)
                clock.now_us = max(1, min(clock.now_us + jump_us, now_us() + 10 * YEAR_US))
                write(log, journal, chance.randrange(1, 4))

    times = times_of(tmp_path / "ledger")
    assert times == sorted(times), f"seed {SEED}"
    with running(tmp_path / "ledger") as log:
        assert look(log, journal) == len(times)
    assert journal.forks == [], f"seed {SEED}"


@pytest.mark.parametrize("ahead_us", [1, YEAR_US])
def test_a_clock_beyond_the_last_year_signs_nothing(
    tmp_path: Path, clock: Clock, ahead_us: int
) -> None:
    """Beyond the year 9999 the log stops; set right and started again, it goes on as if nothing had been."""
    journal = make(tmp_path / "ledger")
    with running(tmp_path / "ledger") as log:
        present_us, clock.now_us = clock.now_us, TIME_US_MAX + ahead_us
        with pytest.raises(OutcomeUnknown, match="9999"):
            write(log, journal)

    clock.now_us = present_us
    with running(tmp_path / "ledger") as log:
        write(log, journal)
        assert look(log, journal) == 2
    assert journal.forks == []


def test_without_the_time_rule_a_step_back_is_seen(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: a log that takes the clock as it comes has decreasing times, and fsck names the entry."""
    journal = make(tmp_path / "ledger")
    # The rule is one `max` of the clock and the time before it.
    monkeypatch.setattr("counterfoil.log.append.max", lambda now, _: now, raising=False)

    jump_and_write(tmp_path / "ledger", journal, clock, -YEAR_US)

    times = times_of(tmp_path / "ledger")
    assert times != sorted(times)
    assert {fault.what for fault in fsck(tmp_path / "ledger", quiet).problems} >= {"leaf"}


@pytest.fixture
def stepped(tmp_path: Path) -> Iterator[tuple[LedgerProcess, Path]]:
    """A served ledger, and the file that says how far its clock is off, in microseconds."""
    (tmp_path / "patch").mkdir()
    (tmp_path / "patch" / "sitecustomize.py").write_text(_PATCH)
    offset = tmp_path / "offset"
    set_offset(offset, 0)
    ledger = LedgerProcess(tmp_path / "ledger")
    path = os.pathsep.join([str(tmp_path / "patch"), os.environ.get("PYTHONPATH", "")])
    ledger.start(env={"PYTHONPATH": path, "COUNTERFOIL_TEST_CLOCK": str(offset)})
    try:
        yield ledger, offset
    finally:
        ledger.close()


def set_offset(path: Path, offset_us: int) -> None:
    """Replace the offset in one write of a fixed width."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(b"%+031d\n" % offset_us)


def test_a_clock_that_steps_under_load_loses_and_repeats_nothing(
    stepped: tuple[LedgerProcess, Path],
) -> None:
    """A real server whose clock is set back and forth while clients write: all acknowledged, once, in one history."""
    ledger, offset = stepped
    sent, history, chance = Sent(), Journal(ledger.vkey), random.Random(SEED)
    with Load(ledger, sent, clients=2, size=5), connected(ledger) as edge:
        offset_us = 0
        for step in range(40):
            # Mostly backwards, in small steps; now and then by minutes, within the window of event times.
            back_us = chance.choice((1, 1000, SECOND_US, 10 * SECOND_US))
            offset_us += chance.choice((-back_us, -back_us, 30 * SECOND_US, -30 * SECOND_US))
            offset_us = max(-200 * SECOND_US, min(offset_us, 200 * SECOND_US))
            set_offset(offset, offset_us)
            sent.wait_for(2 * step + 2)
            history.saw(edge.checkpoint())
        assert ledger.stop() == 0
    for _, answer in sent.answered:
        for receipt in answer.receipts:
            history.saw(parse_batch_receipt(receipt).checkpoint)
    ledger.start()
    with connected(ledger) as edge:
        expect_sound(edge, sent)
        times = [parse_leaf(entry.leaf).time_us for entry in edge.entries()]
    assert ledger.stop() == 0
    assert times == sorted(times), f"seed {SEED}"
    with running(ledger.directory) as log:
        look(log, history)
    assert history.forks == [], f"seed {SEED}"
    assert len(history.roots) > 10
    expect_fsck_sound(ledger)
