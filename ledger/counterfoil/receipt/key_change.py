"""From a verified change of keys to a policy that knows the other key."""

from collections.abc import Callable, Iterable

from counterfoil.entry import KIND_KEY_CHANGE, parse_record
from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.note import PURPOSE_CHECKPOINT, KeyChange, Policy, follow
from counterfoil.receipt.verified import VerifiedReceipt


def follow_key_change(policy: Policy, verified: VerifiedReceipt) -> Policy:
    """The policy with both keys of a change, each for the sizes that it is good for.

    It leads from the old key to the new one, and back: both sign the tree that holds the change.

    Args:
        verified: the receipt of an entry of kind 11, verified under this policy.

    Raises:
        VerificationError: it is the receipt of another entry, or not of the log's own making.
        UnverifiableError: the record was redacted, or the keys are for something else than checkpoints.
    """
    if verified.kind != KIND_KEY_CHANGE or verified.count != 1:
        raise VerificationError("this is not the receipt of a change of keys")
    if not verified.records[0]:
        raise UnverifiableError("the change of keys was redacted, so that it names no key")
    record = parse_record(verified.records[0])
    change = KeyChange.parse(record.body)
    if change.purpose != PURPOSE_CHECKPOINT:
        raise UnverifiableError("the keys of this change sign no checkpoints")
    if not record.submitter == change.new.name == verified.origin:
        raise VerificationError("the change of keys is not one of this log's own")
    return follow(policy, change, verified.index)


def follow_all(
    policy: Policy, changes: Iterable[bytes], verify: Callable[[bytes, Policy], VerifiedReceipt]
) -> tuple[Policy, list[bytes]]:
    """See :func:`counterfoil.receipt.learn_keys`; ``verify`` verifies a receipt under a policy."""
    left = list(changes)
    while True:
        unreached = []
        for receipt in left:
            try:
                verified = verify(receipt, policy)
            except UnverifiableError:
                unreached.append(receipt)
            else:
                policy = follow_key_change(policy, verified)
        if len(unreached) == len(left):
            return policy, unreached
        left = unreached
