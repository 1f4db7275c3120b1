"""Checks of identifiers, texts and metadata that every kind of record shares.

Identifiers have a restricted alphabet and are compared byte for byte: no look-alikes, no normalisation, nothing that
could break a line in somebody's log file.
"""

from collections.abc import Iterator, Mapping

from counterfoil.limits import (
    ID_LENGTH_MAX,
    METADATA_ENTRIES_MAX,
    METADATA_KEY_LENGTH_MAX,
    METADATA_VALUE_LENGTH_MAX,
    TEXT_LENGTH_MAX,
)
from counterfoil.record import problem
from counterfoil.record.problem import Problem

ID_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@+=~-"
_ID_WORDS = "letters, digits and . _ : / @ + = ~ -"


def check_id(
    value: str, field: str, *, position: int = 0, required: bool = True
) -> Iterator[Problem]:
    """Problems of an identifier: missing, too long, or with characters outside the alphabet."""
    if not value:
        if required:
            yield Problem(position, field, problem.MISSING, f"{field} must not be empty")
    elif len(value) > ID_LENGTH_MAX:
        told = f"{field} has {len(value)} characters; at most {ID_LENGTH_MAX} are allowed"
        yield Problem(position, field, problem.TOO_LONG, told)
    elif not is_id(value):
        told = f"{field} may only have {_ID_WORDS}"
        yield Problem(position, field, problem.BAD_CHARACTERS, told)


def is_id(value: str) -> bool:
    """Whether a text has only the characters of identifiers."""
    return not value.encode().translate(None, ID_ALPHABET)


def check_text(
    value: str, field: str, *, position: int = 0, length_max: int = TEXT_LENGTH_MAX
) -> Iterator[Problem]:
    """Problems of a free text: too long, or with control characters other than tab and newline."""
    if len(value) > length_max:
        told = f"{field} has {len(value)} characters; at most {length_max} are allowed"
        yield Problem(position, field, problem.TOO_LONG, told)
    elif not value.replace("\n", "").replace("\t", "").isprintable():
        yield Problem(position, field, problem.MALFORMED, f"{field} has control characters")


def check_metadata(value: Mapping[str, str], field: str, *, position: int = 0) -> Iterator[Problem]:
    """Problems of a map of small texts."""
    if len(value) > METADATA_ENTRIES_MAX:
        told = f"{field} has {len(value)} entries; at most {METADATA_ENTRIES_MAX} are allowed"
        yield Problem(position, field, problem.TOO_MANY, told)
        return
    for key, text in value.items():
        if not key or len(key) > METADATA_KEY_LENGTH_MAX or not is_id(key):
            told = f"a key must have 1 to {METADATA_KEY_LENGTH_MAX} characters: {_ID_WORDS}"
            yield Problem(position, field, problem.MALFORMED, told)
        where = f"{field}[{key[:METADATA_KEY_LENGTH_MAX]}]"
        yield from check_text(text, where, position=position, length_max=METADATA_VALUE_LENGTH_MAX)
