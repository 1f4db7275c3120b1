"""A log in memory, made from the pure core alone: it gives honest answers, and a test then spoils them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from counterfoil.entry import (
    KIND_USAGE,
    NO_PREVIOUS,
    Leaf,
    chain_batch,
    commit_batch,
    derive_salts,
    format_leaf,
    frame_records,
    record_prefix,
)
from counterfoil.keys import Signer
from counterfoil.note import Policy, sign_checkpoint
from counterfoil.receipt import BatchReceipt, Receipt, format_batch_receipt, format_receipt
from counterfoil.tlog import (
    node_hash,
    prove_consistency,
    prove_inclusion,
    prove_range,
    root_hash,
)
from counterfoil.v1.log_service_pb2 import Entry
from counterfoil.v1.usage_service_pb2 import AppendUsageResponse
from counterfoil_client.evidence import Writer

ORIGIN = "toy.example/log"
SUBMITTER = "host"
LIVE = 1


@dataclass
class ToyLog:
    """Entries, their tree, and a key. Every batch has its own time and seed."""

    seed: int = 1
    origin: str = ORIGIN
    leaves: list[bytes] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    salts: list[bytes] = field(default_factory=list)
    records: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the key from the seed."""
        self.signer = Signer.from_seed(self.origin, bytes([self.seed]) * 32)
        self.policy = Policy.trust(self.signer.verifier.vkey)

    @property
    def writer(self) -> Writer:
        """Who writes here."""
        return Writer(self.policy, self.origin, LIVE, SUBMITTER)

    def append(
        self,
        bodies: Sequence[bytes],
        *,
        kind: int = KIND_USAGE,
        submitter: str = SUBMITTER,
        environment: int = LIVE,
        request_id: str = "",
        backfill: bool = False,
    ) -> int:
        """Log a batch; the index of its first entry."""
        first = len(self.leaves)
        prefix = record_prefix(submitter, environment, request_id, backfill)
        records = frame_records(prefix, bodies)
        salts = derive_salts(self._seed(first), len(bodies))
        commitments = commit_batch(salts, records)
        previous = self.hashes[-1] if self.hashes else NO_PREVIOUS
        hashes = chain_batch(kind, self.time_us(first), previous, commitments)
        for at, commit in enumerate(commitments):
            before = hashes[at - 1] if at else previous
            self.leaves.append(format_leaf(Leaf(kind, self.time_us(first), before, commit)))
            self.salts.append(salts[16 * at : 16 * (at + 1)])
        self.hashes += hashes
        self.records += records
        return first

    def time_us(self, first: int) -> int:
        """The time of the batch that began at an index."""
        return 1_700_000_000_000_000 + first

    def checkpoint(self, size: int | None = None) -> bytes:
        """The signed note at a size."""
        size = len(self.hashes) if size is None else size
        return sign_checkpoint(self.origin, size, root_hash(self.hashes[:size]), self.signer)

    def batch_receipt(self, first: int, count: int) -> bytes:
        """The receipt of a run, with salts one by one."""
        size = len(self.hashes)
        return format_batch_receipt(
            BatchReceipt(
                first_index=first,
                count=count,
                kind=self.leaves[first][1],
                time_us=int.from_bytes(self.leaves[first][2:10], "big"),
                previous=self.leaves[first][10:42],
                salt_seed=b"",
                salts=b"".join(self.salts[first : first + count]),
                proof=tuple(prove_range(first, first + count, size, self.read)),
                checkpoint=self.checkpoint(),
            )
        )

    def receipt(self, index: int) -> bytes:
        """The receipt of one entry."""
        return format_receipt(
            Receipt(
                index,
                self.leaves[index],
                self.salts[index],
                self.records[index],
                tuple(self.prove_inclusion(index, len(self.hashes))),
                self.checkpoint(),
            )
        )

    def entry(self, index: int) -> Entry:
        """One entry as the service gives it."""
        leaf = self.leaves[index]
        return Entry(
            index=index,
            kind=leaf[1],
            time_us=int.from_bytes(leaf[2:10], "big"),
            leaf=leaf,
            salt=self.salts[index],
            record=self.records[index],
        )

    def accept(self, bodies: Sequence[bytes], *, backfill: bool = False) -> AppendUsageResponse:
        """Log a batch and answer for it."""
        first = self.append(bodies, backfill=backfill)
        receipt = self.batch_receipt(first, len(bodies))
        return AppendUsageResponse(accepted=len(bodies), first_index=first, receipts=[receipt])

    def prove_inclusion(self, index: int, size: int) -> list[bytes]:
        """An inclusion proof."""
        return prove_inclusion(index, size, self.read)

    def prove_consistency(self, old_size: int, new_size: int) -> list[bytes]:
        """A consistency proof."""
        return prove_consistency(old_size, new_size, self.read)

    def read(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree."""
        if level == 0:
            return self.hashes[index]
        return node_hash(self.read(level - 1, 2 * index), self.read(level - 1, 2 * index + 1))

    def _seed(self, first: int) -> bytes:
        return first.to_bytes(32, "big")
