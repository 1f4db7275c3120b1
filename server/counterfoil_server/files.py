"""Files and folders that are there as a whole and for good, or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from counterfoil.errors import StartupError

_PIECE_SIZE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file holds: its size in bytes and the SHA-256 of its content in hex."""

    size_bytes: int
    sha256: str


def write_durably(path: Path, data: bytes, mode: int) -> None:
    """Write a new file; on return it is on the disk, with its name. A crash before may leave a part of it."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def replace_durably(path: Path, data: bytes, mode: int) -> None:
    """Put a file in the place of what is there. After a crash it is the old one or the new one, whole."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    write_durably(fresh, data, mode)
    fresh.rename(path)
    sync_folder(path.parent)


def make_durably(folder: Path) -> None:
    """Make a folder and what is missing above it. Without the flushes a power cut could take all of it away."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in (*reversed(new), folder):
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path, mode: int) -> FileFacts:
    """Give a file that somebody else wrote its mode, make it durable, and read what it holds."""
    with path.open("rb") as file:
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
        digest, size_bytes = sha256(), 0
        while piece := file.read(_PIECE_SIZE_BYTES):
            digest.update(piece)
            size_bytes += len(piece)
    return FileFacts(size_bytes, digest.hexdigest())


def copy_durably(source: Path, target: Path, mode: int) -> FileFacts:
    """Copy a file to a new one; what was read is told, so that it can be compared with what should be there."""
    digest, size_bytes = sha256(), 0
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with source.open("rb") as file, os.fdopen(handle, "wb") as copy:
        while piece := file.read(_PIECE_SIZE_BYTES):
            digest.update(piece)
            size_bytes += len(piece)
            copy.write(piece)
        copy.flush()
        os.fsync(copy.fileno())
    sync_folder(target.parent)
    return FileFacts(size_bytes, digest.hexdigest())


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder to fill, which gets its name when the block ends, and goes away when the block fails.

    Until then it lies beside its place as ``.NAME.partial``. The rename is what counts: a crash before leaves nothing at
    ``target``, one after it the whole folder.

    Raises:
        StartupError: there is something at ``target``, or no folder to put it into.
    """
    target = target.absolute()
    _refuse_taken(target)
    partial = target.with_name(f".{target.name}.partial")
    try:
        partial.mkdir(mode=0o700)
    except FileExistsError as error:
        told = f"{partial} is being made by another command, or was left by one that was interrupted; then remove it"
        raise StartupError(told) from error
    except OSError as error:
        raise StartupError(f"{partial} cannot be made: {error.strerror}") from error
    try:
        yield partial
        for folder, _, _ in os.walk(partial):
            sync_folder(Path(folder))
        _refuse_taken(target)
        # A folder takes the place of an empty one, and of nothing else.
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync_folder(target.parent)


def _refuse_taken(target: Path) -> None:
    if target.is_symlink() or (
        target.exists() and not (target.is_dir() and not any(target.iterdir()))
    ):
        raise StartupError(f"there is something at {target} already; nothing is overwritten")
