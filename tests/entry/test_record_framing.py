"""Records: framed as protobuf would write them, and read in that one form only."""

from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.entry import (
    RecordFields,
    Records,
    frame_records,
    parse_record,
    record_prefix,
)
from counterfoil.errors import VerificationError
from counterfoil.packed import Packed
from counterfoil.v1 import record_pb2
from counterfoil.wire import element_bytes, element_tag, encode_varint, field_bytes, field_varint

SEED = 20260803
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
BODY = st.binary(min_size=1, max_size=300)

SUBMITTER = field_bytes(1, b"host_1")
SANDBOX = field_varint(2, 2)
REQUEST = field_bytes(3, b"r-1")
BACKFILL = field_varint(4, 1)
BODY_FIELD = element_bytes(15, b"body")
GOOD = SUBMITTER + SANDBOX + REQUEST + BACKFILL + BODY_FIELD
FIELDS = RecordFields("host_1", 2, "r-1", True, b"body")


def framed(fields: RecordFields) -> bytes:
    """The record that the log writes."""
    prefix = record_prefix(fields.submitter, fields.environment, fields.request_id, fields.backfill)
    return frame_records(prefix, [fields.body])[0]


@given(TEXT, st.integers(0, 2), TEXT, st.booleans(), st.lists(BODY, min_size=1, max_size=5))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_records_are_framed_as_protobuf_writes_them(
    submitter: str, environment: int, request_id: str, backfill: bool, bodies: list[bytes]
) -> None:
    """A framed record is byte for byte the protobuf library's own serialization of it, and parses back."""
    records = frame_records(record_prefix(submitter, environment, request_id, backfill), bodies)

    assert len(records) == len(bodies)
    for record, body in zip(records, bodies, strict=True):
        message = record_pb2.Record(
            submitter=submitter,
            environment=record_pb2.Environment.Name(environment),
            request_id=request_id,
            backfill=backfill,
            body=body,
        )
        assert record == message.SerializeToString(deterministic=True)
        assert record_pb2.Record.FromString(record) == message
        assert parse_record(record) == RecordFields(
            submitter, environment, request_id, backfill, body
        )


def test_bodies_of_all_lengths_are_framed() -> None:
    """Lengths around each size of their varint come back, all in one batch."""
    bodies = [bytes(size) for size in (1, 126, 127, 128, 129, 16383, 16384, 16385, 262144)]
    records = frame_records(record_prefix("h", 1), bodies)

    assert [parse_record(record).body for record in records] == bodies


def test_an_empty_body_is_written_and_read() -> None:
    """A record with an empty body has one form, too: the field is there, with length 0."""
    record = framed(dataclasses.replace(FIELDS, body=b""))

    assert record.endswith(b"\x7a\x00")
    assert parse_record(record).body == b""
    with pytest.raises(VerificationError, match="form that this log writes"):
        parse_record(record.removesuffix(b"\x7a\x00"))


def test_the_good_record_is_good() -> None:
    """The record that the tests below damage is accepted."""
    assert parse_record(GOOD) == FIELDS
    assert framed(FIELDS) == GOOD


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("fields out of order", SANDBOX + SUBMITTER + REQUEST + BACKFILL + BODY_FIELD),
        ("body first", BODY_FIELD + SUBMITTER + SANDBOX + REQUEST + BACKFILL),
        ("submitter twice", SUBMITTER + GOOD),
        ("body twice", GOOD + BODY_FIELD),
        ("flag twice", SUBMITTER + SANDBOX + REQUEST + BACKFILL + BACKFILL + BODY_FIELD),
        ("explicit empty submitter", b"\x0a\x00" + SANDBOX + BODY_FIELD),
        ("explicit zero environment", SUBMITTER + b"\x10\x00" + BODY_FIELD),
        ("explicit empty request id", SUBMITTER + SANDBOX + b"\x1a\x00" + BODY_FIELD),
        ("explicit false", SUBMITTER + SANDBOX + b"\x20\x00" + BODY_FIELD),
        ("true as 2", SUBMITTER + SANDBOX + REQUEST + b"\x20\x02" + BODY_FIELD),
        ("environment in two bytes", SUBMITTER + b"\x10\x82\x00" + BODY_FIELD),
        ("length in two bytes", SUBMITTER + SANDBOX + b"\x7a\x84\x00body"),
        ("tag in two bytes", SUBMITTER + SANDBOX + b"\xfa\x00\x04body"),
        ("body missing", SUBMITTER + SANDBOX),
        ("nothing", b""),
        ("unknown field before the body", SUBMITTER + SANDBOX + field_varint(5, 1) + BODY_FIELD),
        ("unknown field after the body", GOOD + field_varint(16, 1)),
        ("unknown field of bytes", GOOD + field_bytes(17, b"x")),
        ("submitter as a number", field_varint(1, 7) + SANDBOX + BODY_FIELD),
        ("environment as bytes", SUBMITTER + field_bytes(2, b"\x01") + BODY_FIELD),
        ("flag as bytes", SUBMITTER + SANDBOX + field_bytes(4, b"\x01") + BODY_FIELD),
        ("body as a number", SUBMITTER + SANDBOX + field_varint(15, 5)),
        ("submitter not UTF-8", field_bytes(1, b"h\xff") + SANDBOX + BODY_FIELD),
        ("request id not UTF-8", SUBMITTER + field_bytes(3, b"\xc0\xaf") + BODY_FIELD),
        ("submitter with a surrogate", field_bytes(1, b"\xed\xa0\x80") + SANDBOX + BODY_FIELD),
        ("a group", SUBMITTER + b"\x2b\x2c" + BODY_FIELD),
        ("a byte behind", GOOD + b"\x00"),
        ("cut", GOOD[:-1]),
        ("body longer than told", SUBMITTER + SANDBOX + b"\x7a\x03body"),
    ],
)
def test_other_forms_of_a_record_are_refused(name: str, data: bytes) -> None:
    """Reordered, repeated, padded, defaulted, unknown, mistyped or cut fields are refused."""
    assert data != GOOD, name
    with pytest.raises(VerificationError):
        parse_record(data)


def test_many_of_these_forms_are_the_same_message_to_protobuf() -> None:
    """The negative control: protobuf reads reordered and padded records as equal to the good one."""
    wanted = record_pb2.Record.FromString(GOOD)

    for data in (
        SANDBOX + SUBMITTER + REQUEST + BACKFILL + BODY_FIELD,
        SUBMITTER + SANDBOX + REQUEST + b"\x20\x02" + BODY_FIELD,
        SUBMITTER + GOOD,
        SUBMITTER + b"\x10\x82\x00" + REQUEST + BACKFILL + BODY_FIELD,
    ):
        assert record_pb2.Record.FromString(data) == wanted
        with pytest.raises(VerificationError):
            parse_record(data)


def test_every_flipped_bit_changes_the_meaning_or_is_refused() -> None:
    """No record with one bit changed is read as the same record."""
    for bit in range(8 * len(GOOD)):
        bad = bytearray(GOOD)
        bad[bit // 8] ^= 1 << bit % 8
        try:
            fields = parse_record(bytes(bad))
        except VerificationError:
            continue
        assert fields != FIELDS, bit


def test_random_edits_are_refused_or_read_in_one_form() -> None:
    """Whatever is accepted after random edits is what would be written for the fields it was read as."""
    chance = random.Random(SEED)
    for round_ in range(5000):
        data = bytearray(GOOD)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(data))
            match chance.randrange(3):
                case 0:
                    data[at] = chance.randrange(256)
                case 1:
                    del data[at]
                case _:
                    data[at:at] = encode_varint(chance.randrange(300))
        try:
            fields = parse_record(bytes(data))
        except VerificationError:
            continue
        assert framed(fields) == data, (SEED, round_)


@pytest.mark.parametrize("head", [b"", record_prefix("host_1", 2) + element_tag(15)])
def test_a_run_of_records_is_those_records(head: bytes) -> None:
    """A slice of framed records, and of whole ones, has the bytes that a list of them would have."""
    records = Records(head, Packed.of([b"a" * size for size in (1, 130, 0, 7)]))
    whole = list(records)

    for begin in range(5):
        for end in range(5):
            assert list(records[begin:end]) == whole[begin:end]
    assert records[::-2] == whole[::-2]
    assert records[-1] == whole[-1]
