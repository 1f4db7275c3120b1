"""The judge of the fault tests: what clients wrote down against what the ledger shows. The server is not asked for its opinion.

Three things are counted, and all must be 0:

    lost        an entry that a receipt vouches for is not in the log, or is another one
    duplicates  an event that is in the log twice
    invalid     a receipt, an entry or a checkpoint that does not verify, or a history that contradicts an earlier one
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

import grpc

from counterfoil.entry import parse_record, record_prefix
from counterfoil.errors import VerificationError
from counterfoil.note import Checkpoint, Policy
from counterfoil.receipt import verify_receipt
from counterfoil.tlog import verify_consistency
from counterfoil.v1.log_service_pb2 import GetConsistencyProofRequest
from counterfoil.v1.log_service_pb2_grpc import LogServiceStub
from counterfoil.v1.record_pb2 import UsageEvent
from counterfoil.v1.usage_service_pb2 import AppendUsageResponse
from counterfoil_client import LedgerClient, LedgerError
from counterfoil_client.evidence import UsageResult, Writer, check_usage

from .journal import Acknowledged

_LIVE = 1
_PATIENCE_S = 300.0
# A server under load may refuse a connection; so often it is tried.
_ATTEMPTS = 3
HOST = "host"
"""The submitter whose events come through a spool."""


@dataclass
class Judge:
    """Remembers everything that was acknowledged in one log.

    Attributes:
        acknowledged: events for which there is a receipt. resent: how many of them were answered as duplicates.
        receipts: how many receipts were verified. entries: how many entries were read.
        lost, duplicates, invalid: the counts that must be 0; ``faults`` says what they were.
    """

    vkey: str
    origin: str
    host: str = HOST
    acknowledged: int = 0
    resent: int = 0
    receipts: int = 0
    entries: int = 0
    lost: int = 0
    duplicates: int = 0
    invalid: int = 0
    faults: list[str] = field(default_factory=list)
    _claims: dict[int, bytes] = field(default_factory=dict)
    _claimed_end: int = 0
    _seen: set[bytes] = field(default_factory=set)
    _logged: list[bytes] = field(default_factory=list)
    _last: Checkpoint | None = None
    _hosted: Counter[str] = field(default_factory=Counter)
    _proven: set[str] = field(default_factory=set)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong so far."""
        return self.lost == self.duplicates == self.invalid == 0

    def again(self) -> Judge:
        """A judge who knows nothing yet, for another look at everything."""
        return Judge(self.vkey, self.origin, self.host)

    def take(self, acknowledgements: Iterable[Acknowledged]) -> None:
        """Verify receipts against what was sent, and remember what they promise."""
        for each in acknowledgements:
            try:
                result = self._check(each)
            except VerificationError as error:
                self._fault("invalid", f"answer to {each.batch}: {error}")
                continue
            self.acknowledged += result.accepted + result.duplicates
            self.resent += result.duplicates
            self.receipts += len(result.receipts)
            if result.accepted + result.duplicates != each.batch.count:
                self._fault("invalid", f"{each.batch} was refused in part")
            for verified in result.receipts:
                for index, record in enumerate(verified.records, verified.first_index):
                    self._claim(index, record)

    def _check(self, each: Acknowledged) -> UsageResult:
        writer = Writer(Policy.trust(self.vkey), self.origin, _LIVE, each.batch.submitter)
        answer = AppendUsageResponse.FromString(each.answer)
        bodies = each.batch.bodies()
        return check_usage(writer, answer, bodies, backfill=False, fetch_records=_refuse)

    def take_receipts(self, spool: Path) -> None:
        """Verify all receipts that a spool has kept."""
        for path in sorted(spool.rglob("*.receipt")):
            self.take_receipt(path.read_bytes())

    def take_receipt(self, data: bytes) -> None:
        """Verify a receipt that was kept with its records."""
        try:
            verified = verify_receipt(data, self.vkey)
        except VerificationError as error:
            self._fault("invalid", f"kept receipt: {error}")
            return
        self.receipts += 1
        for index, record in enumerate(verified.records, verified.first_index):
            self._claim(index, record)
            self._proven.add(UsageEvent.FromString(parse_record(record).body).event_id)

    def look(self, address: str) -> None:
        """Read what is new in the log, each entry verified against a checkpoint, and compare.

        Everything that was taken must be in the log by now. The connection is a new one: an old one would wait, after
        it failed, before it looks for the server again. One that breaks, as when the machine was suspended, is followed
        by another.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._look(address)
                return
            except (LedgerError, grpc.RpcError):
                if attempt == _ATTEMPTS:
                    raise

    def _look(self, address: str) -> None:
        with LedgerClient(address, trust=self.vkey, timeout_s=_PATIENCE_S) as client:
            try:
                newest = client.checkpoint()
                self._compare(address, newest)
                if newest.size < self._claimed_end:
                    told = f"the log ends at {newest.size}, a receipt vouches for more"
                    self._fault("lost", told)
                known = len(self._logged)
                fresh = islice(client.entries(start=known), max(0, newest.size - known))
                self.see((entry.index, entry.record) for entry in fresh)
            except VerificationError as error:
                self._fault("invalid", f"the log contradicts itself: {error}")

    def _compare(self, address: str, newest: Checkpoint) -> None:
        """The tree that was seen last time must be the beginning of the present one."""
        if self._last is not None:
            old = self._last
            with grpc.insecure_channel(address) as channel:
                request = GetConsistencyProofRequest(old_size=old.size, new_size=newest.size)
                answer: Any = LogServiceStub(channel).GetConsistencyProof(request)
            proof = list(answer.proof)
            verify_consistency(old.size, newest.size, old.root_hash, newest.root_hash, proof)
        self._last = newest

    def see(self, entries: Iterable[tuple[int, bytes]]) -> None:
        """Compare entries (index, record) with what was promised, and with each other.

        A client of these tests sends an event again in the same bytes, so that logged twice it is the same record twice.
        """
        prefix = record_prefix(self.host, _LIVE)
        for index, record in entries:
            if index != len(self._logged):
                self._fault("invalid", f"entry {index} came in the place of {len(self._logged)}")
            self.entries += 1
            digest = _digest(record)
            self._logged.append(digest)
            if self._claims.pop(index, digest) != digest:
                self._fault("lost", f"entry {index} is not the one that the receipt vouches for")
            if digest in self._seen:
                self._fault("duplicates", f"entry {index} repeats an earlier one")
            self._seen.add(digest)
            if record.startswith(prefix):
                body = parse_record(record).body
                self._hosted[UsageEvent.FromString(body).event_id] += 1

    def expect_hosted(self, names: Iterable[str]) -> None:
        """Events that the host's spool had taken must be in the log, one time each."""
        for name in names:
            self.acknowledged += 1
            if not self._hosted[name]:
                self._fault("lost", f"event {name} was taken by the spool and is not logged")
        repeated = [name for name, count in self._hosted.items() if count > 1]
        if repeated:
            self._fault("duplicates", f"{repeated[0]} and {len(repeated) - 1} others of the host")

    def expect_proven(self, names: Iterable[str]) -> None:
        """The kept receipts must cover every event that the host's spool had taken."""
        for name in names:
            if name not in self._proven:
                self._fault("lost", f"no kept receipt covers event {name}")

    def _claim(self, index: int, record: bytes) -> None:
        digest = _digest(record)
        if index < len(self._logged):
            if self._logged[index] != digest:
                self._fault("lost", f"entry {index} is not the one that the receipt vouches for")
        elif self._claims.setdefault(index, digest) != digest:
            self._fault("invalid", f"two receipts disagree on entry {index}")
        self._claimed_end = max(self._claimed_end, index + 1)

    def _fault(self, kind: str, told: str) -> None:
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.faults) < 20:
            self.faults.append(f"{kind}: {told}")


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


def _refuse(first_index: int, count: int) -> list[bytes]:
    raise VerificationError(f"entries {first_index} to {first_index + count} have other bytes")
