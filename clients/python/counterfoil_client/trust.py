"""Whom the client trusts, and the memory that makes a fork visible.

A signature says that the log's key signed a tree. That there is only *one* history is seen by whoever remembers: every
checkpoint that the client asks for must be consistent with the newest one that it saw before.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Final

from counterfoil.errors import VerificationError
from counterfoil.note import Checkpoint, Policy
from counterfoil.receipt import VerifiedReceipt
from counterfoil.tlog import verify_consistency
from counterfoil_client.errors import ForkDetected, LedgerError

ProveConsistency = Callable[[int, int], Sequence[bytes]]
"""prove(old_size, new_size) -> the log's consistency proof."""

# The ledger answers with one of these when it has no proof to give. Other codes mean that it could not be asked.
_NO_PROOF: Final = ("OUT_OF_RANGE", "NOT_FOUND", "INVALID_ARGUMENT", "FAILED_PRECONDITION")


def parse_trust(text: str) -> Policy:
    """A policy from text: one verifier key, or a tlog-policy (https://c2sp.org/tlog-policy).

    Raises:
        VerificationError: the text is neither.
    """
    stripped = text.strip()
    return Policy.parse(text) if any(map(str.isspace, stripped)) else Policy.trust(stripped)


class CheckpointMemory:
    """The newest checkpoint of one log that this client saw; may be used from many threads.

    Checkpoints that come with receipts are remembered, but a receipt does not wait for a proof: they are compared at
    once where sizes are equal, and proven consistent when a checkpoint is asked for the next time.
    """

    def __init__(self, policy: Policy, origin: str, prove: ProveConsistency) -> None:
        self._policy = policy
        self._origin = origin
        self._prove = prove
        self._lock = threading.Lock()
        self._newest: Checkpoint | None = None
        self._from_receipt: Checkpoint | None = None

    def trust(self, policy: Policy) -> None:
        """Check what comes from now on under another policy: the log has changed its key."""
        self._policy = policy

    @property
    def newest(self) -> Checkpoint | None:
        """The largest checkpoint that was proven consistent with all that were proven before it."""
        return self._newest

    def check(self, note: bytes) -> Checkpoint:
        """Verify a signed note, and that its tree goes together with those seen before.

        Raises:
            VerificationError: bad signature, or another log.
            ForkDetected: the log cannot show that both trees are one history.
            LedgerError: the log could not be asked for a proof.
        """
        checkpoint = self._policy.check(note)
        if checkpoint.origin != self._origin:
            raise VerificationError(f"checkpoint is of {checkpoint.origin}, not {self._origin}")
        with self._lock:
            self._admit(checkpoint)
            if self._from_receipt is not None:
                self._admit(self._from_receipt)
                self._from_receipt = None
        return checkpoint

    def see(self, verified: VerifiedReceipt) -> None:
        """Remember the checkpoint of a verified receipt.

        Raises:
            ForkDetected: it has the size of one that is remembered, and another root.
        """
        checkpoint = verified.checkpoint
        with self._lock:
            for other in (self._newest, self._from_receipt):
                if other is not None and other.size == checkpoint.size:
                    _check_same_root(other, checkpoint)
            if self._from_receipt is None or self._from_receipt.size < checkpoint.size:
                self._from_receipt = checkpoint

    def _admit(self, checkpoint: Checkpoint) -> None:
        newest = self._newest
        if newest is not None and newest.size == checkpoint.size:
            _check_same_root(newest, checkpoint)
        elif newest is not None:
            old, new = sorted((newest, checkpoint), key=lambda each: each.size)
            self._check_consistent(old, new, newest, checkpoint)
        if newest is None or newest.size < checkpoint.size:
            self._newest = checkpoint

    def _check_consistent(
        self, old: Checkpoint, new: Checkpoint, first: Checkpoint, second: Checkpoint
    ) -> None:
        try:
            proof = self._prove(old.size, new.size)
            verify_consistency(old.size, new.size, old.root_hash, new.root_hash, proof)
        except LedgerError as error:
            if error.code not in _NO_PROOF:
                raise
            raise _fork(f"the log has no proof: {error}", first, second) from error
        except VerificationError as error:
            raise _fork(str(error), first, second) from error


def _check_same_root(first: Checkpoint, second: Checkpoint) -> None:
    if first.root_hash != second.root_hash:
        raise _fork("they have the same size and different roots", first, second)


def _fork(why: str, first: Checkpoint, second: Checkpoint) -> ForkDetected:
    return ForkDetected(
        f"two checkpoints of {first.origin}, of sizes {first.size} and {second.size}, "
        f"are not one history: {why}",
        first=first.note,
        second=second.note,
    )
