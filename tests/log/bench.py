"""A log over a store of either kind, to append to, to crash, to damage and to open again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from counterfoil.errors import CounterfoilError
from counterfoil.keys import Signer
from counterfoil.log import SPACES, Anchor, Appended, Batch, Entry, Log, create_log, prepare_batch
from counterfoil.log.fsck import Report, check_log
from counterfoil.log.read import read_entries, read_receipt
from counterfoil.log.receipts import make_batch_receipt
from counterfoil.log.state import State, read_state
from counterfoil.receipt import format_batch_receipt, format_receipt, verify_batch, verify_receipt
from counterfoil.record import KIND_BY_NUMBER, PAYOUT, TRAINING, USAGE, Kind
from counterfoil.store import MemoryStore, Store, Transaction, open_store
from counterfoil.v1 import record_pb2

ORIGIN = "example.com/ledger"
SANDBOX = 2
START_US = 1_700_000_000_000_000
SCHEMES = ("memory:", "lmdb:")
SIGNER = Signer.from_seed(ORIGIN, b"s" * 32)
VKEY = SIGNER.verifier.vkey
# Room for the tests, and small enough to be mapped a hundred times over.
_MAP_SIZE_BYTES = 256 << 20

Outcome = Appended | CounterfoilError


def seed(number: int) -> bytes:
    """The salt seed of a batch; each number has another."""
    return sha256(b"salt seed %d" % number).digest()


def usage_body(event_id: str, **fields: Any) -> bytes:
    """A usage event in its usual bytes."""
    fields = {"event_time_us": START_US, "model_id": "m", "input_tokens": 7, **fields}
    return record_pb2.UsageEvent(event_id=event_id, **fields).SerializeToString(deterministic=True)


def training_body(number: int, **fields: Any) -> bytes:
    """A proof of training in its usual bytes."""
    fields = {
        "dataset_id": f"ds_{number % 5}",
        "creator_id": f"creator_{number % 3}",
        "model_id": "m",
        "artifact_hash": f"sha256:{number:064x}",
        **fields,
    }
    return record_pb2.ProofOfTraining(**fields).SerializeToString(deterministic=True)


def payout_body(number: int) -> bytes:
    """A payout in its usual bytes."""
    payout = record_pb2.Payout(
        creator_id=f"creator_{number % 3}",
        period="2024-02",
        amount=f"{number}.50",
        currency="EUR",
        status=record_pb2.PAYOUT_STATUS_PAID,
    )
    return payout.SerializeToString(deterministic=True)


@dataclass
class Bench:
    """One log: its store, anchor and clock, and a way to start it again."""

    scheme: str
    directory: Path
    signer: Signer = SIGNER
    now_us: int = START_US
    seeds: int = 0
    fault: Callable[[str], None] | None = None
    anchor: Anchor = field(init=False)
    store: Store = field(init=False)
    log: Log = field(init=False)

    def __post_init__(self) -> None:
        self.store = self._open_store(create=True)
        self.anchor = Anchor.create(self.anchor_path, self.signer.verifier)
        create_log(self.store, self.signer, self.anchor, self.now_us, SANDBOX, seed(-1 % 2**32))
        self.start()

    @property
    def anchor_path(self) -> Path:
        """Where the anchor is."""
        return self.directory / "anchor"

    @property
    def store_path(self) -> Path:
        """Where the store of a scheme with files is."""
        return self.directory / "store"

    def _open_store(self, *, create: bool = False) -> Store:
        if self.scheme == "memory:":
            return MemoryStore(SPACES, self._strike)
        return open_store(f"lmdb:{self.store_path}", SPACES, create=create)

    def _strike(self, point: str) -> None:
        if self.fault is not None:
            self.fault(point)

    def start(self) -> None:
        """Open the log on the store and anchor at hand."""
        self.log = Log(self.store, self.signer, self.anchor, lambda: self.now_us, SANDBOX)

    def forgive(self) -> None:
        """Let the log append again after a failure, as if nobody looked at the store before."""
        self.log._failed = None

    def restart(self) -> None:
        """Do what a new process would: open store, anchor and log again."""
        self.close()
        if isinstance(self.store, MemoryStore):
            self.store = self.store.reopen(self._strike)
        else:
            self.store = self._open_store()
        self.anchor = Anchor(self.anchor_path, self.signer.verifier)
        self.start()

    def clone(self, directory: Path) -> Bench:
        """The same log in another directory, not started yet; for stores in memory."""
        assert isinstance(self.store, MemoryStore)
        other = copy(self)
        other.directory = directory
        other.anchor_path.write_bytes(self.anchor_path.read_bytes())
        other.anchor = Anchor(other.anchor_path, self.signer.verifier)
        other.store = self.store.reopen(other._strike)
        return other

    def close(self) -> None:
        """Close store and anchor."""
        self.store.close()
        self.anchor.close()

    def batch(
        self, kind: Kind, bodies: Sequence[bytes], submitter: str = "host", **options: Any
    ) -> Batch:
        """A prepared batch, each with a fresh salt seed."""
        self.seeds += 1
        request_id = options.pop("request_id", "" if kind is USAGE else f"r{self.seeds}")
        parsed = [kind.message.FromString(body) for body in bodies]
        return prepare_batch(
            kind,
            submitter,
            bodies,
            [kind.identity(request_id, body) for body in parsed],
            secret=self.log.secret,
            environment=SANDBOX,
            salt_seed=seed(self.seeds),
            request_id=request_id,
            **options,
        )

    def usage(self, *ids: str, **options: Any) -> Batch:
        """A batch of usage events with these ids."""
        return self.batch(USAGE, [usage_body(event_id) for event_id in ids], **options)

    def training(self, number: int, **options: Any) -> Batch:
        """A batch of one proof of training."""
        return self.batch(TRAINING, [training_body(number)], **options)

    def payout(self, number: int, **options: Any) -> Batch:
        """A batch of one payout."""
        return self.batch(PAYOUT, [payout_body(number)], **options)

    def append(self, *batches: Batch) -> list[Outcome]:
        """Append batches as one group, half a second later."""
        self.now_us += 500_000
        return self.log.append(batches)

    def add(self, batch: Batch) -> Appended:
        """Append one batch that must be accepted."""
        (outcome,) = self.append(batch)
        assert isinstance(outcome, Appended), outcome
        return outcome

    def state(self) -> State:
        """Where the log stands."""
        with self.store.snapshot() as snapshot:
            return read_state(snapshot)

    def entries(self) -> list[Entry]:
        """All entries, through the read path."""
        with self.store.snapshot() as snapshot:
            return list(read_entries(snapshot, 0, 1 << 40))

    def receipts(self) -> list[bytes]:
        """The binary receipt of each entry."""
        with self.store.snapshot() as snapshot:
            return [
                format_receipt(read_receipt(snapshot, entry))
                for entry in read_entries(snapshot, 0, 1 << 40)
            ]

    def fsck(self, *, anchor: bool = True) -> Report:
        """Check everything."""
        with_anchor = self.anchor if anchor else None
        return check_log(
            self.store, self.signer.verifier, self.log.secret, with_anchor, lambda _done, _all: None
        )

    def put(self, space: str, key: bytes, value: bytes) -> None:
        """Put a stored value in the place of another, behind the log's back."""
        self.store.transact(lambda transaction: transaction.put(space, key, value))

    def delete(self, space: str, key: bytes) -> None:
        """Delete a stored value behind the log's back."""

        def delete(transaction: Transaction) -> None:
            assert transaction.delete(space, key), (space, key)

        self.store.transact(delete)

    def get(self, space: str, key: bytes) -> bytes:
        """A stored value."""
        with self.store.snapshot() as snapshot:
            value = snapshot.get(space, key)
            assert value is not None, (space, key)
            return bytes(value)

    def dump(self) -> dict[tuple[str, bytes], bytes]:
        """All that the store holds."""
        with self.store.snapshot() as snapshot:
            return {
                (space, bytes(key)): bytes(value)
                for space in SPACES
                for key, value in snapshot.scan(space)
            }


@contextmanager
def bench(scheme: str, directory: Path) -> Iterator[Bench]:
    """A new log over a store of a scheme, in a directory of its own."""
    made = Bench(scheme, directory)
    try:
        yield made
    finally:
        made.close()


def batch_receipt(appended: Appended) -> bytes:
    """The receipt that a batch is answered with."""
    assert appended.head is not None
    return format_batch_receipt(make_batch_receipt(appended, appended.head))


def check_answer(batch: Batch, appended: Appended) -> None:
    """The batch receipt proves the records that the submitter sent and were new."""
    if appended.head is None:
        assert not appended.positions
        return
    records = [batch.prefix + _framed(batch.bodies[at]) for at in appended.positions]
    verified = verify_batch(batch_receipt(appended), VKEY, records)
    assert verified.first_index == appended.head.first
    assert list(verified.leaf_hashes) == list(appended.leaf_hashes)
    assert verified.kind == batch.kind.number


def _framed(body: bytes) -> bytes:
    """Field 15 of a Record, by protobuf itself."""
    return record_pb2.Record(body=body).SerializeToString()


def check_all(subject: Bench) -> None:
    """Every entry's receipt verifies offline, and the entries are the ones it speaks of."""
    entries, receipts = subject.entries(), subject.receipts()
    assert [entry.index for entry in entries] == list(range(subject.state().size))
    for entry, receipt in zip(entries, receipts, strict=True):
        verified = verify_receipt(receipt, VKEY)
        assert (verified.index, verified.records) == (entry.index, (entry.record,))
        assert verified.leaf_hashes == (entry.leaf_hash,)
        assert verified.kind == entry.leaf.kind
        assert KIND_BY_NUMBER[verified.kind] is entry.kind


def flipped(value: bytes, bit: int) -> bytes:
    """A value with one bit changed."""
    changed = bytearray(value)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes, by the definition in RFC 6962 section 2.1 and nothing else."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    return sha256(b"\x01" + tree_root(leaves[:split]) + tree_root(leaves[split:])).digest()
