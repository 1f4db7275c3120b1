"""Timestamped Ed25519 cosignatures, ``cosignature/v1`` of C2SP tlog-cosignature.

A witness signs that, as of a time, this is the largest tree it has seen of this log, and that it is
consistent with all it saw before. It signs these bytes::

    cosignature/v1
    time 1679315147
    example.com/behind-the-sofa
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

and its signature line holds the time, as a big-endian 64-bit number of seconds, before the
signature. The witness's own name is not signed, so one key must not serve two witnesses.
"""

from __future__ import annotations

from counterfoil.errors import InvalidInput, VerificationError
from counterfoil.keys import KEY_TYPE_COSIGNATURE, SIGNATURE_SIZE, Signer, Verifier
from counterfoil.note.lines import encode_text, format_signature_line

TIMESTAMP_SIZE = 8
TIMESTAMP_S_MAX = 2**63 - 1
"""The largest time of a cosignature, in seconds since 1970 (C2SP)."""


def cosign_checkpoint(note_text: str, signer: Signer, timestamp_s: int) -> bytes:
    """Return the signature line of a cosignature; appended to the note, it is part of it.

    Args:
        note_text: The signed text of the checkpoint, without signatures.
        signer: A key of type KEY_TYPE_COSIGNATURE.
        timestamp_s: The time to state, in seconds since 1970.

    Raises:
        InvalidInput: If the key has another type, or text or time are out of bounds.
    """
    if signer.key_type != KEY_TYPE_COSIGNATURE:
        raise InvalidInput("this is not a cosigner's key", field="signer", reason="KEY_TYPE")
    if type(timestamp_s) is not int or not 0 <= timestamp_s <= TIMESTAMP_S_MAX:
        raise InvalidInput("no such time", field="timestamp_s", reason="TIMESTAMP")
    try:
        message = _cosigned_message(note_text, timestamp_s)
    except VerificationError as error:
        raise InvalidInput(str(error), field="note_text", reason="NOTE_TEXT") from error
    signature = signer.sign(message)
    blob = timestamp_s.to_bytes(TIMESTAMP_SIZE, "big") + signature
    return format_signature_line(signer.name, signer.verifier.key_id, blob)


def verify_cosignature(text: str, verifier: Verifier, blob: bytes) -> int:
    """Check a cosignature of a note's text, and return its time in seconds since 1970.

    Args:
        text: The text of the note.
        verifier: A key of type KEY_TYPE_COSIGNATURE.
        blob: What the signature line holds after the key id: time and signature.

    Raises:
        VerificationError: If it is malformed or not this key's cosignature.
    """
    if len(blob) != TIMESTAMP_SIZE + SIGNATURE_SIZE:
        raise VerificationError(f"cosignature of {verifier.name} has the wrong length")
    timestamp_s = int.from_bytes(blob[:TIMESTAMP_SIZE], "big")
    if timestamp_s > TIMESTAMP_S_MAX:
        raise VerificationError(f"cosignature of {verifier.name} has no possible time")
    verifier.verify(_cosigned_message(text, timestamp_s), blob[TIMESTAMP_SIZE:])
    return timestamp_s


def _cosigned_message(text: str, timestamp_s: int) -> bytes:
    return b"cosignature/v1\ntime %d\n%b" % (timestamp_s, encode_text(text))
