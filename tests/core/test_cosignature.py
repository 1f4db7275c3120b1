"""Cosignatures."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.errors import InvalidInput, UnverifiableError, VerificationError
from counterfoil.keys import KEY_TYPE_COSIGNATURE, KEY_TYPE_ED25519, Signer, Verifier
from counterfoil.note import (
    cosign_checkpoint,
    parse_checkpoint,
    parse_note,
    parse_signature_line,
    sign_note,
    verify_cosignature,
)

from .damage import flipped
from .vectors import load

VECTORS = load("cosignature/cosignature.json")
TEXT = VECTORS["text"]
WITNESS = Verifier.parse(VECTORS["vkey"])
WITNESS_SIGNER = Signer.from_seed(
    WITNESS.name, bytes.fromhex(VECTORS["seed"]), KEY_TYPE_COSIGNATURE
)
LOG = Signer.from_seed("example.com/behind-the-sofa", b"log" + bytes(29))
SIGNED = sign_note(TEXT, [LOG])


@pytest.mark.parametrize("entry", VECTORS["accepted"], ids=lambda entry: str(entry["time_s"]))
def test_good_cosignatures(entry: dict[str, Any]) -> None:
    """A cosignature verifies, tells its time, and is what we would have written."""
    line = entry["line"].encode()
    note = parse_note(SIGNED + line, [LOG.verifier, WITNESS])
    checkpoint = parse_checkpoint(SIGNED + line, [LOG.verifier, WITNESS])

    assert [None, entry["time_s"]] == [signature.timestamp_s for signature in note.signatures]
    assert ((WITNESS.name, entry["time_s"]),) == checkpoint.cosignatures
    assert line == cosign_checkpoint(TEXT, WITNESS_SIGNER, entry["time_s"])


@pytest.mark.parametrize("entry", VECTORS["refused"], ids=lambda entry: entry["fault"])
def test_bad_cosignatures(entry: dict[str, str]) -> None:
    """A bad cosignature of a known witness spoils the note, though the log's signature is good."""
    data = SIGNED + entry["line"].encode()
    with pytest.raises(VerificationError):
        parse_checkpoint(data, [LOG.verifier, WITNESS])
    with pytest.raises(VerificationError):
        verify_cosignature(TEXT, WITNESS, parse_signature_line(entry["line"][:-1])[2])

    assert parse_checkpoint(data, [LOG.verifier]).cosignatures == ()


@pytest.mark.parametrize("entry", VECTORS["unknown"], ids=lambda entry: entry["fault"])
def test_cosignatures_of_strangers(entry: dict[str, str]) -> None:
    """A line under another name or id is ignored: it neither counts nor spoils the note."""
    checkpoint = parse_checkpoint(SIGNED + entry["line"].encode(), [LOG.verifier, WITNESS])

    assert checkpoint.cosignatures == ()
    with pytest.raises(UnverifiableError):
        parse_note(f"{TEXT}\n{entry['line']}".encode(), [WITNESS])


def test_every_bit_of_a_cosignature_counts() -> None:
    """Changing any bit of time or signature makes the cosignature fail."""
    blob = parse_signature_line(VECTORS["accepted"][0]["line"][:-1])[2]

    assert VECTORS["accepted"][0]["time_s"] == verify_cosignature(TEXT, WITNESS, blob)
    for bad in flipped(blob):
        with pytest.raises(VerificationError):
            verify_cosignature(TEXT, WITNESS, bad)


@pytest.mark.parametrize(
    "text", ["", "a", "\x00\n", "\ud800\n", TEXT[:-1], TEXT + "x\n", "\n" + TEXT]
)
def test_no_cosignature_of_another_text(text: str) -> None:
    """A cosignature of one text says nothing about another, and fails as a verification."""
    blob = parse_signature_line(VECTORS["accepted"][0]["line"][:-1])[2]
    with pytest.raises(VerificationError):
        verify_cosignature(text, WITNESS, blob)


@pytest.mark.parametrize("time_s", [-1, 2**63, 2**64, True, 1.5, "1", None])
def test_no_cosignature_at_such_a_time(time_s: Any) -> None:
    """No cosignature is made for a time that could not be read again."""
    with pytest.raises(InvalidInput):
        cosign_checkpoint(TEXT, WITNESS_SIGNER, time_s)


def test_only_cosigners_cosign() -> None:
    """A key for notes makes no cosignature, even with the same seed."""
    signer = Signer.from_seed(WITNESS.name, bytes.fromhex(VECTORS["seed"]), KEY_TYPE_ED25519)
    with pytest.raises(InvalidInput):
        cosign_checkpoint(TEXT, signer, 1)


def test_signature_of_one_kind_is_none_of_the_other() -> None:
    """With one seed for both kinds, a note signature is no cosignature and the other way round."""
    seed = bytes.fromhex(VECTORS["seed"])
    plain = Signer.from_seed(WITNESS.name, seed, KEY_TYPE_ED25519)
    blob = parse_signature_line(VECTORS["accepted"][0]["line"][:-1])[2]
    with pytest.raises(VerificationError):
        plain.verifier.verify(TEXT.encode(), blob[8:])
    with pytest.raises(VerificationError):
        verify_cosignature(TEXT, WITNESS, bytes(8) + plain.sign(TEXT.encode()))

    assert plain.verifier.key_id != WITNESS.key_id


def test_extension_lines_are_cosigned_too() -> None:
    """The whole text is cosigned, with the lines after the root hash."""
    text = TEXT + "extension\n"
    note = sign_note(text, [LOG]) + cosign_checkpoint(text, WITNESS_SIGNER, 5)
    known = [LOG.verifier, WITNESS]

    checkpoint = parse_checkpoint(note, known, allow_extensions=True)
    assert ((WITNESS.name, 5),) == checkpoint.cosignatures
    with pytest.raises(VerificationError):
        parse_checkpoint(
            sign_note(text, [LOG]) + cosign_checkpoint(TEXT, WITNESS_SIGNER, 5),
            known,
            allow_extensions=True,
        )
