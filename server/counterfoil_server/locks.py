"""One server for one ledger: locks on its directory, its store and its anchor.

A directory that was copied shares store or anchor with the original when the settings name them by absolute paths. So
each of the three is locked for itself.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from counterfoil.errors import StartupError

# struct flock of fcntl.h on 64 bits: type, whence, start, length (0: to the end), process (0 for these locks).
_FLOCK: Final = struct.Struct("hh4xqqi4x")


@contextmanager
def hold_locks(directory: Path, store: Path, anchor: Path) -> Iterator[tuple[int, ...]]:
    """Be the one server of a ledger. Gives descriptors: who inherits them holds the locks too.

    Store and anchor are left out while they are missing, which opening the log will tell.

    Raises:
        StartupError: another one runs on the directory, the store or the anchor.
    """
    with ExitStack() as stack:
        handles = [_open(stack, directory / "lock", os.O_RDWR | os.O_CREAT)]
        _lock(handles[0], directory)
        if store.is_dir():
            handles.append(_open(stack, store, os.O_RDONLY | os.O_DIRECTORY))
            _lock(handles[-1], store)
        if anchor.is_file():
            handles.append(_open(stack, anchor, os.O_RDWR))
            _lock_whole(handles[-1], anchor)
        yield tuple(handles)


def _open(stack: ExitStack, path: Path, flags: int) -> int:
    try:
        handle = os.open(path, flags | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StartupError(f"{path} cannot be opened ({error.strerror})") from error
    stack.callback(os.close, handle)
    return handle


def _lock(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _taken(path) from error


def _lock_whole(handle: int, path: Path) -> None:
    """Lock the anchor: by a lock of the other kind, since each advance takes and gives back the kind above."""
    request = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        fcntl.fcntl(handle, fcntl.F_OFD_SETLK, request)
    except BlockingIOError as error:
        raise _taken(path) from error


def _taken(path: Path) -> StartupError:
    return StartupError(
        f"another server runs on {path}; stop it first, or use --workers for more processes"
    )
