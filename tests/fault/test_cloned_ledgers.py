"""A ledger that was cloned, and both started; two servers on one store: one history, whoever writes first."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from counterfoil.errors import OutcomeUnknown, StartupError
from counterfoil.log import Anchor, Log
from counterfoil_server.directory import load

from ..server.edge import connected, event
from ..server.settings import set_setting
from ..support.ledger_process import run_cli, serving
from .history import Journal
from .small_ledger import grow, look, make, running, write

Broken = Callable[[pytest.MonkeyPatch], None]


@contextmanager
def unlocked(*_: object) -> Iterator[tuple[int, ...]]:
    """No lock is taken."""
    yield ()


def no_locks(patch: pytest.MonkeyPatch) -> None:
    """Any number of servers may run, as on two machines that share a disk with the anchor."""
    patch.setattr("counterfoil_server.directory.hold_locks", unlocked)


def no_place(patch: pytest.MonkeyPatch) -> None:
    """A copy of an anchor passes for the anchor."""
    patch.setattr(Anchor, "is_in_place", lambda _: True)


def no_look_inside(patch: pytest.MonkeyPatch) -> None:
    """The anchor is not looked at inside the transaction."""
    patch.setattr(Anchor, "newest_size", lambda _: -1)


def no_look_behind(patch: pytest.MonkeyPatch) -> None:
    """What overtook us in the anchor is not looked at."""
    patch.setattr(Log, "_check_overtaken", lambda *_: None)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A place for an anchor outside the directory."""
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere" / "anchor"


def clone(directory: Path, name: str = "clone") -> Path:
    """A copy of a directory, with all that lies in it."""
    return Path(shutil.copytree(directory, directory.with_name(name)))


def write_to_both(first: Path, second: Path, journal: Journal) -> None:
    """Run two ledgers at the same time and write to one after the other."""
    with ExitStack() as stack:
        logs = [stack.enter_context(running(path)) for path in (first, second)]
        for log in logs:
            write(log, journal)


def write_in_turn(first: Path, second: Path, journal: Journal) -> None:
    """Run two ledgers one after the other, and write to each."""
    for directory in (first, second):
        grow(directory, journal, 1)


@pytest.mark.parametrize("use", [write_to_both, write_in_turn])
def test_a_clone_with_its_own_anchor_does_not_start(
    tmp_path: Path, use: Callable[[Path, Path, Journal], None]
) -> None:
    """A copied directory has a copied anchor, and is refused while the original goes on."""
    journal = make(tmp_path / "ledger")

    with pytest.raises(StartupError, match="is a copy"):
        use(tmp_path / "ledger", clone(tmp_path / "ledger"), journal)

    with running(tmp_path / "ledger") as log:
        look(log, journal)
    assert journal.forks == []


def test_a_clone_that_shares_the_anchor_does_not_run_beside_the_original(
    tmp_path: Path, elsewhere: Path
) -> None:
    """With the anchor on another disk original and clone name the same file, which is locked by who came first."""
    journal = make(tmp_path / "ledger", elsewhere)

    with pytest.raises(StartupError, match=r"another server runs on .*anchor"):
        write_to_both(tmp_path / "ledger", clone(tmp_path / "ledger"), journal)
    assert journal.forks == []


@pytest.mark.parametrize("first", ["ledger", "clone"])
def test_a_clone_that_shares_the_anchor_does_not_start_after_the_other(
    tmp_path: Path, elsewhere: Path, first: str
) -> None:
    """Whichever of the two writes first goes on; the other one is an old copy from then on."""
    journal = make(tmp_path / "ledger", elsewhere)
    clone(tmp_path / "ledger")
    second = {"ledger": "clone", "clone": "ledger"}[first]

    with pytest.raises(StartupError, match="this is an old copy"):
        write_in_turn(tmp_path / first, tmp_path / second, journal)

    grow(tmp_path / first, journal, 3)
    with running(tmp_path / first) as log:
        look(log, journal)
    assert journal.forks == []


def test_where_locks_do_not_reach_the_anchor_stops_the_second_before_it_signs(
    tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started together, the one that writes second finds the anchor ahead, signs nothing and appends no more."""
    no_locks(monkeypatch)
    journal = make(tmp_path / "ledger", elsewhere)
    clone(tmp_path / "ledger")

    with running(tmp_path / "ledger") as ours, running(tmp_path / "clone") as theirs:
        write(ours, journal)
        for _ in range(2):
            with pytest.raises(OutcomeUnknown):
                write(theirs, journal)
        assert look(theirs, Journal(journal.vkey)) == 1
        write(ours, journal)
        look(ours, journal)
    assert journal.forks == []


def test_two_that_sign_at_the_same_moment_are_told_before_the_second_answers(
    tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When both looked before either advanced the anchor, the one that finds the other's tree there answers nobody."""
    no_locks(monkeypatch)
    no_look_inside(monkeypatch)
    journal = make(tmp_path / "ledger", elsewhere)
    clone(tmp_path / "ledger")

    with pytest.raises(OutcomeUnknown, match="another tree"):
        write_to_both(tmp_path / "ledger", tmp_path / "clone", journal)
    assert journal.forks == []


@pytest.mark.parametrize(
    ("broken", "apart"),
    [((no_place,), True), ((no_locks, no_look_inside, no_look_behind), False)],
    ids=["copied anchor", "shared anchor"],
)
def test_without_the_guards_two_histories_are_seen(
    tmp_path: Path,
    elsewhere: Path,
    monkeypatch: pytest.MonkeyPatch,
    broken: tuple[Broken, ...],
    apart: bool,
) -> None:
    """Negative control: with the guards taken away both write, and the journal sees two trees of one size."""
    for each in broken:
        each(monkeypatch)
    journal = make(tmp_path / "ledger", None if apart else elsewhere)
    clone(tmp_path / "ledger")

    write_to_both(tmp_path / "ledger", tmp_path / "clone", journal)

    assert journal.forks == ["two trees of size 2 were signed"]


@pytest.fixture
def twins(tmp_path: Path) -> tuple[Path, Path, Journal]:
    """Two directories with settings, key and anchor of their own for one store."""
    first, second = tmp_path / "first", tmp_path / "second"
    journal = make(first)
    clone(first, "second")
    shutil.rmtree(second / "store")
    set_setting(second, "store", f'"{first / "store"}"')
    return first, second, journal


def test_two_servers_on_one_store_do_not_run_together(
    twins: tuple[Path, Path, Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store itself is locked, whatever directory it is named by."""
    no_place(monkeypatch)
    first, second, journal = twins

    with pytest.raises(StartupError, match=r"another server runs on .*store"):
        write_to_both(first, second, journal)
    assert journal.forks == []


def test_two_writers_that_reach_one_store_all_the_same_sign_one_history(
    twins: tuple[Path, Path, Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the workers of one server do, each finds the other's commits in its own transaction."""
    no_place(monkeypatch)
    first, second, journal = twins

    for _ in range(3):
        write_in_turn(first, second, journal)

    with running(first) as log:
        assert look(log, journal) == 7
    assert journal.forks == []


def test_the_server_refuses_a_cloned_directory(tmp_path: Path) -> None:
    """`counterfoil serve` on a copy of a served directory ends with one line, and the original serves on."""
    with serving(tmp_path / "ledger") as ledger:
        with connected(ledger) as edge:
            edge.append([event()])
        clone(ledger.directory)
        done = run_cli("serve", tmp_path / "clone", "--grpc", "127.0.0.1:0")
        with connected(ledger) as edge:
            edge.append([event()])
            assert edge.size() == 3

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "is a copy" in done.stderr


@pytest.mark.parametrize("shared", ["anchor", "store"])
def test_the_server_holds_its_anchor_and_its_store(tmp_path: Path, shared: str) -> None:
    """With workers too, a second directory that names the anchor or the store of a served one is refused."""
    with serving(tmp_path / "ledger", "--workers", "2") as ledger:
        clone(ledger.directory)
        place = load(ledger.directory).path(shared)
        set_setting(tmp_path / "clone", shared, f'"{place}"')
        done = run_cli("serve", tmp_path / "clone", "--grpc", "127.0.0.1:0")

    assert done.returncode == 2
    assert f"another server runs on {place}" in done.stderr
