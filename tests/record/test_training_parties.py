"""Signatures of other parties over a proof of training."""

from __future__ import annotations

import random
from typing import Any

import pytest

from counterfoil.errors import VerificationError
from counterfoil.limits import PARTY_SIGNATURES_MAX
from counterfoil.record import TRAINING, problem
from counterfoil.record.training import SIGNED_LINE, signed_bytes
from counterfoil.v1 import record_pb2
from counterfoil.wire import element_bytes, field_bytes, field_varint

from .samples import HOST, PROVIDER, faults, good, party, serialize, signed_training

SEED = 20260807
BODY = serialize(good(TRAINING))
BAD = [("signatures[0].signature", problem.BAD_SIGNATURE)]
# Points of small order, and encodings of points that are not the canonical ones.
WEAK_KEYS = (
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
    b"\xff" * 32,
)


def with_signature(**changes: Any) -> list[tuple[str, str]]:
    """The problems of a training with one signature in which something is other than it should be."""
    signature = party(BODY, PROVIDER)
    for name, value in changes.items():
        setattr(signature, name, value)
    return faults(TRAINING, signed_training([signature]))


def test_parties_sign_the_body_without_signatures() -> None:
    """What is signed is one line of context and the bytes before the first signature, as they were sent."""
    signed = signed_training([party(BODY, PROVIDER), party(BODY, HOST)])

    assert SIGNED_LINE == b"counterfoil.v1/proof-of-training\n"
    assert serialize(signed).startswith(BODY)
    assert signed_bytes(serialize(signed)) == SIGNED_LINE + BODY
    assert signed_bytes(BODY) == SIGNED_LINE + BODY


def test_good_signatures_pass() -> None:
    """One party, several parties, and as many as are allowed."""
    roles = [role for role in record_pb2.PartyRole.values() if role]
    several = [party(BODY, PROVIDER, role) for role in roles]

    assert with_signature() == []
    assert faults(TRAINING, signed_training(several)) == []
    assert faults(TRAINING, signed_training([party(BODY, HOST)] * PARTY_SIGNATURES_MAX)) == []


@pytest.mark.parametrize("role", [record_pb2.PARTY_ROLE_UNSPECIFIED, 5, 99, -1])
def test_a_party_says_whose_it_is(role: int) -> None:
    """A signature without a role, or with one that nobody knows, is refused."""
    found = faults(TRAINING, signed_training([party(BODY, PROVIDER, role)]))

    assert found == [("signatures[0].role", problem.MISSING)]


def test_another_key_is_refused() -> None:
    """A signature under the key of another party is refused."""
    assert with_signature(public_key=HOST.verifier.public_key) == BAD


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    """A public key has 32 bytes."""
    assert with_signature(public_key=(PROVIDER.verifier.public_key * 2)[:size]) == BAD


@pytest.mark.parametrize("key", WEAK_KEYS, ids=[key.hex()[:8] for key in WEAK_KEYS])
def test_a_weak_key_is_refused(key: bytes) -> None:
    """A key of small order, under which signatures fit many messages, is refused whatever the signature."""
    # With A of order one, R = B * 0 and s = 0 satisfies the cofactored equation for every message.
    for signature in (b"\x01" + bytes(63), bytes(64), PROVIDER.sign(SIGNED_LINE + BODY)):
        assert with_signature(public_key=key, signature=signature) == BAD


@pytest.mark.parametrize("size", [0, 1, 63, 65])
def test_a_signature_of_another_size_is_refused(size: int) -> None:
    """A signature has 64 bytes."""
    good_one = PROVIDER.sign(SIGNED_LINE + BODY)

    assert with_signature(signature=(good_one + b"\x00")[:size]) == BAD


def test_every_bit_of_a_signature_counts() -> None:
    """A signature with one bit changed is refused."""
    good_one = PROVIDER.sign(SIGNED_LINE + BODY)
    for bit in range(512):
        bad = bytearray(good_one)
        bad[bit // 8] ^= 1 << bit % 8
        assert with_signature(signature=bytes(bad)) == BAD, bit


def test_a_signature_over_other_bytes_is_refused() -> None:
    """Without the line of context, over another body, or over the body with a signature, it does not verify."""
    other = serialize(good(TRAINING, dataset_id="ds_2"))
    first = party(BODY, HOST)
    whole = serialize(signed_training([first]))
    for message in (
        BODY,
        SIGNED_LINE,
        SIGNED_LINE + other,
        SIGNED_LINE + whole,
        b"",
        SIGNED_LINE[1:] + BODY,
    ):
        assert with_signature(signature=PROVIDER.sign(message)) == BAD
    second = party(whole, PROVIDER)
    found = faults(TRAINING, signed_training([first, second]))
    assert found == [("signatures[1].signature", problem.BAD_SIGNATURE)]


def test_a_changed_body_voids_the_signatures() -> None:
    """A signature does not carry over to a body with any other field."""
    signature = party(BODY, PROVIDER)
    for changes in ({"creator_id": "creator_43"}, {"notes": None}, {"portion_used_ppm": 1}):
        assert faults(TRAINING, signed_training([signature], **changes)) == BAD


def test_other_bytes_of_the_same_fields_void_the_signatures() -> None:
    """The bytes are what is signed: the same fields in another order are another message."""
    signature = element_bytes(15, party(BODY, PROVIDER).SerializeToString())
    body = signed_training([party(BODY, PROVIDER)])
    head = field_bytes(1, b"ds_1")
    assert BODY.startswith(head)

    moved = BODY[len(head) :] + head + signature

    assert TRAINING.message.FromString(moved) == body
    assert faults(TRAINING, body, BODY + signature) == []
    assert faults(TRAINING, body, moved) == BAD


@pytest.mark.parametrize(
    "behind",
    [field_bytes(7, b"MIT"), field_varint(8, 5), field_varint(11, 7)],
    ids=["text", "ppm", "time"],
)
def test_nothing_may_follow_the_signatures(behind: bytes) -> None:
    """A field behind the signatures would be signed by nobody: it is refused."""
    signature = element_bytes(15, party(BODY, PROVIDER).SerializeToString())
    raw = BODY + signature + behind

    with pytest.raises(VerificationError, match="come last"):
        signed_bytes(raw)
    assert faults(TRAINING, TRAINING.message.FromString(raw), raw) == BAD


def test_one_bad_signature_among_good_ones_is_named() -> None:
    """The position of the signature that fails is told, and only that one."""
    chance = random.Random(SEED)
    for count in (2, 5, PARTY_SIGNATURES_MAX):
        at = chance.randrange(count)
        signatures = [party(BODY, PROVIDER) for _ in range(count)]
        signatures[at].signature = HOST.sign(SIGNED_LINE + BODY)
        found = faults(TRAINING, signed_training(signatures))
        assert found == [(f"signatures[{at}].signature", problem.BAD_SIGNATURE)], (SEED, count)
