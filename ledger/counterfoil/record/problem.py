"""What is wrong with one field of one item, in words for the person who sent it."""

from typing import NamedTuple


class Problem(NamedTuple):
    """One fault. ``position`` is the item's zero-based place in its batch; ``reason`` is a fixed word for machines."""

    position: int
    field: str
    reason: str
    message: str


MISSING = "FIELD_MISSING"
TOO_LONG = "FIELD_TOO_LONG"
BAD_CHARACTERS = "ID_CHARACTERS"
NEGATIVE = "QUANTITY_NEGATIVE"
ABSURD = "QUANTITY_ABSURD"
OUTSIDE_WINDOW = "TIME_OUTSIDE_WINDOW"
MALFORMED = "FIELD_MALFORMED"
UNKNOWN_FIELD = "UNKNOWN_FIELD"
UNKNOWN_REFERENCE = "REFERENCE_UNKNOWN"
TOO_MANY = "TOO_MANY"
BAD_SIGNATURE = "SIGNATURE_INVALID"
TOO_LARGE = "TOO_LARGE"
FIXED = "FIELD_FIXED"
NOT_COVERED = "NOT_COVERED"
PLAIN_CONSUMER = "CONSUMER_PLAIN"

REASONS = (
    MISSING,
    TOO_LONG,
    BAD_CHARACTERS,
    NEGATIVE,
    ABSURD,
    OUTSIDE_WINDOW,
    MALFORMED,
    UNKNOWN_FIELD,
    UNKNOWN_REFERENCE,
    TOO_MANY,
    BAD_SIGNATURE,
    TOO_LARGE,
    FIXED,
    NOT_COVERED,
    PLAIN_CONSUMER,
)
