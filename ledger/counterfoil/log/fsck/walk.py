"""The pass over the batches: record, commitment, leaf, chain, tree, tiles, and each signed checkpoint at its size.

It may begin at any batch, and goes on behind one that cannot be read. What is not known there, the next batch says
itself: its predecessor, and by way of the tiles the tree before it. The next signature vouches for both.
"""

from collections.abc import Callable, Sequence

from counterfoil.errors import IntegrityError, VerificationError
from counterfoil.log.fsck.entries import EntryCheck
from counterfoil.log.fsck.report import Report
from counterfoil.log.layout import (
    BATCH,
    CHECKPOINT,
    TILE,
    BatchPart,
    index_key,
    parse_index_key,
    unseal,
)
from counterfoil.log.nodes import Nodes
from counterfoil.note import Trust
from counterfoil.packed import HASH_SIZE, Hashes
from counterfoil.store import Snapshot
from counterfoil.tlog import TILE_HEIGHT, TILE_WIDTH, Frontier

Visit = Callable[[Snapshot, BatchPart], None]


class Walk:
    """Goes over the batch parts in order.

    Attributes:
        next_index: where it goes on. entries: the chain up to there.
        tree: the tree of the entries before ``next_index``; None while it is not known.
        complete: whether every entry from 0 on could be read. checkpoints: how many were found.
    """

    def __init__(self, report: Report, trust: Trust, visit: Visit) -> None:
        """Begin at entry 0; ``visit`` is called with each part whose records can be read."""
        self._report = report
        self._trust = trust
        self._visit = visit
        self.next_index = 0
        self.entries = EntryCheck(report)
        self.tree: Frontier | None = Frontier()
        self.complete = True
        self.checkpoints = 0
        # Whether the newest end of a batch had its checkpoint.
        self._signed = True
        # Behind a part that cannot be read, of which nobody knows how long it is.
        self._lost = False
        # Whether the tree was made from leaves, or a signature has vouched for the tiles that it was read from.
        self._proved = True
        self._doubtful = False

    def begin_at(self, snapshot: Snapshot, part: BatchPart) -> None:
        """Begin, or go on, at the first part of a batch, and take its word for what is before it."""
        self.next_index = part.first
        self.entries = EntryCheck(self._report, part.head.previous, part.head.time_us)
        self._lost, self._signed = False, True
        self._read_tree(snapshot, part.first)

    def advance(self, snapshot: Snapshot, end: int, records: int) -> None:
        """Go over the parts that begin before entry ``end``, until about so many records have been seen."""
        stop = self.next_index + records
        for key, value in snapshot.scan(
            BATCH, start=index_key(self.next_index), end=index_key(end)
        ):
            (first,) = parse_index_key(key)
            if first != self.next_index and not self._lost:
                self._report_missing()
            try:
                part = BatchPart(key, value)
            except IntegrityError as error:
                self._report.add(first, "batch", str(error))
                self._lose(first + 1)
                continue
            if self._continues(snapshot, part):
                self._check_part(snapshot, part)
            if self.next_index >= stop:
                return
        if self.next_index < end:
            if not self._lost:
                self._report_missing()
            self.next_index = end

    def _report_missing(self) -> None:
        told = f"the batch of entry {self.next_index} is missing"
        self._report.add(self.next_index, "batch", told)
        self._lose(self.next_index)

    def _lose(self, next_index: int) -> None:
        self.next_index = next_index
        self.tree = None
        self.complete, self._lost, self._signed = False, True, True

    def _continues(self, snapshot: Snapshot, part: BatchPart) -> bool:
        """Whether a part can be checked. Behind a lost one it must be the first of its batch."""
        if not self._lost:
            # Behind a lost part the tree is not known before all of its last tile can be read.
            if self.tree is None:
                self._read_tree(snapshot, part.first)
            return True
        if part.first == part.head.first:
            self.begin_at(snapshot, part)
            return True
        told = "the part of its batch before it is lost, so that it cannot be checked"
        self._report.add(part.first, "batch", told)
        self.next_index = part.first + part.count
        return False

    def _read_tree(self, snapshot: Snapshot, size: int) -> None:
        self._proved = size == 0
        self.tree = None
        if self._doubtful:
            return
        try:
            self.tree = Frontier.read(size, Nodes(snapshot).read)
        except IntegrityError:
            return  # A batch of the last tile is lost; the tree is read again behind that tile.

    def _check_part(self, snapshot: Snapshot, part: BatchPart) -> None:
        if part.head.time_us != self.entries.time_us:
            self.check_signed()
        try:
            hashes = self.entries.check(part)
            readable = True
        except IntegrityError as error:
            # Its records cannot be taken apart. Its leaf hashes can, and carry the chain and the tree on.
            self._report.add(part.first, "record", str(error))
            hashes, readable = self.entries.skip(part), False
        self.next_index = part.first + part.count
        if self.tree is not None:
            self._check_tiles(snapshot, self.tree.append_many(hashes))
        if self.next_index == part.head.first + part.head.count:
            self._check_checkpoint(snapshot)
        if readable:
            self._visit(snapshot, part)
        self.complete = self.complete and readable

    def _check_tiles(self, snapshot: Snapshot, complete: Sequence[tuple[int, int, Hashes]]) -> None:
        for level, first, hashes in complete:
            if level % TILE_HEIGHT:
                continue
            for index, node in enumerate(hashes, first):
                number, at = divmod(index, TILE_WIDTH)
                tile = snapshot.get(TILE, index_key(level // TILE_HEIGHT, number))
                have = b"" if tile is None else bytes(tile[HASH_SIZE * at : HASH_SIZE * (at + 1)])
                if have != node:
                    first_leaf = index << level
                    told = f"hash {at} of tile {number}, level {level // TILE_HEIGHT}, is not that of its leaves"
                    self._report.add(first_leaf, "tile", told)

    def _check_checkpoint(self, snapshot: Snapshot) -> None:
        note = snapshot.get(CHECKPOINT, index_key(self.next_index))
        self._signed = note is not None
        if note is None:
            return  # Batches of one group commit share the checkpoint behind the last of them.
        self.checkpoints += 1
        name = f"checkpoint of size {self.next_index}"
        try:
            self.judge(unseal(note, name), f"the {name}")
        except IntegrityError as error:
            self._report.add(None, "checkpoint", str(error))

    def check_signed(self) -> None:
        """At the end of a group, which is where the time changes, there must have been a checkpoint."""
        if not self._signed:
            told = f"the checkpoint of size {self.next_index} is missing"
            self._report.add(None, "checkpoint", told)

    def judge(self, note: bytes, name: str) -> None:
        """Check a checkpoint that must be that of the entries so far."""
        try:
            checkpoint = self._trust.check(note)
        except VerificationError as error:
            self._report.add(None, "checkpoint", f"{name} does not verify: {error}")
            return
        root = None if self.tree is None else self.tree.root()
        if checkpoint.size != self.next_index or root not in (None, checkpoint.root_hash):
            self._report.add(None, "checkpoint", f"{name} is not that of the entries")
            # A tree that was read from tiles which nobody signed is one fault, and not one at each size behind it.
            self._doubtful = self._doubtful or not self._proved
        elif root is not None:
            self._proved = True
        if self._doubtful:
            self.tree = None
