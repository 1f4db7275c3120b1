"""The text of policies with sizes, and the body of a change of keys: strict, since both decide what is believed."""

from __future__ import annotations

import pytest

from counterfoil.errors import VerificationError
from counterfoil.keys import KEY_TYPE_COSIGNATURE, Signer
from counterfoil.limits import TREE_SIZE_MAX
from counterfoil.note import KeyChange, KeyHistory, KeySizes, Policy, follow
from counterfoil.v1 import key_change_pb2
from counterfoil_client.trust import parse_trust

from .keyed import FIRST, SECOND, STRANGER, THIRD

K1, K2 = FIRST.verifier.vkey, SECOND.verifier.vkey
COSIGNER = Signer.from_seed(FIRST.name, b"c" * 32, KEY_TYPE_COSIGNATURE).verifier.vkey


def body(**fields: object) -> bytes:
    """The body of a change from the first key to the second, with other fields."""
    told = {"purpose": 1, "retired_vkey": K1, "new_vkey": K2, "overlap_entries": 3, **fields}
    change = key_change_pb2.KeyChange(**told)  # type: ignore[arg-type]
    return bytes(change.SerializeToString(deterministic=True))


def test_a_policy_with_sizes_comes_out_as_it_went_in() -> None:
    """The text of a history's policy is read back as the same policy, by the reader of clients too."""
    policy = KeyHistory.begin(FIRST.verifier).after(KeyChange.parse(body()), 9).policy

    assert policy.text == f"log {K1} sizes 0-13\nlog {K2} sizes 10-\nquorum none\n"
    assert Policy.parse(policy.text) == parse_trust(policy.text) == policy


def test_an_address_may_stand_before_the_sizes() -> None:
    """A line may have the address of the log as well, and a key without sizes is good for all."""
    policy = Policy.parse(
        f"log {K1} https://example.com/ sizes 0-7\nlog {K2} https://example.com/\nquorum none\n"
    )

    assert policy.sizes == (KeySizes(FIRST.verifier, 0, 7),)


@pytest.mark.parametrize(
    "sizes",
    [
        *("", "7", "-7", "7-3", "0-07", "+0-7", "0-7-9", "0 7", "0-7 ", "a-", "0x1-", "0-\u22127"),
        *(
            f"0-{TREE_SIZE_MAX + 1}",
            f"{TREE_SIZE_MAX + 1}-",
            "0-7 8-9",
            "0.0-7",
            "--",
            "\u0660-\u0667",
        ),
    ],
)
def test_sizes_in_another_spelling_are_refused(sizes: str) -> None:
    """Signs, leading zeros, missing parts, an end before the beginning, and more words are errors."""
    with pytest.raises(VerificationError):
        Policy.parse(
            f"log {K1} url sizes {sizes.strip() or '-'} {'x' * (sizes != sizes.strip())}\nquorum none\n"
        )


@pytest.mark.parametrize("line", [f"log {K1} size 0-7", f"log {K1} sizes", f"log {K1} SIZES 0-7 x"])
def test_words_that_are_not_sizes_are_no_sizes(line: str) -> None:
    """What is nearly a line with sizes limits nothing without a word, or is refused."""
    try:
        policy = Policy.parse(f"{line}\nquorum none\n")
    except VerificationError:
        return
    assert policy.sizes == ()
    assert len(line.split()) == 3  # the third word is an address to C2SP


@pytest.mark.parametrize(
    "data",
    [
        b"",
        body(purpose=0),
        body(retired_vkey=""),
        body(new_vkey=K1),
        body(new_vkey=COSIGNER),
        body(new_vkey=Signer.from_seed("example.com/other", b"2" * 32).verifier.vkey),
        body(new_vkey=K2[:-1]),
        body(overlap_entries=-1),
        body() + body(),
        body() + b"\x38\x01",
        body()[:-1],
        b"\x08\x01" + b"\x12\x02\xff\xfe",
        b"\x0a\x01\x01",
        body(reason="") + b"\x32\x01\xb7",
    ],
    ids=range(14),
)
def test_a_body_that_is_no_change_is_refused(data: bytes) -> None:
    """Missing, repeated, unknown and malformed fields, and keys that do not belong together."""
    with pytest.raises(VerificationError):
        KeyChange.parse(data)


def test_a_history_refuses_what_does_not_follow() -> None:
    """A change of a key that is not the present one, and one from before the last change, make no history."""
    change = KeyChange.parse(body())
    history = KeyHistory.begin(FIRST.verifier).after(change, 9)
    third = KeyChange(1, SECOND.verifier, THIRD.verifier, 0)

    for wrong, index in (
        (change, 20),
        (third, 9),
        (KeyChange(1, SECOND.verifier, FIRST.verifier, 0), 20),
    ):
        with pytest.raises(VerificationError):
            history.after(wrong, index)
    assert [key.text for key in history.after(third, 10).keys] == ["0-13", "10-11", "11-"]


def test_following_a_change_only_narrows_what_is_known() -> None:
    """Sizes that a policy states stay, where the change would allow more; following twice changes nothing."""
    change = KeyChange.parse(body(overlap_entries=100))
    stated = Policy.parse(f"log {K1} sizes 5-20\nquorum none\n")

    policy = follow(stated, change, 9)

    assert policy.sizes == (
        KeySizes(FIRST.verifier, 5, 20),
        KeySizes(SECOND.verifier, 10),
    )
    assert follow(policy, change, 9) == policy
    assert STRANGER.verifier not in policy.logs


def test_an_overlap_without_end_ends_with_the_tree() -> None:
    """The largest overlap makes no cut-off beyond the largest tree."""
    change = KeyChange.parse(body(overlap_entries=TREE_SIZE_MAX))

    assert [key.text for key in change.sizes(9)] == ["0-", "10-"]
