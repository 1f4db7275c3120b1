"""kill -9 of whatever runs, under load: nothing acknowledged is lost, nothing is there twice, every receipt is good.

Here is the short form; ``make torture-quick`` runs 300 cycles and ``make torture`` 5,000 (torture.py).
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from .cycles import Arena
from .spawning import Spawner
from .steps import STEPS

SEED = 20260816
CYCLES = 60
CREW_CYCLES = 2
# Cycles until a broken server must have been found out.
CONTROL_CYCLES = 25


def test_kills_under_load_lose_nothing_and_double_nothing(spawner: Spawner, tmp_path: Path) -> None:
    """After each kill of server, client or spool, at random and at each step of a commit, the journals hold and fsck is sound."""
    arena = Arena(spawner, tmp_path, random.Random(SEED))
    arena.begin()
    for cycle in range(CYCLES):
        arena.cycle()
        assert arena.judge.clean, f"seed {SEED}, cycle {cycle}: {arena.judge.faults}"
    for cycle in range(CREW_CYCLES):
        arena.crew_cycle()
        assert arena.judge.clean, f"seed {SEED}, cycle {cycle} of workers: {arena.judge.faults}"
    report = arena.finish()
    assert report.sound, f"seed {SEED}"
    assert arena.judge.clean, f"seed {SEED}: {arena.judge.faults}"
    # Kills came where they were meant to come, and something was at stake.
    assert arena.tally.unreached == 0
    assert len(arena.tally.steps) > len(STEPS) // 2
    assert arena.judge.resent > 0
    assert arena.tally.acknowledged > 100 * CYCLES


@pytest.mark.parametrize(
    ("sabotage", "count"),
    [
        ("answer_before_commit", "lost"),
        ("forget_duplicates", "duplicates"),
        ("answer_with_bad_receipts", "invalid"),
    ],
)
def test_a_broken_server_is_found_out(
    spawner: Spawner, tmp_path: Path, sabotage: str, count: str
) -> None:
    """The negative controls: a server that answers too early, that forgets, or that is wrong, is caught within a few kills."""
    arena = Arena(spawner, tmp_path, random.Random(SEED), sabotage=sabotage)
    arena.begin()
    for _ in range(CONTROL_CYCLES):
        arena.cycle()
        if getattr(arena.judge, count):
            break
    arena.abandon()
    assert getattr(arena.judge, count) > 0, f"seed {SEED}: {arena.judge}"
