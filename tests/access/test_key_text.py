"""The text of API keys: what is a key, what is a mistyped one, and what is kept of it."""

from __future__ import annotations

import re

import pytest

from counterfoil.errors import Unauthenticated
from counterfoil_server.access.keys import KeyText, _checksum, hash_text, make_key, parse_key

KEY = make_key("live", bytes(range(8)), bytes(range(32)))
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
CUT = [KEY.text[:end] for end in (0, 3, 8, 20, 21, 40, 73, 74, 81)]
BENT = {
    "upper case": KEY.text.upper(),
    "blank before": " " + KEY.text,
    "line end": KEY.text + "\n",
    "longer": KEY.text + "a",
    "twice": KEY.text * 2,
    "other prefix": "sk" + KEY.text[2:],
    "other environment": KEY.text.replace("_live_", "_test_"),
    "unknown environment": KEY.text.replace("_live_", "_prod_"),
    "hyphens": KEY.text.replace("_", "-"),
    "no secret": KEY.text.replace(KEY.text[21:73], ""),
    "not ASCII": KEY.text[:30] + "é" + KEY.text[31:],
    "a zero byte": KEY.text[:30] + "\0" + KEY.text[31:],
    "digit eight": KEY.text[:30] + "8" + KEY.text[31:],
    "a million letters": "cf_live_" + "a" * 1_000_000,
    "full-width": KEY.text.replace("c", "\uff43", 1),
}


@pytest.mark.parametrize("environment", ["live", "sandbox"])
def test_a_key_is_read_as_it_was_made(environment: str) -> None:
    """Environment and id come back, and the text has the form that scanners look for."""
    made = make_key(environment, b"12345678", b"s" * 32)

    assert parse_key(made.text) == made
    assert re.fullmatch(r"cf_(live|test)_[a-z2-7]{12}_[a-z2-7]{52}_[a-z2-7]{8}", made.text)
    assert made.key_id in made.text


@pytest.mark.parametrize("text", CUT, ids=len)
def test_a_key_that_was_cut_short_is_none(text: str) -> None:
    """What is left of a key when its end got lost is refused."""
    with pytest.raises(Unauthenticated):
        parse_key(text)


@pytest.mark.parametrize("text", BENT.values(), ids=BENT)
def test_other_forms_are_none(text: str) -> None:
    """Whatever differs in a character, its case or around it is refused, without a word of it in the message."""
    with pytest.raises(Unauthenticated) as caught:
        parse_key(text)

    assert KEY.text[21:73] not in str(caught.value)


def test_each_typing_error_is_told_offline() -> None:
    """Any one character replaced by any other of the alphabet, anywhere behind the prefix, fails the checksum."""
    for at in range(8, len(KEY.text)):
        for letter in ALPHABET:
            typed = KEY.text[:at] + letter + KEY.text[at + 1 :]
            if typed != KEY.text:
                with pytest.raises(Unauthenticated):
                    parse_key(typed)


def test_neighbours_that_changed_places_are_told() -> None:
    """Two characters that were typed in the wrong order fail the checksum."""
    for at in range(8, len(KEY.text) - 1):
        one, two = KEY.text[at], KEY.text[at + 1]
        typed = KEY.text[:at] + two + one + KEY.text[at + 2 :]
        if typed != KEY.text:
            with pytest.raises(Unauthenticated):
                parse_key(typed)


def test_unused_bits_of_the_secret_are_no_second_key() -> None:
    """The last character of a secret has bits that hold nothing; a text with them set is no key, checksum or not."""
    body = KEY.text.rpartition("_")[0]
    last = ALPHABET.index(body[-1])
    for low in range(1, 16):
        other = body[:-1] + ALPHABET[last ^ low]
        with pytest.raises(Unauthenticated):
            parse_key(f"{other}_{_checksum(other)}")


def test_a_key_does_not_show_itself() -> None:
    """The secret is not in the repr, and what is kept is none of the text's bytes."""
    assert KEY.text[21:73] not in repr(KEY)
    assert KEY.key_id in repr(KEY)
    assert KEY.hash.hex() not in KEY.text


def test_the_whole_text_is_hashed() -> None:
    """Keys that differ in environment or id alone have other hashes: neither can be swapped under a secret."""
    other = make_key("live", b"x" * 8, bytes(range(32)))
    sandbox = make_key("sandbox", bytes(range(8)), bytes(range(32)))

    assert len({KEY.hash, other.hash, sandbox.hash}) == 3
    assert hash_text(KEY.text) == KEY.hash


@pytest.mark.parametrize(("drawn", "secret"), [(b"", b"s" * 32), (b"i" * 8, b"s" * 31)])
def test_too_little_randomness_makes_no_key(drawn: bytes, secret: bytes) -> None:
    """A key is made of 8 and 32 bytes and nothing less."""
    with pytest.raises(ValueError, match="random"):
        make_key("live", drawn, secret)


def test_a_key_is_known_by_its_text() -> None:
    """Two keys are the same when their texts are."""
    assert KeyText("live", KEY.key_id, KEY.text) == KEY
    assert KeyText("live", KEY.key_id, "") != KEY
