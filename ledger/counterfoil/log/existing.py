"""Which records of a group are in the log already: idempotency, for ever.

Nearly every group has none, and that is found out without looking at a single record: no fingerprint of the group is in
the catalog, and none occurs twice in the group. What remains are suspects, each confirmed against the record itself.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from google.protobuf.message import DecodeError

from counterfoil.entry import commit_batch, frame_records, parse_record
from counterfoil.errors import IntegrityError, VerificationError
from counterfoil.log.batch import Batch
from counterfoil.log.layout import BatchHead, BatchPart
from counterfoil.log.nodes import find_part
from counterfoil.log.runs import find_sorted, read_runs, sort_question
from counterfoil.packed import Packed
from counterfoil.record import KIND_BY_NUMBER, Kind
from counterfoil.record.difference import first_difference
from counterfoil.store import Snapshot


@dataclass(frozen=True, slots=True)
class Existing:
    """A record of a batch that is in the log: where, and which field differs, if one does."""

    position: int
    index: int
    field: str | None


@dataclass(frozen=True, slots=True)
class Suspect:
    """A position whose fingerprint occurs elsewhere: in the catalog at these indexes, or in the group."""

    position: int
    indexes: tuple[int, ...]


def find_suspects(snapshot: Snapshot, batches: Sequence[Batch]) -> list[list[Suspect]]:
    """The suspects of each batch, by position."""
    prints = np.concatenate([batch.prints for batch in batches])
    hits: dict[int, list[int]] = defaultdict(list)
    asked, positions = sort_question(prints)
    for hit in find_sorted(snapshot, read_runs(snapshot).runs, asked, positions):
        hits[hit.position].append(hit.index)
    twins = np.flatnonzero(asked[1:] == asked[:-1])
    for place in twins.tolist():
        for position in (int(positions[place]), int(positions[place + 1])):
            hits.setdefault(position, [])
    found: list[list[Suspect]] = [[] for _ in batches]
    if hits:
        starts = np.cumsum([0, *(len(batch.bodies) for batch in batches)])
        for position in sorted(hits):
            number = int(np.searchsorted(starts, position, side="right")) - 1
            local = position - int(starts[number])
            found[number].append(Suspect(local, tuple(sorted(hits[position]))))
    return found


@dataclass(slots=True)
class Seen:
    """What earlier batches of the same group brought, among the suspects: identity to (index, body)."""

    known: dict[tuple[int, str, str], tuple[int, bytes]] = field(default_factory=dict)

    def sort_out(
        self, snapshot: Snapshot, batch: Batch, suspects: Sequence[Suspect], first: int
    ) -> tuple[list[Existing], Sequence[int]]:
        """Tell what exists from what is new.

        Args:
            first: the index of the batch's first new record.

        Returns:
            The records that exist, and the positions of those that are new, both ascending.
        """
        if not suspects:
            return [], range(len(batch.bodies))
        originals = Originals(snapshot)
        existing: list[Existing] = []
        within: dict[str, tuple[int, bytes]] = {}
        for suspect in suspects:
            position = suspect.position
            identity, body = batch.identities[position], batch.bodies[position]
            original = (
                within.get(identity)
                or self.known.get((batch.kind.number, batch.submitter, identity))
                or originals.find(batch, identity, body, suspect.indexes)
            )
            if original is None:
                within[identity] = (first + position - len(existing), body)
                continue
            index, logged = original
            different = None if logged == body else first_difference(batch.kind, logged, body)
            existing.append(Existing(position, index, different))
        gone = {item.position for item in existing}
        return existing, [at for at in range(len(batch.bodies)) if at not in gone]

    def remember(
        self, batch: Batch, suspects: Sequence[Suspect], positions: Sequence[int], first: int
    ) -> None:
        """Keep the suspects that turned out to be new, for the batches that follow."""
        if not suspects:
            return
        places = {position: first + at for at, position in enumerate(positions)}
        for suspect in suspects:
            if suspect.position in places:
                key = (batch.kind.number, batch.submitter, batch.identities[suspect.position])
                self.known[key] = (places[suspect.position], batch.bodies[suspect.position])


class Originals:
    """Reads stored records for comparison.

    The part that was read last is kept: a batch that is sent again asks for one record after the other of it.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        """Read from a snapshot, and no longer than it is open."""
        self._snapshot = snapshot
        self._part: BatchPart | None = None
        self._bodies: Sequence[bytes] = ()

    def find(
        self, batch: Batch, identity: str, body: bytes, indexes: Sequence[int]
    ) -> tuple[int, bytes] | None:
        """The entry with this very identity among those with its fingerprint, and its body."""
        for index in indexes:
            head, logged = self._read(index)
            if (head.kind, head.prefix, logged) == (batch.kind.number, batch.prefix, body):
                return index, logged  # The very record: nothing needs to be taken apart.
            if _identity(head, logged, index) == (batch.kind, batch.submitter, identity):
                return index, logged
        return None

    def _read(self, index: int) -> tuple[BatchHead, bytes]:
        part = self._part
        if part is None or not part.first <= index < part.first + part.count:
            part = self._part = find_part(self._snapshot, index)
            self._bodies = _sound_bodies(part)
        return part.head, self._bodies[index - part.first]


def _sound_bodies(part: BatchPart) -> Packed:
    """The bodies of a part, none of which may have changed: a rotted one is neither a duplicate nor a conflict."""
    bodies = part.bodies()
    records = frame_records(part.head.prefix, bodies)
    made, stored = commit_batch(part.salts(), records), part.commitments()
    if made != stored:
        at = next(
            at for at, pair in enumerate(zip(made, stored, strict=True)) if pair[0] != pair[1]
        )
        index = part.first + at
        raise IntegrityError(f"entry {index} is damaged in the store; run fsck", index=index)
    return bodies


def read_identity(snapshot: Snapshot, index: int) -> tuple[Kind, str, str]:
    """Kind, submitter and identity of a stored entry.

    Raises:
        IntegrityError: the stored record cannot be read.
    """
    part = find_part(snapshot, index)
    return _identity(part.head, part.bodies(index - part.first, index - part.first + 1)[0], index)


def _identity(head: BatchHead, body: bytes, index: int) -> tuple[Kind, str, str]:
    try:
        kind = KIND_BY_NUMBER[head.kind]
        fields = parse_record(frame_records(head.prefix, [body])[0])
        parsed = kind.message.FromString(body)
    except (KeyError, VerificationError, DecodeError) as error:
        told = f"the record of entry {index} cannot be read: {error}"
        raise IntegrityError(told, index=index) from error
    return kind, fields.submitter, kind.identity(fields.request_id, parsed)
