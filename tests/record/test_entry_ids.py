"""Names of entries: made from index and leaf hash, and read back in one spelling only."""

from __future__ import annotations

import random

import pytest

from counterfoil.limits import TREE_SIZE_MAX
from counterfoil.record import KINDS, EntryId, format_id, parse_id

SEED = 20260805
HASH = bytes.fromhex("9f8e7d6c") + bytes(28)


def test_an_id_has_prefix_index_and_tag() -> None:
    """The name of the entry at index 42 with this leaf hash is the one in the documents."""
    assert format_id("pt", 42, HASH) == "pt_42_9f8e7d6c"
    assert parse_id("pt_42_9f8e7d6c") == EntryId("pt", 42, "9f8e7d6c")


def test_ids_come_back() -> None:
    """Names of all kinds, at small, large and random indexes, are read as they were made."""
    chance = random.Random(SEED)
    indexes = [0, 1, 9, 10, TREE_SIZE_MAX, *(chance.randrange(TREE_SIZE_MAX) for _ in range(200))]
    for index in indexes:
        for kind in KINDS:
            leaf_hash = chance.randbytes(32)
            text = format_id(kind.id_prefix, index, leaf_hash)
            wanted = EntryId(kind.id_prefix, index, leaf_hash[:4].hex())
            assert parse_id(text) == wanted, (SEED, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pt",
        "pt_42",
        "pt_42_",
        "_42_9f8e7d6c",
        "pt__9f8e7d6c",
        "42",
        "42_9f8e7d6c",
        "pt_42_9f8e7d6",
        "pt_42_9f8e7d6c0",
        "pt_42_9F8E7D6C",
        "pt_42_9f8e7d6g",
        "PT_42_9f8e7d6c",
        "p_42_9f8e7d6c",
        "ptptptptp_42_9f8e7d6c",
        "p2_42_9f8e7d6c",
        "pt_042_9f8e7d6c",
        "pt_00_9f8e7d6c",
        "pt_-1_9f8e7d6c",
        "pt_+1_9f8e7d6c",
        "pt_4.2_9f8e7d6c",
        "pt_\u0664\u0662_9f8e7d6c",
        "pt_\uff14\uff12_9f8e7d6c",
        "pt_9223372036854775808_9f8e7d6c",
        "pt_99999999999999999999_9f8e7d6c",
        "pt_" + "9" * 5000 + "_9f8e7d6c",
        " pt_42_9f8e7d6c",
        "pt_42_9f8e7d6c ",
        "pt_42_9f8e7d6c\n",
        "pt-42-9f8e7d6c",
        "pt_42_9f8e7d6c_1",
        "pt_42\x00_9f8e7d6c",
        "\u0440t_42_9f8e7d6c",
    ],
)
def test_other_spellings_are_no_ids(text: str) -> None:
    """Capitals, leading zeros, other digits, signs, white space and cut parts do not name an entry."""
    assert parse_id(text) is None
