"""Checkpoints, as in C2SP tlog-checkpoint: what a log says of its tree, as a signed note.

::

    example.com/behind-the-sofa                         origin: the name of the log
    20852163                                            size: the number of leaves
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=        root hash at that size

    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhc...

Extension lines may follow the root hash. This log writes none, since nobody can audit them, and
they are refused unless the caller asks for them.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from counterfoil.errors import InvalidInput, UnverifiableError, VerificationError
from counterfoil.keys import (
    KEY_TYPE_ED25519,
    SigningKey,
    Verifier,
    check_key_name,
    parse_base64,
)
from counterfoil.limits import TREE_SIZE_MAX
from counterfoil.note.lines import check_text, parse_decimal
from counterfoil.note.signed import Note, parse_note, sign_note
from counterfoil.tlog import EMPTY_ROOT, HASH_SIZE


@dataclass(frozen=True)
class Checkpoint:
    """The state of a log, signed by the log.

    Attributes:
        origin: The name of the log.
        size: The number of leaves.
        root_hash: The root of the tree of that size, 32 bytes.
        text: The signed text.
        note: The note as it came, with all its signature lines.
        cosignatures: (name, time in seconds since 1970) of each known cosigner that signed.
        witnessed: Whether a policy with a quorum was asked, and the quorum has cosigned.
        keys: The known keys of the log that signed it, in the order of the note.
    """

    origin: str
    size: int
    root_hash: bytes
    text: str
    note: bytes
    cosignatures: tuple[tuple[str, int], ...]
    witnessed: bool = False
    keys: tuple[Verifier, ...] = ()


def format_checkpoint(origin: str, size: int, root_hash: bytes) -> str:
    """Return the text of a checkpoint: three lines, each with its newline.

    Raises:
        InvalidInput: If origin, size or root hash cannot be those of a log.
    """
    try:
        check_key_name(origin)
    except VerificationError as error:
        raise InvalidInput(f"origin: {error}", field="origin", reason="ORIGIN") from error
    if type(size) is not int or not 0 <= size <= TREE_SIZE_MAX:
        raise InvalidInput("no such tree size", field="size", reason="TREE_SIZE")
    if type(root_hash) is not bytes or len(root_hash) != HASH_SIZE:
        raise InvalidInput("no such root hash", field="root_hash", reason="LENGTH")
    if size == 0 and root_hash != EMPTY_ROOT:
        raise InvalidInput("not the root of size 0", field="root_hash", reason="EMPTY_ROOT")
    return f"{origin}\n{size}\n{base64.b64encode(root_hash).decode()}\n"


def sign_checkpoint(
    origin: str, size: int, root_hash: bytes, signer: SigningKey, *others: SigningKey
) -> bytes:
    """Return the signed note of a checkpoint. The name of each signer has to be the origin.

    Raises:
        InvalidInput: If it is not, or the checkpoint cannot be written.
    """
    signers = (signer, *others)
    if any(each.name != origin for each in signers):
        raise InvalidInput("the key is named for another log", field="signer", reason="KEY_NAME")
    return sign_note(format_checkpoint(origin, size, root_hash), signers)


def parse_checkpoint(
    text: bytes | str, verifiers: Iterable[Verifier | str], *, allow_extensions: bool = False
) -> Checkpoint:
    """Return the checkpoint in a signed note if its log signed it.

    Args:
        text: The note, with its signature lines.
        verifiers: The known keys, or their vkeys. One of type 0x01 that has the origin as its name
            must have signed; keys of type 0x04 are those of witnesses, none of whom must.
        allow_extensions: Whether lines after the root hash are accepted.

    Raises:
        VerificationError: If it is malformed, a line of a known key does not verify, or a key of
            another log signed it.
        UnverifiableError: If no known key of the log signed it.
    """
    data = note_bytes(text)
    if isinstance(verifiers, str):
        verifiers = [verifiers]  # a lone vkey, which would otherwise be read letter by letter
    keys = [Verifier.parse(key) if isinstance(key, str) else key for key in verifiers]
    return read_checkpoint(data, parse_note(data, keys), allow_extensions=allow_extensions)


def note_bytes(text: bytes | str) -> bytes:
    """Return a note as bytes, whichever way it came.

    Raises:
        VerificationError: If it is neither, or cannot be written as UTF-8.
    """
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str):
        raise VerificationError("note is neither bytes nor text")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise VerificationError("note cannot be written as UTF-8") from error


def read_checkpoint(data: bytes, note: Note, *, allow_extensions: bool) -> Checkpoint:
    """Return the checkpoint of a note whose signatures are checked already.

    Raises:
        VerificationError: If the text is no checkpoint, or a key of another log signed it.
        UnverifiableError: If only cosigners signed it, but no known key of the log.
    """
    origin, size, root_hash = parse_checkpoint_text(note.text, allow_extensions=allow_extensions)
    signed_by = [
        signature.verifier
        for signature in note.signatures
        if signature.verifier.key_type == KEY_TYPE_ED25519
    ]
    keys = tuple(verifier for verifier in signed_by if verifier.name == origin)
    if not keys:
        if signed_by:
            raise VerificationError("checkpoint is signed by the key of another log")
        raise UnverifiableError("checkpoint is not signed by any known key of its log")
    cosignatures = tuple(
        (signature.verifier.name, signature.timestamp_s)
        for signature in note.signatures
        if signature.timestamp_s is not None
    )
    return Checkpoint(origin, size, root_hash, note.text, data, cosignatures, keys=keys)


def parse_checkpoint_text(text: str, *, allow_extensions: bool = False) -> tuple[str, int, bytes]:
    """Return (origin, size, root hash) of a checkpoint's text, which nobody has to have signed.

    Raises:
        VerificationError: If format_checkpoint would not write it, but for extension lines.
    """
    check_text(text)
    lines = text[:-1].split("\n")
    if len(lines) < 3:
        raise VerificationError("checkpoint has fewer than three lines")
    origin, size_text, root_text, *extensions = lines
    check_key_name(origin)
    size = parse_decimal(size_text)
    root_hash = parse_base64(root_text)
    if len(root_hash) != HASH_SIZE:
        raise VerificationError(f"checkpoint: root hash is not {HASH_SIZE} bytes long")
    if size == 0 and root_hash != EMPTY_ROOT:
        raise VerificationError("checkpoint: not the root of size 0")
    if extensions and not allow_extensions:
        raise VerificationError("checkpoint has extension lines")
    if "" in extensions:
        raise VerificationError("checkpoint has an empty line in its text")
    return origin, size, root_hash
