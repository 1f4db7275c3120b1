"""Events are told apart by what they refer to, and by nothing else."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil import twin
from counterfoil.packed import Packed
from counterfoil.record.references import Columns, read_references
from counterfoil.v1 import record_pb2

events = st.builds(
    record_pb2.UsageEvent,
    event_id=st.text("ab", max_size=3),
    event_time_us=st.integers(0, 9),
    model_id=st.sampled_from(["m", "n"]),
    input_tokens=st.integers(0, 3),
    output_tokens=st.integers(0, 3),
    tokens=st.integers(0, 3),
    receipt_ref=st.sampled_from(["", "pt_1_00000000"]),
    asset_id=st.sampled_from(["", "a"]),
    license_id=st.sampled_from(["", "l"]),
    consumer_id=st.text("c", max_size=2),
    action=st.sampled_from(["", "inference"]),
    attributions=st.lists(
        st.builds(
            record_pb2.Attribution,
            asset_id=st.sampled_from(["a", "b"]),
            parts_per_million=st.sampled_from([0, 5]),
        ),
        max_size=2,
    ),
    consents=st.lists(st.integers(1, 2), max_size=2),
    metadata=st.dictionaries(st.sampled_from("kl"), st.text("v", max_size=2), max_size=2),
    territory=st.sampled_from(["", "FR"]),
    non_commercial=st.booleans(),
)
REFERENCES = (
    *("model_id", "receipt_ref", "asset_id", "license_id", "action"),
    *("attributions", "consents", "territory", "non_commercial"),
)


def pack(batch: list[record_pb2.UsageEvent]) -> Packed:
    """A batch as it is received."""
    return Packed.of([event.SerializeToString(deterministic=True) for event in batch])


def references(event: record_pb2.UsageEvent) -> list[Any]:
    """What an event refers to, as text."""
    return [str(getattr(event, field)) for field in REFERENCES]


def told(columns: Columns) -> list[tuple[int, int, int]]:
    """Number, time and tokens of each event."""
    count = len(columns[0]) // 4
    read = (
        struct.unpack(f"<{count}{form}", column)
        for form, column in zip("Iqq", columns, strict=True)
    )
    return list(zip(*read, strict=True))


@settings(max_examples=300, deadline=None)
@given(batches=st.lists(st.lists(events, max_size=8), max_size=3))
def test_numbers_are_those_of_the_references(batches: list[list[record_pb2.UsageEvent]]) -> None:
    """Over all batches two events have one number when their references are the same; numbers have no gaps."""
    known: dict[bytes, int] = {}
    numbers: dict[int, list[Any]] = {}
    for batch in batches:
        for event, (number, time_us, tokens) in zip(
            batch, told(read_references(pack(batch), known)), strict=True
        ):
            assert numbers.setdefault(number, references(event)) == references(event)
            assert time_us == event.event_time_us
            assert tokens == event.input_tokens + event.output_tokens + event.tokens

    distinct = list(numbers.values())
    assert len(known) == len(distinct)
    assert sorted(known.values()) == sorted(numbers) == list(range(len(distinct)))
    assert all(distinct.count(each) == 1 for each in distinct)


@settings(max_examples=300, deadline=None)
@given(batch=st.lists(events, max_size=12))
@pytest.mark.skipif(twin.native is None, reason="the compiled twin was not built here")
def test_the_twin_reads_alike(batch: list[record_pb2.UsageEvent]) -> None:
    """Compiled and in Python the columns and what is known afterwards are the same."""
    packed = pack(batch)
    assert twin.native is not None
    one: dict[bytes, int] = {}
    other: dict[bytes, int] = {}

    made = twin.native.refer_usage(packed.data, packed.ends, one)
    assert made == twin.references["refer_usage"](packed.data, packed.ends, other)
    assert one == other


GOOD = record_pb2.UsageEvent(event_id="e", event_time_us=5, model_id="m").SerializeToString()


@pytest.mark.parametrize(
    "body",
    [
        GOOD[:-1],
        GOOD + b"\x10\x06",  # a number twice
        GOOD + b"\x88\x01\x01",  # a field that is not known
        GOOD + b"\x78\x01",  # a number where the territory belongs
        GOOD + b"\x82\x01\x01a",  # a text where yes or no belongs
        GOOD + b"\x20\x80\x00",  # a number that is not in its shortest form
        GOOD + b"\x20" + b"\xff" * 9 + b"\x01",  # a negative number
        GOOD + b"\x20\x80",  # a number that is cut off
        GOOD
        + b"\x20\x80\x80\x80\x80\x80\x80\x80\x80\x10",  # so many tokens that a sum could overflow
        GOOD + b"\x3a\xff\xff\xff\xff\xff\xff\xff\x7f",  # longer than the message
        GOOD + b"\x22\x01a",  # a text where a number belongs
        GOOD + b"\x38\x01",  # a number where a text belongs
        GOOD + b"\x68\x01",  # a consent by itself
    ],
)
@pytest.mark.skipif(twin.native is None, reason="the compiled twin was not built here")
def test_what_is_not_plain_is_left_to_python(body: bytes) -> None:
    """The twin says "not certain" rather than take apart what it does not fully know."""
    assert twin.native is not None
    packed = Packed.of([GOOD, body])

    assert twin.native.refer_usage(packed.data, packed.ends, {}) is None


def test_nothing_is_left_of_an_uncertain_look() -> None:
    """What the twin added before it met an event that it does not know is taken back; then Python reads all of them."""
    known = {b"other": 0}
    event = record_pb2.UsageEvent(
        event_id="e", event_time_us=5, model_id="m", consents=[record_pb2.CONSENT_TRAINING]
    )
    # A consent by itself is good protobuf, and not what the twin takes.
    loose = event.SerializeToString().replace(b"\x6a\x01\x01", b"\x68\x01")
    columns = read_references(Packed.of([GOOD, loose]), known)

    assert told(columns) == [(1, 5, 0), (2, 5, 0)]
    assert list(known.values()) == [0, 1, 2]


@pytest.mark.parametrize(
    ("data", "ends", "known", "error"),
    [
        (b"", b"\1\0\0\0", {}, ValueError),
        (b"ab", b"\1\0\0\0", {}, ValueError),
        (b"ab", b"\2\0\0", {}, ValueError),
        (b"ab", b"\2\0\0\0\1\0\0\0", {}, ValueError),
        (b"", b"", [], TypeError),
        (GOOD, bytes([len(GOOD), 0, 0, 0]), {b"\x1a\x01m": -1}, ValueError),
        (GOOD, bytes([len(GOOD), 0, 0, 0]), {b"\x1a\x01m": 1 << 32}, ValueError),
        (GOOD, bytes([len(GOOD), 0, 0, 0]), {b"\x1a\x01m": "0"}, TypeError),
    ],
)
@pytest.mark.skipif(twin.native is None, reason="the compiled twin was not built here")
def test_bad_arguments_of_the_twin_are_refused(
    data: bytes, ends: bytes, known: Any, error: type[Exception]
) -> None:
    """Ends beyond the data, or numbers that do not fit, are an error: never a read or a write beyond what is there."""
    assert twin.native is not None
    with pytest.raises(error):
        twin.native.refer_usage(data, ends, known)
