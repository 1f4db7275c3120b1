"""Hostile clients: whatever they send, the server lives, its memory is bounded, and an honest client is answered well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from counterfoil.errors import VerificationError

from .abuse import GROWTH_MIB_MAX, Target
from .abuses import ABUSES
from .spawning import Spawner

LOW_FILES_MAX = 150

# How much of each, so that all of them together take some twenty seconds.
PIECES = {
    "idle_frames": 50,
    "continuation_flood": 30,
    "header_bomb": 60,
    "huge_metadata": 60,
    "deadlines": 30,
    "message_bombs": 2,
    "large_messages": 3,
    "unfinished_messages": 10,
    "slow_streams": 13,
    "idle_connections": 15,
    "unread_answers": 5,
    "garbage": 36,
}
SIZES = {"slow_streams": 1000, "idle_connections": 500, "unfinished_messages": 20}
# What no server can be made to bear by settings of gRPC: it stands in the long form's figures.
BEYOND = {"header_bomb_at_once"}


def options(name: str) -> list[str]:
    """What the quick form asks of an abuser."""
    return ["--pieces", str(PIECES.get(name, 40)), "--size", str(SIZES.get(name, 100))]


@pytest.fixture(scope="module")
def bare() -> Iterator[Spawner]:
    """A process that forks servers, without the shim."""
    with Spawner() as spawner:
        yield spawner


@pytest.fixture(scope="module")
def target(bare: Spawner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """One server for all abuses, one after the other."""
    target = Target(bare, tmp_path_factory.mktemp("abuse"))
    yield target
    target.close()


@pytest.mark.parametrize("name", [name for name in ABUSES if name not in BEYOND])
def test_the_server_bears_it(target: Target, name: str) -> None:
    """Honest calls beside the abuse and of a newcomer behind it are answered with good receipts, and memory is bounded."""
    outcome = target.abuse(name, *options(name))
    assert outcome.seen.total() > 0
    assert outcome.during_ms
    assert outcome.failures == []
    assert outcome.peak_mib - target.base_mib < GROWTH_MIB_MAX, outcome.seen
    if name == "message_bombs":
        assert outcome.seen["status 8"] == outcome.seen["sent"]


def test_behind_all_of_it_the_server_stops_well(target: Target) -> None:
    """It has not ended by itself, stops when it is asked to, and the store is sound."""
    assert not target.child.ended.is_set()
    assert target.stop()


def test_descriptors_that_run_out_end_nothing(bare: Spawner, tmp_path: Path) -> None:
    """With more connections than it may have descriptors it goes on for those who are in; later newcomers get in again."""
    target = Target(bare, tmp_path)
    target.process.rlimit(psutil.RLIMIT_NOFILE, (LOW_FILES_MAX, LOW_FILES_MAX))
    outcome = target.abuse("idle_connections", "--pieces", "20", "--size", "500")
    assert outcome.seen["open"] > LOW_FILES_MAX
    assert outcome.during_ms
    assert target.stop()


def test_a_server_without_the_bound_is_found_out(bare: Spawner, tmp_path: Path) -> None:
    """The negative control: without a limit of messages a compressed bomb exceeds the bound of memory."""
    target = Target(bare, tmp_path, sabotage="take_any_size")
    outcome = target.abuse("message_bombs", "--pieces", "1")
    target.close()
    assert outcome.peak_mib - target.base_mib > GROWTH_MIB_MAX


def test_a_server_that_answers_badly_is_found_out(bare: Spawner, tmp_path: Path) -> None:
    """The negative control: an honest client does not take an answer with a wrong receipt for a good one."""
    with pytest.raises(VerificationError):
        Target(bare, tmp_path, sabotage="answer_with_bad_receipts")
