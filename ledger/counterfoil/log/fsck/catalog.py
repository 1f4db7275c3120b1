"""The catalog made again from the records, and compared with the stored runs, entry by entry.

Both sides are sorted by fingerprint and index and must be the same. They are compared a share of the fingerprints at a
time, so that a large log does not need its whole catalog in memory four times over.
"""

import numpy as np

from counterfoil.entry import parse_record
from counterfoil.errors import IntegrityError
from counterfoil.log.batch import identity_domain, term_prints
from counterfoil.log.columns import split_columns
from counterfoil.log.existing import read_identity
from counterfoil.log.fingerprint import fingerprints
from counterfoil.log.fsck.report import Report
from counterfoil.log.layout import BatchPart
from counterfoil.log.runs import read_chunk, read_runs
from counterfoil.record import KIND_BY_NUMBER
from counterfoil.store import Snapshot

_SHARE_COUNT_MAX = 4_000_000


class CatalogCheck:
    """Collects what the catalog must hold, and compares at the end."""

    def __init__(self, report: Report, secret: bytes) -> None:
        """Begin with nothing; ``secret`` is that of the log's fingerprints."""
        self._report = report
        self._secret = secret
        self._identities: list[np.ndarray] = []
        self._places: list[np.ndarray] = []
        self._terms: list[np.ndarray] = []
        self._term_places: list[np.ndarray] = []

    def add(self, part: BatchPart) -> None:
        """Take in the identities and terms of a part's records.

        Raises:
            IntegrityError: a record cannot be read.
        """
        kind = KIND_BY_NUMBER[part.head.kind]
        fields = parse_record(part.records(0, 1)[0])
        bodies = part.bodies()
        parse, identity = kind.message.FromString, kind.identity
        try:
            identities = [identity(fields.request_id, parse(body)) for body in bodies]
        except Exception as error:
            raise IntegrityError(
                f"a record of entry {part.first} or after cannot be read", index=part.first
            ) from error
        indexes = np.arange(part.first, part.first + part.count, dtype=np.uint64)
        domain = identity_domain(kind, fields.submitter)
        self._identities.append(fingerprints(self._secret, domain, identities))
        self._places.append(indexes)
        terms = term_prints(self._secret, kind, bodies)
        if terms.shape[1]:
            self._terms.append(terms.reshape(-1))
            self._term_places.append(np.repeat(indexes, terms.shape[1]))

    def compare(self, snapshot: Snapshot, size: int) -> None:
        """Compare with the runs of a snapshot, whose entries from ``size`` on are left aside."""
        self._check_twins(snapshot)
        wanted = _join(self._identities + self._terms)
        wanted_at = _join(self._places + self._term_places)
        stored, stored_at = self._read_runs(snapshot, size)
        shares = max(1, -(-len(wanted) // _SHARE_COUNT_MAX))
        edges = np.linspace(0, 2**64 - 1, shares + 1, dtype=np.float64)
        for share in range(shares):
            low, high = edges[share], edges[share + 1]
            mine = (wanted >= low) & ((wanted < high) | (share + 1 == shares))
            theirs = (stored >= low) & ((stored < high) | (share + 1 == shares))
            self._compare_share(
                _pairs(wanted[mine], wanted_at[mine]), _pairs(stored[theirs], stored_at[theirs])
            )

    def _read_runs(self, snapshot: Snapshot, size: int) -> tuple[np.ndarray, np.ndarray]:
        prints, indexes = [], []
        for run in read_runs(snapshot).runs:
            for chunk in run.chunks:
                have, at = split_columns(read_chunk(snapshot, run, chunk))
                inside = at < size
                prints.append(have[inside].astype(np.uint64))
                indexes.append(at[inside].astype(np.uint64))
                if have[:1].tobytes() != run.fences[8 * chunk : 8 * chunk + 8] or bool(
                    (have[1:] < have[:-1]).any()
                ):
                    self._report.add(
                        None, "catalog", f"chunk {chunk} of run {run.number} is out of order"
                    )
        return _join(prints), _join(indexes)

    def _compare_share(self, mine: np.ndarray, theirs: np.ndarray) -> None:
        if np.array_equal(mine, theirs):
            return
        if len(mine) != len(theirs):
            told = f"it has {len(theirs)} lines where the entries give {len(mine)}"
            self._report.add(None, "catalog", told)
        for _, index in np.setdiff1d(mine, theirs)[:100].tolist():
            self._report.add(index, "catalog", "the entry is not in the catalog where it belongs")
        for _, index in np.setdiff1d(theirs, mine)[:100].tolist():
            self._report.add(
                index, "catalog", "the catalog has a line that the entry does not give"
            )

    def _check_twins(self, snapshot: Snapshot) -> None:
        """No identity may be in the log twice; equal fingerprints are looked at one by one."""
        prints, places = _join(self._identities), _join(self._places)
        order = np.argsort(prints, kind="stable")
        prints = prints[order]
        for place in np.flatnonzero(prints[1:] == prints[:-1]).tolist():
            first, second = int(places[order[place]]), int(places[order[place + 1]])
            if read_identity(snapshot, first) == read_identity(snapshot, second):
                self._report.add(second, "dedup", f"the entry has the identity of entry {first}")


def _pairs(prints: np.ndarray, indexes: np.ndarray) -> np.ndarray:
    both = np.empty(len(prints), dtype=[("print", np.uint64), ("index", np.uint64)])
    # Both sides come in the order of the log, so that a stable sort leaves equal fingerprints by index.
    order = np.argsort(prints, kind="stable")
    both["print"], both["index"] = prints[order], indexes[order]
    return both


def _join(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.uint64)
