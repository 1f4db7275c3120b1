"""The compiled look at usage events: what it lets through has no problem in the full check."""

import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil import limits, twin
from counterfoil.limits import EVENT_SIZE_BYTES_MAX, ID_LENGTH_MAX, TIME_US_MAX, TOKENS_MAX
from counterfoil.packed import Packed, Spans
from counterfoil.record.text import ID_ALPHABET
from counterfoil.record.usage import Window, check_batch
from counterfoil.v1 import record_pb2

native: Any = twin.native
pytestmark = pytest.mark.skipif(native is None, reason="the compiled twin was not built here")

ROOT = Path(__file__).resolve().parents[2]
WINDOW = Window(1, TIME_US_MAX)
LIMITS = (TOKENS_MAX, ID_LENGTH_MAX, EVENT_SIZE_BYTES_MAX)
ids = st.text(alphabet=ID_ALPHABET.decode(), max_size=ID_LENGTH_MAX)
events = st.builds(
    record_pb2.UsageEvent,
    event_id=ids,
    event_time_us=st.integers(-5, TIME_US_MAX + 5),
    model_id=ids,
    input_tokens=st.integers(-2, TOKENS_MAX + 2),
    output_tokens=st.integers(0, 9),
    tokens=st.sampled_from([0, 5, TOKENS_MAX, TOKENS_MAX + 1]),
    receipt_ref=st.sampled_from(["", "pt_1_00000000", "pt_2_00000000"]),
    asset_id=st.one_of(ids, st.text(max_size=4)),
    consumer_id=ids,
    attributions=st.lists(
        st.builds(
            record_pb2.Attribution,
            asset_id=st.sampled_from(["", "a", "b", "c", "ä"]),
            parts_per_million=st.sampled_from([0, 1, 500_000, 1_000_000, 1_000_001]),
        ),
        max_size=3,
    ),
    consents=st.lists(st.integers(0, 5), max_size=3),
    metadata=st.dictionaries(ids, st.text(max_size=3), max_size=2),
    territory=st.sampled_from(["", "FR", "fr", "FRA", "F"]),
    non_commercial=st.booleans(),
)


def judge(
    bodies: list[bytes], *, pseudonyms_only: bool = False
) -> tuple[list[str], set[str]] | None:
    """What the twin says of a batch."""
    packed = Packed.of(bodies)
    answer: tuple[bytes, set[str]] | None = native.accept_usage(
        packed.data, packed.ends, WINDOW.first_us, WINDOW.last_us, *LIMITS, pseudonyms_only
    )
    return None if answer is None else (list(Spans(packed.data, answer[0])), answer[1])


@settings(max_examples=400, deadline=None)
@given(batch=st.lists(events, max_size=4))
def test_what_the_twin_accepts_has_no_problem(batch: list[record_pb2.UsageEvent]) -> None:
    """A batch that the twin lets through has the same ids and no problem in the full check."""
    bodies = [event.SerializeToString() for event in batch]
    answer = judge(bodies)
    identities, problems = check_batch(batch, bodies, WINDOW, lambda _references: ())

    if answer is not None:
        assert problems == []
        assert answer == (list(identities), {event.receipt_ref for event in batch} - {""})


def test_a_plain_event_is_accepted_in_any_order_of_its_fields() -> None:
    """The twin is of use: it does accept what model hosts send."""
    fields = [
        record_pb2.UsageEvent(event_id="e").SerializeToString(),
        record_pb2.UsageEvent(event_time_us=5).SerializeToString(),
        record_pb2.UsageEvent(model_id="m").SerializeToString(),
        record_pb2.UsageEvent(tokens=TOKENS_MAX).SerializeToString(),
        record_pb2.UsageEvent(receipt_ref="pt_1_00000000").SerializeToString(),
    ]
    for seed in range(20):
        order = random.Random(seed).sample(fields, len(fields))

        assert judge([b"".join(order)]) == (["e"], {"pt_1_00000000"}), f"seed {seed}"


GOOD = record_pb2.UsageEvent(event_id="e", event_time_us=5, model_id="m").SerializeToString()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        GOOD[:-1],
        GOOD + b"\x0a\x01e",  # a field twice
        GOOD + b"\x88\x01\x01",  # a field that is not known
        GOOD + b"\x78\x01",  # a number where the territory belongs
        GOOD + b"\x82\x01\x01a",  # a text where yes or no belongs
        GOOD + b"\x20\x80\x00",  # a number that is not in its shortest form
        GOOD + b"\x20" + b"\xff" * 9 + b"\x01",  # a negative number
        GOOD + b"\x20\x80",  # a number that is cut off
        GOOD + b"\x3a\x02\xc3\xa4",  # characters outside the alphabet
        GOOD + b"\x3a\x81\x01" + b"a" * 129,  # too long
        GOOD + b"\x3a\xff\xff\xff\xff\xff\xff\xff\x7f",  # longer than the message
        GOOD + b"\x22\x01a",  # a text where a number belongs
        GOOD + b"\x38\x01",  # a number where a text belongs
        GOOD + b"\x00\x00",
        record_pb2.UsageEvent(event_time_us=5, model_id="m").SerializeToString(),
        record_pb2.UsageEvent(event_id="e", model_id="m").SerializeToString(),
        record_pb2.UsageEvent(event_id="e", event_time_us=5).SerializeToString(),
    ],
)
def test_what_is_not_plain_is_left_to_the_full_check(body: bytes) -> None:
    """The twin says "not certain" rather than judge what it does not fully know."""
    assert judge([GOOD, body]) is None
    assert judge([GOOD]) == (["e"], set())


def consenting(numbers: list[int]) -> record_pb2.UsageEvent:
    """An event with some consents by number, known or not."""
    return record_pb2.UsageEvent.FromString(b"\x6a" + bytes([len(numbers), *numbers]))


SHARE = record_pb2.Attribution(asset_id="a", parts_per_million=600_000)


@pytest.mark.parametrize(
    "event",
    [
        record_pb2.UsageEvent(attributions=[SHARE, SHARE]),
        record_pb2.UsageEvent(
            attributions=[SHARE, record_pb2.Attribution(asset_id="b", parts_per_million=400_001)]
        ),
        record_pb2.UsageEvent(attributions=[record_pb2.Attribution(parts_per_million=1)]),
        record_pb2.UsageEvent(attributions=[record_pb2.Attribution(asset_id="ä")]),
        record_pb2.UsageEvent(attributions=[record_pb2.Attribution(asset_id="a" * 129)]),
        record_pb2.UsageEvent(
            attributions=[record_pb2.Attribution(asset_id=str(at)) for at in range(65)]
        ),
        consenting([0]),
        consenting([5]),
        consenting([1, 1]),
        record_pb2.UsageEvent(metadata={"": "v"}),
        record_pb2.UsageEvent(metadata={"k" * 65: "v"}),
        record_pb2.UsageEvent(metadata={"ä": "v"}),
        record_pb2.UsageEvent(metadata={"k": "v" * 513}),
        record_pb2.UsageEvent(metadata={"k": "\x00"}),
        record_pb2.UsageEvent(metadata={"k": "\x7f"}),
        record_pb2.UsageEvent(metadata={str(at): "v" for at in range(33)}),
    ],
    ids=range(16),
)
def test_collections_with_a_fault_are_left_to_the_full_check(event: record_pb2.UsageEvent) -> None:
    """Shares of more than one whole, an asset twice, an unknown consent, a bad key: none of it is let through."""
    assert judge([GOOD + event.SerializeToString()]) is None


def test_collections_at_their_bounds_are_accepted() -> None:
    """As many attributions, consents and metadata entries as there may be, as long as they may be."""
    event = record_pb2.UsageEvent(
        attributions=[
            record_pb2.Attribution(asset_id=str(at), parts_per_million=15_625) for at in range(64)
        ],
        metadata={f"{at:064}": "v" * 512 for at in range(31)} | {"k": "a\tb\n~ "},
    )
    body = GOOD + event.SerializeToString() + consenting([4, 3, 2, 1]).SerializeToString()

    assert judge([body]) == (["e"], set())
    assert check_batch([record_pb2.UsageEvent.FromString(body)], [body], WINDOW, set)[1] == []


def test_every_single_byte_change_is_accepted_only_when_the_full_check_accepts_it() -> None:
    """All 256 values at every byte of an event: never does the twin accept what protobuf and the full check do not."""
    event = record_pb2.UsageEvent(
        event_id="id-1",
        event_time_us=1_700_000_000_000_000,
        model_id="m",
        input_tokens=300,
        asset_id="a",
        attributions=[record_pb2.Attribution(asset_id="b", parts_per_million=9)],
        metadata={"k": "v"},
    )
    body = event.SerializeToString() + consenting([1, 2]).SerializeToString()
    accepted = 0
    for at in range(len(body)):
        for value in range(256):
            changed = body[:at] + bytes([value]) + body[at + 1 :]
            if judge([changed]) is None:
                continue
            accepted += 1
            parsed = record_pb2.UsageEvent.FromString(changed)
            assert parsed.SerializeToString(deterministic=True) is not None
            assert check_batch([parsed], [changed], WINDOW, lambda _references: ())[1] == []
            assert judge([changed]) == ([parsed.event_id], {parsed.receipt_ref} - {""})
    assert accepted > 100


def enumerators(source: str, first: str) -> dict[str, int]:
    """The names and numbers of the enum in the twin's source that begins with a name."""
    text = (ROOT / "ledger" / "native" / source).read_text()
    block = re.search(rf"enum \{{\s*{first} =[^}}]*\}}", text)
    assert block is not None
    return {name: int(number) for name, number in re.findall(r"(\w+) = (\d+)", block[0])}


def test_field_numbers_are_those_of_the_descriptor() -> None:
    """Each field that the twin names has the number that the API gives it, and there is none behind the last."""
    fields = record_pb2.UsageEvent.DESCRIPTOR.fields
    wanted = {field.name.upper(): field.number for field in fields}
    named = enumerators("usage.c", "EVENT_ID")

    assert named.items() <= wanted.items()
    assert max(named.values()) == max(wanted.values())


def test_bounds_are_those_of_the_limits() -> None:
    """Each bound in the twin is that of counterfoil.limits, and the last consent that of the API."""
    bounds = enumerators("usage.c", "ATTRIBUTIONS_MAX")

    assert bounds.pop("CONSENT_LAST") == max(record_pb2.Consent.values()) <= limits.CONSENTS_MAX
    assert bounds == {name: getattr(limits, name) for name in bounds}
