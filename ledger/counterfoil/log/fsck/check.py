"""fsck: everything that the store holds, made again from the records and compared.

Checked, in one pass over the batches: record, commitment, leaf, chain, tree, tiles, and each signed checkpoint at its size; then
the catalog (which is the duplicate check), the streams, the state, and the anchor. It reads in short snapshots, so that
a server may go on writing beside it.
"""

from collections.abc import Sequence
from typing import Final

from counterfoil.entry import parse_record
from counterfoil.errors import IntegrityError, OutOfRange, StartupError, VerificationError
from counterfoil.keys import Verifier
from counterfoil.log.anchor import Anchor
from counterfoil.log.append import read_stream
from counterfoil.log.fsck.catalog import CatalogCheck
from counterfoil.log.fsck.entries import EntryCheck
from counterfoil.log.fsck.report import Progress, Report
from counterfoil.log.layout import CHECKPOINT, TILE, BatchPart, index_key, parse_index_key, unseal
from counterfoil.log.log import check_format
from counterfoil.log.read import read_checkpoint, read_parts
from counterfoil.log.state import State, read_state
from counterfoil.note import parse_checkpoint
from counterfoil.packed import HASH_SIZE, Hashes
from counterfoil.store import Snapshot, Store
from counterfoil.tlog import TILE_HEIGHT, TILE_WIDTH, Frontier

# How many entries are read in one snapshot: some tens of milliseconds.
_RECORDS_AT_A_TIME: Final = 20_000


class _Check:
    """One run of fsck."""

    def __init__(self, store: Store, verifier: Verifier, secret: bytes) -> None:
        self.store = store
        self.verifier = verifier
        self.report = Report()
        self.entries = EntryCheck(self.report)
        self.catalog = CatalogCheck(self.report, secret)
        self.tree = Frontier()
        self.streams: dict[tuple[str, str], int] = {}
        self.checkpoints = 0
        self.signed = True
        self.readable = True

    def walk(self, size: int, progress: Progress) -> None:
        """Check all batches of the first ``size`` entries."""
        while self.tree.size < size:
            begin = self.tree.size
            with self.store.snapshot() as snapshot:
                end = min(size, begin + _RECORDS_AT_A_TIME)
                for part in read_parts(snapshot, begin, end):
                    self._check_part(snapshot, part)
            if self.tree.size == begin:
                raise IntegrityError(f"the batch of entry {begin} is missing", index=begin)
            progress(min(self.tree.size, size), size)

    def _check_part(self, snapshot: Snapshot, part: BatchPart) -> None:
        if part.head.time_us != self.entries.time_us:
            self.check_signed()
        hashes = self.entries.check(part)
        complete = self.tree.append_many(hashes)
        self._check_tiles(snapshot, complete)
        if self.tree.size == part.head.first + part.head.count:
            self._check_checkpoint(snapshot)
        try:
            self.catalog.add(part)
            self._note_stream(part)
        except (IntegrityError, VerificationError, KeyError) as error:
            # The records of this part were found damaged above, or are of no known kind: the catalog of the
            # rest cannot be judged without them.
            self.readable = False
            self.report.add(part.first, "record", str(error))

    def _note_stream(self, part: BatchPart) -> None:
        if part.head.stream_id:
            submitter = parse_record(part.records(0, 1)[0]).submitter
            key = submitter, part.head.stream_id.decode()
            self.streams[key] = max(self.streams.get(key, 0), part.head.sequence)

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
                    self.report.add(first_leaf, "tile", told)

    def _check_checkpoint(self, snapshot: Snapshot) -> None:
        note = snapshot.get(CHECKPOINT, index_key(self.tree.size))
        self.signed = note is not None
        if note is None:
            return  # Batches of one group commit share the checkpoint behind the last of them.
        self.checkpoints += 1
        name = f"checkpoint of size {self.tree.size}"
        try:
            self.judge(unseal(note, name), f"the {name}")
        except IntegrityError as error:
            self.report.add(None, "checkpoint", str(error))

    def check_signed(self) -> None:
        """At the end of a group, which is where the time changes, there must have been a checkpoint."""
        if not self.signed:
            told = f"the checkpoint of size {self.tree.size} is missing"
            self.report.add(None, "checkpoint", told)

    def judge(self, note: bytes, name: str) -> None:
        try:
            checkpoint = parse_checkpoint(note, [self.verifier])
        except VerificationError as error:
            self.report.add(None, "checkpoint", f"{name} does not verify: {error}")
            return
        if checkpoint.size != self.tree.size or checkpoint.root_hash != self.tree.root():
            self.report.add(None, "checkpoint", f"{name} is not that of the entries")

    def finish(self, size: int) -> None:
        """Check what is about the log as a whole."""
        with self.store.snapshot() as snapshot:
            if self.readable:
                self.catalog.compare(snapshot, size)
            for (submitter, stream_id), sequence in self.streams.items():
                try:
                    last = read_stream(snapshot, submitter, stream_id)
                except IntegrityError as error:
                    self.report.add(None, "stream", str(error))
                    continue
                if last < sequence:
                    told = f"stream {stream_id} of {submitter} must be at batch {sequence} at least"
                    self.report.add(None, "stream", told)
            stored = sum(1 for _ in snapshot.scan(CHECKPOINT, end=index_key(size + 1)))
            if stored != self.checkpoints:
                told = f"{stored} checkpoints are stored, but {self.checkpoints} fit a batch's end"
                self.report.add(None, "checkpoint", told)
            present, _ = read_checkpoint(snapshot)
            if not all(_belongs(key, present) for key, _ in snapshot.scan(TILE)):
                self.report.add(None, "tile", "there are tiles beyond the end of the tree")


def _belongs(key: bytes, size: int) -> bool:
    level, number = parse_index_key(key)
    return level > 0 and number * TILE_WIDTH < size >> TILE_HEIGHT * level


def check_log(
    store: Store, verifier: Verifier, secret: bytes, anchor: Anchor | None, progress: Progress
) -> Report:
    """Check a whole log against itself, its key and its anchor.

    Args:
        secret: that of the log's fingerprints. anchor: None when there is none to compare with.
        progress: called from time to time with records done and to do.

    Returns:
        What was found; it names the entry of each fault that is in one. Nothing is changed.
    """
    check = _Check(store, verifier, secret)
    try:
        with store.snapshot() as snapshot:
            check_format(snapshot, verifier.name)
            size, note = read_checkpoint(snapshot)
            state = _read_state(check, snapshot)
        check.report.size = size
        check.walk(size, progress)
        check.check_signed()
        check.report.root_hash = check.tree.root()
        _check_state(check, state)
        check.judge(note, "the newest checkpoint")
        check.finish(size)
        if anchor is not None:
            _check_anchor(check, anchor)
    except (IntegrityError, OutOfRange, StartupError) as error:
        # Without this nothing behind it can be judged: mend it, and check again.
        index = getattr(error, "index", None)
        check.report.add(index, "store", f"{error}; what follows was not checked")
    finally:
        check.catalog.close()
    return check.report


def _read_state(check: _Check, snapshot: Snapshot) -> State | None:
    try:
        return read_state(snapshot)
    except IntegrityError as error:
        check.report.add(None, "state", str(error))
        return None


def _check_state(check: _Check, state: State | None) -> None:
    entries, tree = check.entries, check.tree
    mine = State(tree.size, entries.time_us, entries.previous, tuple(tree.hashes))
    if state is not None and mine != state:
        told = f"the stored state of size {state.size} is not that of the entries"
        check.report.add(None, "state", told)


def _check_anchor(check: _Check, anchor: Anchor) -> None:
    anchored = anchor.read()
    if anchored is None:
        check.report.add(None, "anchor", f"{anchor.path} is empty")
        return
    with check.store.snapshot() as snapshot:
        # Asked again, because a server may have gone on: the anchor may be newer than the check, not than the store.
        size, _ = read_checkpoint(snapshot)
        value = snapshot.get(CHECKPOINT, index_key(anchored.size))
        name = f"checkpoint of size {anchored.size}"
        note = b"" if value is None else unseal(value, name)
    if anchored.size > size:
        told = f"it was signed for {anchored.size} entries; the store has {size}: an old copy"
        check.report.add(None, "anchor", told)
        return
    # The note itself was verified at its place in the log; here its root line only has to be the anchor's.
    if note.split(b"\n")[:3] != anchored.note.split(b"\n")[:3]:
        check.report.add(None, "anchor", f"its tree of size {anchored.size} is not this log's")
