"""What a verified receipt says, whatever form it came in, and the checks that all forms share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from counterfoil.errors import VerificationError
from counterfoil.note import Checkpoint, Policy

INCLUDED = "included"
WITNESSED = "witnessed"


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """A receipt whose every claim was checked. Only verification makes one.

    Attributes:
        form: ``receipt``, ``batch-receipt``, ``tlog-proof``, ``jwt`` or ``json``.
        first_index, count: the entries it speaks of: ``count`` of them from ``first_index`` on.
        kind: the kind in their leaves. time_us: the log's time in them, microseconds since 1970.
        leaf_hashes: one for each entry.
        records: the exact bytes of the Records; empty where the record was redacted.
        checkpoint: the signed tree that holds them.
        states: ``included``, and ``witnessed`` when a quorum of the policy's witnesses cosigned.
    """

    form: str
    first_index: int
    count: int
    kind: int
    time_us: int
    leaf_hashes: Sequence[bytes]
    records: Sequence[bytes]
    checkpoint: Checkpoint
    states: tuple[str, ...]

    @property
    def index(self) -> int:
        """The index of the first entry."""
        return self.first_index

    @property
    def origin(self) -> str:
        """The log that signed."""
        return self.checkpoint.origin

    @property
    def size(self) -> int:
        """The tree size of the checkpoint."""
        return self.checkpoint.size


def as_policy(policy: Policy | str) -> Policy:
    """A policy as it is, or that which trusts the one log with this verifier key."""
    return policy if isinstance(policy, Policy) else Policy.trust(policy)


@lru_cache(maxsize=64)
def check_checkpoint(policy: Policy, note: bytes) -> Checkpoint:
    """The checkpoint in a note that satisfies the policy.

    A group commit signs once for many receipts, so the same note comes again and again; failures are not kept.

    Raises:
        VerificationError: bad signature, or the policy is not met.
        UnverifiableError: no log of the policy signed it.
    """
    return policy.check(note)


def states_of(checkpoint: Checkpoint) -> tuple[str, ...]:
    """What a checkpoint that met the policy lets us say."""
    return (INCLUDED, WITNESSED) if checkpoint.witnessed else (INCLUDED,)


def single_field(
    fields: dict[int, list[int | bytes]], number: int, default: int | bytes
) -> int | bytes:
    """The only value of a field, or its default.

    Raises:
        VerificationError: the field is repeated or of another type.
    """
    values = fields.pop(number, [])
    if len(values) > 1:
        raise VerificationError(f"field {number} is repeated")
    value = values[0] if values else default
    if type(value) is not type(default):
        raise VerificationError(f"field {number} has the wrong type")
    return value


def byte_fields(fields: dict[int, list[int | bytes]], number: int) -> tuple[bytes, ...]:
    """All values of a repeated bytes field.

    Raises:
        VerificationError: one of them is a number.
    """
    return tuple(_only_bytes(fields.pop(number, []), number))


def _only_bytes(values: Iterable[int | bytes], number: int) -> Iterable[bytes]:
    for value in values:
        if not isinstance(value, bytes):
            raise VerificationError(f"field {number} has the wrong type")
        yield value
