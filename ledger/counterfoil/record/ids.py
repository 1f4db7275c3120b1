"""Names of entries for people and references: ``pt_42_9f8e7d6c`` is the proof of training at index 42.

The index makes the entry findable without an index structure; the first four bytes of the leaf hash make a reference
to another log, or a typing error, fail instead of meaning some other record.
"""

import re
from dataclasses import dataclass

from counterfoil.limits import TREE_SIZE_MAX

_PATTERN = re.compile(r"([a-z]{2,8})_(0|[1-9][0-9]{0,18})_([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class EntryId:
    """The parts of an entry's name; ``tag`` is 8 hexadecimal digits."""

    prefix: str
    index: int
    tag: str


def format_id(prefix: str, index: int, leaf_hash: bytes) -> str:
    """The name of an entry; the inverse of :func:`parse_id`."""
    return f"{prefix}_{index}_{leaf_hash[:4].hex()}"


def parse_id(text: str) -> EntryId | None:
    """The parts of a name, or None when the text is not one."""
    match = _PATTERN.fullmatch(text)
    if match is None or int(match[2]) > TREE_SIZE_MAX:
        return None
    return EntryId(match[1], int(match[2]), match[3])
