"""A queue of events on disk: append-only segment files, a cursor, and one process at a time.

    lock                      held by the process that uses the folder
    00000000000000000000.seg  frames of events; the name is the position of its first byte
    00000000000016777216.seg  the next one
    cursor                    everything before this position is settled
    damaged-*.bin             bytes that were no whole frames, as they were found

A position is a count of bytes since the spool began, so that the end of one segment is the beginning of the next.

What survives: after ``append`` returns, the event is in the operating system, and a crash of this process (kill -9
included) does not lose it. After ``sync`` it is on the disk, as far as the disk tells the truth about fsync, and a loss
of power does not lose it either. In between, a loss of power can cost the newest events; the torn end is cut off at the
next start and reported. A cursor that lags behind, or is lost, only means that events are sent twice.
"""

import errno
import fcntl
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from counterfoil.errors import StartupError
from counterfoil.limits import MIB
from counterfoil_client.errors import ReporterClosed, SpoolFull
from counterfoil_client.files import replace_file, sync_folder
from counterfoil_client.frames import FRAME_SIZE_BYTES_MAX, find_frame, format_frames, parse_frames

SEGMENT_SIZE_BYTES: Final = 16 * MIB
_SUFFIX: Final = ".seg"
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of the spool that were no whole events. They were copied to ``file`` before they were passed over.

    ``torn`` damage is what a crash leaves at the end of the newest segment. The other kind is a fault of the disk or of
    somebody's hand. ``size_bytes`` counts what is missing when a segment is gone; then there is no file.
    """

    position: int
    size_bytes: int
    torn: bool
    file: Path | None

    def __str__(self) -> str:
        """One line for people."""
        kind = "torn end" if self.torn else "damage" if self.file else "gap"
        copy = f"; copy in {self.file}" if self.file else ""
        return f"spool: {kind} of {self.size_bytes} bytes at position {self.position}{copy}"


@dataclass
class _Segment:
    """One file of the spool; positions in [begin, end). ``file`` is open for reading and appending."""

    begin: int
    end: int
    path: Path
    file: int


class Spool:
    """The spool in a folder, made if it is not there. Safe to use from many threads; one of them reads and releases.

    Attributes:
        begin: everything before this position is settled.
        damages: what was found damaged, in the order it was found.

    Args:
        folder: where the files are.
        size_bytes_max: what all segment files may hold together, settled events of unfinished segments included.
        segment_size_bytes: a new segment begins when this is reached. Files are removed segment by segment.

    Raises:
        StartupError: another process uses the folder.
        OSError: the folder cannot be used.
    """

    def __init__(
        self, folder: Path, *, size_bytes_max: int, segment_size_bytes: int = SEGMENT_SIZE_BYTES
    ) -> None:
        self.damages: list[Damage] = []
        self._folder = folder
        self._size_bytes_max = size_bytes_max
        # Several segments must fit, or nothing could be removed before the spool is full.
        self._segment_size_bytes = min(segment_size_bytes, size_bytes_max // 4)
        self._lock = threading.Lock()
        self._sync_lock = threading.Lock()
        self._sync_error: OSError | None = None
        self._write_error: OSError | None = None
        self._folder_changed = False
        self._closed = False
        # Events are nobody else's business.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock_file = _lock_folder(folder)
        self._segments: list[_Segment] = []
        self._open_segments()
        self.begin = self._read_cursor()
        self._synced = self._segments[0].begin

    def __enter__(self) -> Self:
        """The spool itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the files."""
        self.close()

    @property
    def end(self) -> int:
        """The position behind the newest event."""
        return self._segments[-1].end

    @property
    def unsynced(self) -> bool:
        """Whether something was appended that is not on the disk yet."""
        return self._synced < self.end

    @property
    def size_bytes(self) -> int:
        """What the segment files hold."""
        with self._lock:
            return self._segments[-1].end - self._segments[0].begin

    def append(self, payloads: Sequence[bytes]) -> int:
        """Take events; all of them or none. Returns the position behind them.

        Raises:
            SpoolFull: there is no room for them.
            ReporterClosed: the spool is closed.
            OSError: they could not be written.
        """
        data = format_frames(payloads)
        with self._lock:
            if self._closed:
                raise ReporterClosed("the spool is closed")
            if self._write_error is not None:
                raise self._write_error
            held = self._segments[-1].end - self._segments[0].begin
            if held + len(data) > self._size_bytes_max:
                raise SpoolFull(
                    f"the spool {self._folder} holds {held} of {self._size_bytes_max} bytes; "
                    "events leave it when the ledger has acknowledged them"
                )
            segment = self._segments[-1]
            if segment.end - segment.begin >= self._segment_size_bytes:
                segment = self._add_segment(segment.end)
            self._write(segment, data)
            return segment.end

    def read(self, position: int, count_max: int, size_bytes_max: int) -> tuple[list[bytes], int]:
        """Events from a position on, and the position behind them.

        Damaged bytes are recorded in ``damages`` and passed over. No events at the end mean: there are no more.

        Raises:
            OSError: a file cannot be read.
        """
        with self._lock:
            segments = list(self._segments)
            end = segments[-1].end
        while position < end:
            segment = next((each for each in segments if position < each.end), segments[-1])
            if position < segment.begin:
                self.damages.append(Damage(position, segment.begin - position, False, None))
                position = segment.begin
            wanted = min(size_bytes_max + FRAME_SIZE_BYTES_MAX, segment.end - position)
            data = os.pread(segment.file, wanted, position - segment.begin)
            payloads, used = parse_frames(data, count_max, size_bytes_max)
            if payloads:
                return payloads, position + used
            position = self._pass_over(segment, position)
        return [], position

    def sync(self, position: int | None = None) -> int:
        """Bring what was appended to the disk; the position up to which it is there.

        Args:
            position: return at once when everything before it is there already.

        After a failed fsync the kernel may have dropped the data while later calls succeed. So a failure is for good.

        Raises:
            OSError: fsync failed, now or before.
            ReporterClosed: the spool is closed.
        """
        with self._sync_lock:
            if self._sync_error is not None:
                raise self._sync_error
            if self._closed:
                raise ReporterClosed("the spool is closed")
            if position is not None and position <= self._synced:
                return self._synced
            with self._lock:
                fresh = [each for each in self._segments if each.end > self._synced]
                end = self._segments[-1].end
                folder_changed, self._folder_changed = self._folder_changed, False
            try:
                for segment in fresh:
                    os.fsync(segment.file)
                if folder_changed:
                    sync_folder(self._folder)
            except OSError as error:
                self._sync_error = error
                raise
            self._synced = end
            return end

    def release(self, position: int) -> None:
        """Everything before this position is settled: remember it, and remove segments that nobody needs.

        Raises:
            OSError: the cursor could not be written.
        """
        self.begin = position
        replace_file(self._folder / "cursor", f"{position}\n".encode())
        # A crash here leaves settled segments behind; the next release removes them.
        with self._lock:
            settled = [each for each in self._segments[:-1] if each.end <= position]
            self._segments = self._segments[len(settled) :]
        with self._sync_lock:
            for segment in settled:
                segment.path.unlink(missing_ok=True)
                os.close(segment.file)

    def close(self) -> None:
        """Close the files; what is in them stays."""
        with self._sync_lock, self._lock:
            if not self._closed:
                self._closed = True
                for segment in self._segments:
                    os.close(segment.file)
                os.close(self._lock_file)

    def _open_segments(self) -> None:
        for path in sorted(self._folder.glob("[0-9]" * 20 + _SUFFIX)):
            file = os.open(path, os.O_RDWR | os.O_APPEND)
            begin = int(path.stem)
            self._segments.append(_Segment(begin, begin + os.fstat(file).st_size, path, file))
        for segment, following in pairwise(self._segments):
            # What a failed write left behind the end of a segment is no part of it.
            segment.end = min(segment.end, following.begin)
        if self._segments:
            self._cut_torn_end(self._segments[-1])
        else:
            self._add_segment(0)

    def _cut_torn_end(self, segment: _Segment) -> None:
        """Cut what a crash left half-written, so that the next event follows the last whole one."""
        data = os.pread(segment.file, segment.end - segment.begin, 0)
        whole: int | None = 0
        end = 0
        while whole is not None:
            end = whole + parse_frames(data[whole:] if whole else data, len(data), len(data))[1]
            whole = find_frame(data, end)
        if end < len(data):
            torn = segment.begin + end
            self._keep_damaged(torn, data[end:], torn=True)
            os.ftruncate(segment.file, end)
            os.fsync(segment.file)
            segment.end = torn

    def _read_cursor(self) -> int:
        """The position that was settled; the oldest there is when the cursor is missing or makes no sense."""
        begin, end = self._segments[0].begin, self._segments[-1].end
        path = self._folder / "cursor"
        try:
            text = path.read_text("ascii").strip()
        except (FileNotFoundError, UnicodeDecodeError):
            text = ""
        if text.isdecimal() and begin <= int(text) <= end:
            return int(text)
        # Replaced before anything is appended: a cursor behind the end could come to point into the middle of an event.
        replace_file(path, f"{begin}\n".encode())
        return begin

    def _add_segment(self, begin: int) -> _Segment:
        path = self._folder / f"{begin:020d}{_SUFFIX}"
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        self._folder_changed = True
        segment = _Segment(begin, begin, path, file)
        # A new list, so that a reader that took the old one is not disturbed.
        self._segments = [*self._segments, segment]
        return segment

    def _write(self, segment: _Segment, data: bytes) -> None:
        failed: OSError | None = None
        written = 0
        try:
            written = os.write(segment.file, data)
        except OSError as error:
            failed = error
        if written == len(data):
            segment.end += written
            return
        # Half a frame must not stay in front of the next one. If it cannot be cut off, nothing more is written here;
        # the next start cuts it.
        try:
            os.ftruncate(segment.file, segment.end - segment.begin)
        except OSError as error:
            self._write_error = error
            raise
        if failed is not None and failed.errno not in _NO_ROOM:
            raise failed
        raise SpoolFull(f"the disk of the spool {self._folder} is full") from failed

    def _pass_over(self, segment: _Segment, position: int) -> int:
        """Keep a copy of the damaged bytes at a position; the position of the next whole frame."""
        data = os.pread(segment.file, segment.end - position, position - segment.begin)
        found = find_frame(data, 1)
        size = segment.end - position if found is None else found
        self._keep_damaged(position, data[:size], torn=False)
        return position + size

    def _keep_damaged(self, position: int, data: bytes, *, torn: bool) -> None:
        path = self._folder / f"damaged-{position:020d}.bin"
        replace_file(path, data)
        self.damages.append(Damage(position, len(data), torn, path))


def _lock_folder(folder: Path) -> int:
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise StartupError(
            f"the spool {folder} is in use by another process: give each process a folder of its own"
        ) from error
    return lock
