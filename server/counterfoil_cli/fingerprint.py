"""Content fingerprints of files: SHA-256 and BLAKE3 in one pass, several threads, constant memory.

Both hash functions let go of the interpreter lock, so that a file is read once while both work on the piece before, and
several files are worked on at a time. BLAKE3 splits large pieces over all cores by itself.
"""

import hashlib
import os
import stat
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from blake3 import blake3

from counterfoil_cli.console import CommandError

# Large enough for BLAKE3 to use several cores, small enough to stay in a processor's cache.
_PIECE_SIZE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a file held when it was read.

    Attributes:
        path: where it was.
        size_bytes: how long it was.
        sha256, blake3: 32 bytes each.
    """

    path: Path
    size_bytes: int
    sha256: bytes
    blake3: bytes


def total_size_bytes(paths: Sequence[Path]) -> int:
    """How much there is to read.

    Raises:
        CommandError: one of them is no file that can be read.
    """
    return sum(_regular(path).st_size for path in paths)


def fingerprint_files(paths: Sequence[Path], advance: Callable[[int], None]) -> list[Fingerprint]:
    """Fingerprint files, in the order given.

    Args:
        paths: regular files.
        advance: told the number of bytes of each piece that was read, from any thread but one at a time.

    Raises:
        CommandError: a file cannot be read, or changed while it was read.
    """
    lock = threading.Lock()

    def count(size_bytes: int) -> None:
        with lock:
            advance(size_bytes)

    workers = max(1, min(len(paths), os.cpu_count() or 1))
    # Two pools: a file waits for its own hashes, so they must never stand in line behind other files.
    with ThreadPoolExecutor(workers) as files, ThreadPoolExecutor(workers) as hashes:
        return list(files.map(lambda path: _fingerprint(path, hashes, count), paths))


def _fingerprint(
    path: Path, hashes: ThreadPoolExecutor, advance: Callable[[int], None]
) -> Fingerprint:
    before = _regular(path)
    first, second = hashlib.sha256(), blake3(max_threads=blake3.AUTO)
    size_bytes = 0
    pending: Future[None] | None = None
    try:
        with path.open("rb", buffering=0) as file:
            # A file that grows as fast as it is read would never end; one piece too many is told below.
            while size_bytes <= before.st_size and (piece := file.read(_PIECE_SIZE_BYTES)):
                if pending is not None:
                    pending.result()
                pending = hashes.submit(first.update, piece)
                second.update(piece)
                size_bytes += len(piece)
                advance(len(piece))
            if pending is not None:
                pending.result()
            after = os.fstat(file.fileno())
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror or error}") from error
    if (size_bytes, before.st_mtime_ns) != (before.st_size, after.st_mtime_ns):
        raise CommandError(
            f"{path} changed while it was read; run the command again when it is finished"
        )
    return Fingerprint(path, size_bytes, first.digest(), second.digest())


def _regular(path: Path) -> os.stat_result:
    try:
        found = path.stat()
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror or error}") from error
    if stat.S_ISDIR(found.st_mode):
        raise CommandError(f"{path} is a directory; name the files in it")
    if not stat.S_ISREG(found.st_mode):
        raise CommandError(
            f"{path} is not a regular file, so that it has no lasting content to fingerprint"
        )
    return found
