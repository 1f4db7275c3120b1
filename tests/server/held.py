"""A disk that stands still for as long as a test wants, and calls in the order in which they end."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from counterfoil.log import SPACES
from counterfoil.store import LmdbStore, Transaction

from .edge import PATIENCE_S


@contextmanager
def writer_held(directory: Path) -> Iterator[threading.Event]:
    """Hold the store's write lock, as a slow disk would; set the event to give it up."""
    store = LmdbStore(directory / "store", SPACES)
    held, release = threading.Event(), threading.Event()

    def hold(_: Transaction) -> None:
        held.set()
        release.wait(PATIENCE_S)
        raise _GaveUp

    try:
        with ThreadPoolExecutor(1) as pool:
            holding = pool.submit(store.transact, hold)
            assert held.wait(PATIENCE_S)
            try:
                yield release
            finally:
                release.set()
            with pytest.raises(_GaveUp):
                holding.result()
    finally:
        store.close()


class _GaveUp(Exception):
    """Ends a transaction without a change."""


def as_done(calls: list[Any]) -> Iterator[Any]:
    """Calls in the order in which they end."""
    ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for call in calls:
        call.add_done_callback(ended.put)
    for _ in calls:
        yield ended.get(timeout=PATIENCE_S)
