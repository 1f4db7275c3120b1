"""The rows of the registry's space. A number is the index of an object's first version: its place in all lists.

    "object", kind, id                          index, effective time and flags of each version, oldest first
    "listed", kind, texts ..., number           the object's id
    "content", algorithm, digest, owner, number the asset's id
    "contested", owner or "", number            how many fingerprints of the asset others have too
    "newest"                                    the index of the newest entry that changed the registry

Every value ends with a checksum over key and value: no leaf vouches for a row, and one that has changed must not be
answered from.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from counterfoil.errors import IntegrityError
from counterfoil.log.layout import CHECKSUM_SIZE, REGISTRY, checksum, parse_index_key
from counterfoil.store import Part, Snapshot, Transaction, decode_key, encode_key, prefix_end

OBJECT: Final = "object"
LISTED: Final = "listed"
CONTENT: Final = "content"
CONTESTED: Final = "contested"
_NEWEST: Final = encode_key("newest")

_VERSION = struct.Struct("<QQB")
_ENDS: Final = 1
# Above every index of an entry.
_NUMBER_END: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Place:
    """One version of an object: the index of its entry, from when on it counts, and whether it is the end."""

    index: int
    effective_time_us: int
    ends: bool = False


def read_places(snapshot: Snapshot, kind: int, object_id: str) -> list[Place]:
    """The versions of an object, oldest first; empty when there is no such object.

    Raises:
        IntegrityError: the row is damaged.
    """
    value = _read(snapshot, encode_key(OBJECT, kind, object_id))
    if value is None:
        return []
    if not value or len(value) % _VERSION.size:
        raise IntegrityError(f"the stored versions of {object_id} are damaged; run fsck")
    return [
        Place(index, time_us, bool(flags & _ENDS))
        for index, time_us, flags in _VERSION.iter_unpack(value)
    ]


def write_places(
    transaction: Transaction, kind: int, object_id: str, places: Sequence[Place]
) -> None:
    """Store the versions of an object."""
    value = b"".join(
        _VERSION.pack(place.index, place.effective_time_us, _ENDS * place.ends) for place in places
    )
    put_row(transaction, encode_key(OBJECT, kind, object_id), value)


def read_newest_index(snapshot: Snapshot) -> int:
    """The index of the newest entry that changed the registry; 0, where the genesis record is, when none ever did.

    What was read from the registry stays true for as long as this stays the same.

    Raises:
        IntegrityError: the row is damaged.
    """
    return read_count(snapshot, _NEWEST)


def write_newest_index(transaction: Transaction, index: int) -> None:
    """Say which entry changed the registry last."""
    put_row(transaction, _NEWEST, index.to_bytes(8, "big"))


def put_row(transaction: Transaction, key: bytes, value: bytes) -> None:
    """Store a row with its checksum."""
    transaction.put(REGISTRY, key, value + checksum(key + value))


def delete_row(transaction: Transaction, key: bytes) -> None:
    """Remove a row that must be there.

    Raises:
        IntegrityError: it is not.
    """
    if not transaction.delete(REGISTRY, key):
        raise IntegrityError("a row of the registry is missing; run fsck")


def scan_numbers(
    snapshot: Snapshot, texts: Sequence[Part], first_number: int = 0
) -> Iterator[tuple[int, bytes]]:
    """Number and value of each row whose key is these texts and a number, from one number on."""
    start, end = encode_key(*texts, first_number), encode_key(*texts, _NUMBER_END)
    for key, value in snapshot.scan(REGISTRY, start, end):
        inside = check_row(key, value)
        yield parse_index_key(key[-8:])[0], inside


def scan_below(
    snapshot: Snapshot, texts: Sequence[Part], *, but: Part | None = None, limit: int | None = None
) -> Iterator[tuple[tuple[Part, ...], bytes]]:
    """The rest of the key, and the value, of each row whose key begins with these texts.

    Args:
        but: rows that go on with this are jumped over, however many there are. limit: at most so many rows.
    """
    prefix = encode_key(*texts)
    start, end = prefix, prefix_end(prefix)
    ranges = [(start, end)]
    if but is not None:
        left_out = encode_key(*texts, but)
        ranges = [(start, left_out), (prefix_end(left_out) or left_out, end)]
    rows = chain.from_iterable(snapshot.scan(REGISTRY, *bounds) for bounds in ranges)
    for key, value in islice(rows, limit):
        inside = check_row(key, value)
        yield decode_key(key)[len(texts) :], inside


def read_count(snapshot: Snapshot, key: bytes) -> int:
    """The number in a row; 0 when there is no such row."""
    return int.from_bytes(_read(snapshot, key) or b"", "big")


def check_row(key: bytes, value: memoryview) -> bytes:
    """The value of a row without its checksum.

    Raises:
        IntegrityError: key or value have changed since they were written.
    """
    inside = bytes(value[:-CHECKSUM_SIZE])
    if len(value) < CHECKSUM_SIZE or checksum(key + inside) != value[-CHECKSUM_SIZE:]:
        raise IntegrityError("a row of the registry is damaged; run fsck")
    return inside


def _read(snapshot: Snapshot, key: bytes) -> bytes | None:
    value = snapshot.get(REGISTRY, key)
    return None if value is None else check_row(key, value)
