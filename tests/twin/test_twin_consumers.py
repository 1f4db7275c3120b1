"""The compiled look at consumer ids: it lets through what the Python rule lets through, and nothing else."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil import twin
from counterfoil.record.consumer import HASH_NAMES, is_pseudonym, make_pseudonym
from counterfoil.record.text import ID_ALPHABET, is_id
from counterfoil.v1 import record_pb2

from .test_twin_usage import judge

native: Any = twin.native
pytestmark = pytest.mark.skipif(native is None, reason="the compiled twin was not built here")

OURS = make_pseudonym(bytes(32), "ada", "alice")
DIGITS = "0123456789abcdef" * 8
FORMS = (
    OURS,
    *(DIGITS[:size] for size in (32, 33, 40, 64, 127, 128)),
    *(f"{name}:{DIGITS[:size]}" for name in HASH_NAMES for size in (32, 64)),
)
SEED = 20260707


def passes(consumer_id: str) -> bool:
    """Whether the twin lets an event with this consumer through when only pseudonyms may pass."""
    event = record_pb2.UsageEvent(
        event_id="e", event_time_us=5, model_id="m", consumer_id=consumer_id
    )
    return judge([event.SerializeToString()], pseudonyms_only=True) is not None


@pytest.mark.parametrize("consumer_id", FORMS)
def test_every_form_is_let_through_at_a_glance(consumer_id: str) -> None:
    """The twin is of use: no form of a pseudonym or a hash costs a second look."""
    assert is_pseudonym(consumer_id)
    assert passes(consumer_id)


def test_no_consumer_at_all_is_let_through() -> None:
    """An event need not say who used something, with the field left out or empty."""
    body = record_pb2.UsageEvent(event_id="e", event_time_us=5, model_id="m").SerializeToString()

    assert judge([body], pseudonyms_only=True) is not None
    assert judge([body + b"\x52\x00"], pseudonyms_only=True) is not None


def test_every_change_of_one_character_is_judged_alike() -> None:
    """Each form with one character changed, dropped or added: twin and Python agree, and most are refused."""
    chance = random.Random(SEED)
    letters = ID_ALPHABET.decode()
    refused = 0
    for form in (OURS, DIGITS[:32], DIGITS, "sha256:" + DIGITS[:64], "sha3-512:" + DIGITS[:32]):
        for at in range(len(form)):
            changed = [form[:at] + letter + form[at + 1 :] for letter in chance.sample(letters, 12)]
            for text in (*changed, form[:at] + form[at + 1 :], form[:at] + "0" + form[at:]):
                wanted = is_pseudonym(text)
                assert passes(text) == (wanted and len(text) <= 128), text
                refused += not wanted
    assert refused > 1000


ids = st.one_of(
    st.text(alphabet=ID_ALPHABET.decode(), max_size=40),
    st.text(alphabet="0123456789abcdef:", max_size=130),
    st.builds("anon1_{}".format, st.text(alphabet="abcdefghijklmnopqrstuvwxyz234567", max_size=27)),
    st.builds("{}:{}".format, st.sampled_from(HASH_NAMES), st.text("0123456789abcdefA", max_size=66)),
)  # fmt: skip


@given(consumer_id=ids)
@settings(derandomize=True, deadline=None, max_examples=500)
def test_the_twin_says_what_the_rule_says(consumer_id: str) -> None:
    """For any id: let through at a glance when it is empty or a pseudonym, and not otherwise."""
    assert is_id(consumer_id)
    wanted = not consumer_id or (is_pseudonym(consumer_id) and len(consumer_id) <= 128)
    assert passes(consumer_id) == wanted


@pytest.mark.parametrize("consumer_id", ["alice", "customer_1", OURS[:-1], "alice:" + DIGITS[:64]])
def test_without_the_rule_plain_consumers_pass(consumer_id: str) -> None:
    """The negative control: what the rule stops is let through when nobody asks for it."""
    event = record_pb2.UsageEvent(
        event_id="e", event_time_us=5, model_id="m", consumer_id=consumer_id
    )

    assert judge([event.SerializeToString()]) is not None
    assert not passes(consumer_id)
