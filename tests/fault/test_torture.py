"""The long form of the kill test counts on where a stopped run left off."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from .torture import Sums


def test_sums_come_back_as_they_were_kept(tmp_path: Path) -> None:
    """A run goes on from all that the one before it counted."""
    sums = Sums(cycles=250, kills=Counter(server=9), ready_s=[0.25, 0.5], under_load=7, up_s=2.5)
    sums.counts["acknowledged"] = 700

    sums.write(tmp_path / "sums.json")

    assert Sums.read(tmp_path / "sums.json") == sums


def test_a_fault_is_kept(tmp_path: Path) -> None:
    """What was wrong before the stop is still wrong after it."""
    Sums(faults=["lost"]).write(tmp_path / "sums.json")

    assert Sums.read(tmp_path / "sums.json").faults == ["lost"]


def test_a_first_run_begins_with_nothing(tmp_path: Path) -> None:
    """Without a file, and without a name of one, nothing has been counted."""
    assert Sums.read(tmp_path / "sums.json") == Sums.read(None) == Sums()
