"""What is written is read back: every format, on objects that hypothesis makes up."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.entry import (
    Leaf,
    format_leaf,
    frame_records,
    parse_leaf,
    parse_record,
    record_prefix,
)
from counterfoil.keys import KEY_TYPES, Signer, Verifier
from counterfoil.limits import TIME_US_MAX, TREE_SIZE_MAX
from counterfoil.log.layout import BatchHead, BatchPart, format_part, index_key
from counterfoil.log.runs import Run, Runs, format_runs, level_of, parse_runs
from counterfoil.log.state import State, format_state, parse_state
from counterfoil.note import (
    cosign_checkpoint,
    parse_checkpoint,
    parse_signature_line,
    sign_checkpoint,
    verify_cosignature,
)
from counterfoil.packed import Hashes, Packed
from counterfoil.receipt import (
    BatchReceipt,
    Receipt,
    format_batch_receipt,
    format_json,
    format_receipt,
    format_tlog_proof,
    parse_batch_receipt,
    parse_json,
    parse_receipt,
    parse_tlog_proof,
)
from counterfoil.record import EntryId, format_id, parse_id
from counterfoil.store import decode_key, encode_key
from counterfoil.tlog import (
    EMPTY_ROOT,
    format_bundle,
    parse_bundle,
    parse_tile_path,
    tile_path,
)
from counterfoil.wire import encode_varint, parse_varint
from counterfoil_client.frames import format_frames, parse_frames

QUICK = settings(derandomize=True, deadline=None, max_examples=60, database=None)

UINT64 = st.integers(0, (1 << 64) - 1)
SIZES = st.integers(0, TREE_SIZE_MAX)
HASHES = st.binary(min_size=32, max_size=32)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters="+"),
    min_size=1,
    max_size=60,
).filter(lambda name: len(name.encode()) <= 255)
LEAVES = st.builds(Leaf, st.integers(1, 255), st.integers(0, TIME_US_MAX), HASHES, HASHES)
NOTES = TEXTS.map(lambda text: text.replace("\n\n", "\n").encode())
RECEIPTS = st.builds(
    Receipt,
    UINT64,
    LEAVES.map(format_leaf),
    st.binary(min_size=16, max_size=16),
    st.binary(max_size=80),
    st.lists(HASHES, max_size=5).map(tuple),
    NOTES,
)
BATCH_RECEIPTS = st.builds(
    BatchReceipt,
    *(UINT64, UINT64, UINT64, UINT64, st.binary(max_size=33), st.binary(max_size=33)),
    st.binary(max_size=50),
    st.lists(HASHES, max_size=5).map(tuple),
    NOTES,
    st.lists(st.binary(max_size=20), max_size=4).map(tuple),
)


@given(UINT64, st.binary(max_size=5))
@QUICK
def test_varints_come_back(number: int, behind: bytes) -> None:
    """Every number of 64 bits is read as it was written, whatever stands behind it."""
    data = encode_varint(number)

    assert parse_varint(data + behind, 0) == (number, len(data))


@given(LEAVES)
@QUICK
def test_leaves_come_back(leaf: Leaf) -> None:
    """Every leaf is read as it was written."""
    assert parse_leaf(format_leaf(leaf)) == leaf


@given(TEXTS, UINT64, TEXTS, st.booleans(), st.binary(max_size=300))
@QUICK
def test_records_come_back(
    submitter: str, environment: int, request_id: str, backfill: bool, body: bytes
) -> None:
    """Every record is read as it was framed."""
    prefix = record_prefix(submitter, environment, request_id, backfill)
    fields = parse_record(frame_records(prefix, [body])[0])

    read = (fields.submitter, fields.environment, fields.request_id, fields.backfill, fields.body)
    assert read == (submitter, environment, request_id, backfill, body)


@given(RECEIPTS)
@QUICK
def test_receipts_come_back_in_every_form(receipt: Receipt) -> None:
    """Binary, JSON and tlog-proof hold the same receipt."""
    assert parse_receipt(format_receipt(receipt)) == receipt
    assert parse_json(format_json(receipt)) == receipt
    if receipt.index <= TREE_SIZE_MAX:
        assert parse_tlog_proof(format_tlog_proof(receipt)) == receipt


@given(BATCH_RECEIPTS)
@QUICK
def test_batch_receipts_come_back(receipt: BatchReceipt) -> None:
    """Every batch receipt is read as it was written, with its records."""
    assert parse_batch_receipt(format_batch_receipt(receipt)) == receipt


@given(NAMES, HASHES, st.sampled_from(KEY_TYPES))
@QUICK
def test_keys_come_back(name: str, seed: bytes, key_type: int) -> None:
    """Private and public keys with any allowed name are read as they were written."""
    signer = Signer.from_seed(name, seed, key_type)

    assert Signer.parse(signer.format()).verifier == signer.verifier
    assert Verifier.parse(signer.verifier.vkey) == signer.verifier


@given(NAMES, HASHES, SIZES, HASHES, SIZES)
@QUICK
def test_checkpoints_come_back(
    origin: str, seed: bytes, size: int, root: bytes, time_s: int
) -> None:
    """A checkpoint says what was signed, and a cosignature what the witness said."""
    signer, witness = Signer.from_seed(origin, seed), Signer.from_seed("w", seed, KEY_TYPES[1])
    root = root if size else EMPTY_ROOT
    note = sign_checkpoint(origin, size, root, signer)
    read = parse_checkpoint(note, [signer.verifier])
    line = cosign_checkpoint(read.text, witness, time_s).decode().removesuffix("\n")

    assert (read.origin, read.size, read.root_hash) == (origin, size, root)
    assert verify_cosignature(read.text, witness.verifier, parse_signature_line(line)[2]) == time_s


@given(st.none() | st.integers(0, 63), SIZES, st.integers(1, 256))
@QUICK
def test_tile_paths_come_back(level: int | None, index: int, width: int) -> None:
    """Every tile has one path."""
    assert parse_tile_path(tile_path(level, index, width)) == (level, index, width)


@given(st.lists(st.binary(max_size=80), min_size=1, max_size=20))
@QUICK
def test_bundles_and_frames_come_back(entries: list[bytes]) -> None:
    """Entries of a bundle and events of a spool are read as they were written."""
    assert parse_bundle(format_bundle(entries), len(entries)) == entries
    events = [entry + b"." for entry in entries]
    framed = format_frames(events)
    assert parse_frames(framed, len(events), len(framed)) == (events, len(framed))


@given(st.lists(st.one_of(UINT64, st.binary(max_size=9), TEXTS), max_size=5))
@QUICK
def test_store_keys_come_back(parts: list[Any]) -> None:
    """Every tuple of numbers, bytes and texts is read as it was written."""
    assert decode_key(encode_key(*parts)) == tuple(parts)


@given(st.from_regex(r"[a-z]{2,8}", fullmatch=True), SIZES, st.binary(min_size=4, max_size=4))
@QUICK
def test_entry_ids_come_back(prefix: str, index: int, tag: bytes) -> None:
    """Every id names what it was made for."""
    assert parse_id(format_id(prefix, index, tag)) == EntryId(prefix, index, tag.hex())


@given(SIZES, UINT64, HASHES, st.data())
@QUICK
def test_states_come_back(size: int, time_us: int, last: bytes, data: st.DataObject) -> None:
    """Every state whose right edge fits its size is read as it was stored."""
    count = size.bit_count()
    frontier = tuple(data.draw(st.lists(HASHES, min_size=count, max_size=count)))
    state = State(size, time_us, last, frontier)

    assert parse_state(format_state(state)) == state


@given(st.dictionaries(st.integers(0, 1 << 60), st.integers(1, 1 << 50), max_size=6), st.data())
@QUICK
def test_run_lists_come_back(counts: dict[int, int], data: st.DataObject) -> None:
    """Every list of runs that does not contradict itself is read as it was stored."""
    chunks = {number: data.draw(st.integers(0, 3)) for number in counts}
    column = {
        number: st.binary(min_size=8 * many, max_size=8 * many) for number, many in chunks.items()
    }
    runs = tuple(
        Run(number, level_of(count), count, data.draw(column[number]), data.draw(column[number]))
        for number, count in counts.items()
    )
    listed = Runs(max(counts, default=-1) + 1, runs)

    assert parse_runs(format_runs(listed)) == listed


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=9), st.binary(max_size=60), UINT64)
@QUICK
def test_batch_parts_come_back(bodies: list[bytes], prefix: bytes, sequence: int) -> None:
    """Every part of a batch is read as it was stored, record by record."""
    head = BatchHead(3, 7, 40, len(bodies), bytes(32), bytes(32), prefix, b"stream", sequence)
    hashes = Hashes(b"h" * 32 * len(bodies))
    value = format_part(head, 0, hashes, hashes, bytes(16 * len(bodies)), Packed.of(bodies))
    part = BatchPart(index_key(40), memoryview(value))

    assert part.head == head
    assert list(part.bodies()) == bodies
    assert [part.bodies(at, at + 1)[0] for at in range(len(bodies))] == bodies
    assert part.leaf_hashes() == part.commitments() == hashes
