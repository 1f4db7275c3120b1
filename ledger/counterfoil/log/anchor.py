"""The anchor: the newest signed checkpoint, in a small file outside the store.

A store that was put back from an old copy has a smaller tree than the anchor says, and the log refuses to start on it:
so it can never sign a second history. Put the anchor on another disk, and one accident cannot take both.

The file has two slots of 1,024 bytes, each with one checkpoint and padding. The newer one always replaces the older
one in place, so that a write torn by a power cut damages the slot that was about to go anyway. What a slot is worth is
told by its signature. All workers share the file; a lock keeps it from going backwards.

Behind the slots stands the *place*: which file this is, by its inode. A copy of the file is another file, and it shows: a
copy knows nothing of what was signed since it was made, and so it must not vouch for a store that was copied with it.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from counterfoil.errors import StartupError, VerificationError
from counterfoil.keys import Verifier
from counterfoil.log.place import PLACE_SIZE, place_of
from counterfoil.note import Checkpoint, Trust, as_trust

SLOT_SIZE: Final = 1024
_SLOTS: Final = 2


class Anchor:
    """The anchor file of one log, open for the life of the process."""

    def __init__(self, path: Path, trust: Verifier | Trust) -> None:
        """Open the file; what is in it counts if it is signed by a key of the log.

        Raises:
            StartupError: it is not there.
        """
        self.path = path
        self._trust = as_trust(trust)
        self._known: dict[bytes, int] = {}
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            told = (
                f"the anchor {path} cannot be opened ({error.strerror}); put it back, or, when it is lost for good and "
                "the store is known to be the newest, make a new one with `counterfoil fsck DIR --new-anchor SIZE`"
            )
            raise StartupError(told) from error

    @classmethod
    def create(cls, path: Path, trust: Verifier | Trust) -> "Anchor":
        """Make an empty anchor file, durably.

        Raises:
            StartupError: there is one already.
        """
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError as error:
            raise StartupError(f"there is an anchor {path} already") from error
        with os.fdopen(handle, "wb") as file:
            file.write(bytes(SLOT_SIZE * _SLOTS))
            file.flush()
            os.fsync(file.fileno())
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return cls(path, trust)

    def read(self) -> Checkpoint | None:
        """The newest checkpoint in the file, or None when it has none yet.

        Raises:
            StartupError: neither slot has a checkpoint of this log, though the file is not empty.
        """
        slots = self._read_slots()
        good = [checkpoint for slot in slots if (checkpoint := self._parse(slot)) is not None]
        if not good and any(slots):
            told = f"the anchor {self.path} has no checkpoint signed by the key of this log; put the right file back"
            raise StartupError(told)
        return max(good, key=lambda checkpoint: checkpoint.size, default=None)

    def newest_size(self) -> int:
        """The tree size of the newest checkpoint in the file; -1 when it has none."""
        return max(self._size(slot) for slot in self._read_slots())

    def advance(self, note: bytes, size: int) -> bytes | None:
        """Make a checkpoint the newest one, durably, unless there is a newer one.

        A crash before the sync leaves the one before it: the anchor lags, which is safe.

        Returns:
            The note that was there already when it is another one of this size or beyond, else None. A worker beside
            us may have signed it; the caller has to see whether it is of the same tree.

        Raises:
            OSError: it could not be written, or only in part, or does not fit.
        """
        if len(note) > SLOT_SIZE:
            raise OSError(errno.EFBIG, "the checkpoint does not fit the anchor", str(self.path))
        with self._locked():
            slots = self._read_slots()
            sizes = [self._size(slot) for slot in slots]
            if size <= max(sizes):
                newest = slots[sizes.index(max(sizes))]
                return None if newest == note else newest
            oldest = sizes.index(min(sizes))
            slot = note.ljust(SLOT_SIZE, b"\0")
            if os.pwrite(self._file, slot, oldest * SLOT_SIZE) != SLOT_SIZE:
                # Half a note is none: the anchor would lag behind what is answered from now on.
                raise OSError(errno.EIO, "the anchor was written in part", str(self.path))
            os.fdatasync(self._file)
            slots[oldest], sizes[oldest] = note, size
            self._known = dict(zip(slots, sizes, strict=True))
        return None

    def take_place(self) -> None:
        """Write down, durably, that this very file is the anchor. A crash before leaves it without a place."""
        os.pwrite(self._file, place_of(self._file).ljust(PLACE_SIZE, b"\0"), SLOT_SIZE * _SLOTS)
        os.fsync(self._file)

    def is_in_place(self) -> bool:
        """Whether this is the file that took its place, and no copy of it."""
        stored = os.pread(self._file, PLACE_SIZE, SLOT_SIZE * _SLOTS)
        return stored.rstrip(b"\0") == place_of(self._file)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _read_slots(self) -> list[bytes]:
        data = os.pread(self._file, SLOT_SIZE * _SLOTS, 0).ljust(SLOT_SIZE * _SLOTS, b"\0")
        return [data[at : at + SLOT_SIZE].rstrip(b"\0") for at in range(0, len(data), SLOT_SIZE)]

    def _size(self, slot: bytes) -> int:
        """The tree size of a slot; -1 when it is empty or torn. What was verified once is not verified again."""
        if slot not in self._known:
            checkpoint = self._parse(slot)
            self._known[slot] = -1 if checkpoint is None else checkpoint.size
        return self._known[slot]

    def _parse(self, slot: bytes) -> Checkpoint | None:
        try:
            return self._trust.check(slot)
        except VerificationError:
            return None  # Empty, or torn by a crash: the other slot counts then.

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
