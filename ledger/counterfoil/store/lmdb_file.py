"""What has to be true of a directory and a data file before LMDB may map it.

LMDB trusts its file: it maps it and follows page numbers. A page beyond the end of the file is no
error there but a SIGBUS, which ends the process. Nothing in this module maps the file.

Layout, LMDB 0.9 on 64 bits: pages of one size; a page header of 16 bytes (number 8, unused 2,
flags 2, then two 16-bit bounds or one 32-bit page count); two meta pages, of which transaction n
writes number n mod 2; the free list is a B-tree from transaction number to a counted list of page
numbers.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lmdb.verify import VerifyError, verify

from counterfoil.errors import IntegrityError, StartupError
from counterfoil.limits import MIB

# Locks, memory maps and flushes of these are not those of a disk; LMDB says not to.
_NETWORK_FILESYSTEMS: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "glusterfs"}
    | {"fuse.glusterfs", "fuse.sshfs"}
)

# A disk with less than this is full: a commit that was cut short has taken the last of it.
_FULL_BYTES: Final = MIB

_META: Final = struct.Struct("=16xII16xI36xQ48xQQ")
_PAGE: Final = struct.Struct("=Q2xHHH")
_OVERFLOW: Final = struct.Struct("=12xI")
_NODE: Final = struct.Struct("=HHHH")
_MAGIC: Final = 0xBEEFC0DE
_DATA_VERSION: Final = 1
_HEADER: Final = 16
_NO_PAGE: Final = (1 << 64) - 1
_DEPTH_MAX: Final = 32
_BRANCH, _LEAF, _LARGE_PAGE = 0x01, 0x02, 0x04
_LARGE_VALUE: Final = 0x01


def refuse_network_filesystem(path: Path, mounts: str | None = None) -> None:
    """Raise StartupError if ``path`` is on a file system of another machine.

    ``mounts`` is a text in the format of /proc/mounts, by default this system's; a system without
    that file is not checked.
    """
    table = Path("/proc/mounts")
    if mounts is None:
        if not table.exists():
            return
        mounts = table.read_text(encoding="utf-8", errors="surrogateescape")
    resolved = path.resolve()
    best, kind = Path("/"), ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        point = Path(_unescape(fields[1]))
        # The later of two mounts on one point hides the earlier.
        if resolved.is_relative_to(point) and len(point.parts) >= len(best.parts):
            best, kind = point, fields[2]
    if kind in _NETWORK_FILESYSTEMS:
        raise StartupError(f"{path} is on {kind}, a network file system; use a local disk")


def _unescape(field: str) -> str:
    """Return a field of /proc/mounts with its octal escapes (space, tab, newline, backslash) undone."""
    for code in ("\\040", "\\011", "\\012", "\\134"):
        field = field.replace(code, chr(int(code[1:], 8)))
    return field


def prepare_directory(path: Path, *, create: bool, read_only: bool) -> None:
    """Make the directory if it is to be created; LMDB makes the file.

    Raises:
        StartupError: There is no store, or no directory can be made.
        IntegrityError: The data file is empty.
    """
    data = path / "data.mdb"
    if data.exists():
        # LMDB would make an empty store of an empty file, in silence.
        if data.stat().st_size == 0 and not create:
            raise IntegrityError(f"{data} is empty; restore it from a backup")
    elif not create or read_only:
        raise StartupError(f"there is no store at {path}; run `counterfoil init` first")
    else:
        try:
            path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StartupError(f"{path} cannot be made: {error.strerror}") from error


def flush_directories(path: Path) -> None:
    """Make the names of the files and of the directory durable, which LMDB does not."""
    for directory in (path, path.resolve().parent):
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def is_full(path: Path, code: int | None) -> bool:
    """Whether a commit in ``path`` that failed with this errno did so for want of room.

    LMDB says "I/O error" of a write that a full disk cut short. What it wrote stays in the file.
    """
    if code == errno.EIO:
        disk = os.statvfs(path)
        return disk.f_bavail * disk.f_frsize < _FULL_BYTES
    return code in (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class _Meta:
    """One meta page: what the file was after transaction ``number``."""

    page_size: int
    free_root: int
    last_page: int
    number: int


def check_data_file(path: Path, transaction: int) -> bool:
    """Check that the file holds every page that the state after ``transaction`` can reach.

    The caller keeps a read transaction open on that state, so that none of its pages is used again
    meanwhile. Returns False if the state is no longer in the file's two meta pages (there were
    newer commits): the caller tries again with a newer one.

    A healthy file may end before its last page: a page that was taken and given back within one
    transaction is counted, and never written. So a short file is refused only if a page beyond its
    end is not on the free list.

    Raises:
        IntegrityError: The file was cut short.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        meta = _read_meta(file, transaction)
        if meta is None:
            return False
        pages = os.fstat(file).st_size // meta.page_size
        if pages <= meta.last_page:
            _check_missing(file, meta, pages)
        return True
    except _Damage as damage:
        raise IntegrityError(f"{path} is damaged: it {damage}; restore a backup") from damage
    finally:
        os.close(file)


def check_pages(path: Path) -> list[str]:
    """What py-lmdb's checker, which reads the file as bytes, finds wrong with any page, key, count or the free list."""
    try:
        wrong: list[str] = verify(path)
    except VerifyError as error:
        return [str(error)]
    return wrong


class _Damage(Exception):
    """What is wrong with the file, as a sentence about "it"."""


def _check_missing(file: int, meta: _Meta, pages: int) -> None:
    """Raise unless every page from ``pages`` to the last one is free."""
    free = bytearray(meta.last_page + 1 - pages)
    for numbers in _free_pages(file, meta, meta.free_root, 0):
        for number in numbers:
            if pages <= number <= meta.last_page:
                free[number - pages] = 1
    used = free.find(0)
    if used >= 0:
        raise _Damage(f"ends at page {pages}, and page {pages + used} is in use")


def _read_meta(file: int, transaction: int) -> _Meta | None:
    first = _parse_meta(os.pread(file, _META.size, 0))
    slot = transaction & 1
    meta = first if slot == 0 else _parse_meta(os.pread(file, _META.size, first.page_size))
    return meta if meta.number == transaction else None


def _parse_meta(data: bytes) -> _Meta:
    if len(data) < _META.size:
        raise _Damage("ends inside its meta pages")
    magic, version, page_size, free_root, last_page, number = _META.unpack(data)
    if (magic, version) != (_MAGIC, _DATA_VERSION):
        raise _Damage("is not of LMDB 0.9")
    return _Meta(page_size, free_root, last_page, number)


def _free_pages(file: int, meta: _Meta, number: int, depth: int) -> Iterator[tuple[int, ...]]:
    """Yield the lists of free pages below page ``number`` of the free list."""
    if number == _NO_PAGE:
        return
    page = _read(file, meta, number, meta.page_size)
    stored, flags, lower, _ = _PAGE.unpack_from(page)
    count = (lower - _HEADER) // 2
    if stored != number or depth > _DEPTH_MAX or not 0 < count < meta.page_size // 2:
        raise _Damage(f"has no sound page of the free list at {number}")
    for place in struct.unpack_from(f"={count}H", page, _HEADER):
        low, high, node_flags, key_size = _NODE.unpack_from(page, place)
        if flags & _BRANCH:
            yield from _free_pages(file, meta, low | high << 16 | node_flags << 32, depth + 1)
            continue
        start = place + _NODE.size + key_size
        size = low | high << 16
        if node_flags & _LARGE_VALUE:
            (large,) = struct.unpack_from("=Q", page, start)
            value = _read(file, meta, large, _HEADER + size)[_HEADER:]
        else:
            value = page[start : start + size]
        (length,) = struct.unpack_from("=Q", value)
        yield struct.unpack_from(f"={length}Q", value, 8)


def _read(file: int, meta: _Meta, number: int, size: int) -> bytes:
    data = os.pread(file, size, number * meta.page_size)
    if len(data) < size:
        raise _Damage(f"ends inside page {number}, which is in use")
    return data
