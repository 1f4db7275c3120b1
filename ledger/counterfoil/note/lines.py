"""The spelling of signed text: decimals, the split into text and signatures, signature lines.

Everything is read strictly: a value is accepted only if writing it again gives the same bytes. Two
spellings of one statement would be two statements to whoever compares bytes.
"""

from __future__ import annotations

import base64
import re

from counterfoil.errors import VerificationError
from counterfoil.keys import KEY_ID_SIZE, check_key_name, parse_base64
from counterfoil.limits import TREE_SIZE_MAX

NOTE_SIZE_BYTES_MAX = 64 * 1024
"""The largest note: a checkpoint with a hundred cosignatures has a quarter of it."""

SIGNATURE_LINES_MAX = 100
"""The most signature lines of a note. C2SP demands at least 16; Go's reader draws this line too."""

SIGNATURE_MARK = "\N{EM DASH} "
"""What every signature line begins with."""

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


def parse_decimal(text: str) -> int:
    """Return a number from 0 to 2^63 - 1 written without sign, spaces or leading zeros.

    Raises:
        VerificationError: If it is written otherwise, or larger.
    """
    if _DECIMAL.fullmatch(text) is None or int(text) > TREE_SIZE_MAX:
        raise VerificationError("this is not a plain decimal number below 2^63")
    return int(text)


def check_text(text: str) -> None:
    """Refuse what cannot be the text of a note: it ends in a newline, the only control character.

    Raises:
        VerificationError: If it breaks the rule.
    """
    if not text.endswith("\n"):
        raise VerificationError("note text does not end in a newline")
    if _CONTROL.search(text) is not None:
        raise VerificationError("note text has a control character other than newline")


def encode_text(text: str) -> bytes:
    """Return the bytes that are signed for a text.

    Raises:
        VerificationError: If check_text refuses it, or it cannot be written as UTF-8.
    """
    check_text(text)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise VerificationError("note text cannot be written as UTF-8") from error


def split_note(data: bytes) -> tuple[str, list[str]]:
    """Return the text of a note, with its final newline, and its signature lines without theirs.

    The text may hold empty lines itself, so the last empty line of the note is the split.

    Raises:
        VerificationError: If it is too large, not UTF-8, or has no text or no signature lines.
    """
    if len(data) > NOTE_SIZE_BYTES_MAX:
        raise VerificationError(f"note is larger than {NOTE_SIZE_BYTES_MAX} bytes")
    try:
        note = data.decode()
    except UnicodeDecodeError as error:
        raise VerificationError("note is not UTF-8") from error
    check_text(note)
    split = note.rfind("\n\n")
    if split < 0:
        raise VerificationError("note has no empty line before its signatures")
    text, signatures = note[: split + 1], note[split + 2 : -1]
    if not signatures:
        raise VerificationError("note has no signatures")
    lines = signatures.split("\n")
    if len(lines) > SIGNATURE_LINES_MAX:
        raise VerificationError(f"note has more than {SIGNATURE_LINES_MAX} signature lines")
    return text, lines


def format_signature_line(name: str, key_id: bytes, signature: bytes) -> bytes:
    """Return a signature line with its final newline, in UTF-8."""
    encoded = base64.b64encode(key_id + signature).decode()
    return f"{SIGNATURE_MARK}{name} {encoded}\n".encode()


def parse_signature_line(line: str) -> tuple[str, bytes, bytes]:
    """Return (key name, key id, signature bytes) of a signature line without its newline.

    Raises:
        VerificationError: If format_signature_line would not write this line.
    """
    if not line.startswith(SIGNATURE_MARK):
        raise VerificationError("signature line does not begin with an em dash and a space")
    name, space, encoded = line.removeprefix(SIGNATURE_MARK).partition(" ")
    if not space:
        raise VerificationError("signature line has no signature")
    check_key_name(name)
    blob = parse_base64(encoded)
    if len(blob) <= KEY_ID_SIZE:
        raise VerificationError("signature line has nothing after the key id")
    return name, blob[:KEY_ID_SIZE], blob[KEY_ID_SIZE:]
