"""The worked example of docs/SPEC.md: what the code makes, and what the text says, computed a second time."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import pytest
from blake3 import blake3
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from .example import LOG_SEED, ORIGIN, PARTY_SEED, SALT_SEEDS, TIMES_US, example_log, vectors
from .pages import marked_blocks, read_page

PAGE = "docs/SPEC.md"
KINDS = (1, 2, 3, 3, 3)
COMMITS = (0, 1, 2, 2, 2)


@pytest.fixture(scope="module")
def printed() -> dict[str, Any]:
    """The example as the page prints it."""
    found = json.loads(marked_blocks(read_page(PAGE))["example.json"])
    assert isinstance(found, dict)
    return found


def test_the_page_prints_what_the_code_makes(printed: dict[str, Any]) -> None:
    """Every value of the worked example is what the real code computes."""
    assert printed == vectors()


def test_the_other_forms_on_the_page_are_what_the_code_makes() -> None:
    """The JSON receipt, the JWT and the checkpoint are printed as the code writes them."""
    blocks = marked_blocks(read_page(PAGE))

    assert blocks["example.receipt.json"].encode() == example_log().json
    assert blocks["example.jwt"].encode() == example_log().jwt + b"\n"
    assert blocks["example.checkpoint"].encode() == example_log().checkpoint


def test_leaves_follow_from_the_text(printed: dict[str, Any]) -> None:
    """Commitments, leaves, chain and ids come out as the sections on them say, by another code path."""
    previous = bytes(32)
    for index, entry in enumerate(printed["entries"]):
        salt, record = bytes.fromhex(entry["salt"]), bytes.fromhex(entry["record"])
        committed = sha256(b"\x02" + salt + record).digest()
        time = TIMES_US[COMMITS[index]].to_bytes(8, "big")
        leaf = bytes([1, KINDS[index]]) + time + previous + committed
        hashed = sha256(b"\x00" + leaf).digest()

        assert len(leaf) == 74
        assert entry["commitment"] == committed.hex()
        assert entry["previous"] == previous.hex()
        assert entry["leaf_hash"] == hashed.hex()
        assert entry["id"].endswith(f"_{index}_{hashed[:4].hex()}")
        previous = hashed


def test_salts_follow_from_the_text(printed: dict[str, Any]) -> None:
    """The salts of a batch are the slices of the extended output of BLAKE3 over its seed."""
    entries = printed["entries"]
    for index, entry in enumerate(entries):
        place = index - COMMITS.index(COMMITS[index])
        stream = blake3(SALT_SEEDS[COMMITS[index]]).digest(length=16 * (place + 1))

        assert entry["salt"] == stream[-16:].hex()


def node(left: bytes, right: bytes) -> bytes:
    """An inner node."""
    return sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The recursive definition of RFC 6962 section 2.1."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    return node(root(leaves[:split]), root(leaves[split:]))


def test_root_and_proofs_follow_from_the_text(printed: dict[str, Any]) -> None:
    """Root, inclusion proof and range proof are those of the tree that the text defines."""
    leaves = [bytes.fromhex(entry["leaf_hash"]) for entry in printed["entries"]]

    assert printed["root_hash"] == root(leaves).hex()
    siblings = [leaves[2], root(leaves[:2]), leaves[4]]
    assert printed["inclusion_proof_of_entry_3"] == [sibling.hex() for sibling in siblings]
    assert printed["range_proof_of_entries_2_to_4"] == [root(leaves[:2]).hex()]


def test_key_and_checkpoint_follow_from_the_text(printed: dict[str, Any]) -> None:
    """The key id is computed as the text says, and the checkpoint's signature is over its three lines."""
    public_key = bytes(SigningKey(LOG_SEED).verify_key)
    key_id = sha256(ORIGIN.encode() + b"\n\x01" + public_key).digest()[:4]
    material = base64.b64encode(b"\x01" + public_key).decode()
    text, _, lines = example_log().checkpoint.partition(b"\n\n")
    blob = base64.b64decode(lines.split()[2])

    assert printed["vkey"] == f"{ORIGIN}+{key_id.hex()}+{material}"
    assert text.split(b"\n")[:2] == [ORIGIN.encode(), b"5"]
    assert blob[:4] == key_id
    VerifyKey(public_key).verify(text + b"\n", blob[4:])
    with pytest.raises(BadSignatureError):
        VerifyKey(public_key).verify(text, blob[4:])


def test_the_party_signature_follows_from_the_text(printed: dict[str, Any]) -> None:
    """The party signs a line of context and the body up to its signatures."""
    body = example_log().entries[1].body
    signed = bytes.fromhex(printed["party_signed_bytes"])
    context, _, before = signed.partition(b"\n")
    signature = bytes.fromhex(printed["party_signature"])

    assert context == b"counterfoil.v1/proof-of-training"
    assert body.startswith(before + b"\x7a")
    SigningKey(PARTY_SEED).verify_key.verify(signed, signature)
    with pytest.raises(BadSignatureError):
        SigningKey(PARTY_SEED).verify_key.verify(before, signature)


def test_a_changed_value_would_be_seen(printed: dict[str, Any]) -> None:
    """Negative control: one digit of one salt changed is another commitment."""
    entry = printed["entries"][3]
    salt = bytearray.fromhex(entry["salt"])
    salt[0] ^= 1

    assert (
        sha256(b"\x02" + salt + bytes.fromhex(entry["record"])).hexdigest() != entry["commitment"]
    )
