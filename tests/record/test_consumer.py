"""Pseudonyms of consumers: the same person is one id with one creator, and nothing ties it to the one with another."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.errors import InvalidInput
from counterfoil.limits import TIME_US_MAX
from counterfoil.record import USAGE, problem
from counterfoil.record.consumer import HASH_NAMES, is_pseudonym, make_pseudonym
from counterfoil.record.text import check_id
from counterfoil.record.usage import Window, accept_batch, check_batch

from .samples import good, serialize

SECRET = bytes(range(32))
ALICE = "alice@example.com"
WINDOW = Window(1, TIME_US_MAX)

# (secret, creator, consumer, pseudonym): for ever, because a change would make every consumer of every host a new one.
VECTORS = (
    (SECRET, "cr_ada", ALICE, "anon1_lxkz42ocyklko3zkm3oh54nb34"),
    (SECRET, "cr_bob", ALICE, "anon1_ey3v6yyaldcwsfntcse6bo7sze"),
    (SECRET, "cr_ada", "bob@example.com", "anon1_uriunc3pq3xqouwhxs53vwydz4"),
    (SECRET, "cr_ada", "Zo\u00eb", "anon1_rr2qk7t4nj7mwjwgu4s4hrfzea"),
    (SECRET, "cr_ada", "Zoe\u0308", "anon1_rr2qk7t4nj7mwjwgu4s4hrfzea"),
    (SECRET, "a", "x", "anon1_bok45elf673tax7w2iuke4rfsm"),
    (bytes(32), "cr_ada", ALICE, "anon1_msfmtupl3ny3qqbcpyrqjx6g6q"),
)
OURS = VECTORS[0][3]
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
secrets = st.binary(min_size=32, max_size=32)
creators = st.text("abcXYZ019._:/@+=~-", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("secret", "creator", "consumer", "wanted"), VECTORS, ids=range(len(VECTORS))
)
def test_pseudonyms_never_change(secret: bytes, creator: str, consumer: str, wanted: str) -> None:
    """Each vector is what it always was, twice over, and an id with the form of a pseudonym."""
    for _ in range(2):
        assert make_pseudonym(secret, creator, consumer) == wanted
    assert is_pseudonym(wanted)
    assert list(check_id(wanted, "consumer_id")) == []


@given(secret=secrets, creator=creators, consumer=texts, other=creators)
@settings(derandomize=True, deadline=None, max_examples=300)
def test_another_creator_sees_another_consumer(
    secret: bytes, creator: str, consumer: str, other: str
) -> None:
    """Two creators have the same id of a consumer only where they are one creator."""
    mine, theirs = (make_pseudonym(secret, each, consumer) for each in (creator, other))

    assert (mine == theirs) == (creator == other)
    assert is_pseudonym(mine)


@given(secret=secrets, other=secrets, consumer=texts)
@settings(derandomize=True, deadline=None, max_examples=300)
def test_another_secret_makes_another_consumer(secret: bytes, other: bytes, consumer: str) -> None:
    """Two hosts, or one before and after a rotation, have the same id only with the same secret."""
    made = [make_pseudonym(each, "ada", consumer) for each in (secret, other)]

    assert (made[0] == made[1]) == (secret == other)


def test_every_byte_of_the_secret_counts() -> None:
    """One bit of the secret, in any of its bytes, makes another id."""
    changed = [bytes([*SECRET[:at], SECRET[at] ^ 1, *SECRET[at + 1 :]]) for at in range(32)]

    assert len({make_pseudonym(each, "ada", ALICE) for each in (SECRET, *changed)}) == 33


def test_many_consumers_and_creators_are_all_told_apart() -> None:
    """A thousand consumers of twenty creators are twenty thousand ids: none is met twice."""
    made = {
        make_pseudonym(SECRET, f"cr{creator}", f"c{consumer}")
        for creator in range(20)
        for consumer in range(1000)
    }

    assert len(made) == 20_000


@pytest.mark.parametrize(
    ("creator", "consumer", "field"),
    [
        ("", ALICE, "creator_id"),
        ("a b", ALICE, "creator_id"),
        ("ä", ALICE, "creator_id"),
        ("a" * 129, ALICE, "creator_id"),
        ("ada\n", ALICE, "creator_id"),
        ("ada", "", "consumer_id"),
        ("ada", "alice\ud800", "consumer_id"),
    ],
)
def test_what_makes_no_pseudonym_is_refused_without_a_quotation(
    creator: str, consumer: str, field: str
) -> None:
    """No creator, no id of one, no consumer, half a character: the error names the field, and its traceback no consumer."""
    with pytest.raises(InvalidInput) as caught:
        make_pseudonym(SECRET, creator, consumer)

    assert caught.value.field == field
    shown = "".join(traceback.format_exception(caught.value, chain=True))
    assert "alice@" not in shown
    assert "alice\\ud800" not in shown
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_secret_of_another_size_is_refused(size: int) -> None:
    """Neither a shorter secret nor a longer one is taken, and it is not quoted."""
    with pytest.raises(ValueError, match=r"^the secret of pseudonyms has 32 bytes$"):
        make_pseudonym(bytes(size), "ada", ALICE)


HASHES = (
    *("0" * 32, "ab" * 20, "9f" * 32, "f" * 128, "a" * 33),
    *(f"{name}:{'0123456789abcdef' * 2}" for name in HASH_NAMES),
    "sha256:" + "0f" * 32,
)
PLAIN = (
    *("", "alice", ALICE, "customer_1", "42", "+15551234567", "anon1_", "anon_1", "anonymous"),
    *("0" * 31, "0" * 129, "0" * 32 + "g", "AB" * 16, "0" * 31 + "A", " " + "0" * 32, "0" * 32 + "\n"),
    *("sha256:", "sha256:" + "0" * 31, "sha256:" + "0" * 129, "SHA256:" + "0" * 64),
    *("alice:" + "0" * 64, ":" + "0" * 64, "sha256:sha256:" + "0" * 64, "sha256" + "0" * 64 + "x"),
    *(OURS[:-1], OURS + "a", OURS.upper(), OURS[:-1] + "5", OURS[:-1] + "b", OURS + "\n"),
    *("anon2" + OURS[5:], OURS.replace("k", "1"), OURS.replace("k", "0"), "x" + OURS, "anon1_" + "=" * 26),
    "550e8400-e29b-41d4-a716-446655440000",
)  # fmt: skip


@pytest.mark.parametrize("consumer_id", HASHES)
def test_the_usual_hashes_pass_for_pseudonyms(consumer_id: str) -> None:
    """32 to 128 lower-case hexadecimal digits, with or without the name of a hash."""
    assert is_pseudonym(consumer_id)


@pytest.mark.parametrize("consumer_id", PLAIN)
def test_what_has_no_such_form_is_plain(consumer_id: str) -> None:
    """Names, numbers, addresses, hashes that are cut or in capitals, pseudonyms with a character too many or wrong."""
    assert not is_pseudonym(consumer_id)


def judge(ids: list[str], **options: Any) -> tuple[list[problem.Problem], bool]:
    """What the full check finds in events with these consumers, and whether the glance lets all of them through."""
    batch = [
        good(USAGE, event_id=f"e{at}", consumer_id=each, receipt_ref="")
        for at, each in enumerate(ids)
    ]
    bodies = [serialize(event) for event in batch]
    found = check_batch(batch, bodies, WINDOW, lambda _values: (), **options)[1]
    return found, accept_batch(bodies, WINDOW, lambda _values: (), **options) is not None


def test_plain_consumers_are_named_by_position_and_not_quoted() -> None:
    """Only events with a plain consumer have a problem; it says what to do, and nothing of the consumer."""
    found, passed = judge([OURS, ALICE, "", "sha256:" + "0" * 64, "bob"], pseudonyms_only=True)

    told = [(each.position, each.field, each.reason) for each in found]
    assert told == [(1, "consumer_id", "CONSUMER_PLAIN"), (4, "consumer_id", "CONSUMER_PLAIN")]
    assert not passed
    for each in found:
        assert "consumer key" in each.message
        assert "alice" not in each.message
        assert "bob" not in each.message


def test_nothing_is_asked_of_consumers_by_default() -> None:
    """The negative control: without the rule the same events have no problem."""
    assert judge([OURS, ALICE, "", "bob"])[0] == []


@pytest.mark.parametrize("consumer_id", [each for each in PLAIN if each])
def test_no_plain_consumer_gets_past_the_glance(consumer_id: str) -> None:
    """What the full check refuses is never let through at a glance; nor is it when its neighbours are good."""
    for ids in ([consumer_id], [OURS, consumer_id, OURS]):
        found, passed = judge(ids, pseudonyms_only=True)

        assert found
        assert not passed
