"""The receipt of a whole batch: one range proof and one signature cover all its records.

The host that sent the records recomputes every leaf from them, so that the receipt needs no leaf at all: salts come
from the seed, commitments from salts and records, leaf hashes from the chain behind ``previous``, and the range proof
leads from those to the root of the checkpoint.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from counterfoil.entry import (
    SALT_SIZE,
    SEED_SIZE,
    as_records,
    chain_batch,
    commit_batch,
    derive_salts,
)
from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.limits import TIME_US_MAX
from counterfoil.note import Policy
from counterfoil.packed import HASH_SIZE, Packed, frame_packed
from counterfoil.receipt.verified import (
    VerifiedReceipt,
    byte_fields,
    check_checkpoint,
    single_field,
    states_of,
)
from counterfoil.tlog import verify_range
from counterfoil.wire import element_bytes, element_tag, field_bytes, field_varint, parse_fields

FORMAT: Final = "counterfoil/batch-receipt@v1"
BINARY_START: Final = field_bytes(1, FORMAT.encode())


@dataclass(frozen=True, slots=True)
class BatchReceipt:
    """A run of entries' evidence, unverified.

    Either ``salt_seed`` (32 bytes, a whole batch) or ``salts`` (16 bytes for each) is given. ``records`` are the exact
    bytes of the Records when the receipt was kept as a file of its own, and empty on the wire.
    """

    first_index: int
    count: int
    kind: int
    time_us: int
    previous: bytes
    salt_seed: bytes
    salts: bytes
    proof: tuple[bytes, ...]
    checkpoint: bytes
    records: tuple[bytes, ...] = ()


def format_batch_receipt(receipt: BatchReceipt) -> bytes:
    """The binary form (protobuf ``counterfoil.v1.BatchReceipt``, fields in order)."""
    return b"".join(
        (
            BINARY_START,
            field_varint(2, receipt.first_index),
            field_varint(3, receipt.count),
            field_varint(4, receipt.kind),
            field_varint(5, receipt.time_us),
            field_bytes(6, receipt.previous),
            field_bytes(7, receipt.salt_seed),
            field_bytes(8, receipt.salts),
            *(element_bytes(9, step) for step in receipt.proof),
            field_bytes(10, receipt.checkpoint),
            *(element_bytes(15, record) for record in receipt.records),
        )
    )


def parse_batch_receipt(data: bytes) -> BatchReceipt:
    """Read the binary form.

    Raises:
        VerificationError: the bytes are not what :func:`format_batch_receipt` writes.
    """
    fields: dict[int, list[int | bytes]] = defaultdict(list)
    for number, value, _ in parse_fields(data):
        fields[number].append(value)
    fields.pop(1, None)
    receipt = BatchReceipt(
        first_index=int(single_field(fields, 2, 0)),
        count=int(single_field(fields, 3, 0)),
        kind=int(single_field(fields, 4, 0)),
        time_us=int(single_field(fields, 5, 0)),
        previous=bytes(single_field(fields, 6, b"")),
        salt_seed=bytes(single_field(fields, 7, b"")),
        salts=bytes(single_field(fields, 8, b"")),
        proof=byte_fields(fields, 9),
        checkpoint=bytes(single_field(fields, 10, b"")),
        records=byte_fields(fields, 15),
    )
    if format_batch_receipt(receipt) != data:
        raise VerificationError(
            "batch receipt has unknown fields or another form than this log writes"
        )
    return receipt


def keep_batch_receipt(data: bytes, records: Sequence[bytes]) -> bytes:
    """The receipt together with its records: a file that can be verified by itself, for ever."""
    packed = Packed.of(records)
    return data + frame_packed(element_tag(15), packed.data, packed.ends)


def check_batch_receipt(
    receipt: BatchReceipt, policy: Policy, records: Sequence[bytes] | None
) -> VerifiedReceipt:
    """Verify that these records, in this order, are entries ``first_index`` and following.

    Raises:
        VerificationError: anything does not fit.
        UnverifiableError: the records are missing, or no log of the policy signed the checkpoint.
    """
    records = receipt.records if records is None else records
    if not records:
        raise UnverifiableError("a batch receipt can only be checked together with its records")
    if len(records) != receipt.count:
        raise VerificationError(f"receipt is for {receipt.count} records, not {len(records)}")
    checkpoint = check_checkpoint(policy, receipt.checkpoint)
    if len(receipt.previous) != HASH_SIZE or not 0 < receipt.kind < 256:
        raise VerificationError("batch receipt with a bad previous leaf hash or kind")
    if receipt.time_us > TIME_US_MAX:
        raise VerificationError("batch receipt with a time after the year 9999")
    framed = as_records(records)
    commitments = commit_batch(_salts(receipt), framed)
    hashes = chain_batch(receipt.kind, receipt.time_us, receipt.previous, commitments)
    end = receipt.first_index + receipt.count
    verify_range(
        receipt.first_index, end, checkpoint.size, hashes, list(receipt.proof), checkpoint.root_hash
    )
    return VerifiedReceipt(
        "batch-receipt",
        receipt.first_index,
        receipt.count,
        receipt.kind,
        receipt.time_us,
        hashes,
        framed,
        checkpoint,
        states_of(checkpoint),
    )


def _salts(receipt: BatchReceipt) -> bytes:
    if receipt.salt_seed:
        if len(receipt.salt_seed) != SEED_SIZE or receipt.salts:
            raise VerificationError(
                "batch receipt must have a seed of 32 bytes, or salts, not both"
            )
        return derive_salts(receipt.salt_seed, receipt.count)
    if len(receipt.salts) != SALT_SIZE * receipt.count:
        raise VerificationError(
            f"batch receipt must have {SALT_SIZE} bytes of salt for each record"
        )
    return receipt.salts
