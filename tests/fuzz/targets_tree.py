"""Targets: proofs, tiles, bundles and the stored values of the log."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from counterfoil.entry import SALT_SIZE
from counterfoil.errors import IntegrityError, InvalidInput, OutOfRange, VerificationError
from counterfoil.limits import TREE_SIZE_MAX
from counterfoil.log.columns import split_columns
from counterfoil.log.layout import (
    BATCH,
    CHECKPOINT,
    META,
    RUN,
    RUNS_KEY,
    STATE_KEY,
    TILE,
    BatchPart,
    index_key,
    seal,
    unseal,
)
from counterfoil.log.runs import Runs, format_runs, parse_runs, read_chunk
from counterfoil.log.state import format_state, parse_state
from counterfoil.packed import HASH_SIZE
from counterfoil.store import decode_key, encode_key
from counterfoil.tlog import (
    format_bundle,
    parse_bundle,
    parse_tile_path,
    tile_node,
    tile_path,
    verify_consistency,
    verify_inclusion,
    verify_range,
)

from ..core.reference import cover, numbered_tree
from .ledger import fuzz_log
from .target import Cut, Target, as_text, must

_TREE = numbered_tree(21)
_SIZE = 19
_HASHES = _TREE.leaf_hashes(_SIZE)
_ROOTS = {size: _TREE.root(size) for size in range(_SIZE + 1)}


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big")


def _read_inclusion(data: bytes) -> None:
    cut = Cut(data)
    index, size, leaf = cut.number(), cut.number(), cut.take(HASH_SIZE)
    verify_inclusion(index, size, leaf, cut.pieces(HASH_SIZE), _ROOTS[_SIZE])
    must(leaf in _HASHES or size != _SIZE, "a stranger is believed to be in the tree")


def _inclusions() -> Iterator[bytes]:
    for index in (0, 7, 18):
        proof = _TREE.path(index, 0, _SIZE)
        yield b"".join([_number(index), _number(_SIZE), _HASHES[index], *proof])


def _read_consistency(data: bytes) -> None:
    cut = Cut(data)
    old, new, root = cut.number(), cut.number(), cut.take(HASH_SIZE)
    verify_consistency(old, new, root, _ROOTS[_SIZE], cut.pieces(HASH_SIZE))
    must(new != _SIZE or root == _ROOTS[old], "a tree that never was is believed")


def _consistencies() -> Iterator[bytes]:
    for old in (0, 1, 8, 13, _SIZE):
        proof = _TREE.proof(old, _SIZE)
        yield b"".join([_number(old), _number(_SIZE), _ROOTS[old], *proof])


def _read_range(data: bytes) -> None:
    cut = Cut(data)
    begin, end, size, count = cut.number(), cut.number(), cut.number(), cut.number(1)
    leaves = [cut.take(HASH_SIZE) for _ in range(count)]
    verify_range(begin, end, size, leaves, cut.pieces(HASH_SIZE), _ROOTS[_SIZE])
    must(size != _SIZE or leaves == _HASHES[begin:end], "another run is believed")


def _ranges() -> Iterator[bytes]:
    for begin, end in ((0, 19), (3, 9), (18, 19)):
        proof = [_TREE.read(*node) for node in cover(0, begin) + cover(end, _SIZE)]
        numbers = [*map(_number, (begin, end, _SIZE)), bytes([end - begin])]
        yield b"".join([*numbers, *_HASHES[begin:end], *proof])


def _read_tile_path(data: bytes) -> None:
    text = as_text(data)
    must(tile_path(*parse_tile_path(text)) == text, "a path comes out otherwise")


def _read_bundle(data: bytes) -> None:
    cut = Cut(data)
    width, bundle = cut.number(2), cut.rest()
    entries = parse_bundle(bundle, width)
    must(not entries or format_bundle(entries) == bundle, "a bundle comes out otherwise")


def _read_tile(data: bytes) -> None:
    cut = Cut(data)
    first, count, tile = cut.number(2) - 1, cut.number(2), cut.rest()
    must(len(tile_node(tile, first, count)) == HASH_SIZE, "a node is no hash")


def _read_key(data: bytes) -> None:
    parts = decode_key(data)
    must(encode_key(*parts) == data, "a key comes out otherwise")


def _read_state(data: bytes) -> None:
    """Raw bytes, or bytes that were sealed as the log would seal them."""
    value = seal(data[1:]) if data[:1] == b"\x01" else data[1:]
    state = parse_state(value)
    must(format_state(state) == value, "a state comes out otherwise")
    if state.size <= TREE_SIZE_MAX:
        state.tree().root()


def _read_runs(data: bytes) -> None:
    value = seal(data[1:]) if data[:1] == b"\x01" else data[1:]
    runs = parse_runs(value)
    must(not value or format_runs(runs) == value, "a list of runs comes out otherwise")


def _read_part(data: bytes) -> None:
    """The key's size, the key, and a value whose head is sealed anew when the first byte says so."""
    cut = Cut(data)
    again, key = cut.number(1) & 1, cut.take(cut.number(1))
    value = cut.rest()
    if again and len(value) > _PART_HEAD.size:
        fields = _PART_HEAD.unpack_from(value)
        shared = value[: _PART_HEAD.size + fields[-2] + fields[-1]]
        value = value[:-8] + seal(shared)[-8:]
    part = BatchPart(key, memoryview(value))
    must(len(part.leaf_hashes()) == len(part.commitments()) == part.count, "columns differ")
    must(len(part.salts()) == SALT_SIZE * part.count, "a salt is missing")
    bodies, records = part.bodies(), part.records()
    must(len(bodies) == len(records) == part.count, "a body is missing")
    must(b"".join(bodies) == bodies.data, "bodies overlap")
    last = part.count - 1
    must(part.bodies(last, last + 1)[0] == bodies[last], "a body depends on how it is read")


_PART_HEAD = struct.Struct("<BB2xQIQIQ32s32sQHH")


def _stored(space: str) -> Iterator[tuple[bytes, bytes]]:
    with fuzz_log().store.snapshot() as snapshot:
        for key, value in snapshot.scan(space):
            yield key, bytes(value)


def _parts() -> Iterator[bytes]:
    for key, value in _stored(BATCH):
        yield bytes((1, len(key))) + key + value


def _value(key: bytes) -> bytes:
    with fuzz_log().store.snapshot() as snapshot:
        value = snapshot.get(META, key)
        assert value is not None
        return bytes(value)


def _sealed(key: bytes) -> Iterator[bytes]:
    yield b"\x00" + _value(key)
    yield b"\x01" + unseal(_value(key), "seed")


def _read_chunks(data: bytes) -> None:
    """A chunk of a run beside a list of runs that speaks of it."""
    cut = Cut(data)
    listed = cut.take(cut.number(2))
    snapshot: Any = _OneValue(cut.rest())
    for run in parse_runs(seal(listed)).runs[:1]:
        for chunk in run.chunks[:4]:
            prints, indexes = split_columns(read_chunk(snapshot, run, chunk))
            must(len(prints) == len(indexes), "columns differ")


class _OneValue:
    """A snapshot in which every key has the same value."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def get(self, space: str, key: bytes) -> memoryview:  # noqa: ARG002 - one value for all
        return memoryview(self._value)


def _chunks() -> Iterator[bytes]:
    values = dict(_stored(RUN))
    for run in parse_runs(_value(RUNS_KEY)).runs:
        listed = unseal(format_runs(Runs(run.number + 1, (run,))), "seed")
        yield len(listed).to_bytes(2, "big") + listed + values[index_key(run.number, 0)]


def _read_checkpoint_value(data: bytes) -> None:
    must(seal(unseal(data, "value")) == data, "a sealed value comes out otherwise")


_PROOF_REFUSED = (VerificationError,)
_STORE_REFUSED = (IntegrityError,)

TREE = (
    Target("inclusion-proof", _inclusions, _read_inclusion, _PROOF_REFUSED),
    Target("consistency-proof", _consistencies, _read_consistency, _PROOF_REFUSED),
    Target("range-proof", _ranges, _read_range, _PROOF_REFUSED),
    Target(
        "tile-path",
        lambda: [b"tile/0/x001/x234/067", b"tile/entries/000.p/17", b"tile/63/255.p/1"],
        _read_tile_path,
        (InvalidInput,),
        (b"tile/", b"entries/", b"x000/", b".p/"),
    ),
    Target(
        "bundle",
        lambda: [b"\x00\x02" + format_bundle([b"a" * 74, b"b"])],
        _read_bundle,
        _PROOF_REFUSED,
    ),
    Target(
        "store-key",
        lambda: [encode_key("host", "stream", 7), encode_key(b"a\x00b")],
        _read_key,
        (ValueError,),
    ),
    Target(
        "tile", lambda: [b"\x00\x01\x00\x04" + b"".join(_HASHES[:8])], _read_tile, (OutOfRange,)
    ),
    Target(
        "stored-batch-part", _parts, _read_part, _STORE_REFUSED, (index_key(0), index_key(1 << 63))
    ),
    Target("stored-state", lambda: _sealed(STATE_KEY), _read_state, _STORE_REFUSED),
    Target("stored-runs", lambda: _sealed(RUNS_KEY), _read_runs, _STORE_REFUSED),
    Target("stored-run-chunk", _chunks, _read_chunks, _STORE_REFUSED),
    Target(
        "stored-checkpoint",
        lambda: [value for space in (CHECKPOINT, TILE) for _, value in _stored(space)],
        _read_checkpoint_value,
        _STORE_REFUSED,
    ),
)
