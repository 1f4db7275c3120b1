"""A log of seven entries made by hand: hashlib, the definitions of RFC 6962, and nothing of the log's own code.

Entry 0 is of kind 1, entries 1 to 4 are one batch of kind 3, entries 5 and 6 are single ones of kind 2.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from blake3 import blake3

from counterfoil.keys import KEY_TYPE_COSIGNATURE, Signer
from counterfoil.note import cosign_checkpoint
from counterfoil.receipt import (
    BatchReceipt,
    Receipt,
    format_batch_receipt,
    format_json,
    format_jwt,
    format_receipt,
    format_tlog_proof,
    keep_batch_receipt,
)
from counterfoil.v1 import record_pb2

ORIGIN = "example.com/ledger"
SIGNER = Signer.from_seed(ORIGIN, b"k" * 32)
VKEY = SIGNER.verifier.vkey
OTHER_KEY = Signer.from_seed(ORIGIN, b"o" * 32)
# The same key under another name: only the origin tells the two logs apart.
OTHER_LOG = Signer.from_seed("example.com/sandbox", b"k" * 32)
THIRD_LOG = Signer.from_seed("example.com/third", b"t" * 32)
WITNESSES = tuple(
    Signer.from_seed(f"w{n}.example", bytes([n]) * 32, KEY_TYPE_COSIGNATURE) for n in (1, 2, 3)
)
TIME_US = 1_700_000_000_000_000
SALT_SEED = bytes(range(32))
BATCH = range(1, 5)


def record(number: int) -> bytes:
    """The bytes of a Record, by protobuf itself."""
    body = record_pb2.UsageEvent(event_id=f"e{number}", event_time_us=TIME_US, model_id="m")
    return record_pb2.Record(
        submitter="host",
        environment=record_pb2.ENVIRONMENT_SANDBOX,
        body=body.SerializeToString(),
    ).SerializeToString()


RECORDS = tuple(record(number) for number in range(7))
KINDS = (1, 3, 3, 3, 3, 2, 2)
TIMES_US = tuple(TIME_US + (0, 1, 1, 1, 1, 2, 3)[at] * 1_000_000 for at in range(7))
SALTS = (
    b"z" * 16,
    *(blake3(SALT_SEED).digest(length=64)[at : at + 16] for at in range(0, 64, 16)),
    b"x" * 16,
    b"y" * 16,
)


def _leaves() -> Iterator[bytes]:
    previous = bytes(32)
    for kind, time_us, salt, rec in zip(KINDS, TIMES_US, SALTS, RECORDS, strict=True):
        commitment = sha256(b"\x02" + salt + rec).digest()
        leaf = b"\x01" + bytes([kind]) + struct.pack(">Q", time_us) + previous + commitment
        previous = sha256(b"\x00" + leaf).digest()
        yield leaf


LEAVES = tuple(_leaves())
HASHES = tuple(sha256(b"\x00" + leaf).digest() for leaf in LEAVES)


def root(hashes: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + root(hashes[:split]) + root(hashes[split:])).digest()


def path(index: int, hashes: Sequence[bytes]) -> list[bytes]:
    """RFC 6962 section 2.1.1."""
    if len(hashes) == 1:
        return []
    split = 1 << (len(hashes) - 1).bit_length() - 1
    if index < split:
        return [*path(index, hashes[:split]), root(hashes[split:])]
    return [*path(index - split, hashes[split:]), root(hashes[:split])]


def cover(begin: int, end: int) -> list[bytes]:
    """The roots of the largest aligned complete subtrees over the leaves [begin, end), left to right."""
    found = []
    while begin < end:
        width = 1
        while begin % (2 * width) == 0 and begin + 2 * width <= end:
            width *= 2
        found.append(root(HASHES[begin : begin + width]))
        begin += width
    return found


def checkpoint(
    signer: Signer = SIGNER, size: int = 7, witnesses: Sequence[Signer] = (), origin: str = ""
) -> bytes:
    """The signed note of the tree, written line by line."""
    root_line = base64.b64encode(root(HASHES[:size])).decode()
    text = f"{origin or signer.name}\n{size}\n{root_line}\n"
    blob = base64.b64encode(signer.verifier.key_id + signer.sign(text.encode())).decode()
    cosigned = [cosign_checkpoint(text, witness, 1_700_000_100) for witness in witnesses]
    return f"{text}\n— {signer.name} {blob}\n".encode() + b"".join(cosigned)


def receipt(index: int = 2, note: bytes = b"") -> Receipt:
    """The evidence of one entry."""
    return Receipt(
        index=index,
        leaf=LEAVES[index],
        salt=SALTS[index],
        record=RECORDS[index],
        proof=tuple(path(index, HASHES)),
        checkpoint=note or checkpoint(),
    )


def batch(note: bytes = b"", begin: int = BATCH.start, end: int = BATCH.stop) -> BatchReceipt:
    """The evidence of a run of the batch's entries; of all of them by the seed, of some by their salts."""
    whole = range(begin, end) == BATCH
    return BatchReceipt(
        first_index=begin,
        count=end - begin,
        kind=3,
        time_us=TIMES_US[1],
        previous=HASHES[begin - 1],
        salt_seed=SALT_SEED if whole else b"",
        salts=b"" if whole else b"".join(SALTS[begin:end]),
        proof=(*cover(0, begin), *cover(end, 7)),
        checkpoint=note or checkpoint(),
    )


def jwt(evidence: Receipt, signer: Signer = SIGNER) -> bytes:
    """The JWT of a receipt."""
    return format_jwt(evidence, signer, subject(evidence.index), TIMES_US[evidence.index], {"a": 1})


def subject(index: int) -> str:
    """What people call the entry."""
    return f"ev_{index}_{HASHES[index][:4].hex()}"


def batch_file(evidence: BatchReceipt) -> bytes:
    """A batch receipt with the records that it is about."""
    end = evidence.first_index + evidence.count
    return keep_batch_receipt(format_batch_receipt(evidence), RECORDS[evidence.first_index : end])


@dataclass(frozen=True)
class Form:
    """One form of receipt: what verification calls it, how it is made, and which entry it is of."""

    name: str
    make: Callable[[bytes], bytes]
    index: int
    count: int = 1


FORMS = (
    Form("receipt", lambda note: format_receipt(receipt(2, note)), 2),
    Form("json", lambda note: format_json(receipt(2, note)), 2),
    Form("tlog-proof", lambda note: format_tlog_proof(receipt(2, note)), 2),
    Form("jwt", lambda note: jwt(receipt(2, note)), 2),
    Form("batch-receipt", lambda note: batch_file(batch(note)), 1, 4),
)
FORM_NAMES = tuple(form.name for form in FORMS)


def flips(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The data with each of its bits changed in turn."""
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        yield bit, bytes(changed)


def base64url(data: bytes) -> bytes:
    """RFC 4648 section 5 without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def changed(evidence: Any, **fields: Any) -> Any:
    """A copy of a receipt with other fields."""
    values = {name: getattr(evidence, name) for name in evidence.__dataclass_fields__}
    return type(evidence)(**{**values, **fields})
