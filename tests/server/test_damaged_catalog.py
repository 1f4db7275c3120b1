"""A chunk of the catalog that has rotted: merges leave it alone, and the server goes on for whoever does not need it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest
from structlog.testing import capture_logs

from counterfoil.log import SPACES
from counterfoil.log import runs as catalog
from counterfoil.log.layout import RUN, index_key
from counterfoil.log.runs import add_entries, read_runs
from counterfoil.store import MemoryStore, Store, Transaction
from counterfoil_server import compaction
from counterfoil_server.compaction import Compaction


@pytest.fixture
def due(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A catalog of four runs that are to be merged beside the commits."""
    monkeypatch.setattr(catalog, "INLINE_COUNT_MAX", 15)
    monkeypatch.setattr(compaction, "_LOOK_EVERY_S", 0.0)
    store = MemoryStore(SPACES)
    for number in range(4):
        indexes = np.arange(10 * number, 10 * number + 10, dtype=np.uint64)

        def add(transaction: Transaction, indexes: np.ndarray = indexes) -> None:
            add_entries(transaction, indexes, indexes)

        store.transact(add)
    yield store
    store.close()


def merged(store: Store) -> tuple[list[BaseException], list[str], int]:
    """Have the thread merge until it ends or nothing is due: failures, what it logged, and how many runs there are."""
    failures: list[BaseException] = []
    loop = asyncio.new_event_loop()
    with capture_logs() as logs:
        running = Compaction(store, failures.append, loop)
        count = 4
        while running._thread.is_alive() and count > 1:
            with store.snapshot() as snapshot:
                count = len(read_runs(snapshot).runs)
        running.stop()
        loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    return failures, [line["event"] for line in logs], count


def test_rot_is_not_merged_and_ends_nothing(due: Store) -> None:
    """The merge stops with an alarm; the runs stay as they are, and nobody is told to end the server."""
    due.transact(lambda transaction: transaction.put(RUN, index_key(2, 0), bytes(160)))

    assert merged(due) == ([], ["a chunk of the catalog is damaged; run counterfoil fsck"], 4)


def test_what_is_sound_is_merged(due: Store) -> None:
    """The positive control: without the damage the same runs become one, in silence."""
    assert merged(due) == ([], [], 1)


def test_any_other_failure_ends_the_server(due: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: what is not known to be damage of a chunk is told to who ends the server."""

    def fail(_: Store) -> bool:
        raise RuntimeError("two compactions")

    monkeypatch.setattr(compaction, "compact", fail)
    failures, _, count = merged(due)

    assert [str(error) for error in failures] == ["two compactions"]
    assert count == 4
