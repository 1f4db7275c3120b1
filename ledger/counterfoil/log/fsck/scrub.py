"""The scrub: fsck a little at a time, for a store that is being served.

It goes over the log once in each period, evenly. Where it should be follows from the clock alone: a share of the log as
large as the share of the period that is over. So it needs no memory of its own, and a restart goes on in the same place.
A round covers what the log held when it began: the scrub's pace does not follow that of the writers, which it would slow
down. So rot in what one round has seen is found at most one period after it came about, while the server runs; what was
written since the round began is seen for the first time in the next one.

It does what fsck does with each batch, and looks for each record in the catalog, and in the registry if it changes
that. The chunks of the catalog have their turn
beside that: in a round each is due at a place that follows from its checksum, which is as good as random. What fsck finds
beyond that by comparing whole sets (lines of the catalog and rows of the registry that no entry gives, tiles beyond the tree, the anchor) it leaves
to fsck.
"""

from heapq import nsmallest
from typing import Final

from counterfoil.entry import parse_record
from counterfoil.errors import IntegrityError, VerificationError
from counterfoil.keys import Verifier
from counterfoil.log.append import read_stream
from counterfoil.log.fsck.lines import find_unlisted
from counterfoil.log.fsck.report import Fault, Report
from counterfoil.log.fsck.walk import Walk
from counterfoil.log.layout import BatchPart
from counterfoil.log.nodes import find_part
from counterfoil.log.registry.read import find_missing_rows
from counterfoil.log.runs import read_checked, read_runs
from counterfoil.log.state import read_state
from counterfoil.note import Trust, as_trust
from counterfoil.record import KIND_BY_NUMBER
from counterfoil.store import Snapshot, Store

# How many records are read in one look: some tens of milliseconds, also when it has fallen behind.
RECORDS_AT_A_TIME: Final = 2_000
# How many chunks of the catalog, of 1 MiB at most: 0.2 ms each.
CHUNKS_AT_A_TIME: Final = 16
# Where a round ends for the chunks, whose places are checksums.
_LAST_TURN: Final = 1 << 64


class Scrub:
    """Goes over a log for ever. Only reads; one thread may use it."""

    def __init__(
        self, store: Store, trust: Verifier | Trust, secret: bytes, period_us: int
    ) -> None:
        """Begin where the clock says at the first look.

        Args:
            trust: the log's keys, or its only one.
            secret: that of the log's fingerprints. period_us: how long one round over the log takes, in microseconds.
        """
        self._store = store
        self._trust = as_trust(trust)
        self._secret = secret
        self._period_us = period_us
        self._report = Report()
        self._walk: Walk | None = None
        self._round = self._size = 0
        # Chunks whose turn is before this were looked at in this round.
        self._turn = 0
        # Faults of this round: each is told once.
        self._told: set[Fault] = set()

    def look(self, now_us: int) -> list[Fault]:
        """Check what has become due, about RECORDS_AT_A_TIME records and CHUNKS_AT_A_TIME chunks at most.

        Returns:
            What was found wrong, each fault once in a round.

        Call it about once a second. When a round is over, the next one begins with the next look.
        """
        round_, within_us = divmod(now_us, self._period_us)
        told = self._told
        with self._store.snapshot() as snapshot:
            try:
                size = read_state(snapshot).size
                turn = _LAST_TURN * within_us // self._period_us
                if self._walk is None:
                    self._round, self._size, self._turn = round_, size, turn
                    self._walk = self._begin(snapshot, size * within_us // self._period_us)
                # The end of the round before comes first.
                over = round_ != self._round
                due = self._size if over else self._size * within_us // self._period_us
                self._walk.advance(snapshot, due, RECORDS_AT_A_TIME)
                self._check_chunks(snapshot, _LAST_TURN if over else turn)
                if over and self._walk.next_index >= self._size and self._turn == _LAST_TURN:
                    self._walk, self._round, self._size = self._fresh(), round_, size
                    self._turn, self._told = 0, set()
            except IntegrityError as error:
                self._report.add(error.index, "store", str(error))
        # A chunk that is damaged is met by each entry that asks for it.
        found = [fault for fault in dict.fromkeys(self._report.problems) if fault not in told]
        self._report.problems.clear()
        told.update(found)
        return found

    def _fresh(self) -> Walk:
        return Walk(self._report, self._trust, self._visit)

    def _begin(self, snapshot: Snapshot, index: int) -> Walk:
        """A walk that begins with the batch of an entry; at the beginning of the log where that is damaged."""
        walk = self._fresh()
        try:
            first = find_part(snapshot, index).head.first
            walk.begin_at(snapshot, find_part(snapshot, first))
        except IntegrityError as error:
            self._report.add(error.index, "batch", str(error))
        return walk

    def _check_chunks(self, snapshot: Snapshot, due: int) -> None:
        """Check the chunks whose turn has come and is before ``due``."""
        waiting = (
            (int.from_bytes(run.checksum(chunk), "little"), run.number, run, chunk)
            for run in read_runs(snapshot).runs
            for chunk in run.chunks
        )
        coming = (each for each in waiting if self._turn <= each[0] < due)
        for at, (turn, _, run, chunk) in enumerate(nsmallest(CHUNKS_AT_A_TIME + 1, coming)):
            if at == CHUNKS_AT_A_TIME:
                self._turn = turn
                return
            try:
                read_checked(snapshot, run, chunk)
            except IntegrityError as error:
                self._report.add(None, "catalog", str(error))
        self._turn = max(self._turn, due)

    def _visit(self, snapshot: Snapshot, part: BatchPart) -> None:
        try:
            for index in find_unlisted(snapshot, self._secret, part):
                told = "the entry is not in the catalog where it belongs"
                self._report.add(index, "catalog", told)
            self._check_registry(snapshot, part)
            self._check_stream(snapshot, part)
        except IntegrityError as error:
            # A chunk of the catalog is one fault for all entries that need it.
            what = "catalog" if error.index is None else "record"
            self._report.add(error.index, what, str(error))
        except (VerificationError, KeyError) as error:
            self._report.add(part.first, "record", str(error))

    def _check_registry(self, snapshot: Snapshot, part: BatchPart) -> None:
        if KIND_BY_NUMBER[part.head.kind].change is None:
            return
        for index in range(part.first, part.first + part.count):
            missing = find_missing_rows(snapshot, index)
            if missing is not None:
                self._report.add(index, "registry", missing)

    def _check_stream(self, snapshot: Snapshot, part: BatchPart) -> None:
        if not part.head.stream_id:
            return
        submitter = parse_record(part.records(0, 1)[0]).submitter
        stream_id = part.head.stream_id.decode()
        try:
            last = read_stream(snapshot, submitter, stream_id)
        except IntegrityError as error:
            self._report.add(None, "stream", str(error))
            return
        if last < part.head.sequence:
            told = (
                f"stream {stream_id} of {submitter} must be at batch {part.head.sequence} at least"
            )
            self._report.add(None, "stream", told)
