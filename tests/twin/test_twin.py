"""The compiled twin against the Python functions that are its reference."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil import twin
from counterfoil.entry import leaf_head
from counterfoil.limits import EVENT_SIZE_BYTES_MAX, ID_LENGTH_MAX, TIME_US_MAX, TOKENS_MAX
from counterfoil.record.text import ID_ALPHABET
from counterfoil.record.usage import Window, check_batch
from counterfoil.tlog.hashing import hash_pairs
from counterfoil.v1 import record_pb2

native: Any = twin.native
pytestmark = pytest.mark.skipif(native is None, reason="the compiled twin was not built here")

WINDOW = Window(1, TIME_US_MAX)
LIMITS = (TOKENS_MAX, ID_LENGTH_MAX, EVENT_SIZE_BYTES_MAX)
hashes = st.lists(st.binary(min_size=32, max_size=32), max_size=40)
ids = st.text(alphabet=ID_ALPHABET.decode(), max_size=ID_LENGTH_MAX)


@pytest.fixture(params=[True, False], ids=["sha-instructions", "plain-c"])
def hardware(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Both ways of the compiled SHA-256; on a machine without the instructions they are the same."""
    yield native.choose_hardware(request.param)
    native.choose_hardware(True)


def reference(name: str) -> Callable[..., Any]:
    """The Python function of a name."""
    return twin.references[name]


def test_every_reference_has_a_compiled_twin() -> None:
    """No function is marked as having a twin that the module lacks."""
    missing = [name for name in twin.references if not hasattr(native, name)]

    assert missing == []
    assert hash_pairs is native.hash_pairs


@pytest.mark.usefixtures("hardware")
def test_commitments_are_the_same_at_every_length_around_a_block() -> None:
    """Records from 0 to 300 bytes, past every padding boundary of SHA-256, get the same commitments."""
    records = [bytes(range(256))[:size] + bytes(max(0, size - 256)) for size in range(301)]
    salts = random.Random(7).randbytes(16 * len(records))

    assert native.commit_batch(salts, records) == reference("commit_batch")(salts, records)


@pytest.mark.usefixtures("hardware")
@settings(max_examples=60, deadline=None)
@given(
    commitments=hashes,
    previous=st.binary(min_size=32, max_size=32),
    time_us=st.integers(0, TIME_US_MAX),
)
def test_chains_are_the_same(commitments: list[bytes], previous: bytes, time_us: int) -> None:
    """Any commitments behind any previous leaf give the same leaf hashes."""
    head = b"\x00" + leaf_head(3, time_us)

    assert native.chain_hashes(head, previous, commitments) == reference("chain_hashes")(
        head, previous, commitments
    )


@pytest.mark.usefixtures("hardware")
@settings(max_examples=60, deadline=None)
@given(nodes=hashes)
def test_parents_are_the_same(nodes: list[bytes]) -> None:
    """Any row of nodes, odd or even, gives the same parents."""
    assert native.hash_pairs(nodes) == reference("hash_pairs")(nodes)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: native.commit_batch(bytes(15), [b"a"]), ValueError),
        (lambda: native.commit_batch(bytes(32), [b"a"]), ValueError),
        (lambda: native.commit_batch(bytes(16), []), ValueError),
        (lambda: native.commit_batch(bytes(16), ["a"]), TypeError),
        (lambda: native.commit_batch(bytes(16), None), TypeError),
        (lambda: native.chain_hashes(bytes(10), bytes(32), []), ValueError),
        (lambda: native.chain_hashes(bytes(11), bytes(31), []), ValueError),
        (lambda: native.chain_hashes(bytes(11), bytes(32), [bytes(33)]), ValueError),
        (lambda: native.hash_pairs([bytes(32), bytes(31)]), ValueError),
        (lambda: native.hash_pairs([bytes(32), bytearray(32)]), TypeError),
        (lambda: native.hash_pairs(7), TypeError),
        (lambda: native.accept_usage([b""], 0, 0, 0, -1, 0), ValueError),
        (lambda: native.accept_usage([None], 0, 1, 1, 1, 1), TypeError),
        (lambda: native.set_alphabet("ä".encode()), ValueError),
    ],
)
def test_misuse_is_an_exception(call: Callable[[], object], error: type[Exception]) -> None:
    """Wrong sizes and types are refused before anything is read."""
    with pytest.raises(error):
        call()


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
    consents=st.lists(st.integers(0, 9), max_size=2),
    metadata=st.dictionaries(ids, st.text(max_size=3), max_size=1),
)


def judge(bodies: list[bytes]) -> tuple[list[str], set[str]] | None:
    """What the twin says of a batch."""
    answer: tuple[list[str], set[str]] | None = native.accept_usage(
        bodies, WINDOW.first_us, WINDOW.last_us, *LIMITS
    )
    return answer


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
        GOOD + b"\x78\x01",  # a field that is not known
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
        record_pb2.UsageEvent(
            event_id="e", event_time_us=5, model_id="m", metadata={"k": "v"}
        ).SerializeToString(),
    ],
)
def test_what_is_not_plain_is_left_to_the_full_check(body: bytes) -> None:
    """The twin says "not certain" rather than judge what it does not fully know."""
    assert judge([GOOD, body]) is None
    assert judge([GOOD]) == (["e"], set())


def test_every_single_byte_change_is_accepted_only_when_the_full_check_accepts_it() -> None:
    """All 256 values at every byte of an event: never does the twin accept what protobuf and the full check do not."""
    event = record_pb2.UsageEvent(
        event_id="id-1",
        event_time_us=1_700_000_000_000_000,
        model_id="m",
        input_tokens=300,
        asset_id="a",
    )
    body = event.SerializeToString()
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


def test_field_numbers_are_those_of_the_descriptor() -> None:
    """Each field that the twin reads has the number that the API gives it."""
    wanted = {
        "event_id": 1,
        "event_time_us": 2,
        "model_id": 3,
        "input_tokens": 4,
        "output_tokens": 5,
        "tokens": 6,
        "receipt_ref": 7,
        "asset_id": 8,
        "license_id": 9,
        "consumer_id": 10,
        "action": 11,
    }
    fields = record_pb2.UsageEvent.DESCRIPTOR.fields

    assert {field.name: field.number for field in fields if field.number <= 11} == wanted
