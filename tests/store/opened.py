"""Stores for the tests: opened empty in a place of their own, and opened again with what they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from counterfoil.store import STORES, MemoryStore, Store, open_store

SPACES = ("leaves", "index")
SCHEMES = tuple(scheme for scheme, _ in STORES)


@dataclass
class Opened:
    """A store under test, and how a restart of the process would find it again."""

    store: Store
    again: Callable[[Store], Store]

    def reopen(self) -> None:
        """Close the store and open what it left."""
        self.store.close()
        self.store = self.again(self.store)


@contextmanager
def opened(scheme: str) -> Iterator[Opened]:
    """Open an empty store of a scheme of STORES."""
    with TemporaryDirectory(prefix="store-") as directory:
        rest = "" if scheme == "memory:" else str(Path(directory) / "store")

        def again(store: Store) -> Store:
            if isinstance(store, MemoryStore):
                return store.reopen()
            return open_store(scheme + rest, SPACES)

        subject = Opened(open_store(scheme + rest, SPACES, create=True), again)
        try:
            yield subject
        finally:
            subject.store.close()
