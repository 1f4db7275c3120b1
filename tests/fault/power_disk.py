"""What a disk may hold after the power went: the states that a trace of system calls allows.

The model is that of Pillai and others, "All file systems are not created equal" (OSDI 2014). Durable is what a flush
covered: for a file the bytes and lengths written before the flush began, for a folder the names given before it. Of
all that came after any part may have reached the disk, in any order. A write is torn at sectors of 512 bytes, and at
pages of 4,096; a file may be as long as its last write made it with zeros where the bytes should be; a name that was
not flushed may be missing, and with it everything below.

It is enough to look at the moments just before something becomes durable: what may be there at any earlier moment may
be there then, and more has been promised by then.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from .power_trace import Event, Flushed, Named, Resized, Said, Write

SECTOR: Final = 512
PAGE: Final = 4096
# Nobody flushes these, nor has to: LMDB makes its lock file anew when nobody has it open, and the other one is empty.
_LOCKS: Final = ("lock", "lock.mdb")

Change = Named | Write | Resized
# Of a change: nothing, all, or the ranges of its bytes that were written; an empty tuple is the length alone.
Fate = bool | tuple[tuple[int, int], ...]


@dataclass
class Image:
    """Files and folders as they lie on the disk; paths as in events."""

    files: dict[str, bytearray] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def copy(self) -> Image:
        """Another image with the same content."""
        files = {path: bytearray(data) for path, data in self.files.items()}
        return Image(files, set(self.names))

    def apply(self, change: Change, fate: Fate) -> None:
        """Let a change, or a part of it, reach the disk."""
        if fate is False:
            return
        if isinstance(change, Named):
            self.names.add(change.path)
            if not change.folder:
                self.files.setdefault(change.path, bytearray())
            return
        data = self.files.setdefault(change.path, bytearray())
        if isinstance(change, Resized):
            del data[change.size :]
            data.extend(bytes(change.size - len(data)))
            return
        size = change.offset + len(change.data)
        data.extend(bytes(max(0, size - len(data))))
        for begin, end in ((0, len(change.data)),) if fate is True else fate:
            data[change.offset + begin : change.offset + end] = change.data[begin:end]

    def visible(self) -> dict[str, bytes | None]:
        """What a mount would show: content by path, None for folders. A name counts when those above it are there."""
        shown: dict[str, bytes | None] = {}
        for path in sorted(self.names):
            above = path.rpartition("/")[0]
            if not above or above in shown:
                data = self.files.get(path)
                shown[path] = None if data is None else bytes(data)
        return shown


@dataclass(frozen=True)
class Moment:
    """Just before something became durable: the image without and the changes that may be on top of it.

    Attributes:
        said: the lines of the journal that were out by then.
    """

    image: Image
    pending: Sequence[Change]
    said: Sequence[dict[str, Any]]


def moments(events: Sequence[Event]) -> Iterator[Moment]:
    """All moments of a trace, and last that of its end. The image is the same object, and changes."""
    image = Image(names={"."})
    pending: list[Change] = []
    said: list[dict[str, Any]] = []
    waiting = list(events)
    durable = [e for e in events if isinstance(e, Flushed) or (isinstance(e, Write) and e.durable)]
    for flush in sorted(durable, key=lambda event: event.end):
        while waiting and waiting[0].start <= flush.end:
            event = waiting.pop(0)
            if isinstance(event, Said):
                said.append(event.line)
            elif isinstance(event, Named | Write | Resized):
                pending.append(event)
        yield Moment(image, tuple(pending), tuple(said))
        for change in [change for change in pending if _covers(flush, change)]:
            image.apply(change, True)
            pending.remove(change)
            pending = [_under(change, older) for older in pending]
    for event in waiting:
        if isinstance(event, Said):
            said.append(event.line)
        elif isinstance(event, Named | Write | Resized):
            pending.append(event)
    yield Moment(image, tuple(pending), tuple(said))


def _under(newer: Change, older: Change) -> Change:
    """An older write as it may still reach the disk: not over the bytes of a newer one, which it was before."""
    if not (isinstance(newer, Write) and isinstance(older, Write) and newer.path == older.path):
        return older
    begin = max(newer.offset, older.offset)
    end = min(newer.offset + len(newer.data), older.offset + len(older.data))
    if older.start > newer.start or begin >= end:
        return older
    data = bytearray(older.data)
    kept = newer.data[begin - newer.offset : end - newer.offset]
    data[begin - older.offset : end - older.offset] = kept
    return replace(older, data=bytes(data))


def _covers(flush: Event, change: Change) -> bool:
    if isinstance(flush, Write):
        return change is flush
    if isinstance(change, Named):
        return (change.path.rpartition("/")[0] or ".") == flush.path and change.end < flush.start
    return change.path == flush.path and change.end < flush.start


def fates(pending: Sequence[Change], chance: random.Random, drawn: int) -> Iterator[list[Fate]]:
    """What may become of the pending changes: each simple case, and ``drawn`` random ones.

    Simple are: none, all, each beginning, all but one, one alone, and one torn in each way, on top of those before it
    and among all the others.
    """
    count = len(pending)
    nothing: list[Fate] = [False] * count
    yield nothing
    for at in range(count):
        yield [other <= at for other in range(count)]
    for at in range(count) if count > 1 else ():
        yield [other != at for other in range(count)]
        yield [other == at for other in range(count)]
    for at, change in enumerate(pending):
        for torn in _tears(change, chance):
            yield [other < at or (torn if other == at else False) for other in range(count)]
            yield [torn if other == at else True for other in range(count)]
    for _ in range(drawn if count > 1 else 0):
        yield [_draw(change, chance) for change in pending]


def nothing_more(
    pending: Sequence[Change], _chance: random.Random, _drawn: int
) -> Iterator[list[Fate]]:
    """The hardest case alone: only what is durable is there."""
    nothing: list[Fate] = [False] * len(pending)
    yield nothing


def _draw(change: Change, chance: random.Random) -> Fate:
    simple: list[Fate] = [True, False]
    return chance.choice([*simple, *simple, *_tears(change, chance)])


def _tears(change: Change, chance: random.Random) -> list[Fate]:
    """The ways in which a write may be torn: at sectors and pages of the disk, which it need not begin with."""
    if not isinstance(change, Write):
        return []
    ways: list[Fate] = [()]
    for unit in (SECTOR, PAGE):
        first = change.offset // unit * unit
        edges = [
            max(0, at - change.offset)
            for at in range(first, change.offset + len(change.data), unit)
        ]
        pieces = list(zip(edges, [*edges[1:], len(change.data)], strict=True))
        if len(pieces) > 1:
            middle = chance.randrange(1, len(pieces))
            some = tuple(piece for piece in pieces if chance.randrange(2))
            ways += [tuple(pieces[:middle]), tuple(pieces[middle:]), some]
    return ways


def write_out(image: Image, target: Path, chance: random.Random) -> None:
    """Make the files below ``target``, an empty folder. What nobody flushes holds anything."""
    for path, data in image.visible().items():
        place = target / path
        if data is None:
            place.mkdir(exist_ok=True)
            continue
        place.touch(mode=0o600)
        if place.name in _LOCKS:
            size = len(data)
            place.write_bytes(chance.choice([b"", bytes(size), chance.randbytes(size)]))
        else:
            place.write_bytes(data)


def fingerprint_of(image: Image) -> frozenset[tuple[str, int]]:
    """What tells one state from another; the locks are not of it."""
    shown = image.visible().items()
    return frozenset(
        (path, hash(data)) for path, data in shown if path.rpartition("/")[2] not in _LOCKS
    )


def is_lock(change: Change) -> bool:
    """Whether a change is one of a lock file."""
    return change.path.rpartition("/")[2] in _LOCKS
