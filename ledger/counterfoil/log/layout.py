"""How the log lies in its store: spaces, keys, and the value that holds a part of a batch.

    space        key                          value
    meta         "format"                     layout version, origin
    meta         "state"                      size, time, last leaf hash, frontier            (see state.py)
    meta         "runs"                       the catalog's sorted runs                       (see runs.py)
    meta         "secret"                     what the catalog's fingerprints are keyed with  (see secret.py)
    batch        first index                  leaf hashes, commitments, salts and bodies of one batch part
    tile         level, number                up to 256 hashes of complete subtrees, levels 1 and up (C2SP tlog-tiles)
    run          run, chunk                   fingerprints and indexes of a sorted run
    checkpoint   size                         the checkpoint signed at that size: a note, and a checksum
    stream       submitter, stream id         the last durable batch sequence of a stream
    registry     what it is listed under      the rows of creators, assets, licences, prices (see registry/rows.py)

Nothing is a row per record but what is in the registry, where changes are rare; and nothing that was written is rewritten
but these, and the last partial tile of each level. Leaf
hashes lie with their batch instead of in level-0 tiles: a full tile of 8,192 bytes takes three pages of 4,096, and a
partial one would be rewritten at each commit (docs/adr/0003). Tiles of level 0 are made from these hashes when read.
"""

import struct
from dataclasses import dataclass
from hashlib import sha256
from operator import gt
from typing import Final, NoReturn

from counterfoil.entry import SALT_SIZE, Records, frame_records
from counterfoil.errors import IntegrityError
from counterfoil.limits import VALUE_SIZE_BYTES_MAX
from counterfoil.packed import HASH_SIZE, Hashes, Packed

META: Final = "meta"
BATCH: Final = "batch"
TILE: Final = "tile"
RUN: Final = "run"
CHECKPOINT: Final = "checkpoint"
STREAM: Final = "stream"
REGISTRY: Final = "registry"
SPACES: Final = (META, BATCH, TILE, RUN, CHECKPOINT, STREAM, REGISTRY)

FORMAT_VERSION: Final = 2
FORMAT_KEY: Final = b"format"
STATE_KEY: Final = b"state"
RUNS_KEY: Final = b"runs"
SECRET_KEY: Final = b"secret"

# version, kind, first index, count, batch first index, batch count, time, previous, salt seed,
# stream sequence, and the sizes of the record prefix and the stream id; a checksum over the head ends the value
_HEAD = struct.Struct("<BB2xQIQIQ32s32sQHH")
CHECKSUM_SIZE = 8
_END_SIZE = 4
# What a record adds to a part beside its body: leaf hash, commitment, salt, and where its body ends.
RECORD_OVERHEAD: Final = 2 * HASH_SIZE + SALT_SIZE + _END_SIZE
# The head, a record prefix and a stream id take at most half a KiB each.
PART_SIZE_BYTES_MAX: Final = VALUE_SIZE_BYTES_MAX - 2048


def index_key(*numbers: int) -> bytes:
    """The key of one or more unsigned 64-bit numbers, in the order of the numbers."""
    return struct.pack(f">{len(numbers)}Q", *numbers)


def parse_index_key(key: bytes) -> tuple[int, ...]:
    """The numbers in a key; the inverse of :func:`index_key`.

    Raises:
        IntegrityError: it is no such key.
    """
    if not key or len(key) % 8:
        raise IntegrityError(f"a stored key of {len(key)} bytes is damaged; run fsck")
    return struct.unpack(f">{len(key) // 8}Q", key)


def checksum(data: bytes | memoryview) -> bytes:
    """Eight bytes that tell rot in small values, which no leaf vouches for, before anything is built on them."""
    return sha256(data).digest()[:CHECKSUM_SIZE]


def seal(value: bytes) -> bytes:
    """A small value with its checksum behind it; the inverse of :func:`unseal`."""
    return value + checksum(value)


def unseal(value: bytes | memoryview, name: str) -> bytes:
    """A small value without its checksum.

    Raises:
        IntegrityError: it has changed since it was written.
    """
    inside = bytes(value[:-CHECKSUM_SIZE])
    if len(value) < CHECKSUM_SIZE or seal(inside) != value:
        raise IntegrityError(f"the stored {name} is damaged; run fsck")
    return inside


@dataclass(frozen=True, slots=True)
class BatchHead:
    """What all records of a batch share.

    ``first`` and ``count`` are of the whole batch, ``prefix`` is what their Records begin with, ``stream_id`` and
    ``sequence`` say which batch of which stream it was (empty and 0 outside streams). ``salt_seed`` makes the salts;
    each salt is stored by itself as well, so that one record can be redacted without the others.
    """

    kind: int
    time_us: int
    first: int
    count: int
    previous: bytes
    salt_seed: bytes
    prefix: bytes
    stream_id: bytes = b""
    sequence: int = 0


def split_parts(bodies: Packed) -> list[tuple[int, int]]:
    """Cut a batch into runs [begin, end) of which each fits one stored value."""
    total = len(bodies.data) + RECORD_OVERHEAD * len(bodies)
    if total <= PART_SIZE_BYTES_MAX:
        return [(0, len(bodies))]
    parts = []
    begin = filled = 0
    for at, body in enumerate(bodies):
        size = len(body) + RECORD_OVERHEAD
        if filled + size > PART_SIZE_BYTES_MAX:
            parts.append((begin, at))
            begin, filled = at, 0
        filled += size
    parts.append((begin, len(bodies)))
    return parts


def format_part(
    head: BatchHead,
    begin: int,
    leaf_hashes: Hashes,
    commitments: Hashes,
    salts: bytes,
    bodies: Packed,
) -> bytes:
    """The stored value of one part, whose first record is record ``begin`` of the batch."""
    packed = _HEAD.pack(
        FORMAT_VERSION,
        head.kind,
        head.first + begin,
        len(bodies),
        head.first,
        head.count,
        head.time_us,
        head.previous,
        head.salt_seed,
        head.sequence,
        len(head.prefix),
        len(head.stream_id),
    )
    shared = (packed, head.prefix, head.stream_id)
    columns = (leaf_hashes.data, commitments.data, salts, bodies.ends, bodies.data)
    return b"".join((*shared, *columns, checksum(b"".join(shared))))


class BatchPart:
    """One stored part, read where it lies: nothing is copied before it is asked for.

    The view it reads from lives as long as the snapshot that gave it.

    Raises:
        IntegrityError: the value is no such part.
    """

    __slots__ = (
        "_bodies_at",
        "_bodies_end",
        "_commitments_at",
        "_ends_at",
        "_hashes_at",
        "_salts_at",
        "_view",
        "count",
        "first",
        "head",
    )

    def __init__(self, key: bytes, view: memoryview) -> None:
        """Read the head of a part and locate its columns."""
        self.first: int = parse_index_key(key)[0]
        if len(view) < _HEAD.size:
            self._refuse()
        (version, kind, first, count, batch_first, batch_count, time_us, previous, seed) = (
            fields := _HEAD.unpack_from(view)
        )[:9]
        sequence, prefix_size, stream_size = fields[9:]
        prefix_end = _HEAD.size + prefix_size
        stream_end = prefix_end + stream_size
        self.count: int = count
        self._view = view
        self._hashes_at = stream_end
        self._commitments_at = self._hashes_at + HASH_SIZE * count
        self._salts_at = self._commitments_at + HASH_SIZE * count
        self._ends_at = self._salts_at + SALT_SIZE * count
        self._bodies_at = self._ends_at + _END_SIZE * count
        self._bodies_end = len(view) - CHECKSUM_SIZE
        sound = (
            (version, first) == (FORMAT_VERSION, self.first)
            and count > 0
            and self._bodies_at <= self._bodies_end
            and checksum(view[:stream_end]) == view[self._bodies_end :]
        )
        if not sound:
            self._refuse()
        self.head = BatchHead(
            kind=kind,
            time_us=time_us,
            first=batch_first,
            count=batch_count,
            previous=previous,
            salt_seed=seed,
            prefix=bytes(view[_HEAD.size : prefix_end]),
            stream_id=bytes(view[prefix_end:stream_end]),
            sequence=sequence,
        )

    def _refuse(self) -> NoReturn:
        told = f"the stored batch part of entry {self.first} is damaged"
        raise IntegrityError(told, index=self.first)

    def leaf_hashes(self, begin: int = 0, end: int | None = None) -> Hashes:
        """Leaf hashes of the records [begin, end) of this part."""
        return Hashes(self._column(self._hashes_at, HASH_SIZE, begin, end))

    def commitments(self, begin: int = 0, end: int | None = None) -> Hashes:
        """Commitments of the records [begin, end) of this part."""
        return Hashes(self._column(self._commitments_at, HASH_SIZE, begin, end))

    def salts(self, begin: int = 0, end: int | None = None) -> bytes:
        """Salts of the records [begin, end) of this part, 16 bytes each."""
        return self._column(self._salts_at, SALT_SIZE, begin, end)

    def bodies(self, begin: int = 0, end: int | None = None) -> Packed:
        """Bodies of the records [begin, end) of this part, exactly as they were sent.

        Raises:
            IntegrityError: the places of the bodies do not fit the value.
        """
        end = self.count if end is None else end
        # Where the bodies end, from that of the one before on; the first one begins at 0.
        before = min(begin, 1)
        stored = self._column(self._ends_at, _END_SIZE, begin - before, end)
        ends = struct.unpack(f"<{end - begin + before}I", stored)
        first, last = ends[0] if before else 0, ends[-1] if ends else 0
        size = self._bodies_end - self._bodies_at
        fits = last == size if end == self.count else last <= size
        if not fits or any(map(gt, (first, *ends), ends)):
            raise IntegrityError(
                f"the bodies of the batch part of entry {self.first} do not fit", index=self.first
            )
        data = bytes(self._view[self._bodies_at + first : self._bodies_at + last])
        if not before:
            return Packed(data, stored)
        return Packed(data, struct.pack(f"<{end - begin}I", *(at - first for at in ends[1:])))

    def records(self, begin: int = 0, end: int | None = None) -> Records:
        """The exact bytes of the Records [begin, end) of this part."""
        return frame_records(self.head.prefix, self.bodies(begin, end))

    def _column(self, at: int, width: int, begin: int, end: int | None) -> bytes:
        end = self.count if end is None else end
        return bytes(self._view[at + width * begin : at + width * end])
