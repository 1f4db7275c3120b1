"""The compiled twin against the Python functions that are its reference."""

import random
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil import twin
from counterfoil.entry import leaf_head
from counterfoil.limits import ID_LENGTH_MAX, TIME_US_MAX
from counterfoil.log.fingerprint import fingerprints
from counterfoil.packed import Packed, Spans
from counterfoil.record.text import ID_ALPHABET
from counterfoil.tlog.hashing import hash_pairs
from counterfoil.wire import element_bytes, encode_varint

native: Any = twin.native
pytestmark = pytest.mark.skipif(native is None, reason="the compiled twin was not built here")

hashes = st.lists(st.binary(min_size=32, max_size=32), max_size=40).map(b"".join)
strings = st.lists(st.binary(max_size=200), max_size=12)
ids = st.text(alphabet=ID_ALPHABET.decode(), max_size=ID_LENGTH_MAX)


@pytest.fixture(params=[True, False], ids=["sha-instructions", "plain-c"])
def hardware(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Both ways of the compiled SHA-256; on a machine without the instructions they are the same."""
    yield native.choose_hardware(request.param)
    native.choose_hardware(True)


def same(name: str, *arguments: Any) -> Any:
    """What both functions of a name make of the same arguments."""
    made = getattr(native, name)(*arguments)
    assert made == twin.references[name](*arguments), (name, arguments)
    return made


def test_every_reference_has_a_compiled_twin() -> None:
    """No function is marked as having a twin that the module lacks."""
    missing = [name for name in twin.references if not hasattr(native, name)]

    assert missing == []
    assert hash_pairs is native.hash_pairs


@pytest.mark.usefixtures("hardware")
@pytest.mark.parametrize("head", [b"", b"h", bytes(range(60)), bytes(512)], ids=len)
def test_commitments_are_the_same_at_every_length_around_a_block(head: bytes) -> None:
    """Records from 0 to 300 bytes, past every padding boundary of SHA-256, get the same commitments."""
    packed = Packed.of(
        [bytes(range(256))[:size] + bytes(max(0, size - 256)) for size in range(301)]
    )
    salts = random.Random(7).randbytes(16 * len(packed))

    same("commit_packed", salts, head, packed.data, packed.ends)


@pytest.mark.usefixtures("hardware")
@pytest.mark.parametrize("order", range(4))
def test_commitments_are_the_same_for_long_and_short_records_in_any_order(order: int) -> None:
    """Records of a few bytes, around 2 KiB and of 70 KB, beside each other, each get their own commitment."""
    sizes = [0, 1300, 1400, 1420, 1441, 1442, 1443, 2000, 2047, 2048, 2049, 70_000, 3, 129]
    random.Random(order).shuffle(sizes)
    packed = Packed.of([bytes([size % 251]) * size for size in sizes])
    salts = random.Random(8).randbytes(16 * len(packed))

    for head in (b"", b"head", bytes(511)):
        same("commit_packed", salts, head, packed.data, packed.ends)


@pytest.mark.usefixtures("hardware")
@settings(max_examples=60, deadline=None)
@given(
    commitments=hashes,
    previous=st.binary(min_size=32, max_size=32),
    time_us=st.integers(0, TIME_US_MAX),
)
def test_chains_are_the_same(commitments: bytes, previous: bytes, time_us: int) -> None:
    """Any commitments behind any previous leaf give the same leaf hashes."""
    same("chain_hashes", b"\x00" + leaf_head(3, time_us), previous, commitments)


@pytest.mark.usefixtures("hardware")
@settings(max_examples=60, deadline=None)
@given(nodes=hashes)
def test_parents_are_the_same(nodes: bytes) -> None:
    """Any row of nodes, odd or even, gives the same parents."""
    same("hash_pairs", nodes)


@settings(max_examples=60, deadline=None)
@given(items=strings, head=st.binary(max_size=9))
def test_strings_are_packed_and_framed_the_same(items: list[bytes], head: bytes) -> None:
    """Any strings have the same ends, and the same frames behind any head."""
    ends = same("pack_ends", items)

    same("frame_packed", head, b"".join(items), ends)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(ids, max_size=12), seed=st.integers(0, 2**32))
def test_fingerprints_are_the_same(texts: list[str], seed: int) -> None:
    """Any identifiers have the same fingerprints under any keys, wherever they lie."""
    data = b"-".join(text.encode() for text in texts)
    starts = [0, *accumulate(len(text) + 1 for text in texts)]
    spans = b"".join(
        struct.pack("<II", at, len(text)) for at, text in zip(starts, texts, strict=False)
    )

    keys = random.Random(seed).randbytes(8 * 193)
    same("fingerprint_spans", keys, data, spans)
    if texts:
        whole = fingerprints(b"s" * 32, "domain", Spans(data, spans))
        assert whole.tolist() == fingerprints(b"s" * 32, "domain", texts).tolist()


ENDS = struct.pack("<2I", 1, 3)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: native.pack_ends(["a"]), TypeError),
        (lambda: native.pack_ends(7), TypeError),
        (lambda: native.frame_packed(b"", b"abc", ENDS[:-1]), ValueError),
        (lambda: native.frame_packed(b"", b"ab", ENDS), ValueError),
        (lambda: native.frame_packed(b"", b"abcd", ENDS), ValueError),
        (lambda: native.frame_packed(b"", b"abc", struct.pack("<2I", 4, 3)), ValueError),
        (lambda: native.frame_packed(b"", bytearray(b"abc"), ENDS), TypeError),
        (lambda: native.commit_packed(bytes(15), b"", b"a", ENDS[:4]), ValueError),
        (lambda: native.commit_packed(bytes(32), b"", b"a", ENDS[:4]), ValueError),
        (lambda: native.commit_packed(bytes(16), b"", b"", b""), ValueError),
        (lambda: native.commit_packed(bytes(16), bytes(513), b"a", ENDS[:4]), ValueError),
        (lambda: native.commit_packed(bytes(16), b"", b"", ENDS[:4]), ValueError),
        (lambda: native.commit_packed(bytes(16), b"", "a", ENDS[:4]), TypeError),
        (lambda: native.chain_hashes(bytes(10), bytes(32), b""), ValueError),
        (lambda: native.chain_hashes(bytes(11), bytes(31), b""), ValueError),
        (lambda: native.chain_hashes(bytes(11), bytes(32), bytes(33)), ValueError),
        (lambda: native.hash_pairs(bytes(63)), ValueError),
        (lambda: native.hash_pairs(bytearray(64)), TypeError),
        (lambda: native.hash_pairs([bytes(32)]), TypeError),
        (lambda: native.split_elements(b"abc", 4, 15), ValueError),
        (lambda: native.split_elements(b"abc", -1, 15), ValueError),
        (lambda: native.accept_usage(b"", b"", 0, 0, 0, -1, 0, False), ValueError),
        (lambda: native.accept_usage(b"", ENDS, 0, 1, 1, 1, 1, False), ValueError),
        (lambda: native.accept_usage(None, b"", 0, 1, 1, 1, 1, False), TypeError),
        (lambda: native.fingerprint_spans(b"", b"", b""), ValueError),
        (lambda: native.fingerprint_spans(bytes(16), b"a", bytes(7)), ValueError),
        (lambda: native.fingerprint_spans(bytes(16), b"a", struct.pack("<2I", 0, 2)), ValueError),
        (lambda: native.fingerprint_spans(bytes(16), b"a", struct.pack("<2I", 2, 0)), ValueError),
        (lambda: native.fingerprint_spans(bytes(8), b"a", struct.pack("<2I", 0, 1)), ValueError),
        (
            lambda: native.fingerprint_spans(bytes(16), b"a", struct.pack("<2I", 1, 2**32 - 1)),
            ValueError,
        ),
        (lambda: native.set_alphabet("ä".encode()), ValueError),
    ],
)
def test_misuse_is_an_exception(call: Callable[[], object], error: type[Exception]) -> None:
    """Wrong sizes and types are refused before anything is read."""
    with pytest.raises(error):
        call()


def test_a_batch_can_be_hashed_in_many_threads_at_once() -> None:
    """The lock of the interpreter is given back meanwhile, and no thread sees another one's hashes."""
    packed = [Packed.of([bytes([thread]) * (at % 200) for at in range(500)]) for thread in range(8)]
    salts = bytes(16 * 500)

    with ThreadPoolExecutor(8) as pool:
        made = list(
            pool.map(lambda it: native.commit_packed(salts, b"h", it.data, it.ends), packed * 4)
        )

    wanted = [twin.references["commit_packed"](salts, b"h", it.data, it.ends) for it in packed]
    assert made == wanted * 4


batches = st.lists(st.binary(max_size=140), max_size=6)


@settings(max_examples=200, deadline=None)
@given(
    bodies=batches, sequence=st.integers(0, 2**62), backfill=st.booleans(), cut=st.integers(0, 9)
)
def test_elements_are_cut_out_as_protobuf_cuts_them(
    bodies: list[bytes], sequence: int, backfill: bool, cut: int
) -> None:
    """Events in any place among the other fields are those that protobuf finds; a message cut short is left to it."""
    head = b"\x08" + encode_varint(sequence) + (b"\x10\x01" if backfill else b"")
    framed = [element_bytes(15, body) for body in bodies]
    message = b"".join([*framed[1:], head, *framed[:1]])
    rest, data, ends = native.split_elements(b"junk" + message, 4, 15)

    assert rest == head
    assert Packed(data, ends) == [*bodies[1:], *bodies[:1]]
    if framed and cut:
        assert native.split_elements(message[: -min(cut, len(framed[0]) - 1)], 0, 15) is None


@pytest.mark.parametrize(
    "message",
    [
        b"\x7a",
        b"\x7a\x01",
        b"\x7a\x80\x00",  # a size that is not in its shortest form
        b"\x7a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x78\x01",  # a number where an event belongs
        b"\x7b\x7c",  # a group
        b"\x09" + bytes(8),  # a fixed-width field
        b"\x02\x00",  # field 0
        b"\x08" + b"\xff" * 9 + b"\x01",  # a negative number
    ],
)
def test_a_message_that_is_not_plain_is_left_to_protobuf(message: bytes) -> None:
    """The twin says "not certain" rather than take apart what it does not fully know."""
    assert native.split_elements(message, 0, 15) is None
