"""fsck: everything that the store holds, made again from the records and compared.

Checked are first the pages of the store; then, in one pass over the batches, record, commitment, leaf, chain, tree,
tiles, and each signed checkpoint at its size (see walk.py); then the catalog (which is the duplicate check), the
registry, the streams, the state, and the anchor. It reads in short snapshots, so that a server may go on writing beside it.
"""

from collections.abc import Sequence
from typing import Final

from counterfoil.entry import parse_record
from counterfoil.errors import IntegrityError, OutOfRange, StartupError, VerificationError
from counterfoil.keys import Verifier
from counterfoil.log.anchor import Anchor
from counterfoil.log.append import read_stream
from counterfoil.log.fsck.catalog import CatalogCheck
from counterfoil.log.fsck.registry import RegistryCheck
from counterfoil.log.fsck.report import Progress, Report
from counterfoil.log.fsck.walk import Walk
from counterfoil.log.keys import make_history, read_keys
from counterfoil.log.layout import CHECKPOINT, TILE, BatchPart, index_key, parse_index_key, unseal
from counterfoil.log.log import check_format, check_present
from counterfoil.log.read import read_checkpoint
from counterfoil.log.secret import read_secret
from counterfoil.log.state import State, read_state
from counterfoil.note import KeyHistory, Policy, Trust
from counterfoil.record import GENESIS, KEY_CHANGE
from counterfoil.store import Snapshot, Store
from counterfoil.tlog import TILE_HEIGHT, TILE_WIDTH, Frontier

# How many entries are read in one snapshot: some tens of milliseconds.
_RECORDS_AT_A_TIME: Final = 20_000


class _Check:
    """One run of fsck."""

    def __init__(self, store: Store, report: Report, trust: Trust, secret: bytes) -> None:
        self.store = store
        self.report = report
        self.trust = trust
        self.walk = Walk(self.report, trust, self._visit)
        self.catalog = CatalogCheck(self.report, secret)
        self.registry = RegistryCheck(self.report)
        # Index and body of genesis and of changes of keys, as the walk meets them.
        self.key_entries: list[tuple[int, bytes]] = []
        self.streams: dict[tuple[str, str], int] = {}
        self.readable = True

    def check_batches(self, size: int, progress: Progress) -> None:
        """Check all batches of the first ``size`` entries."""
        while self.walk.next_index < size:
            with self.store.snapshot() as snapshot:
                self.walk.advance(snapshot, size, _RECORDS_AT_A_TIME)
                if self.readable and self.walk.complete:
                    self.registry.replay(snapshot)
            progress(min(self.walk.next_index, size), size)
        self.walk.check_signed()

    def _visit(self, _: Snapshot, part: BatchPart) -> None:
        try:
            self.catalog.add(part)
            self.registry.add(part)
            self._note_stream(part)
            if part.head.kind in (GENESIS.number, KEY_CHANGE.number):
                self.key_entries += enumerate(part.bodies(), part.first)
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

    def finish(self, size: int) -> None:
        """Check what is about the log as a whole."""
        with self.store.snapshot() as snapshot:
            if self.readable and self.walk.complete:
                self._compare_catalog(snapshot, size)
                self.registry.compare(snapshot, size)
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
            if self.walk.complete and stored != self.walk.checkpoints:
                told = f"{stored} checkpoints are stored, but {self.walk.checkpoints} fit a batch's end"
                self.report.add(None, "checkpoint", told)
            present, _ = read_checkpoint(snapshot)
            if not all(_belongs(key, present) for key, _ in snapshot.scan(TILE)):
                self.report.add(None, "tile", "there are tiles beyond the end of the tree")

    def _compare_catalog(self, snapshot: Snapshot, size: int) -> None:
        try:
            self.catalog.compare(snapshot, size)
        except IntegrityError as error:
            self.report.add(error.index, "catalog", str(error))


def _belongs(key: bytes, size: int) -> bool:
    level, number = parse_index_key(key)
    return level > 0 and number * TILE_WIDTH < size >> TILE_HEIGHT * level


def check_log(
    store: Store,
    verifier: Verifier,
    secret: bytes,
    anchor: Anchor | None,
    progress: Progress,
    others: Sequence[Verifier] = (),
) -> Report:
    """Check a whole log against itself, its keys and its anchor.

    Args:
        verifier: a key of the log. others: more of them; one of all these has to be the one that is not retired.
        secret: that of the log's fingerprints, if the store does not say it.
        anchor: None when there is none to compare with.
        progress: called from time to time with records done and to do.

    Returns:
        What was found; it names the entry of each fault that is in one. Nothing is changed.
    """
    report = Report()
    check: _Check | None = None
    try:
        for told in store.check_structure():
            report.add(None, "pages", told)
        if not report.sound:
            # Whoever follows a wrong page number may be killed for it.
            raise IntegrityError("the pages of the store are damaged")
        with store.snapshot() as snapshot:
            check_format(snapshot, verifier.name)
            secret = _read_secret(report, snapshot, secret)
            known = (verifier, *others)
            trust = _read_trust(snapshot, secret, known)
            check = _Check(store, report, trust, secret)
            size, note = read_checkpoint(snapshot)
            state = _read_state(check, snapshot)
        check.report.size = size
        check.check_batches(size, progress)
        if check.walk.tree is not None:
            check.report.root_hash = check.walk.tree.root()
            _check_state(check, check.walk.tree, state)
        check.walk.judge(note, "the newest checkpoint")
        check.finish(size)
        if check.walk.complete:
            _check_keys(check, known)
        if anchor is not None:
            _check_anchor(check, anchor)
    except (IntegrityError, OutOfRange, StartupError) as error:
        # Without this nothing behind it can be judged: mend it, and check again.
        index = getattr(error, "index", None)
        report.add(index, "store", f"{error}; what follows was not checked")
    finally:
        if check is not None:
            check.catalog.close()
            check.registry.close()
    return report


def _read_secret(report: Report, snapshot: Snapshot, otherwise: bytes) -> bytes:
    try:
        return read_secret(snapshot) or otherwise
    except IntegrityError as error:
        report.add(None, "secret", str(error))
        return otherwise


def _read_trust(snapshot: Snapshot, secret: bytes, known: Sequence[Verifier]) -> Trust:
    """The log's keys, each for its sizes. Where the log cannot tell them, all keys of the directory for all sizes.

    What keeps the log from telling is found and told by the walk.
    """
    try:
        keys = read_keys(snapshot, secret)
        check_present(keys, known)
    except (IntegrityError, OutOfRange, StartupError):
        return Policy(tuple(known))
    return keys


def _read_state(check: _Check, snapshot: Snapshot) -> State | None:
    try:
        return read_state(snapshot)
    except IntegrityError as error:
        check.report.add(None, "state", str(error))
        return None


def _check_state(check: _Check, tree: Frontier, state: State | None) -> None:
    entries = check.walk.entries
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


def _check_keys(check: _Check, known: Sequence[Verifier]) -> None:
    """The keys that were believed, because the catalog named their changes, must be those of the entries."""
    try:
        told = make_history(check.key_entries)
        check_present(told, known)
    except (IntegrityError, StartupError) as error:
        check.report.add(None, "keys", str(error))
        return
    if isinstance(check.trust, KeyHistory) and check.trust != told:
        check.report.add(None, "keys", "the keys that sign are not those of the entries")
