"""The services of a running ledger as a test calls them: plain stubs, raw bytes, and what a refusal says."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from counterfoil.entry import frame_records, record_prefix
from counterfoil.keys import Signer
from counterfoil.receipt import VerifiedReceipt, verify_batch
from counterfoil.v1 import (
    access_service_pb2,
    log_service_pb2,
    log_service_pb2_grpc,
    payout_service_pb2,
    payout_service_pb2_grpc,
    record_pb2,
    registry_service_pb2,
    training_service_pb2,
    training_service_pb2_grpc,
    usage_service_pb2,
    usage_service_pb2_grpc,
)
from counterfoil.wire import element_bytes

from ..support.ledger_process import LedgerProcess

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
LIVE = record_pb2.ENVIRONMENT_LIVE
HASH = "sha256:" + "ab" * 32
# No call takes this long; one that hangs fails instead of holding up the run.
PATIENCE_S = 60.0
MODULES = (
    *(log_service_pb2, training_service_pb2, usage_service_pb2, payout_service_pb2),
    *(registry_service_pb2, access_service_pb2),
)
SERVICES = tuple(
    service for module in MODULES for service in module.DESCRIPTOR.services_by_name.values()
)

APPEND_USAGE = "/counterfoil.v1.UsageService/AppendUsage"
# The key of a log that nobody here serves.
OTHER_KEY = Signer.from_seed("other.example/ledger", bytes(32)).verifier.vkey
Bodies = Sequence[Message | bytes]

_numbers = itertools.count()


def now_us() -> int:
    """The present, microseconds since 1970."""
    return time.time_ns() // 1000


def fresh(word: str = "id") -> str:
    """An identifier that no other test of this process uses; readable in a failure."""
    return f"{word}-{now_us()}-{next(_numbers)}"


def event(event_id: str | None = None, **fields: Any) -> record_pb2.UsageEvent:
    """An acceptable usage event; keywords replace its fields."""
    given: dict[str, Any] = {
        "event_id": fresh("event") if event_id is None else event_id,
        "event_time_us": now_us(),
        "model_id": "model_xyz",
        "input_tokens": 120,
        "output_tokens": 34,
    }
    return record_pb2.UsageEvent(**(given | fields))


def training(**fields: Any) -> record_pb2.ProofOfTraining:
    """An acceptable proof of training; keywords replace its fields."""
    given: dict[str, Any] = {
        "dataset_id": "ds_1",
        "creator_id": "creator_42",
        "model_id": "model_xyz",
        "artifact_hash": HASH,
    }
    return record_pb2.ProofOfTraining(**(given | fields))


def payout(**fields: Any) -> record_pb2.Payout:
    """An acceptable payout; keywords replace its fields."""
    given: dict[str, Any] = {
        "creator_id": "creator_42",
        "period": "2026-01",
        "amount": "12.50",
        "currency": "EUR",
        "status": record_pb2.PAYOUT_STATUS_PAID,
    }
    return record_pb2.Payout(**(given | fields))


def exact(body: Message | bytes) -> bytes:
    """The bytes that stand for a body here: always the same ones, even when it has a map."""
    return body if isinstance(body, bytes) else body.SerializeToString(deterministic=True)


def frame_append(bodies: Bodies, submitter: str = "host_1", **fields: Any) -> bytes:
    """An AppendUsageRequest whose events are these very bytes."""
    head = usage_service_pb2.AppendUsageRequest(submitter=submitter, **fields)
    return head.SerializeToString() + frame_events(bodies)


def frame_events(bodies: Bodies) -> bytes:
    """Field 15 of AppendUsageRequest and StreamBatch."""
    return b"".join(element_bytes(15, exact(body)) for body in bodies)


@dataclass(frozen=True)
class Fault:
    """What a refusal says: status code, ErrorInfo, the one field violation, RetryInfo."""

    code: grpc.StatusCode
    message: str
    reason: str
    domain: str
    metadata: Mapping[str, str]
    field: str
    field_reason: str
    retry_after_s: float | None


def fault_of(error: Any) -> Fault:
    """Take a failed call apart."""
    info, bad, retry = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
    )
    status = rpc_status.from_call(error)
    retry_after_s = None
    for detail in status.details if status is not None else ():
        if detail.Unpack(retry):
            retry_after_s = retry.retry_delay.ToMilliseconds() / 1000
        elif not detail.Unpack(info):
            detail.Unpack(bad)
    violations = bad.field_violations
    return Fault(
        code=error.code(),
        message=error.details() or "",
        reason=info.reason,
        domain=info.domain,
        metadata=dict(info.metadata),
        field=violations[0].field if violations else "",
        field_reason=violations[0].reason if violations else "",
        retry_after_s=retry_after_s,
    )


def refused(call: Callable[[], Any]) -> Fault:
    """Make a call that must fail, and say how it did."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return fault_of(caught.value)


def expect_invalid(call: Callable[[], Any], field: str, reason: str) -> Fault:
    """Make a call that must be refused for one field of the request."""
    fault = refused(call)
    assert fault.code is grpc.StatusCode.INVALID_ARGUMENT, fault
    assert (fault.field, fault.reason, fault.domain) == (field, reason, "counterfoil"), fault
    assert fault.field_reason == reason, fault
    assert fault.message, fault
    return fault


class Edge:
    """One connection to a ledger. Attributes ``log``, ``training``, ``usage`` and ``payout`` are the services' stubs.

    Every call gets a deadline, and answers may have any size.
    """

    def __init__(self, ledger: LedgerProcess) -> None:
        self.ledger = ledger
        self.vkey = ledger.vkey
        self.channel: Any = grpc.insecure_channel(
            ledger.address,
            options=[
                ("grpc.max_receive_message_length", -1),
                ("grpc.use_local_subchannel_pool", 1),
            ],
        )
        self.log = log_service_pb2_grpc.LogServiceStub(self.channel)
        self.training = training_service_pb2_grpc.TrainingServiceStub(self.channel)
        self.usage = usage_service_pb2_grpc.UsageServiceStub(self.channel)
        self.payout = payout_service_pb2_grpc.PayoutServiceStub(self.channel)

    def close(self) -> None:
        """End the connection."""
        self.channel.close()

    def raw(self, path: str, data: bytes, **options: Any) -> bytes:
        """One unary call with these very bytes."""
        call = self.channel.unary_unary(path)
        answer: bytes = call(data, timeout=PATIENCE_S, **options)
        return answer

    def info(self) -> Any:
        """What GetLogInfo says."""
        return self.log.GetLogInfo(log_service_pb2.GetLogInfoRequest(), timeout=PATIENCE_S)

    def size(self) -> int:
        """How many entries the log has."""
        return int(self.info().size)

    def append(self, bodies: Bodies, submitter: str = "host_1", **fields: Any) -> Any:
        """AppendUsage."""
        data = self.raw(APPEND_USAGE, frame_append(bodies, submitter, **fields))
        return usage_service_pb2.AppendUsageResponse.FromString(data)

    def train(
        self,
        body: record_pb2.ProofOfTraining | None = None,
        submitter: str = "host_1",
        request_id: str = "",
    ) -> Any:
        """RecordTraining; without a body one that is in no log yet."""
        request = training_service_pb2.RecordTrainingRequest(
            submitter=submitter,
            request_id=request_id,
            training=training(notes=fresh("note")) if body is None else body,
        )
        return self.training.RecordTraining(request, timeout=PATIENCE_S)

    def pay(
        self,
        body: record_pb2.Payout | None = None,
        submitter: str = "bank_1",
        request_id: str = "",
    ) -> Any:
        """RecordPayout; without a body one that is in no log yet."""
        request = payout_service_pb2.RecordPayoutRequest(
            submitter=submitter,
            request_id=request_id,
            payout=payout(tx_ref=fresh("tx")) if body is None else body,
        )
        return self.payout.RecordPayout(request, timeout=PATIENCE_S)

    def entry(self, index: int) -> Any:
        """GetEntry."""
        request = log_service_pb2.GetEntryRequest(index=index)
        return self.log.GetEntry(request, timeout=PATIENCE_S).entry

    def find_event(self, event_id: str, submitter: str = "host_1") -> Any:
        """GetUsageEvent."""
        request = usage_service_pb2.GetUsageEventRequest(submitter=submitter, event_id=event_id)
        return self.usage.GetUsageEvent(request, timeout=PATIENCE_S)

    def entries(self, start: int = 0) -> list[Any]:
        """Every entry from an index on, by TailEntries to the present end."""
        request = log_service_pb2.TailEntriesRequest(start_index=start, stop_at_end=True)
        messages = self.log.TailEntries(request, timeout=PATIENCE_S)
        return [entry for message in messages for entry in message.entries]

    def checkpoint(self) -> bytes:
        """The newest signed note."""
        request = log_service_pb2.GetCheckpointRequest()
        return bytes(self.log.GetCheckpoint(request, timeout=PATIENCE_S).checkpoint)


@contextmanager
def connected(ledger: LedgerProcess) -> Iterator[Edge]:
    """A connection that is closed at the end."""
    edge = Edge(ledger)
    try:
        yield edge
    finally:
        edge.close()


def records_of(
    bodies: Bodies,
    submitter: str = "host_1",
    request_id: str = "",
    *,
    backfill: bool = False,
) -> Sequence[bytes]:
    """The exact Records that a submitter's bodies must have become."""
    prefix = record_prefix(submitter, LIVE, request_id, backfill)
    return frame_records(prefix, [exact(body) for body in bodies])


def verify_accepted(
    edge: Edge,
    response: Any,
    bodies: Bodies,
    submitter: str = "host_1",
    *,
    backfill: bool = False,
) -> VerifiedReceipt:
    """Verify the batch receipt of what was accepted against what was sent."""
    records = records_of(bodies, submitter, backfill=backfill)
    verified = verify_batch(response.receipts[0], edge.vkey, records)
    assert response.accepted == verified.count == len(bodies)
    assert response.first_index == verified.first_index
    assert verified.kind == 3
    return verified
