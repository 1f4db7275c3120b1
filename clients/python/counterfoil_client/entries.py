"""Checking entries that were read: each one against its leaf, and all of them against a signed tree.

A leaf holds the leaf hash of the entry before it. So one inclusion proof, for the last entry of a run without gaps,
proves every entry of the run: a page costs one proof, not a hundred.
"""

from collections.abc import Callable, Sequence

from counterfoil.entry import commitment, parse_leaf, parse_record
from counterfoil.errors import VerificationError
from counterfoil.note import Checkpoint
from counterfoil.tlog import leaf_hash, verify_inclusion
from counterfoil.v1.log_service_pb2 import Entry

ProveInclusion = Callable[[Sequence[int], int], Sequence[Sequence[bytes]]]
"""prove(indexes, size) -> the log's inclusion proofs, one for each index."""


def check_entries(entries: Sequence[Entry], checkpoint: Checkpoint, prove: ProveInclusion) -> None:
    """Verify that these entries, in rising order, are in the tree of a checkpoint.

    Args:
        entries: with indexes below the checkpoint's size; each run without gaps costs one proof.
        checkpoint: one that the caller trusts.

    Raises:
        VerificationError: an entry is not what its leaf says, or not in the tree.
        LedgerError: the proofs could not be had.
    """
    hashes = [check_entry(entry) for entry in entries]
    last_of_runs = []
    for at, entry in enumerate(entries):
        if at + 1 == len(entries) or entries[at + 1].index > entry.index + 1:
            last_of_runs.append(at)
        elif entries[at + 1].index <= entry.index:
            raise VerificationError(
                f"entry {entries[at + 1].index} comes after entry {entry.index}"
            )
        elif parse_leaf(entries[at + 1].leaf).previous != hashes[at]:
            raise VerificationError(f"entry {entry.index + 1} does not follow entry {entry.index}")
    proofs = prove([entries[at].index for at in last_of_runs], checkpoint.size)
    for at, proof in zip(last_of_runs, proofs, strict=True):
        verify_inclusion(
            entries[at].index, checkpoint.size, hashes[at], list(proof), checkpoint.root_hash
        )


def check_entry(entry: Entry) -> bytes:
    """The leaf hash of an entry whose fields and record are what its leaf says.

    A redacted entry has no record and no salt; then the leaf is all that can be checked.

    Raises:
        VerificationError: they are not.
    """
    try:
        leaf = parse_leaf(entry.leaf)
        if (leaf.kind, leaf.time_us) != (entry.kind, entry.time_us):
            raise VerificationError("kind or time are not those of its leaf")
        if entry.record or entry.salt:
            parse_record(entry.record)
            if commitment(entry.salt, entry.record) != leaf.commitment:
                raise VerificationError("the record is not the one that its leaf commits to")
    except VerificationError as error:
        raise VerificationError(f"entry {entry.index}: {error}") from error
    return leaf_hash(entry.leaf)
