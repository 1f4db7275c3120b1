"""The wire format of protobuf as far as receipts and records need it, read strictly."""

from __future__ import annotations

import random
from typing import Any

import pytest
from google.protobuf.internal import decoder as protobuf_decoder
from google.protobuf.internal import encoder as protobuf_encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.errors import VerificationError
from counterfoil.wire import (
    element_bytes,
    encode_varint,
    field_bytes,
    field_varint,
    parse_fields,
    parse_varint,
)

SEED = 20260802
UINT64_MAX = 2**64 - 1
NUMBERS = sorted({n for k in range(65) for n in (2**k - 1, 2**k) if n <= UINT64_MAX})

Fields = list[tuple[int, int | bytes]]
FIELDS = st.lists(
    st.tuples(
        st.integers(1, 2**29 - 1),
        st.integers(0, UINT64_MAX) | st.binary(max_size=300),
    ),
    max_size=8,
)


def protobuf_varint(number: int) -> bytes:
    """The varint that the protobuf library writes."""
    written: list[bytes] = []
    encode: Any = protobuf_encoder._EncodeVarint  # type: ignore[attr-defined]
    encode(written.append, number)
    return b"".join(written)


def write(fields: Fields) -> bytes:
    """A message with these fields, written even where they are zero or empty."""
    parts = []
    for number, value in fields:
        if isinstance(value, int):
            parts.append(encode_varint(number << 3) + encode_varint(value))
        else:
            parts.append(element_bytes(number, value))
    return b"".join(parts)


def read(data: bytes) -> Fields:
    """The fields of a message, without their offsets."""
    return [(number, value) for number, value, _ in parse_fields(data)]


@pytest.mark.parametrize("number", NUMBERS)
def test_varints_are_those_of_protobuf(number: int) -> None:
    """Numbers at each power of two are written as protobuf does and read back from any offset."""
    encoded = encode_varint(number)

    assert encoded == protobuf_varint(number)
    assert parse_varint(b"\xff" * 3 + encoded + b"\x80", 3) == (number, 3 + len(encoded))


@given(st.integers(0, UINT64_MAX))
@settings(derandomize=True, deadline=None)
def test_varints_come_back(number: int) -> None:
    """Any 64-bit number survives a round trip."""
    encoded = encode_varint(number)

    assert parse_varint(encoded, 0) == (number, len(encoded))
    assert encoded == protobuf_varint(number)


@pytest.mark.parametrize("number", NUMBERS)
def test_longer_forms_of_a_number_are_refused(number: int) -> None:
    """A number with needless high zero groups is refused, though protobuf itself would read it."""
    encoded = encode_varint(number)
    for padding in range(1, 11 - len(encoded)):
        longer = encoded[:-1] + bytes([encoded[-1] | 0x80]) + b"\x80" * (padding - 1) + b"\x00"
        with pytest.raises(VerificationError, match="shortest form"):
            parse_varint(longer, 0)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * 9 + b"\x02",
        b"\xff" * 9 + b"\x7f",
        b"\x80" * 9 + b"\x02",
        b"\xff" * 10,
        b"\xff" * 9 + b"\x81\x00",
        b"\x80" * 10 + b"\x01",
        b"\xff" * 64,
    ],
)
def test_numbers_beyond_64_bits_are_refused(data: bytes) -> None:
    """A varint ends after ten bytes and below 2^64."""
    with pytest.raises(VerificationError, match=r"too long|shortest form"):
        parse_varint(data, 0)


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_that_are_cut_off_are_refused(number: int) -> None:
    """No proper beginning of a varint is one, the empty one included."""
    encoded = encode_varint(number)
    for size in range(len(encoded)):
        with pytest.raises(VerificationError, match="ends inside"):
            parse_varint(encoded[:size], 0)


@given(FIELDS)
@settings(derandomize=True, deadline=None)
def test_messages_come_back(fields: Fields) -> None:
    """Fields are read in the order in which they were written, with the offsets where they begin."""
    data = write(fields)

    assert read(data) == fields
    offsets = [start for _, _, start in parse_fields(data)]
    assert offsets == [len(write(fields[:at])) for at in range(len(fields))]


@given(FIELDS.filter(bool), st.data())
@settings(derandomize=True, deadline=None)
def test_messages_that_are_cut_off_are_refused(fields: Fields, data: st.DataObject) -> None:
    """A message cut anywhere but between two fields is refused."""
    message = write(fields)
    ends = {len(write(fields[:at])) for at in range(len(fields) + 1)}
    size = data.draw(st.integers(0, len(message)))

    if size in ends:
        assert read(message[:size]) == fields[: sorted(ends).index(size)]
    else:
        with pytest.raises(VerificationError):
            read(message[:size])


@pytest.mark.parametrize("wire_type", [1, 3, 4, 5, 6, 7])
def test_other_wire_types_are_refused(wire_type: int) -> None:
    """Fixed-width fields, groups and types that do not exist are not read, however they go on."""
    for rest in (b"", bytes(4), bytes(8), bytes(64), b"\x0c"):
        with pytest.raises(VerificationError, match=f"wire type {wire_type}"):
            read(encode_varint(1 << 3 | wire_type) + rest)


@pytest.mark.parametrize("wire_type", range(8))
def test_field_number_zero_is_refused(wire_type: int) -> None:
    """No field has the number 0."""
    with pytest.raises(VerificationError, match="field number 0"):
        read(bytes([wire_type]) + b"\x00")


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a\x01",
        b"\x0a\x05abcd",
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x0a" + encode_varint(2**63) + b"abc",
        b"\x0a",
        b"\x08",
        b"\x08\x80",
        b"\x80",
    ],
)
def test_fields_longer_than_the_message_are_refused(data: bytes) -> None:
    """A field whose content is not all there is refused."""
    with pytest.raises(VerificationError, match="ends inside"):
        read(data)


def test_the_offset_of_a_fault_is_told() -> None:
    """The message names the byte where the faulty field begins."""
    good = field_bytes(1, b"abc") + field_varint(2, 300)

    with pytest.raises(VerificationError, match=f"byte {len(good)}"):
        read(good + b"\x0d" + bytes(4))


def test_defaults_are_left_out_but_elements_are_not() -> None:
    """Zero and empty fields are not written, as in proto3; an empty element of a list is."""
    assert field_varint(7, 0) == field_bytes(7, b"") == b""
    assert element_bytes(7, b"") == b"\x3a\x00"
    assert field_bytes(7, b"x") == element_bytes(7, b"x") == b"\x3a\x01x"


def test_random_bytes_are_refused_or_read_in_one_form() -> None:
    """Whatever is accepted is exactly what would be written for the same fields; nothing else is raised."""
    chance = random.Random(SEED)
    accepted = 0
    for round_ in range(20_000):
        # Small bytes make short fields, so that some of the messages are well-formed.
        data = bytes(chance.choice((8, 10, 16, 18, 1, 2, 0, 127, 128)) for _ in range(6))
        try:
            fields = read(data)
        except VerificationError:
            continue
        accepted += 1
        assert write(fields) == data, (SEED, round_, data)

    assert accepted > 100


def test_the_protobuf_library_is_less_strict() -> None:
    """The negative control: protobuf reads a padded varint that is refused here."""
    decode: Any = protobuf_decoder._DecodeVarint  # type: ignore[attr-defined]

    assert decode(b"\x81\x00", 0) == (1, 2)
    with pytest.raises(VerificationError):
        parse_varint(b"\x81\x00", 0)
