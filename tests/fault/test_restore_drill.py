"""The restore drill fails whenever a backup of the ledger could not be relied upon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from counterfoil.errors import CounterfoilError
from counterfoil.log.read import read_entry
from counterfoil_server.backup import drill
from counterfoil_server.backup.drill import run_drill
from counterfoil_server.backup.take import take_backup

from .small_ledger import grow, make, quiet


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A ledger of a few entries."""
    journal = make(tmp_path / "ledger")
    grow(tmp_path / "ledger", journal, 5, 3)
    return tmp_path / "ledger"


def test_a_drill_of_a_sound_ledger_succeeds(ledger: Path) -> None:
    """Every entry of a small log is compared, each step is timed, and the ledger is left as it was."""
    before = {path: path.read_bytes() for path in ledger.glob("[!l]*") if path.is_file()}

    report = run_drill(ledger, quiet)

    assert (report.ok, report.problems, report.entries_checked) == (True, [], 16)
    assert report.size_bytes > (ledger / "counterfoil.toml").stat().st_size
    assert {path: path.read_bytes() for path in before} == before
    assert [path.name for path in ledger.parent.iterdir()] == ["ledger"]


def test_a_drill_tells_a_backup_that_went_wrong(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: a bit that flips between backup and restore makes the drill fail, and nothing is left."""

    def spoiled(directory: Path, target: Path, **options: Any) -> Any:
        manifest = take_backup(directory, target, **options)
        data = bytearray((target / "store" / "data.mdb").read_bytes())
        data[len(data) // 2] ^= 1
        (target / "store" / "data.mdb").write_bytes(data)
        return manifest

    monkeypatch.setattr(drill, "take_backup", spoiled)

    report = run_drill(ledger, quiet)

    assert not report.ok
    assert "not what the manifest says" in report.problems[0]
    assert [path.name for path in ledger.parent.iterdir()] == ["ledger"]


def test_a_drill_tells_a_copy_that_starts(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: when a restored copy opens for writing without its anchor the drill fails."""
    monkeypatch.setattr(drill, "open_log", lambda _: Opened())

    report = run_drill(ledger, quiet)

    assert report.problems == ["the restored copy opened for writing, without an anchor"]


class Opened:
    """A log that opened."""

    def close(self) -> None:
        """Do nothing."""


def test_a_drill_tells_an_entry_that_differs(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: an entry that is not the original's, or whose receipt fails, is named."""
    seen: list[int] = []

    def off_by_one(snapshot: Any, index: int) -> Any:
        seen.append(index)
        return read_entry(snapshot, index if len(seen) % 2 else max(index - 1, 0))

    monkeypatch.setattr(drill, "read_entry", off_by_one)

    report = run_drill(ledger, quiet)

    assert len(report.problems) == report.entries_checked - 1
    assert "another one in the restored copy" in report.problems[0]


def test_a_drill_of_a_damaged_ledger_fails(ledger: Path) -> None:
    """A flipped bit in a record of the original is found in the copy of it."""
    data = (ledger / "store" / "data.mdb").read_bytes()
    assert b"event-" in data
    (ledger / "store" / "data.mdb").write_bytes(data.replace(b"event-", b"Event-"))

    report = run_drill(ledger, quiet)

    assert not report.ok
    assert "is damaged in the store" in report.problems[0]


def test_what_cannot_be_drilled_is_told(tmp_path: Path, ledger: Path) -> None:
    """A directory that is no ledger, and a scratch folder that is not there, are no failed drill but an error."""
    for directory, scratch in ((tmp_path / "none", None), (ledger, tmp_path / "none")):
        with pytest.raises(CounterfoilError, match="none"):
            run_drill(directory, quiet, scratch=scratch)
