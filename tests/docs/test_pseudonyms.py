"""The pseudonyms of docs/SPEC.md: what the code makes, and what the text says, computed a second time."""

from __future__ import annotations

import base64
import json
import re
import unicodedata

import pytest
from blake3 import blake3

from counterfoil.record.consumer import HASH_NAMES, is_pseudonym, make_pseudonym

from .pages import marked_blocks, read_page

PAGE = "docs/SPEC.md"
SECTION = read_page(PAGE).partition("## Pseudonyms")[2].partition("\n## ")[0]
VECTORS = json.loads(marked_blocks(read_page(PAGE))["pseudonyms.json"])


def by_the_text(secret: bytes, creator: str, consumer: str, context: str) -> str:
    """A pseudonym as the section says, in the alphabet of RFC 4648 by hand."""
    size = len(creator.encode()).to_bytes(2, "big")
    key = blake3(secret + size + creator.encode(), derive_key_context=context).digest()
    made = blake3(unicodedata.normalize("NFC", consumer).encode(), key=key).digest(length=16)
    bits = int.from_bytes(made, "big") << 2
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    return "anon1_" + "".join(letters[bits >> 5 * at & 31] for at in reversed(range(26)))


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_vectors_follow_from_the_text_and_from_the_code(vector: list[str]) -> None:
    """Each vector on the page is what the code makes, and what the page's own words make."""
    secret, creator, consumer, wanted = vector
    context = re.search(r'context "([^"]+)"', SECTION)

    assert context is not None
    assert make_pseudonym(bytes.fromhex(secret), creator, consumer) == wanted
    assert by_the_text(bytes.fromhex(secret), creator, consumer, context[1]) == wanted


def test_a_vector_is_not_in_the_normal_form() -> None:
    """The third vector shows that the form of the text is evened out; without that it would be another id."""
    consumer = VECTORS[2][2]

    assert unicodedata.normalize("NFC", consumer) != consumer


def test_the_page_names_each_hash_that_passes_and_no_other() -> None:
    """What may stand before a hash's digits is what the code takes."""
    named = set(re.findall(r"`([a-z0-9-]+):`", SECTION))

    assert named == set(HASH_NAMES)
    assert all(is_pseudonym(f"{name}:{'0' * 32}") for name in named)


def test_the_last_character_is_one_of_those_on_the_page() -> None:
    """128 bits leave eight letters for the last of 26 characters; another letter is no pseudonym."""
    told = re.search(r"the last is one of `([a-z2-7]+)`", SECTION)
    letters = {
        base64.b32encode(bytes(15) + bytes([byte])).decode()[25].lower() for byte in range(256)
    }

    assert told is not None
    assert set(told[1]) == letters
    taken = {
        each
        for each in "abcdefghijklmnopqrstuvwxyz234567"
        if is_pseudonym(f"anon1_{'a' * 25}{each}")
    }
    assert taken == letters
