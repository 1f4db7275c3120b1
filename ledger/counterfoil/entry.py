"""What one entry of the log is: leaf, commitment, and the record that the commitment hides.

    leaf (74 bytes) = version 1 | kind 1 | time 8 | previous 32 | commitment 32
    leaf hash       = SHA-256(0x00 | leaf)                          RFC 6962 section 2.1
    commitment      = SHA-256(0x02 | salt 16 | record)

``previous`` is the leaf hash of the entry before (zeros at index 0): the chain stands inside the leaf, so that chain and
tree can never tell two stories. The leaf shows kind and time only; a log can be public while its records are private.

The functions named ``*_batch`` are the hot path. They are pure, work on whole batches (``counterfoil.packed``) and make no
object per record.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from blake3 import blake3

from counterfoil.errors import VerificationError
from counterfoil.limits import TIME_US_MAX
from counterfoil.packed import HASH_SIZE, Hashes, Items, Packed
from counterfoil.twin import twin_of
from counterfoil.wire import (
    element_tag,
    encode_varint,
    field_bytes,
    field_varint,
    parse_fields,
)

LEAF_VERSION: Final = 1
LEAF_SIZE: Final = 74
SALT_SIZE: Final = 16
SEED_SIZE: Final = 32
NO_PREVIOUS: Final = bytes(HASH_SIZE)

KIND_GENESIS: Final = 1
KIND_TRAINING: Final = 2
KIND_USAGE: Final = 3
KIND_PAYOUT: Final = 4
KIND_CREATOR: Final = 5
KIND_ASSET: Final = 6
KIND_LICENSE: Final = 7
KIND_REVOCATION: Final = 8
KIND_PRICE: Final = 9
KIND_ASSESSMENT: Final = 10
KIND_KEY_CHANGE: Final = 11

_SUBMITTER, _ENVIRONMENT, _REQUEST_ID, _BACKFILL, _BODY = 1, 2, 3, 4, 15
_BODY_TAG = element_tag(_BODY)


@dataclass(frozen=True, slots=True)
class Leaf:
    """The 74 bytes that the tree commits to, as fields. ``time_us`` is microseconds since 1970."""

    kind: int
    time_us: int
    previous: bytes
    commitment: bytes


@dataclass(frozen=True, slots=True)
class RecordFields:
    """A Record taken apart; ``body`` is exactly what the submitter sent. ``environment`` is 1 live, 2 sandbox."""

    submitter: str
    environment: int
    request_id: str
    backfill: bool
    body: bytes


def leaf_head(kind: int, time_us: int) -> bytes:
    """The first ten bytes of a leaf: version, kind, time."""
    return bytes((LEAF_VERSION, kind)) + time_us.to_bytes(8, "big")


def format_leaf(leaf: Leaf) -> bytes:
    """The 74 bytes of a leaf; the inverse of :func:`parse_leaf`."""
    return leaf_head(leaf.kind, leaf.time_us) + leaf.previous + leaf.commitment


def parse_leaf(data: bytes) -> Leaf:
    """Take a leaf apart.

    Raises:
        VerificationError: wrong size, version, kind or time.
    """
    if len(data) != LEAF_SIZE:
        raise VerificationError(f"a leaf has {LEAF_SIZE} bytes, not {len(data)}")
    if data[0] != LEAF_VERSION:
        raise VerificationError(f"leaf version {data[0]} is unknown")
    time_us = int.from_bytes(data[2:10], "big")
    if data[1] == 0 or time_us > TIME_US_MAX:
        raise VerificationError("leaf with kind 0 or a time after the year 9999")
    return Leaf(data[1], time_us, data[10:42], data[42:74])


def commitment(salt: bytes, record: bytes) -> bytes:
    """SHA-256(0x02 | salt | record): hides the record from whoever lacks the salt, and binds it."""
    return sha256(b"\x02" + salt + record).digest()


def derive_salts(seed: bytes, count: int) -> bytes:
    """``count`` salts of 16 bytes each, one after the other: the output of BLAKE3-XOF over the seed."""
    return blake3(seed).digest(length=SALT_SIZE * count)


def commit_batch(salts: bytes, records: Sequence[bytes]) -> Hashes:
    """The commitments of many records; ``salts`` holds 16 bytes for each.

    Raises:
        ValueError: there are more or fewer salts than records.
    """
    framed = as_records(records)
    return Hashes(commit_packed(salts, framed.head, framed.bodies.data, framed.bodies.ends))


@twin_of
def commit_packed(salts: bytes, head: bytes, data: bytes, ends: bytes) -> bytes:
    """The commitments of the records that :class:`Records` makes of a head and packed bodies."""
    hasher = sha256
    records = Records(head, Packed(data, ends))
    parts = [
        hasher(b"\x02" + salts[at : at + SALT_SIZE] + record).digest()
        for at, record in zip(range(0, len(salts), SALT_SIZE), records, strict=True)
    ]
    return b"".join(parts)


def chain_batch(kind: int, time_us: int, previous: bytes, commitments: Sequence[bytes]) -> Hashes:
    """The leaf hashes of entries that follow each other, the first one behind ``previous``.

    Chain and leaf are one hash: each leaf holds the leaf hash before it.
    """
    head = b"\x00" + leaf_head(kind, time_us)
    return Hashes(chain_hashes(head, previous, Hashes.of(commitments).data))


@twin_of
def chain_hashes(head: bytes, previous: bytes, commitments: bytes) -> bytes:
    """The leaf hashes behind ``previous``; ``head`` is 0x00 and the first ten bytes of each leaf."""
    hasher = sha256
    hashes = []
    for at in range(0, len(commitments), HASH_SIZE):
        previous = hasher(head + previous + commitments[at : at + HASH_SIZE]).digest()
        hashes.append(previous)
    return b"".join(hashes)


def record_prefix(
    submitter: str, environment: int, request_id: str = "", backfill: bool = False
) -> bytes:
    """The bytes of a Record before its body: the same for all records of a batch."""
    return (
        field_bytes(_SUBMITTER, submitter.encode())
        + field_varint(_ENVIRONMENT, environment)
        + field_bytes(_REQUEST_ID, request_id.encode())
        + field_varint(_BACKFILL, int(backfill))
    )


class Records(Items[bytes]):
    """The exact bytes of Records that share all but their bodies, each put together when somebody asks for it.

    Attributes:
        head: what stands before the size of each body; empty when the bodies are whole records already.
        bodies: packed.
    """

    __slots__ = ("bodies", "head")

    def __init__(self, head: bytes, bodies: Packed) -> None:
        """Take a head and bodies; :func:`frame_records` makes the head."""
        self.head = head
        self.bodies = bodies

    def __len__(self) -> int:
        """How many there are."""
        return len(self.bodies)

    def __iter__(self) -> Iterator[bytes]:
        """One after the other."""
        if not self.head:
            return iter(self.bodies)
        bodies = list(self.bodies)
        # Bodies of a batch have few distinct lengths; each length's varint is made once.
        heads = {size: self.head + encode_varint(size) for size in set(map(len, bodies))}
        return (heads[len(body)] + body for body in bodies)

    def _item(self, at: int) -> bytes:
        body = self.bodies[at]
        return self.head + encode_varint(len(body)) + body if self.head else body

    def _run(self, begin: int, end: int) -> "Records":
        return Records(self.head, Packed.of(self.bodies[begin:end]))


def frame_records(prefix: bytes, bodies: Sequence[bytes]) -> Records:
    """The Records of some bodies: prefix, then the body as field 15."""
    return Records(prefix + _BODY_TAG, Packed.of(bodies))


def as_records(records: Sequence[bytes]) -> Records:
    """Whole records, put together in one buffer; those of :func:`frame_records` stay as they are."""
    return records if isinstance(records, Records) else Records(b"", Packed.of(records))


def parse_record(data: bytes) -> RecordFields:
    """Take a Record apart.

    Raises:
        VerificationError: the bytes are not what :func:`frame_records` writes.
    """
    found: dict[int, int | bytes] = {}
    for number, value, start in parse_fields(data):
        if (
            number not in (_SUBMITTER, _ENVIRONMENT, _REQUEST_ID, _BACKFILL, _BODY)
            or number in found
        ):
            raise VerificationError(
                f"record has an unknown or repeated field {number} at byte {start}"
            )
        found[number] = value
    try:
        fields = RecordFields(
            _text(found.get(_SUBMITTER, b"")),
            _number(found.get(_ENVIRONMENT, 0)),
            _text(found.get(_REQUEST_ID, b"")),
            bool(_number(found.get(_BACKFILL, 0))),
            _bytes(found.get(_BODY, b"")),
        )
    except (TypeError, UnicodeDecodeError) as error:
        raise VerificationError(f"record is malformed: {error}") from error
    prefix = record_prefix(fields.submitter, fields.environment, fields.request_id, fields.backfill)
    if frame_records(prefix, [fields.body])[0] != data:
        raise VerificationError("record is not in the form that this log writes")
    return fields


def _text(value: int | bytes) -> str:
    return _bytes(value).decode()


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("a number where bytes belong")
    return value


def _number(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise TypeError("bytes where a number belongs")
    return value
