"""Many writers of one object, on two processes: one wins each round, and every other is told who."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import grpc
import pytest

from ..support.ledger_process import LedgerProcess, serving
from .edge import connected, fault_of
from .load import expect_fsck_sound
from .registry import RegistryEdge, creator

# The kernel spreads connections over the processes.
CALLERS = 16
ROUNDS = 4


@pytest.fixture(scope="module")
def shared_ledger(registry_ledger: LedgerProcess) -> LedgerProcess:
    """What is registered here puts verdicts behind what others send: they share another ledger."""
    return registry_ledger


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerProcess]:
    """A fresh ledger with two workers."""
    with serving(tmp_path_factory.mktemp("race") / "ledger", "--workers", "2") as process:
        yield process


def test_one_of_many_updates_wins_each_round(pair: LedgerProcess) -> None:
    """All callers update the same version at once: one is logged, all others get the winner's etag; none is lost."""
    with ExitStack() as stack, ThreadPoolExecutor(CALLERS) as pool:
        callers = [RegistryEdge(stack.enter_context(connected(pair))) for _ in range(CALLERS)]
        etag = callers[0].etag(creator("ada"))
        for round_ in range(ROUNDS):
            bodies = [
                creator("ada", display_name=f"{round_}-{at}", replaces=etag)
                for at in range(CALLERS)
            ]
            found = list(pool.map(_try, callers, bodies))
            won = [answer for answer in found if isinstance(answer, str)]
            lost = [answer for answer in found if not isinstance(answer, str)]
            assert len(won) == 1, found
            assert {(fault.code, fault.metadata["etag"]) for fault in lost} == {
                (grpc.StatusCode.ABORTED, won[0])
            }
            (etag,) = won
        history = callers[0].call("ListVersions", kind=5, object_id="ada").versions
        assert len(history) == ROUNDS + 1
        for before, after in pairwise(history):
            assert after.creator.replaces == before.version.etag
    pair.stop()
    expect_fsck_sound(pair)


def test_one_of_many_first_versions_wins(pair: LedgerProcess) -> None:
    """All callers register one id at once: one is logged, all others are told that it exists."""
    with ExitStack() as stack, ThreadPoolExecutor(CALLERS) as pool:
        callers = [RegistryEdge(stack.enter_context(connected(pair))) for _ in range(CALLERS)]
        bodies = [creator("ada", display_name=str(at)) for at in range(CALLERS)]
        found = list(pool.map(lambda who, body: _try(who, body, "create"), callers, bodies))
    won = [answer for answer in found if isinstance(answer, str)]
    assert len(won) == 1
    assert {answer.reason for answer in found if not isinstance(answer, str)} == {"EXISTS"}


def _try(caller: RegistryEdge, body: Any, verb: str = "update") -> Any:
    """The etag of what was written, or what refused it."""
    try:
        return str(getattr(caller, verb)(body).recorded.version.etag)
    except grpc.RpcError as error:
        return fault_of(error)
