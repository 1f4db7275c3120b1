"""Appending: one group of batches, one transaction, one signature.

The order is fixed (docs/ARCHITECTURE.md follows one append from end to end):

    prepare -> transaction (duplicates, sequence, registry, chain, tree, catalog, sign, store checkpoint)
            -> durable commit -> verify own signature -> advance the anchor -> answer

:func:`append_group` is the inside of the transaction. It reads nothing but the transaction and its arguments, so that a
store may run it again.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from counterfoil.entry import SALT_SIZE, chain_batch, derive_salts
from counterfoil.errors import Conflict, CounterfoilError, IntegrityError, InvalidInput
from counterfoil.limits import TIME_US_MAX
from counterfoil.log.batch import Batch, reduce_batch
from counterfoil.log.existing import Existing, Seen, Suspect, find_suspects
from counterfoil.log.layout import (
    BATCH,
    CHECKPOINT,
    META,
    STATE_KEY,
    STREAM,
    BatchHead,
    format_part,
    index_key,
    seal,
    split_parts,
    unseal,
)
from counterfoil.log.nodes import write_tiles
from counterfoil.log.registry.apply import REFUSALS, Registry
from counterfoil.log.runs import add_entries
from counterfoil.log.signers import Signers
from counterfoil.log.state import State, format_state, read_state
from counterfoil.packed import HASH_SIZE, Hashes, Packed
from counterfoil.store import Snapshot, Transaction, encode_key
from counterfoil.tlog import Frontier, compact_range


@dataclass(slots=True)
class NewNodes:
    """The nodes that proofs about a group need: the right edge before it, and all that it completed."""

    size: int = 0
    edge: dict[tuple[int, int], bytes] = field(default_factory=dict)
    levels: dict[int, tuple[int, bytearray]] = field(default_factory=dict)

    def add(self, level: int, first: int, hashes: Hashes) -> None:
        """Take in complete nodes of a level, which follow those taken in before."""
        self.levels.setdefault(level, (first, bytearray()))[1].extend(hashes.data)

    def read(self, level: int, index: int) -> bytes:
        """The hash of a node, for the proof functions of ``counterfoil.tlog``."""
        first, data = self.levels.get(level, (0, b""))
        at = HASH_SIZE * (index - first)
        return bytes(data[at : at + HASH_SIZE]) if 0 <= at < len(data) else self.edge[level, index]


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a batch.

    Attributes:
        head: the batch as it was logged, or None when nothing of it was new.
        positions: which of its records are new, ascending. leaf_hashes: theirs.
        existing: its records that were in the log before.
        nodes, checkpoint: the tree that holds it, for proofs, and its signed note.
    """

    head: BatchHead | None
    positions: Sequence[int]
    leaf_hashes: Sequence[bytes]
    existing: Sequence[Existing]
    nodes: NewNodes
    checkpoint: bytes


@dataclass(slots=True)
class _Group:
    """The work of one transaction."""

    transaction: Transaction
    tree: Frontier
    nodes: NewNodes
    last: bytes
    time_us: int
    prints: list[np.ndarray] = field(default_factory=list)
    indexes: list[np.ndarray] = field(default_factory=list)


def append_group(
    transaction: Transaction, batches: Sequence[Batch], now_us: int, signers: Signers
) -> list[Appended | CounterfoilError]:
    """Append batches, each as a whole or not at all, and sign the tree that holds them.

    Returns:
        For each batch what became of it: an error stands for that batch alone.

    Raises:
        IntegrityError: what is stored contradicts itself; nothing may be signed.
        StoreFull: no room; nothing was written.
    """
    state = read_state(transaction)
    tree = state.tree()
    _check_signed(transaction, state, tree)
    time_us = max(now_us, state.time_us + 1)
    if time_us > TIME_US_MAX:
        raise IntegrityError(
            "the clock is beyond the year 9999; no receipt with such a time verifies"
        )
    nodes = NewNodes(edge=dict(zip(compact_range(0, state.size), state.frontier, strict=True)))
    group = _Group(transaction, tree, nodes, state.last_leaf_hash, time_us)
    suspects = find_suspects(transaction, batches)
    seen = Seen()
    results: list[Appended | CounterfoilError] = []
    for number, batch in enumerate(batches):
        try:
            results.append(_append_batch(group, batch, suspects[number], seen))
        except (Conflict, *REFUSALS) as error:
            results.append(error)
    checkpoint = _finish(group, state, signers)
    nodes.size = tree.size
    return [
        result if isinstance(result, CounterfoilError) else replace(result, checkpoint=checkpoint)
        for result in results
    ]


def _check_signed(transaction: Transaction, state: State, tree: Frontier) -> None:
    """Refuse to build on a right edge that is not the one signed last: a flipped bit must not be signed over."""
    if state.size == 0:
        return
    stored = transaction.get(CHECKPOINT, index_key(state.size))
    note = None if stored is None else unseal(stored, f"checkpoint of size {state.size}")
    # The third line of a checkpoint is its root hash; the signature was checked when it was made and at start.
    if note is None or _root_line(note) != _root_line_of(tree):
        raise IntegrityError(
            f"the tree of size {state.size} is not the one that was signed; run fsck"
        )


def _append_batch(group: _Group, batch: Batch, suspects: Sequence[Suspect], seen: Seen) -> Appended:
    """Append what is new of one batch. Everything that can refuse it comes before the first change."""
    _check_sequence(group.transaction, batch)
    first = group.tree.size
    existing, positions = seen.sort_out(group.transaction, batch, suspects, first)
    conflict = next((item for item in existing if item.field is not None), None)
    if batch.atomic and conflict is not None:
        raise Conflict(
            f"{batch.identities[conflict.position]} is entry {conflict.index} with another {conflict.field}",
            field=str(conflict.field),
            original_index=conflict.index,
        )
    if batch.change is not None and positions:
        Registry(group.transaction, group.transaction).check(
            batch.change, group.time_us, exclusive=batch.exclusive
        )
    seen.remember(batch, suspects, positions, first)
    if batch.stream_id:
        _advance_stream(group.transaction, batch)
    if not positions:
        return Appended(None, (), (), existing, group.nodes, b"")
    if len(positions) < len(batch.bodies):
        batch = reduce_batch(batch, positions)
    head, hashes = _log(group, batch)
    if batch.change is not None:
        rows = Registry(group.transaction, group.transaction)
        rows.apply(batch.change, head.first, group.time_us)
    if batch.assessment is not None:
        # What is said about the records goes with them: neither is ever there without the other.
        _log(group, batch.assessment.entry)
    return Appended(head, positions, hashes, existing, group.nodes, b"")


def _log(group: _Group, batch: Batch) -> tuple[BatchHead, Hashes]:
    """Append all records of a batch, behind whatever the group has so far."""
    head = _head_of(group, batch)
    salts = derive_salts(batch.salt_seed, len(batch.bodies))
    hashes = chain_batch(head.kind, head.time_us, head.previous, batch.commitments)
    _store_batch(group, head, hashes, batch.commitments, salts, batch.bodies)
    _list_in_catalog(group, batch, head.first)
    return head, hashes


def _head_of(group: _Group, batch: Batch) -> BatchHead:
    return BatchHead(
        kind=batch.kind.number,
        time_us=group.time_us,
        first=group.tree.size,
        count=len(batch.bodies),
        previous=group.last,
        salt_seed=batch.salt_seed,
        prefix=batch.prefix,
        stream_id=batch.stream_id.encode(),
        sequence=batch.sequence,
    )


def _check_sequence(transaction: Transaction, batch: Batch) -> None:
    if not batch.stream_id:
        return
    last = read_stream(transaction, batch.submitter, batch.stream_id)
    if batch.sequence > last + 1:
        told = (
            f"batch {batch.sequence} came, but the next of stream {batch.stream_id} is {last + 1}"
        )
        raise InvalidInput(told, field="batch.sequence", reason="SEQUENCE_GAP")


def read_stream(snapshot: Snapshot, submitter: str, stream_id: str) -> int:
    """The last durable batch sequence of a stream; 0 when it is new."""
    value = snapshot.get(STREAM, encode_key(submitter, stream_id))
    return 0 if value is None else int.from_bytes(unseal(value, f"stream {stream_id}"), "big")


def _advance_stream(transaction: Transaction, batch: Batch) -> None:
    if batch.sequence > read_stream(transaction, batch.submitter, batch.stream_id):
        key = encode_key(batch.submitter, batch.stream_id)
        transaction.put(STREAM, key, seal(batch.sequence.to_bytes(8, "big")))


def _store_batch(
    group: _Group,
    head: BatchHead,
    hashes: Hashes,
    commitments: Hashes,
    salts: bytes,
    bodies: Packed,
) -> None:
    for begin, end in split_parts(bodies):
        value = format_part(
            head,
            begin,
            Hashes.of(hashes[begin:end]),
            Hashes.of(commitments[begin:end]),
            salts[SALT_SIZE * begin : SALT_SIZE * end],
            Packed.of(bodies[begin:end]),
        )
        group.transaction.put(BATCH, index_key(head.first + begin), value)
    group.nodes.add(0, head.first, hashes)
    complete = group.tree.append_many(hashes)
    write_tiles(group.transaction, complete)
    for level, first, nodes in complete:
        group.nodes.add(level, first, nodes)
    group.last = hashes[-1]


def _list_in_catalog(group: _Group, batch: Batch, first: int) -> None:
    indexes = np.arange(first, first + len(batch.bodies), dtype=np.uint64)
    group.prints.append(batch.prints)
    group.indexes.append(indexes)
    columns = batch.terms.shape[1]
    if columns:
        group.prints.append(batch.terms.reshape(-1))
        group.indexes.append(np.repeat(indexes, columns))


def _finish(group: _Group, before: State, signers: Signers) -> bytes:
    """Write what the group shares, and sign. Nothing leaves this process before the commit is durable."""
    if group.tree.size == before.size:
        stored = group.transaction.get(CHECKPOINT, index_key(before.size))
        return b"" if stored is None else unseal(stored, f"checkpoint of size {before.size}")
    add_entries(group.transaction, np.concatenate(group.prints), np.concatenate(group.indexes))
    state = State(group.tree.size, group.time_us, group.last, tuple(group.tree.hashes))
    group.transaction.put(META, STATE_KEY, format_state(state))
    # A fault while signing must not become durable: the log would not start on such a checkpoint.
    note = signers.sign(state.size, group.tree.root())
    group.transaction.put(CHECKPOINT, index_key(state.size), seal(note))
    return note


def _root_line(note: bytes) -> bytes:
    lines = note.split(b"\n", 3)
    return lines[2] if len(lines) == 4 else b""


def _root_line_of(tree: Frontier) -> bytes:
    return base64.b64encode(tree.root())
