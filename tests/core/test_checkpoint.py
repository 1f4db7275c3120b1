"""Checkpoints."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from counterfoil.errors import InvalidInput, UnverifiableError, VerificationError
from counterfoil.keys import KEY_TYPE_COSIGNATURE, Signer, Verifier
from counterfoil.note import (
    cosign_checkpoint,
    format_checkpoint,
    parse_checkpoint,
    parse_checkpoint_text,
    parse_note,
    sign_checkpoint,
    sign_note,
)
from counterfoil.tlog import EMPTY_ROOT, leaf_hash, root_hash

from .vectors import load

LOG = load("checkpoint/tessera.json")
MALFORMED = load("note/malformed.json")
KNOWN = [Verifier.parse(vkey) for vkey in MALFORMED["vkeys"]]

ORIGIN = "example.com/log"
ROOT = b"\x05" * 32
SIGNER = Signer.from_seed(ORIGIN, b"log" + bytes(29))
OTHER = Signer.from_seed("example.com/other", b"other" + bytes(27))
WITNESS = Signer.from_seed("example.com/w", b"w" * 32, KEY_TYPE_COSIGNATURE)


@pytest.mark.parametrize("size", range(16))
def test_checkpoints_of_another_implementation(size: int) -> None:
    """Tessera's checkpoint is read, covers its leaves, and is what we would have written."""
    text = LOG["checkpoints"][str(size)]
    root = root_hash([leaf_hash(leaf.encode()) for leaf in LOG["leaves"][:size]])
    checkpoint = parse_checkpoint(text, [LOG["vkey"]])
    signed = sign_checkpoint(checkpoint.origin, size, root, Signer.parse(LOG["private_key"]))

    assert ("example.com/log/testdata", size) == (checkpoint.origin, checkpoint.size)
    assert root == checkpoint.root_hash
    assert text.encode() == checkpoint.note == signed
    assert checkpoint == parse_checkpoint(text.encode(), [Verifier.parse(LOG["vkey"])])


@pytest.mark.parametrize("entry", MALFORMED["checkpoint"], ids=lambda entry: entry["fault"])
def test_malformed_checkpoints(entry: dict[str, str]) -> None:
    """Each malformed checkpoint is refused for its fault, although its signature is good."""
    note = base64.b64decode(entry["note_base64"])

    assert KNOWN[0] in {signature.verifier for signature in parse_note(note, KNOWN).signatures}
    with pytest.raises(VerificationError) as caught:
        parse_checkpoint(note, KNOWN)
    assert entry["error"] in str(caught.value)


@pytest.mark.parametrize("entry", MALFORMED["note"], ids=lambda entry: entry["fault"])
def test_malformed_notes_are_no_checkpoints(entry: dict[str, str]) -> None:
    """What is no good note is no checkpoint, with extension lines allowed or not."""
    note = base64.b64decode(entry["note_base64"])
    for allow_extensions in (False, True):
        with pytest.raises(VerificationError):
            parse_checkpoint(note, KNOWN, allow_extensions=allow_extensions)


@pytest.mark.parametrize(
    ("size", "root"), [(0, EMPTY_ROOT), (1, ROOT), (10, ROOT), (2**63 - 1, ROOT), (1, EMPTY_ROOT)]
)
def test_checkpoints_come_back(size: int, root: bytes) -> None:
    """A checkpoint that is signed is read as what it was made from, from text and from bytes."""
    note = sign_checkpoint(ORIGIN, size, root, SIGNER)
    for checkpoint in (
        parse_checkpoint(note, [SIGNER.verifier]),
        parse_checkpoint(note.decode(), [SIGNER.verifier.vkey]),
        parse_checkpoint(note, (key for key in [OTHER.verifier, SIGNER.verifier])),
        parse_checkpoint(note, SIGNER.verifier.vkey),
    ):
        assert (ORIGIN, size, root) == (checkpoint.origin, checkpoint.size, checkpoint.root_hash)
        assert format_checkpoint(ORIGIN, size, root) == checkpoint.text
        assert note == checkpoint.note
        assert checkpoint.cosignatures == ()
        assert not checkpoint.witnessed


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        ("", 1, ROOT),
        ("a b", 1, ROOT),
        ("a+b", 1, ROOT),
        ("a\nb", 1, ROOT),
        ("a" * 256, 1, ROOT),
        (ORIGIN, -1, ROOT),
        (ORIGIN, 2**63, ROOT),
        (ORIGIN, True, ROOT),
        (ORIGIN, 1.0, ROOT),
        (ORIGIN, "1", ROOT),
        (ORIGIN, None, ROOT),
        (ORIGIN, 1, b""),
        (ORIGIN, 1, ROOT[:-1]),
        (ORIGIN, 1, ROOT + b"\x00"),
        (ORIGIN, 1, "a" * 32),
        (ORIGIN, 1, None),
        (ORIGIN, 0, ROOT),
    ],
)
def test_no_such_checkpoint(origin: str, size: Any, root: Any) -> None:
    """No checkpoint is written that would not be read again."""
    with pytest.raises(InvalidInput):
        format_checkpoint(origin, size, root)
    with pytest.raises(InvalidInput):
        sign_checkpoint(origin, size, root, SIGNER)


def test_log_signs_under_its_own_name_only() -> None:
    """A key named for another log signs no checkpoint of this one, and neither does a cosigner."""
    cosigner = Signer.from_seed(ORIGIN, b"c" * 32, KEY_TYPE_COSIGNATURE)
    for signer in (OTHER, cosigner):
        with pytest.raises(InvalidInput):
            sign_checkpoint(ORIGIN, 1, ROOT, signer)


def test_unknown_log_cannot_be_judged() -> None:
    """A checkpoint of a log whose key is not known is unverifiable, also with a known witness."""
    note = sign_checkpoint(ORIGIN, 1, ROOT, SIGNER)
    note += cosign_checkpoint(format_checkpoint(ORIGIN, 1, ROOT), WITNESS, 9)
    for known in ([], [OTHER.verifier], [WITNESS.verifier], [WITNESS.verifier, OTHER.verifier]):
        with pytest.raises(UnverifiableError):
            parse_checkpoint(note, known)


def test_another_log_cannot_speak_for_this_one() -> None:
    """A good signature of a known log over another log's origin makes no checkpoint."""
    note = sign_note(format_checkpoint(ORIGIN, 1, ROOT), [OTHER])
    with pytest.raises(VerificationError, match="another log"):
        parse_checkpoint(note, [OTHER.verifier])
    with pytest.raises(VerificationError, match="another log"):
        parse_checkpoint(note, [OTHER.verifier, SIGNER.verifier])


def test_several_logs_may_sign_if_the_right_one_does() -> None:
    """Beside the log's own signature those of other known logs do no harm."""
    note = sign_note(format_checkpoint(ORIGIN, 1, ROOT), [OTHER, SIGNER])

    assert parse_checkpoint(note, [OTHER.verifier, SIGNER.verifier]).origin == ORIGIN


def test_cosigner_named_like_the_log_is_not_the_log() -> None:
    """A cosignature under the log's name does not stand for the log's signature."""
    cosigner = Signer.from_seed(ORIGIN, b"c" * 32, KEY_TYPE_COSIGNATURE)
    text = format_checkpoint(ORIGIN, 1, ROOT)
    note = sign_note(text, [OTHER]) + cosign_checkpoint(text, cosigner, 9)
    with pytest.raises(UnverifiableError):
        parse_checkpoint(note, [cosigner.verifier])


def test_old_and_new_key_of_a_log() -> None:
    """A log may sign with two keys of its name; either one is enough, and neither may be bad."""
    renewed = Signer.from_seed(ORIGIN, b"new" + bytes(29))
    note = sign_note(format_checkpoint(ORIGIN, 1, ROOT), [SIGNER, renewed])
    for known in ([SIGNER.verifier], [renewed.verifier], [SIGNER.verifier, renewed.verifier]):
        assert parse_checkpoint(note, known).origin == ORIGIN
    forged = note.replace(b"\n1\n", b"\n2\n")
    for known in ([SIGNER.verifier], [renewed.verifier], [SIGNER.verifier, renewed.verifier]):
        with pytest.raises(VerificationError):
            parse_checkpoint(forged, known)


def test_extension_lines_are_read_only_on_request() -> None:
    """Extension lines are refused unless asked for, and may then not be empty."""
    text = format_checkpoint(ORIGIN, 1, ROOT)
    extended = sign_note(text + "one\ntwo\n", [SIGNER])
    empty = sign_note(text + "one\n\ntwo\n", [SIGNER])
    with pytest.raises(VerificationError, match="extension"):
        parse_checkpoint(extended, [SIGNER.verifier])
    with pytest.raises(VerificationError, match="empty line"):
        parse_checkpoint(empty, [SIGNER.verifier], allow_extensions=True)

    checkpoint = parse_checkpoint(extended, [SIGNER.verifier], allow_extensions=True)
    assert text + "one\ntwo\n" == checkpoint.text
    assert (checkpoint.origin, checkpoint.size, checkpoint.root_hash) == (ORIGIN, 1, ROOT)


@pytest.mark.parametrize(
    "note", [None, 7, [], bytearray(b"a"), "\ud800\n\n\u2014 a AAAAAAAA\n", ""]
)
def test_note_of_another_type_is_refused(note: Any) -> None:
    """What is neither bytes nor text, or text that is no UTF-8, fails as a verification."""
    with pytest.raises(VerificationError):
        parse_checkpoint(note, [SIGNER.verifier])


@pytest.mark.parametrize("vkey", ["", "a", "a+b+c", ORIGIN])
def test_bad_known_key_is_refused(vkey: str) -> None:
    """A known key that is malformed fails as a verification, though another key would do."""
    note = sign_checkpoint(ORIGIN, 1, ROOT, SIGNER)
    with pytest.raises(VerificationError):
        parse_checkpoint(note, [SIGNER.verifier, vkey])


@pytest.mark.parametrize(
    "text", ["", "a", "a\n1\n", "a\n1\nAAAA\n", "a\n1\nAAAA", "a\r\n1\r\nAAAA\r\n"]
)
def test_text_that_is_no_checkpoint(text: str) -> None:
    """Text alone is read by the same rules as signed text."""
    with pytest.raises(VerificationError):
        parse_checkpoint_text(text)


def test_unsigned_text_comes_back() -> None:
    """The three lines are read as what they were written from."""
    assert parse_checkpoint_text(format_checkpoint(ORIGIN, 7, ROOT)) == (ORIGIN, 7, ROOT)
