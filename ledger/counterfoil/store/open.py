"""Opening a store by its URL: the one list of the stores that exist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from counterfoil.errors import StartupError
from counterfoil.store.interface import Store
from counterfoil.store.lmdb import LmdbStore
from counterfoil.store.memory import MemoryStore


class Opener(Protocol):
    """Opens the store at ``rest``, which is what follows the scheme of its URL."""

    def __call__(self, rest: str, spaces: Sequence[str], *, create: bool, read_only: bool) -> Store:
        """Return the open store."""


def _open_memory(rest: str, spaces: Sequence[str], *, create: bool, read_only: bool) -> Store:
    del create
    if rest or read_only:
        raise StartupError("a store in memory has no path and cannot be read only; use `memory:`")
    return MemoryStore(spaces)


def _open_lmdb(rest: str, spaces: Sequence[str], *, create: bool, read_only: bool) -> Store:
    if not rest:
        raise StartupError("an LMDB store needs a directory; use `lmdb:/path/to/directory`")
    return LmdbStore(rest, spaces, create=create, read_only=read_only)


STORES: Final[tuple[tuple[str, Opener], ...]] = (
    ("memory:", _open_memory),
    ("lmdb:", _open_lmdb),
)


def open_store(
    url: str, spaces: Sequence[str], *, create: bool = False, read_only: bool = False
) -> Store:
    """Open the store at ``url``, such as "lmdb:/var/lib/counterfoil/store".

    Raises:
        StartupError: No such kind of store, or it cannot be opened.
        IntegrityError: What is there is damaged.
    """
    for scheme, opener in STORES:
        if url.startswith(scheme):
            return opener(url[len(scheme) :], spaces, create=create, read_only=read_only)
    known = ", ".join(scheme for scheme, _ in STORES)
    raise StartupError(f"no store is called {url!r}; use one of {known}")
