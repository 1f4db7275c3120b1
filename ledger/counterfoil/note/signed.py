"""Signed notes, as in C2SP signed-note: text, an empty line, signature lines.

::

    This is an example message.

    — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmR...

A signature line names a key and holds base64(key id ‖ signature). The text is worth nothing until
parse_note has returned it. Its rules:

- lines of unknown keys are kept apart and otherwise ignored;
- every line of a known key has to verify, or the whole note is refused;
- at least one line has to be of a known key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from counterfoil.errors import InvalidInput, UnverifiableError, VerificationError
from counterfoil.keys import KEY_TYPE_COSIGNATURE, KEY_TYPE_ED25519, SigningKey, Verifier
from counterfoil.note.cosignature import verify_cosignature
from counterfoil.note.lines import (
    NOTE_SIZE_BYTES_MAX,
    SIGNATURE_LINES_MAX,
    encode_text,
    format_signature_line,
    parse_signature_line,
    split_note,
)


@dataclass(frozen=True)
class VerifiedSignature:
    """A signature of a known key that was checked.

    Attributes:
        verifier: The key.
        timestamp_s: For a cosignature its time, in seconds since 1970; otherwise None.
    """

    verifier: Verifier
    timestamp_s: int | None


@dataclass(frozen=True)
class UnverifiedSignature:
    """A signature line of a key that is not known: a claim and no more.

    Attributes:
        name: The key name that the line gives.
        key_id: The key id that the line gives, 4 bytes.
        signature: What follows the key id.
    """

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True)
class Note:
    """A note with at least one good signature of a known key.

    Attributes:
        text: The signed text, with its final newline.
        signatures: One for each known key that signed, in the order of the note.
        unverified: The lines of unknown keys, in the order of the note.
    """

    text: str
    signatures: tuple[VerifiedSignature, ...]
    unverified: tuple[UnverifiedSignature, ...]


def sign_note(text: str, signers: Sequence[SigningKey]) -> bytes:
    """Return the note of a text, with one signature line for each signer.

    Raises:
        InvalidInput: If text or signers cannot make a note, or a signer is a cosigner's.
    """
    try:
        encoded = encode_text(text)
    except VerificationError as error:
        raise InvalidInput(str(error), field="text", reason="NOTE_TEXT") from error
    if not 1 <= len(signers) <= SIGNATURE_LINES_MAX:
        raise InvalidInput(
            f"a note has 1 to {SIGNATURE_LINES_MAX} signatures", field="signers", reason="COUNT"
        )
    if any(signer.key_type != KEY_TYPE_ED25519 for signer in signers):
        raise InvalidInput("a cosigner's key signs no notes", field="signers", reason="KEY_TYPE")
    lines = [
        format_signature_line(signer.name, signer.verifier.key_id, signer.sign(encoded))
        for signer in signers
    ]
    note = b"".join([encoded, b"\n", *lines])
    if len(note) > NOTE_SIZE_BYTES_MAX:
        raise InvalidInput("the note would be too large", field="text", reason="LENGTH")
    return note


def parse_note(data: bytes, verifiers: Iterable[Verifier]) -> Note:
    """Return the note if known keys signed it.

    Several lines of one key are all checked, and count once: the first of them.

    Raises:
        VerificationError: If it is malformed, or a line of a known key does not verify.
        UnverifiableError: If no line is of a known key.
    """
    if type(data) is not bytes:
        raise VerificationError("note is not bytes")
    known = _by_name_and_id(verifiers)
    text, lines = split_note(data)
    signed: dict[Verifier, VerifiedSignature] = {}
    unverified: list[UnverifiedSignature] = []
    for line in lines:
        name, key_id, signature = parse_signature_line(line)
        verifier = known.get((name, key_id))
        if verifier is None:
            unverified.append(UnverifiedSignature(name, key_id, signature))
            continue
        timestamp_s = None
        if verifier.key_type == KEY_TYPE_COSIGNATURE:
            timestamp_s = verify_cosignature(text, verifier, signature)
        else:
            verifier.verify(text.encode(), signature)
        signed.setdefault(verifier, VerifiedSignature(verifier, timestamp_s))
    if not signed:
        raise UnverifiableError("note is not signed by any known key")
    return Note(text, tuple(signed.values()), tuple(unverified))


def _by_name_and_id(verifiers: Iterable[Verifier]) -> dict[tuple[str, bytes], Verifier]:
    """Index the keys; two different keys with one name and id could not be told apart."""
    known: dict[tuple[str, bytes], Verifier] = {}
    for verifier in verifiers:
        if known.setdefault((verifier.name, verifier.key_id), verifier) != verifier:
            raise VerificationError(f"two known keys of {verifier.name} have the same key id")
    return known
