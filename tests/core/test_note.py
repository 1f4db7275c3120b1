"""Signed notes."""

from __future__ import annotations

import base64
import random
from typing import Any

import pytest

from counterfoil.errors import InvalidInput, UnverifiableError, VerificationError
from counterfoil.keys import KEY_TYPE_COSIGNATURE, Signer, Verifier
from counterfoil.note import (
    NOTE_SIZE_BYTES_MAX,
    cosign_checkpoint,
    format_signature_line,
    parse_decimal,
    parse_note,
    parse_signature_line,
    sign_note,
)

from .vectors import load

PUBLISHED = load("note/published.json")
MALFORMED = load("note/malformed.json")
KNOWN = [Verifier.parse(vkey) for vkey in MALFORMED["vkeys"]]
GOOD = MALFORMED["good"].encode()
TEXT = "text\n"
SIGNERS = [Signer.from_seed(f"example.com/{i}", bytes([i]) * 32) for i in range(101)]
COSIGNER = Signer.from_seed("example.com/w", b"w" * 32, KEY_TYPE_COSIGNATURE)


@pytest.mark.parametrize("entry", PUBLISHED["notes"], ids=lambda entry: entry["source"])
def test_published_notes(entry: dict[str, Any]) -> None:
    """Notes of other implementations are read, whichever of their keys are known."""
    verifiers = [Verifier.parse(vkey) for vkey in entry["signed_by"]]
    for known in ([verifiers[0]], verifiers, verifiers[::-1]):
        note = parse_note(entry["note"].encode(), known)

        assert entry["text"] == note.text
        assert set(known) == {signature.verifier for signature in note.signatures}
        assert len(verifiers) - len(known) == len(note.unverified)


def test_published_note_is_what_we_write() -> None:
    """Signing the text of a published note with its published key gives its line."""
    entry = next(note for note in PUBLISHED["notes"] if "golang" in note["source"])
    signer = Signer.parse(PUBLISHED["private_keys"][0]["private_key"])
    lines = entry["note"].splitlines(keepends=True)

    assert "".join(lines[:4]).encode() == sign_note(entry["text"], [signer])


@pytest.mark.parametrize("entry", MALFORMED["note"], ids=lambda entry: entry["fault"])
def test_malformed_notes(entry: dict[str, str]) -> None:
    """Each malformed note is refused, and for the fault that it is named for."""
    with pytest.raises(VerificationError) as caught:
        parse_note(base64.b64decode(entry["note_base64"]), KNOWN)

    assert entry["error"] in str(caught.value)
    assert not isinstance(caught.value, UnverifiableError)


def test_good_note_of_the_malformed_ones() -> None:
    """The note that the malformed ones were made from is accepted."""
    assert len(KNOWN) == len(parse_note(GOOD, KNOWN).signatures)


def test_malformed_lines_count_even_from_strangers() -> None:
    """A malformed line is refused although nobody asked about its key."""
    text = sign_note(TEXT, SIGNERS[:1])
    for line in (b"\xe2\x80\x94 a\n", b"- a AAAAAAAA\n", b"\xe2\x80\x94 a AAAAAAB=\n"):
        with pytest.raises(VerificationError, match=r"signature|base64"):
            parse_note(text + line, [SIGNERS[0].verifier])


@pytest.mark.parametrize("seed", range(5))
def test_every_change_of_a_byte_is_noticed(seed: int) -> None:
    """No changed, dropped or added byte leaves a note with both of its known signatures."""
    rng = random.Random(seed)
    for position in range(len(GOOD)):
        byte = bytes([rng.randrange(256)])
        for bad in (
            GOOD[:position]
            + bytes([GOOD[position] ^ 1 << rng.randrange(8)])
            + GOOD[position + 1 :],
            GOOD[:position] + GOOD[position + 1 :],
            GOOD[:position] + byte + GOOD[position:],
        ):
            try:
                note = parse_note(bad, KNOWN)
            except VerificationError:
                continue
            # What was hit is the name or id in a line, which made it the line of a stranger.
            assert len(note.signatures) < len(KNOWN), (seed, position)
            assert note.text.encode() in GOOD, (seed, position)


def test_cut_notes_are_refused() -> None:
    """A note that ends anywhere before its last signature line begins is refused."""
    first_line_end = GOOD.index(b"\n", GOOD.index(b"\n\n") + 2) + 1
    for end in range(len(GOOD)):
        if end == first_line_end:
            continue
        with pytest.raises(VerificationError):
            parse_note(GOOD[:end], KNOWN)


def test_unknown_keys_are_kept_apart() -> None:
    """Lines of unknown keys are listed as they are and do not make a note good."""
    data = sign_note(TEXT, SIGNERS[:3])
    note = parse_note(data, [SIGNERS[1].verifier])

    assert [SIGNERS[1].verifier] == [signature.verifier for signature in note.signatures]
    assert [line.name for line in note.unverified] == ["example.com/0", "example.com/2"]
    assert SIGNERS[0].sign(TEXT.encode()) == note.unverified[0].signature
    assert SIGNERS[0].verifier.key_id == note.unverified[0].key_id
    with pytest.raises(UnverifiableError):
        parse_note(data, [SIGNERS[3].verifier])
    with pytest.raises(UnverifiableError):
        parse_note(data, [])


def test_same_name_or_same_id_is_not_the_same_key() -> None:
    """A line that shares only name or only id with a known key is that of a stranger."""
    known = SIGNERS[0].verifier
    good = sign_note(TEXT, SIGNERS[1:2])
    same_name = format_signature_line(known.name, b"\x00" * 4, bytes(64))
    same_id = format_signature_line("stranger", known.key_id, bytes(64))
    note = parse_note(good + same_name + same_id, [known, SIGNERS[1].verifier])

    assert len(note.unverified) == 2
    with pytest.raises(VerificationError):
        parse_note(good + format_signature_line(known.name, known.key_id, bytes(64)), [known])


def test_one_bad_line_of_a_known_key_spoils_the_note() -> None:
    """However many good signatures there are, one bad line of a known key refuses them all."""
    bad = format_signature_line(SIGNERS[0].name, SIGNERS[0].verifier.key_id, bytes(64))
    good = sign_note(TEXT, SIGNERS[:5])
    text, lines = good[: len(TEXT) + 1], good[len(TEXT) + 1 :]
    known = [signer.verifier for signer in SIGNERS[:5]]
    for data in (good + bad, text + bad + lines):
        with pytest.raises(VerificationError):
            parse_note(data, known)

        assert len(parse_note(data, known[1:]).signatures) == 4


def test_lines_of_one_key_count_once() -> None:
    """Repeated lines of a key are one signature, and the first time of a cosigner stands."""
    data = sign_note(TEXT, [SIGNERS[0]] * 3)
    data += cosign_checkpoint(TEXT, COSIGNER, 30) + cosign_checkpoint(TEXT, COSIGNER, 20)
    note = parse_note(data, [SIGNERS[0].verifier, COSIGNER.verifier])

    assert [signature.timestamp_s for signature in note.signatures] == [None, 30]


@pytest.mark.parametrize("count", [1, 16, 100])
def test_up_to_a_hundred_signatures(count: int) -> None:
    """A note with 1, 16 or 100 signatures is accepted, and all of them are checked."""
    data = sign_note(TEXT, SIGNERS[:count])
    note = parse_note(data, [signer.verifier for signer in SIGNERS])

    assert count == len(note.signatures)


def test_a_hundred_and_one_signatures() -> None:
    """A note with 101 signatures is neither written nor accepted, not even if all are good."""
    line = format_signature_line("a", b"abcd", bytes(64))
    data = sign_note(TEXT, SIGNERS[:100])
    with pytest.raises(InvalidInput):
        sign_note(TEXT, SIGNERS)
    with pytest.raises(VerificationError, match="more than 100"):
        parse_note(data + line, [SIGNERS[0].verifier])


def test_size_of_notes_is_bounded() -> None:
    """A note of just 64 KiB is written and accepted; one byte more is neither."""
    overhead = len(sign_note("a\n", SIGNERS[:1])) - 1
    largest = "a" * (NOTE_SIZE_BYTES_MAX - overhead)
    data = sign_note(largest + "\n", SIGNERS[:1])

    assert len(data) == NOTE_SIZE_BYTES_MAX
    assert largest + "\n" == parse_note(data, [SIGNERS[0].verifier]).text
    with pytest.raises(InvalidInput):
        sign_note(largest + "a\n", SIGNERS[:1])
    with pytest.raises(VerificationError, match="larger"):
        parse_note(b"a" + data, [SIGNERS[0].verifier])


@pytest.mark.parametrize(
    "text",
    ["\n", "a\n", "a\n\n", "\n\n\n", "a\n\nb\n", "a\n\n\u2014 example.com/0 AAAA\n", "\u00e9\U0001f600\n",
     "\x7f\n", "\u2014\n", " \n"],
    ids=ascii,
)  # fmt: skip
def test_texts_come_back(text: str) -> None:
    """Any text of lines comes back from its note, also with empty lines or looking like a note."""
    assert text == parse_note(sign_note(text, SIGNERS[:1]), [SIGNERS[0].verifier]).text


@pytest.mark.parametrize(
    "text", ["", "a", "a\r\n", "a\tb\n", "\x00\n", "\x1f\n", "\ud800\n", "a\n\x0b\n"], ids=ascii
)
def test_no_note_of_such_a_text(text: str) -> None:
    """No note is written of a text that would not be read again."""
    with pytest.raises(InvalidInput):
        sign_note(text, SIGNERS[:1])
    with pytest.raises(InvalidInput):
        cosign_checkpoint(text, COSIGNER, 1)


def test_no_note_without_signers_or_with_cosigners() -> None:
    """A note has at least one signer, and no key of a cosigner signs one."""
    with pytest.raises(InvalidInput):
        sign_note(TEXT, [])
    with pytest.raises(InvalidInput):
        sign_note(TEXT, [SIGNERS[0], COSIGNER])


@pytest.mark.parametrize("data", [None, "text", 7, bytearray(GOOD), memoryview(GOOD), [GOOD]])
def test_note_of_another_type_is_refused(data: Any) -> None:
    """What is not bytes fails as a verification."""
    with pytest.raises(VerificationError):
        parse_note(data, KNOWN)


def test_known_keys_may_repeat_but_not_collide() -> None:
    """One key listed twice is one key; two keys that one line could mean are refused."""
    verifier = SIGNERS[0].verifier
    data = sign_note(TEXT, SIGNERS[:1])
    twin = Verifier(verifier.name, 1, SIGNERS[1].verifier.public_key)
    object.__setattr__(twin, "key_id", verifier.key_id)

    assert len(parse_note(data, [verifier, verifier]).signatures) == 1
    with pytest.raises(VerificationError, match="same key id"):
        parse_note(data, [verifier, twin])


def test_signature_lines_come_back() -> None:
    """A signature line that is written is read as what it was written from."""
    line = format_signature_line("example.com/é", b"abcd", b"signature").decode()

    assert parse_signature_line(line[:-1]) == ("example.com/é", b"abcd", b"signature")
    with pytest.raises(VerificationError):
        parse_signature_line(line)


@pytest.mark.parametrize("number", [0, 1, 9, 10, 2**31, 2**63 - 1])
def test_decimals_come_back(number: int) -> None:
    """A plain decimal number is read as what it was written from."""
    assert number == parse_decimal(str(number))


@pytest.mark.parametrize(
    "text",
    ["", "00", "01", "-0", "-1", "+1", " 1", "1 ", "1\n", "1_0", "0x1", "1.0", "1e1", "\u0663", "\uff13", "\u00b2",
     str(2**63), "9" * 19, "9" * 20, "1" * 5000, "a", "None", "True"],
    ids=lambda text: ascii(text)[:24],
)  # fmt: skip
def test_other_decimals_are_refused(text: str) -> None:
    """Any other spelling of a number, and any larger one, is refused."""
    with pytest.raises(VerificationError):
        parse_decimal(text)
