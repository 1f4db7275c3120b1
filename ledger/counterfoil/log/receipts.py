"""Receipts of what was just appended: from the nodes at hand, without reading the store."""

from counterfoil.entry import SALT_SIZE, Leaf, derive_salts, format_leaf, frame_records
from counterfoil.log.append import Appended
from counterfoil.log.layout import BatchHead
from counterfoil.receipt import BatchReceipt, Receipt
from counterfoil.tlog import prove_inclusion, prove_range


def make_batch_receipt(appended: Appended, head: BatchHead) -> BatchReceipt:
    """The receipt of a batch that was just appended."""
    end = head.first + head.count
    proof = prove_range(head.first, end, appended.nodes.size, appended.nodes.read)
    return BatchReceipt(
        first_index=head.first,
        count=head.count,
        kind=head.kind,
        time_us=head.time_us,
        previous=head.previous,
        salt_seed=head.salt_seed,
        salts=b"",
        proof=tuple(proof),
        checkpoint=appended.checkpoint,
    )


def make_receipt(appended: Appended, head: BatchHead, body: bytes, commit: bytes) -> Receipt:
    """The receipt of the only record of a batch that was just appended."""
    leaf = Leaf(head.kind, head.time_us, head.previous, commit)
    proof = prove_inclusion(head.first, appended.nodes.size, appended.nodes.read)
    record = frame_records(head.prefix, [body])[0]
    salt = derive_salts(head.salt_seed, 1)[:SALT_SIZE]
    return Receipt(head.first, format_leaf(leaf), salt, record, tuple(proof), appended.checkpoint)
