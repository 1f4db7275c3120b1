"""A ledger that lost its anchor or its store, and what an operator may decide then."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from counterfoil.errors import StartupError
from counterfoil.keys import Signer
from counterfoil.log import Anchor
from counterfoil.note import sign_checkpoint
from counterfoil_server.decide import renew_anchor
from counterfoil_server.directory import create

from ..cli.claims import one_line
from ..support.ledger_process import run_cli, run_json
from .history import Journal
from .small_ledger import ORIGIN, grow, look, make, put_back, running, write

OTHER_KEY = Signer.from_seed(ORIGIN, b"o" * 32)
Harm = Callable[[Path], None]


@pytest.fixture
def ledger(tmp_path: Path) -> tuple[Path, Journal]:
    """A ledger of four entries, and what a client saw of it."""
    journal = make(tmp_path / "ledger")
    grow(tmp_path / "ledger", journal, 3)
    return tmp_path / "ledger", journal


def remove(directory: Path) -> None:
    """The anchor is gone."""
    (directory / "anchor").unlink()


def empty(directory: Path) -> None:
    """The anchor lost its content."""
    (directory / "anchor").write_bytes(bytes(2112))


def shorten(directory: Path) -> None:
    """The anchor's file was cut to nothing."""
    (directory / "anchor").write_bytes(b"")


def copy(directory: Path) -> None:
    """The anchor is a copy of what it was."""
    shutil.copy2(directory / "anchor", directory / "anchor.copy")
    (directory / "anchor.copy").replace(directory / "anchor")


def take_away_its_place(directory: Path) -> None:
    """The anchor does not say which file it is."""
    (directory / "anchor").write_bytes((directory / "anchor").read_bytes()[:2048])


def of_another_key(directory: Path) -> None:
    """The anchor is that of a log of this name with another key."""
    remove(directory)
    anchor = Anchor.create(directory / "anchor", OTHER_KEY.verifier)
    anchor.advance(sign_checkpoint(ORIGIN, 4, b"r" * 32, OTHER_KEY), 4)
    anchor.take_place()
    anchor.close()


def of_another_log(directory: Path) -> None:
    """The anchor is that of another ledger."""
    other = create(directory.with_name("other"), "other.example/ledger", "sandbox")
    remove(directory)
    other.path("anchor").rename(directory / "anchor")


HARMS = (remove, empty, shorten, copy, take_away_its_place, of_another_key, of_another_log)


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_without_the_right_anchor_nothing_starts(ledger: tuple[Path, Journal], harm: Harm) -> None:
    """A missing, empty, copied or foreign anchor is refused, and nothing is signed."""
    directory, journal = ledger
    harm(directory)

    with pytest.raises(StartupError, match="anchor"), running(directory):
        pytest.fail("it started")
    assert journal.forks == []


@pytest.mark.parametrize("harm", [remove, copy, take_away_its_place])
def test_the_right_decision_lets_the_log_go_on(ledger: tuple[Path, Journal], harm: Harm) -> None:
    """With the newest store and its size named, the log continues the one history."""
    directory, journal = ledger
    harm(directory)

    renew_anchor(directory, 4)

    with running(directory) as log:
        write(log, journal)
        look(log, journal)
    assert journal.forks == []


@pytest.mark.parametrize("size", [1, 3, 5, 1 << 40])
@pytest.mark.parametrize("harm", [remove, copy])
def test_a_decision_for_another_size_changes_nothing(
    ledger: tuple[Path, Journal], harm: Harm, size: int
) -> None:
    """A size that is not the store's is refused with the store's own, and the log still does not start."""
    directory, _ = ledger
    harm(directory)

    with pytest.raises(StartupError, match=f"4 entries, and not {size}"):
        renew_anchor(directory, size)
    with pytest.raises(StartupError, match="anchor"), running(directory):
        pytest.fail("it started")


@pytest.mark.parametrize("harm", [empty, shorten, of_another_key, of_another_log])
def test_a_decision_does_not_overwrite_what_is_no_copy(
    ledger: tuple[Path, Journal], harm: Harm
) -> None:
    """A file that is not this log's anchor has to be moved away by hand first."""
    directory, _ = ledger
    harm(directory)
    before = (directory / "anchor").read_bytes()

    with pytest.raises(StartupError, match=r"anchor|empty file"):
        renew_anchor(directory, 4)
    assert (directory / "anchor").read_bytes() == before


def test_there_is_nothing_to_decide_when_the_anchor_is_there(
    ledger: tuple[Path, Journal],
) -> None:
    """An anchor in its place is not replaced, whatever size is named."""
    directory, _ = ledger

    with pytest.raises(StartupError, match="in its place"):
        renew_anchor(directory, 4)


def test_nobody_decides_beside_a_running_server(ledger: tuple[Path, Journal]) -> None:
    """While the log is open for writing its anchor is not renewed."""
    directory, _ = ledger

    with running(directory), pytest.raises(StartupError, match="another server"):
        renew_anchor(directory, 4)


def test_a_copied_anchor_that_knows_better_overrules_the_decision(
    ledger: tuple[Path, Journal], tmp_path: Path
) -> None:
    """An old store beside a copy of a newer anchor does not go on, though its own size is named."""
    directory, journal = ledger
    shutil.copytree(directory / "store", tmp_path / "old")
    grow(directory, journal, 2)
    put_back(directory, tmp_path / "old")
    copy(directory)

    with pytest.raises(StartupError, match="6 have been signed"):
        renew_anchor(directory, 4)


def test_a_wrong_decision_is_seen_by_who_remembers(
    ledger: tuple[Path, Journal], tmp_path: Path
) -> None:
    """Negative control: an old copy that a person declares to be the newest signs a second history, and it is seen."""
    directory, journal = ledger
    shutil.copytree(directory / "store", tmp_path / "old")
    grow(directory, journal, 2)
    put_back(directory, tmp_path / "old")
    remove(directory)
    renew_anchor(directory, 4)

    grow(directory, journal, 1)

    assert journal.forks == ["two trees of size 5 were signed"]


def test_a_deleted_store_is_not_begun_anew(ledger: tuple[Path, Journal]) -> None:
    """Without its store a ledger neither starts nor is made again in its place."""
    directory, _ = ledger
    shutil.rmtree(directory / "store")

    with pytest.raises(StartupError, match="there is no store"), running(directory):
        pytest.fail("it started")
    with pytest.raises(StartupError, match="not empty"):
        create(directory, ORIGIN)
    assert not (directory / "store").exists()


def test_an_empty_store_in_its_place_is_refused(
    ledger: tuple[Path, Journal], tmp_path: Path
) -> None:
    """The store of a fresh ledger under the old key and anchor is told from the one that is gone."""
    directory, _ = ledger
    make(tmp_path / "fresh")
    put_back(directory, tmp_path / "fresh" / "store")

    with pytest.raises(StartupError, match="key"), running(directory):
        pytest.fail("it started")


def test_the_command_asks_for_the_size(ledger: tuple[Path, Journal]) -> None:
    """`counterfoil fsck --new-anchor` without the right size changes nothing; with it the log starts."""
    directory, journal = ledger
    remove(directory)

    assert "4 entries, and not 3" in one_line(run_cli("fsck", directory, "--new-anchor", "3"))
    assert not (directory / "anchor").exists()
    assert run_json("fsck", directory, "--new-anchor", "4")["ok"]
    grow(directory, journal, 1)
    assert journal.forks == []
