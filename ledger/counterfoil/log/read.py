"""Reading the log: entries, proofs, receipts, lists.

Every function reads one snapshot and keeps nothing of it. What feeds an answer is hashed again first: a store has no
checksums of its own, and rotted bytes must never be served as if they were the log.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from counterfoil.entry import SALT_SIZE, Leaf, commitment, format_leaf, frame_records
from counterfoil.errors import IntegrityError, NotFound, OutOfRange
from counterfoil.log.batch import ALL_TERM, identity_domain, term_print
from counterfoil.log.existing import read_identity
from counterfoil.log.fingerprint import fingerprints
from counterfoil.log.layout import BatchPart
from counterfoil.log.nodes import find_part, read_leaf_hashes
from counterfoil.log.proofs import Prover
from counterfoil.log.runs import find, find_from, read_runs
from counterfoil.log.state import read_state
from counterfoil.receipt import BatchReceipt, Receipt
from counterfoil.record import KIND_BY_NUMBER, Kind, format_id, parse_id
from counterfoil.store import Snapshot
from counterfoil.tlog import leaf_hash

# How many parts are looked through for entries of one kind before an answer: some ten milliseconds.
_PARTS_AT_A_TIME: Final = 1_000
# How many indexes of each list are compared at a time when entries must be in several.
_INDEXES_AT_A_TIME: Final = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log, with its leaf hash verified against its leaf and its record against its commitment."""

    index: int
    leaf: Leaf
    leaf_hash: bytes
    salt: bytes
    record: bytes
    body: bytes

    @property
    def kind(self) -> Kind:
        """The kind in its leaf."""
        return KIND_BY_NUMBER[self.leaf.kind]

    @property
    def id(self) -> str:
        """What the entry is called by people and in references."""
        return format_id(self.kind.id_prefix, self.index, self.leaf_hash)


def read_entry(snapshot: Snapshot, index: int) -> Entry:
    """One entry.

    Raises:
        OutOfRange: there is no such entry.
        IntegrityError: what is stored of it contradicts itself.
    """
    _check_index(snapshot, index)
    return read_logged(snapshot, index)


def read_logged(snapshot: Snapshot, index: int) -> Entry:
    """An entry that the log must have; in a transaction also one that it has just appended.

    Raises:
        IntegrityError: what is stored of it contradicts itself.
    """
    return next(_entries_of(snapshot, find_part(snapshot, index), index, index + 1))


def read_entries(snapshot: Snapshot, begin: int, end: int) -> Iterator[Entry]:
    """The entries [begin, end) in order, as far as the log goes.

    Raises:
        IntegrityError: what is stored of one contradicts itself.
    """
    end = min(end, read_state(snapshot).size)
    while begin < end:
        part = find_part(snapshot, begin)
        stop = min(end, part.first + part.count)
        yield from _entries_of(snapshot, part, begin, stop)
        begin = stop


def _entries_of(snapshot: Snapshot, part: BatchPart, begin: int, end: int) -> Iterator[Entry]:
    low, high = begin - part.first, end - part.first
    bodies = part.bodies(low, high)
    columns = zip(
        range(begin, end),
        part.leaf_hashes(low, high),
        part.commitments(low, high),
        _cut(part.salts(low, high)),
        frame_records(part.head.prefix, bodies),
        bodies,
        strict=True,
    )
    previous = _previous(snapshot, part, begin)
    for index, hashed, commit, salt, record, body in columns:
        leaf = Leaf(part.head.kind, part.head.time_us, previous, commit)
        if leaf_hash(format_leaf(leaf)) != hashed or commitment(salt, record) != commit:
            raise IntegrityError(f"entry {index} is damaged in the store; run fsck", index=index)
        previous = hashed
        yield Entry(index, leaf, hashed, salt, record, body)


def _cut(salts: bytes) -> list[bytes]:
    return [salts[at : at + SALT_SIZE] for at in range(0, len(salts), SALT_SIZE)]


def _previous(snapshot: Snapshot, part: BatchPart, index: int) -> bytes:
    if index > part.first:
        return part.leaf_hashes(index - part.first - 1, index - part.first)[0]
    if part.first == part.head.first:
        return part.head.previous
    return read_leaf_hashes(snapshot, index - 1, index)[0]


def _check_index(snapshot: Snapshot, index: int) -> None:
    size = read_state(snapshot).size
    if not 0 <= index < size:
        raise OutOfRange(f"there is no entry {index}; the log has {size}", size=size)


def resolve_id(snapshot: Snapshot, text: str) -> Entry:
    """The entry that an index or an id names.

    Raises:
        NotFound: there is none.
    """
    parsed = parse_id(text)
    if parsed is None and not (text.isascii() and text.isdecimal() and len(text) <= 19):
        raise NotFound(f"{text[:64]!r} is neither an index nor an id such as pt_42_9f8e7d6c")
    try:
        entry = read_entry(snapshot, parsed.index if parsed else int(text))
    except OutOfRange as error:
        raise NotFound(str(error)) from error
    if parsed is not None and entry.id != text:
        raise NotFound(f"there is no {text} in this log")
    return entry


def find_identity(
    snapshot: Snapshot, secret: bytes, kind: Kind, submitter: str, identity: str
) -> Entry:
    """The entry that a submitter's identity of a kind names.

    Raises:
        NotFound: there is none.
        IntegrityError: what is stored of it contradicts itself.
    """
    prints = fingerprints(secret, identity_domain(kind, submitter), [identity])
    for hit in find(snapshot, read_runs(snapshot).runs, prints):
        # Hashed before it is compared: an identity that has rotted is damage, and not another identity.
        entry = read_entry(snapshot, hit.index)
        if read_identity(snapshot, hit.index) == (kind, submitter, identity):
            return entry
    raise NotFound(f"{submitter} has recorded no {kind.name} {identity}")


def list_entries(
    snapshot: Snapshot,
    secret: bytes,
    kind: Kind,
    terms: dict[str, str],
    first_index: int,
    limit: int,
) -> list[Entry]:
    """Up to ``limit`` entries of a kind that has terms, which match all of these, from ``first_index`` on, ascending."""
    wanted = {term: value for term, value in terms.items() if value} or {ALL_TERM: kind.name}
    prints = [term_print(secret, kind, term, value) for term, value in wanted.items()]
    at_a_time = limit if len(prints) == 1 else max(limit, _INDEXES_AT_A_TIME)
    entries = (
        read_logged(snapshot, index)
        for index in _find_common(snapshot, prints, first_index, at_a_time)
    )
    matching = (entry for entry in entries if entry.kind is kind and _matches(entry, wanted))
    return list(islice(matching, limit))


def _find_common(
    snapshot: Snapshot, prints: Sequence[int], first_index: int, at_a_time: int
) -> Iterator[int]:
    """The indexes that are listed under all of these fingerprints, from one index on, ascending.

    Lists are read some indexes at a time, and all skip what one of them has no entry in: two terms together cost
    what the rarer one has, not what the other has.
    """
    runs = read_runs(snapshot).runs
    while True:
        lists = [find_from(snapshot, runs, print_, first_index, at_a_time) for print_ in prints]
        if not all(lists):
            return
        yield from sorted(set(lists[0]).intersection(*lists[1:]))
        going_on = [found[-1] + 1 for found in lists if len(found) == at_a_time]
        if not going_on:
            return
        # Up to here all lists were seen in full; and nothing is in all of them before each has begun.
        first_index = max(min(going_on), *(found[0] for found in lists))


def _matches(entry: Entry, wanted: dict[str, str]) -> bool:
    has = {ALL_TERM: entry.kind.name, **entry.kind.terms(entry.kind.message.FromString(entry.body))}
    return all(has.get(term) == value for term, value in wanted.items())


def list_kind(
    snapshot: Snapshot, secret: bytes, kind: Kind, first_index: int, limit: int
) -> tuple[list[Entry], int]:
    """Up to ``limit`` entries of a kind from ``first_index`` on, ascending, and the index from which to go on.

    A kind without terms (usage) is in no list: the log is read through, but only so far at a time. Then there may be
    fewer entries, and even none, before the end of the log.
    """
    size = read_state(snapshot).size
    if kind.terms(kind.message()):
        listed = list_entries(snapshot, secret, kind, {}, first_index, limit)
        return listed, listed[-1].index + 1 if len(listed) == limit else size
    found: list[Entry] = []
    for _ in range(_PARTS_AT_A_TIME):
        if first_index >= size or len(found) == limit:
            break
        part = find_part(snapshot, first_index)
        end = part.first + part.count
        if part.head.kind == kind.number:
            end = min(end, first_index + limit - len(found))
            found += _entries_of(snapshot, part, first_index, end)
        first_index = end
    return found, first_index


def read_checkpoint(snapshot: Snapshot, size: int | None = None) -> tuple[int, bytes]:
    """The size and note of the newest checkpoint, or of the oldest one that covers ``size`` leaves.

    Raises:
        OutOfRange: the log is not that long.
    """
    return Prover(snapshot).checkpoint(size)


def read_receipt(snapshot: Snapshot, entry: Entry, size_min: int = 0) -> Receipt:
    """The receipt of an entry: always the same bytes, with the checkpoint of the commit that logged it.

    Args:
        size_min: a size that was signed; the tree of the receipt is not smaller.
    """
    prover = Prover(snapshot)
    size, note = prover.checkpoint(max(entry.index + 1, size_min))
    _, proof = prover.inclusion(entry.index, size)
    return Receipt(
        entry.index, format_leaf(entry.leaf), entry.salt, entry.record, tuple(proof), note
    )


def read_batch_receipts(snapshot: Snapshot, indexes: Sequence[int]) -> Iterator[BatchReceipt]:
    """Receipts for entries that are in the log, one for each run of indexes within one batch.

    A whole batch gets the very receipt that it was answered with; a part of one gets its salts one by one.

    Args:
        indexes: ascending.
    """
    at, prover = 0, Prover(snapshot)
    while at < len(indexes):
        head = find_part(snapshot, indexes[at]).head
        end = at + 1
        while end < len(indexes) and indexes[end] == indexes[end - 1] + 1 < head.first + head.count:
            end += 1
        yield _read_run(snapshot, prover, indexes[at], indexes[at] + end - at)
        at = end


def _read_run(snapshot: Snapshot, prover: Prover, begin: int, end: int) -> BatchReceipt:
    part = find_part(snapshot, begin)
    head = part.head
    whole = (begin, end) == (head.first, head.first + head.count)
    salts = b"" if whole else b"".join(entry.salt for entry in read_entries(snapshot, begin, end))
    size, note = prover.checkpoint(end)
    proof = prover.range(begin, end, size)
    return BatchReceipt(
        first_index=begin,
        count=end - begin,
        kind=head.kind,
        time_us=head.time_us,
        previous=_previous(snapshot, part, begin),
        salt_seed=head.salt_seed if whole else b"",
        salts=salts,
        proof=tuple(proof),
        checkpoint=note,
    )


def read_inclusion_proof(snapshot: Snapshot, index: int, size: int) -> tuple[bytes, list[bytes]]:
    """The leaf hash at an index, and its inclusion proof in the tree of a size."""
    return Prover(snapshot).inclusion(index, size)


def read_consistency_proof(snapshot: Snapshot, old_size: int, new_size: int) -> list[bytes]:
    """That the tree of one size is a prefix of that of another."""
    return Prover(snapshot).consistency(old_size, new_size)
