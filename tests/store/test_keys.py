"""Composite keys: what they encode, and that they order as the tuples do."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from counterfoil.store import Part, decode_key, encode_key, prefix_end

numbers = st.integers(0, (1 << 64) - 1) | st.sampled_from([0, 1, 255, 256, (1 << 64) - 1])
# Zeros and 0xFF everywhere, because escapes and terminators are made of them.
strings = st.lists(st.sampled_from([0, 1, 0x10, 0x20, 0x30, 0xFF]), max_size=4).map(bytes)
texts = st.text(st.sampled_from("\x00\x01a\x7f\x80é\uffff\U00010000"), max_size=4)
parts: st.SearchStrategy[Part] = numbers | strings | st.binary() | texts | st.text()
tuples = st.lists(parts, max_size=4).map(tuple)

thorough = settings(max_examples=400, deadline=None, database=None, print_blob=True)


def rank(part: Part) -> tuple[int, int, bytes]:
    """Where a part stands by the documented order: numbers, bytes, text by code point."""
    if isinstance(part, int):
        return (0, part, b"")
    if isinstance(part, bytes):
        return (1, 0, part)
    # Code points in 4 bytes each order as text does, and independently of UTF-8.
    return (2, 0, part.encode("utf-32-be"))


@thorough
@given(tuples, tuples)
@example((b"",), (b"\x00",))
@example((b"a",), (b"a\x00",))
@example((b"a", b"b"), (b"a\x00", b""))
@example((b"a", b""), (b"a", 0))
@example(("",), ("", ""))
@example((), (0,))
def test_keys_order_as_their_tuples(left: tuple[Part, ...], right: tuple[Part, ...]) -> None:
    """Two encodings compare as the tuples compare part by part; equal only if the tuples are."""
    ranks = [rank(part) for part in left], [rank(part) for part in right]

    assert (encode_key(*left) < encode_key(*right)) == (ranks[0] < ranks[1])
    assert (encode_key(*left) == encode_key(*right)) == (ranks[0] == ranks[1])


@thorough
@given(tuples)
def test_keys_decode_to_their_tuples(parts: tuple[Part, ...]) -> None:
    """Decoding gives back the parts with their types, from bytes and from a view."""
    key = encode_key(*parts)

    assert decode_key(key) == parts
    assert [type(part) for part in decode_key(memoryview(key))] == [type(part) for part in parts]


@thorough
@given(tuples, tuples)
def test_keys_extend_the_keys_of_their_first_parts(
    first: tuple[Part, ...], more: tuple[Part, ...]
) -> None:
    """A tuple's key is a prefix of the key of every tuple that continues it."""
    assert encode_key(*first, *more) == encode_key(*first) + encode_key(*more)


@thorough
@given(strings, strings | st.binary())
def test_prefix_end_bounds_exactly_the_prefix(prefix: bytes, key: bytes) -> None:
    """A key is from the prefix to its end if and only if it starts with the prefix."""
    end = prefix_end(prefix)

    assert (prefix <= key and (end is None or key < end)) == key.startswith(prefix)
    assert prefix <= prefix + key
    assert end is None or prefix + key < end


@thorough
@given(st.binary(max_size=24) | strings)
def test_decoding_accepts_only_what_encoding_makes(data: bytes) -> None:
    """Arbitrary bytes are refused with ValueError, or they are the one encoding of what they decode to."""
    try:
        parts = decode_key(data)
    except ValueError:
        return
    assert encode_key(*parts) == data


@pytest.mark.parametrize(
    "data",
    [
        b"\x10" + bytes(7),
        b"\x20",
        b"\x20a",
        b"\x20a\x00",
        b"\x20a\x00\x01\x00\x00",
        b"\x30\xff\x00\x00",
        b"\x30\xed\xa0\x80\x00\x00",
        b"\x00",
        b"\x40a\x00\x00",
        b"\x20a\x00\x00\x00",
    ],
)
def test_malformed_keys_are_refused(data: bytes) -> None:
    """Cut numbers and strings, bare zeros, unknown tags and bad UTF-8 are ValueErrors."""
    with pytest.raises(ValueError, match=r"key|codec"):
        decode_key(data)


@pytest.mark.parametrize("number", [-1, 1 << 64])
def test_numbers_out_of_range_are_refused(number: int) -> None:
    """A number below 0 or above 2^64 - 1 is a ValueError, never a wrapped one."""
    with pytest.raises(ValueError, match="64 bits"):
        encode_key(number)


@pytest.mark.parametrize("part", [True, None, 1.0, bytearray(b"a"), ("a",)])
def test_parts_of_other_types_are_refused(part: object) -> None:
    """Only int, bytes and str are parts; a bool is not a number here."""
    with pytest.raises(TypeError, match="key part"):
        encode_key(part)  # type: ignore[arg-type]


def test_lone_surrogates_are_refused() -> None:
    """Text that UTF-8 cannot hold is a ValueError."""
    with pytest.raises(ValueError, match="surrogates"):
        encode_key("\ud800")


def test_encoding_is_the_documented_one() -> None:
    """The bytes on the disk are those of the module's table."""
    number = bytes.fromhex("10 0000000000000007")
    string = bytes.fromhex("20 61 00ff 62 0000")
    text = bytes.fromhex("30 c3a9 0000")

    assert encode_key(7, b"a\x00b", "é") == number + string + text
