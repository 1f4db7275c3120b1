"""The faults of the memory store: what a caller sees, and what a restart finds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from counterfoil.errors import OutcomeUnknown, StoreFull
from counterfoil.store import MemoryStore, Store, Transaction


class Failure(Exception):
    """What a fault raises."""


def failing_at(point: str, error: BaseException | None = None) -> Callable[[str], None]:
    """A fault that raises whenever a transaction comes to ``point``."""

    def fault(reached: str) -> None:
        if reached == point:
            raise error or Failure(point)

    return fault


def last_of(faults: list[Callable[[str], None]], reached: str) -> None:
    """The fault that was added last, so that a test can change it."""
    faults[-1](reached)


def put(key: bytes) -> Callable[[Transaction], None]:
    """A transaction that sets ``key``."""
    return lambda transaction: transaction.put("a", key, b"v")


def keys(store: Store) -> list[bytes]:
    """What a store holds."""
    with store.snapshot() as snapshot:
        return [key for key, _ in snapshot.scan("a")]


@pytest.mark.parametrize(
    ("point", "found"), [("before-commit", []), ("after-commit", [b"k"])], ids=["lost", "stored"]
)
def test_failed_commits_are_unknown_until_restart(point: str, found: list[bytes]) -> None:
    """A lost commit and a stored one look the same to the caller, and only a restart tells them apart."""
    store = MemoryStore(["a"], failing_at(point))

    with pytest.raises(OutcomeUnknown) as caught:
        store.transact(put(b"k"))

    assert isinstance(caught.value.__cause__, Failure)
    assert keys(store.reopen()) == found


@pytest.mark.parametrize("point", ["before-commit", "after-commit"])
def test_nothing_is_written_after_an_unknown_outcome(point: str) -> None:
    """After OutcomeUnknown every transaction is refused unrun, while reads go on; a restart writes again."""
    faults = [failing_at(point)]
    store = MemoryStore(["a"], partial(last_of, faults))
    with pytest.raises(OutcomeUnknown):
        store.transact(put(b"k"))
    faults.append(failing_at("never"))
    ran: list[Transaction] = []

    with pytest.raises(OutcomeUnknown):
        store.transact(ran.append)

    assert ran == []
    assert keys(store) in ([], [b"k"])
    restarted = store.reopen()
    restarted.transact(put(b"next"))
    assert keys(restarted)[-1] == b"next"


@pytest.mark.parametrize("point", ["begin", "put"])
def test_failures_before_the_commit_abort(point: str) -> None:
    """What fails before the commit is raised as it is, stores nothing, and the store stays usable."""
    faults = [failing_at(point)]
    store = MemoryStore(["a"], partial(last_of, faults))

    with pytest.raises(Failure):
        store.transact(put(b"k"))

    assert keys(store) == []
    faults.append(failing_at("never"))
    store.transact(put(b"next"))
    assert keys(store) == [b"next"]


def test_interrupts_during_the_commit_are_passed_on() -> None:
    """An interrupt at the commit stays an interrupt, and the outcome is unknown from then on."""
    store = MemoryStore(["a"], failing_at("after-commit", KeyboardInterrupt()))

    with pytest.raises(KeyboardInterrupt):
        store.transact(put(b"k"))
    with pytest.raises(OutcomeUnknown):
        store.transact(put(b"next"))


def test_points_are_reached_in_order() -> None:
    """A fault is asked at the beginning, at each put, and on both sides of the commit."""
    reached: list[str] = []
    store = MemoryStore(["a"], reached.append)

    store.transact(lambda transaction: (put(b"k")(transaction), put(b"l")(transaction)))

    assert reached == ["begin", "put", "put", "before-commit", "after-commit"]


def test_full_memory_refuses_the_whole_transaction() -> None:
    """A put beyond the capacity is StoreFull even if it is caught; reads go on, and deleting makes room."""
    store = MemoryStore(["a"], capacity_bytes=10)
    store.transact(lambda transaction: transaction.put("a", b"k", b"1234"))

    def overflow(transaction: Transaction) -> str:
        transaction.put("a", b"l", b"1")
        try:
            transaction.put("a", b"m", b"1234")
        except StoreFull:
            return "caught"
        return "stored"

    with pytest.raises(StoreFull):
        store.transact(overflow)

    assert (keys(store), store.room()) == ([b"k"], 5)
    store.transact(lambda transaction: transaction.delete("a", b"k"))
    assert store.transact(overflow) == "stored"
    assert store.room() == 3
