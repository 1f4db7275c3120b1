"""A log as a folder of static files that vouch for themselves: what an export holds, and its verification.

::

    checkpoint                      the signed note of the tree
    vkey                            the log's verifier key, for people; a verifier brings its own
    tile/0/x001/x234/067            hashes of the tree, C2SP tlog-tiles
    tile/entries/x001/x234/067      the leaves of 256 entries, 74 bytes each, as a C2SP bundle
    record/x001/x234/067            what these leaves commit to: salt and record of each entry

A file of records has for each entry its size in four bytes, big-endian, and then so many bytes: the salt (16) and the
record. Size 0 stands for a record that was redacted. The last tile, bundle and file of records may be partial; their
names then end in ``.p/WIDTH``. No other file belongs to an export.

Nothing here opens a file: whoever verifies passes a function that reads one.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.entry import NO_PREVIOUS, SALT_SIZE, commitment, parse_leaf, parse_record
from counterfoil.errors import VerificationError
from counterfoil.note import Checkpoint, Policy
from counterfoil.packed import HASH_SIZE, Hashes
from counterfoil.tlog import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Frontier,
    leaf_hash,
    parse_bundle,
    tile_path,
)

CHECKPOINT_NAME: Final = "checkpoint"
VKEY_NAME: Final = "vkey"
_SIZE_SIZE: Final = 4
_BUNDLE_FOLDER: Final = "tile/entries/"
_RECORD_FOLDER: Final = "record/"

Read = Callable[[str], bytes]
"""read(path) -> the content of a file of the export. What it raises goes through."""


@dataclass(frozen=True, slots=True)
class VerifiedExport:
    """An export whose every byte was checked. Only verification makes one.

    Attributes:
        checkpoint: the signed tree. kinds: how many entries of each kind it has. redacted: how many without a record.
        first_time_us, last_time_us: the log's time in the first and the last leaf, microseconds since 1970.
    """

    checkpoint: Checkpoint
    kinds: Mapping[int, int]
    redacted: int
    first_time_us: int
    last_time_us: int


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a leaf's commitment; both are empty when the record was redacted."""

    salt: bytes
    record: bytes


def bundle_path(number: int, width: int = TILE_WIDTH) -> str:
    """Where a bundle of leaves lies."""
    return tile_path(None, number, width)


def records_path(number: int, width: int = TILE_WIDTH) -> str:
    """Where the records of a bundle's entries lie."""
    return _RECORD_FOLDER + bundle_path(number, width).removeprefix(_BUNDLE_FOLDER)


def format_records(openings: Sequence[Opening]) -> bytes:
    """A file of records; the inverse of :func:`parse_records`."""
    parts = []
    for opening in openings:
        data = opening.salt + opening.record
        parts += [len(data).to_bytes(_SIZE_SIZE, "big"), data]
    return b"".join(parts)


def parse_records(data: bytes, width: int) -> list[Opening]:
    """Read a file of records.

    Raises:
        VerificationError: it does not hold exactly ``width`` of them.
    """
    openings: list[Opening] = []
    at = 0
    while at < len(data):
        begin = at + _SIZE_SIZE
        size = int.from_bytes(data[at:begin], "big")
        at = begin + size
        if begin > len(data) or at > len(data) or 0 < size < SALT_SIZE:
            raise VerificationError(f"records: number {len(openings)} is cut short")
        openings.append(Opening(data[begin : begin + SALT_SIZE][:size], data[begin:at][SALT_SIZE:]))
        if len(openings) > width:
            break
    if len(openings) != width:
        raise VerificationError(f"records: there are not {width} of them")
    return openings


class Tiles:
    """Makes the tiles of a growing tree, each as soon as it is full, and at the end those that are not."""

    def __init__(self) -> None:
        """Begin with the empty tree."""
        self.tree = Frontier()
        self._open: dict[int, bytes] = {}

    def feed(self, leaf_hashes: Hashes) -> Iterator[tuple[str, bytes]]:
        """Append leaves; path and content of each tile that became full."""
        first = self.tree.size
        complete = [(0, first, leaf_hashes), *self.tree.append_many(leaf_hashes)]
        for tree_level, begin, hashes in complete:
            if tree_level % TILE_HEIGHT == 0:
                yield from self._fill(tree_level // TILE_HEIGHT, begin, hashes.data)

    def _fill(self, level: int, begin: int, nodes: bytes) -> Iterator[tuple[str, bytes]]:
        tile = self._open.get(level, b"") + nodes
        number, full = begin // TILE_WIDTH, HASH_SIZE * TILE_WIDTH
        while len(tile) >= full:
            yield tile_path(level, number), tile[:full]
            tile, number = tile[full:], number + 1
        self._open[level] = tile

    def finish(self) -> Iterator[tuple[str, bytes]]:
        """Path and content of each partial tile."""
        for level, tile in self._open.items():
            if tile:
                width = len(tile) // HASH_SIZE
                number = (self.tree.size >> TILE_HEIGHT * level) // TILE_WIDTH
                yield tile_path(level, number, width), tile


def verify_export(read: Read, policy: Policy) -> VerifiedExport:
    """Verify an export from its records up: commitments, leaves, chain, times, tiles, root, signature.

    Raises:
        VerificationError: anything in it does not fit.
        UnverifiableError: no log of the policy signed its checkpoint.
    """
    checkpoint = policy.check(read(CHECKPOINT_NAME))
    check = _Check(read)
    for number in range(-(-checkpoint.size // TILE_WIDTH)):
        check.bundle(number, min(TILE_WIDTH, checkpoint.size - TILE_WIDTH * number))
    check.compare(check.tiles.finish())
    if check.tiles.tree.root() != checkpoint.root_hash:
        raise VerificationError("the entries are not those of the tree that was signed")
    return VerifiedExport(
        checkpoint, dict(check.kinds), check.redacted, check.first_time_us, check.time_us
    )


class _Check:
    """One walk over an export."""

    def __init__(self, read: Read) -> None:
        self.read = read
        self.tiles = Tiles()
        self.kinds: Counter[int] = Counter()
        self.redacted = self.first_time_us = self.time_us = 0
        self._previous = NO_PREVIOUS

    def bundle(self, number: int, width: int) -> None:
        leaves = parse_bundle(self.read(bundle_path(number, width)), width)
        openings = parse_records(self.read(records_path(number, width)), width)
        first = TILE_WIDTH * number
        hashes = [
            self._entry(index, leaf, opening)
            for index, (leaf, opening) in enumerate(zip(leaves, openings, strict=True), first)
        ]
        self.compare(self.tiles.feed(Hashes.of(hashes)))

    def _entry(self, index: int, data: bytes, opening: Opening) -> bytes:
        leaf = parse_leaf(data)
        if leaf.previous != self._previous:
            raise VerificationError(f"entry {index} does not follow the one before it")
        if leaf.time_us < self.time_us:
            raise VerificationError(f"the time of entry {index} is before that of the one before")
        if not opening.salt:
            self.redacted += 1
        elif commitment(opening.salt, opening.record) != leaf.commitment:
            raise VerificationError(f"the record of entry {index} is not what its leaf commits to")
        else:
            parse_record(opening.record)
        self.kinds[leaf.kind] += 1
        self.first_time_us = leaf.time_us if index == 0 else self.first_time_us
        self.time_us, self._previous = leaf.time_us, leaf_hash(data)
        return self._previous

    def compare(self, tiles: Iterator[tuple[str, bytes]]) -> None:
        for path, made in tiles:
            if self.read(path) != made:
                raise VerificationError(f"{path} is not the tile of these leaves")
