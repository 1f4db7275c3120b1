"""Entries checked from what was submitted: record, commitment, leaf and chain.

A batch that is sound costs the batch functions and two comparisons. Only one that is not is walked record by record,
to tell which of the stored parts is the damaged one; the others then vouch for the entries that follow.
"""

from counterfoil.entry import SALT_SIZE, chain_batch, commit_batch, derive_salts
from counterfoil.log.fsck.report import Report
from counterfoil.log.layout import BatchHead, BatchPart
from counterfoil.packed import HASH_SIZE, Hashes
from counterfoil.record import KIND_BY_NUMBER


class EntryCheck:
    """Walks all batch parts in order and keeps what the next one must continue from."""

    def __init__(
        self, report: Report, previous: bytes = bytes(HASH_SIZE), time_us: int = 0
    ) -> None:
        """Begin at a batch; ``previous`` and ``time_us`` are leaf hash and time of the entry before it."""
        self._report = report
        self._head: BatchHead | None = None
        self.previous = previous
        self.time_us = time_us

    def check(self, part: BatchPart) -> Hashes:
        """Check one part; the leaf hashes that its entries must have.

        Raises:
            IntegrityError: the part cannot be taken apart at all.
        """
        self._check_head(part)
        records, salts = part.records(), part.salts()
        commitments = commit_batch(salts, records)
        hashes = chain_batch(part.head.kind, part.head.time_us, self.previous, commitments)
        self._check_salts(part, salts)
        if commitments != part.commitments() or hashes != part.leaf_hashes():
            hashes = self._find_damage(part, commitments)
        self.previous = hashes[-1]
        return hashes

    def skip(self, part: BatchPart) -> Hashes:
        """Go on behind a part whose records cannot be taken apart; its leaf hashes, as they are stored."""
        hashes = part.leaf_hashes()
        self._head = part.head
        self.previous = hashes[-1]
        self.time_us = max(self.time_us, part.head.time_us)
        return hashes

    def _check_salts(self, part: BatchPart, salts: bytes) -> None:
        begin = part.first - part.head.first
        made = derive_salts(part.head.salt_seed, begin + part.count)[SALT_SIZE * begin :]
        for at in range(part.count if made != salts else 0):
            if made[SALT_SIZE * at :][:SALT_SIZE] != salts[SALT_SIZE * at :][:SALT_SIZE]:
                self._report.add(part.first + at, "record", "the salt is not that of the batch")

    def _check_head(self, part: BatchPart) -> None:
        head, index = part.head, part.first
        if head.kind not in KIND_BY_NUMBER:
            self._report.add(index, "leaf", f"kind {head.kind} is unknown")
        if head.time_us < self.time_us:
            self._report.add(index, "leaf", "the time is before that of the entry before")
        self.time_us = max(self.time_us, head.time_us)
        if index == head.first:
            if head.previous != self.previous:
                self._report.add(index, "chain", "the batch does not follow the entry before it")
        elif head != self._head:
            self._report.add(
                index, "batch", "the part disagrees with the one before it about their batch"
            )
        if not head.first <= index < index + part.count <= head.first + head.count:
            self._report.add(index, "batch", "the part lies outside its batch")
        self._head = head

    def _find_damage(self, part: BatchPart, commitments: Hashes) -> Hashes:
        stored_commitments, stored_hashes = part.commitments(), part.leaf_hashes()
        previous = self.previous
        good: list[bytes] = []
        for at in range(part.count):
            index = part.first + at
            from_record, from_store = (
                chain_batch(part.head.kind, part.head.time_us, previous, [commit])[0]
                for commit in (commitments[at], stored_commitments[at])
            )
            stored = stored_hashes[at]
            if from_record == stored:
                if commitments[at] != stored_commitments[at]:
                    self._report.add(
                        index, "commitment", "the stored commitment is damaged; the record is good"
                    )
                previous = from_record
            elif from_store == stored:
                self._report.add(
                    index, "record", "the record or its salt is not what the leaf commits to"
                )
                previous = from_store
            elif commitments[at] == stored_commitments[at]:
                self._report.add(index, "leaf", "the stored leaf hash is not that of the entry")
                previous = from_record
            else:
                self._report.add(
                    index, "record", "neither the record nor its commitment gives the stored leaf"
                )
                previous = stored
            good.append(previous)
        return Hashes.of(good)
