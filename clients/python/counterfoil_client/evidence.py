"""Checking what the ledger answers to writes, against records that the client builds itself.

The ledger's word is never enough: for every record the client rebuilds the exact bytes from what it sent, and the
receipt has to verify for those bytes. What a write returns has passed here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import DecodeError, Message

from counterfoil.entry import KIND_USAGE, frame_records, parse_record, record_prefix
from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.note import Policy
from counterfoil.receipt import (
    BatchReceipt,
    VerifiedReceipt,
    keep_batch_receipt,
    parse_batch_receipt,
    verify_batch,
    verify_receipt,
)
from counterfoil.v1.record_pb2 import UsageEvent
from counterfoil.v1.usage_service_pb2 import (
    OUTCOME_CONFLICT,
    OUTCOME_DUPLICATE,
    OUTCOME_REJECTED,
    AppendUsageResponse,
    EventResult,
)

FetchRecords = Callable[[int, int], list[bytes]]
"""fetch(first_index, count) -> the bytes of these records as the log has them."""

_OUTCOMES: Final = (OUTCOME_DUPLICATE, OUTCOME_CONFLICT, OUTCOME_REJECTED)


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes where, and whom they trust: all that goes into checking an answer beside the records themselves."""

    policy: Policy
    origin: str
    environment: int
    submitter: str


@dataclass(frozen=True, slots=True)
class UsageResult:
    """What became of one batch of usage events. The receipts are verified.

    Attributes:
        accepted: events logged now, in order, from ``first_index`` on: all that ``results`` does not mention.
        duplicates: events that were logged before with the same content.
        rejected: events that were refused, or logged before with other content.
        results: what became of each event that was not logged now, by position.
        receipts: what the receipts say: that of the accepted events, then those of the duplicates' originals.
    """

    accepted: int
    duplicates: int
    rejected: int
    first_index: int
    results: tuple[EventResult, ...]
    receipts: list[VerifiedReceipt]
    _raw: tuple[bytes, ...] = field(repr=False)

    def kept_receipts(self) -> list[bytes]:
        """The receipts with their records inside: files that anyone can verify offline, for ever."""
        return [
            keep_batch_receipt(raw, verified.records)
            for raw, verified in zip(self._raw, self.receipts, strict=True)
        ]


def check_usage(
    writer: Writer,
    response: AppendUsageResponse,
    bodies: Sequence[bytes],
    *,
    backfill: bool,
    fetch_records: FetchRecords,
) -> UsageResult:
    """Verify the answer to a batch of usage events.

    Args:
        bodies: the exact bytes of the events that were sent.
        fetch_records: asked only when the original of a duplicate was sent in other bytes with the same meaning.

    Raises:
        VerificationError: a receipt does not verify for these events, or the answer contradicts itself.
        LedgerError: records had to be fetched, and that failed.
    """
    results = tuple(response.results)
    accepted, originals = _sort_out(response, results, bodies)
    raw = tuple(response.receipts)
    receipts = []
    proven: set[int] = set()
    if accepted:
        if not raw:
            raise VerificationError("the answer has no receipt for the events that it accepted")
        prefix = record_prefix(writer.submitter, writer.environment, "", backfill)
        verified = verify_batch(raw[0], writer.policy, frame_records(prefix, accepted))
        _check_place(writer, verified, response.first_index, KIND_USAGE)
        receipts.append(verified)
        for index in originals.keys() & _indexes(verified):
            # The same event twice in one batch: the first of them is among those accepted.
            _check_same_event(accepted[index - response.first_index], originals[index])
            proven.add(index)
    for data in raw[len(receipts) :]:
        receipt = parse_batch_receipt(data)
        verified = _check_originals(writer, data, receipt, originals, backfill, fetch_records)
        receipts.append(verified)
        proven.update(_indexes(verified))
    if not proven.issuperset(originals):
        missing = min(originals.keys() - proven)
        raise VerificationError(f"the answer has no receipt for the original at entry {missing}")
    return UsageResult(
        len(accepted),
        response.duplicates,
        response.rejected,
        response.first_index,
        results,
        receipts,
        raw,
    )


def check_write(
    writer: Writer, receipt: bytes, kind: int, message: type[Message], request_id: str, body: bytes
) -> VerifiedReceipt:
    """Verify the receipt of one record against the record that the client builds from what it sent.

    Raises:
        VerificationError: the receipt is bad, or for another record.
        UnverifiableError: the record is a redacted original, so that its content cannot be compared.
    """
    verified = verify_receipt(receipt, writer.policy)
    if verified.form != "receipt":
        raise VerificationError(f"the answer holds a {verified.form} instead of a receipt")
    _check_place(writer, verified, verified.index, kind)
    _check_same(writer, verified.records[0], body, message, request_id)
    return verified


def _sort_out(
    response: AppendUsageResponse, results: Sequence[EventResult], bodies: Sequence[bytes]
) -> tuple[Sequence[bytes], Mapping[int, bytes]]:
    """The bodies that were accepted, and those of duplicates by the index of their original."""
    accepted = bodies
    originals: dict[int, bytes] = {}
    duplicates = 0
    if results:
        positions = [result.position for result in results]
        distinct = set(positions)
        if len(distinct) != len(results) or not 0 <= min(positions) <= max(positions) < len(bodies):
            raise VerificationError(
                "the answer speaks of an event twice, or of one that was not sent"
            )
        accepted = [body for at, body in enumerate(bodies) if at not in distinct]
        for result in results:
            if result.outcome not in _OUTCOMES:
                raise VerificationError(
                    f"the answer gives event {result.position} no known outcome"
                )
            if result.outcome == OUTCOME_DUPLICATE:
                duplicates += 1
                body = bodies[result.position]
                _check_same_event(originals.setdefault(result.original_index, body), body)
    counts = (response.accepted, response.duplicates, response.rejected)
    if counts != (len(accepted), duplicates, len(results) - duplicates):
        raise VerificationError(f"the counts of the answer do not add up to {len(bodies)} events")
    return accepted, originals


def _check_originals(
    writer: Writer,
    data: bytes,
    receipt: BatchReceipt,
    originals: Mapping[int, bytes],
    backfill: bool,
    fetch_records: FetchRecords,
) -> VerifiedReceipt:
    """Verify the receipt of a run of originals: as sent now, else marked the other way, else as the log has them."""
    if receipt.count > len(originals):
        raise VerificationError(f"receipt for {receipt.count} events, of which not all were sent")
    run = range(receipt.first_index, receipt.first_index + receipt.count)
    sent = [originals[index] for index in run if index in originals]
    if len(sent) != len(run):
        raise VerificationError(
            f"receipt from entry {run.start} on covers an event that was not sent"
        )
    for candidate in _candidates(writer, run, sent, backfill, fetch_records):
        try:
            verified = verify_batch(data, writer.policy, candidate)
        except UnverifiableError:
            raise
        except VerificationError as error:
            refused = error
        else:
            _check_place(writer, verified, run.start, KIND_USAGE)
            return verified
    raise refused


def _candidates(
    writer: Writer,
    run: range,
    sent: Sequence[bytes],
    backfill: bool,
    fetch_records: FetchRecords,
) -> Iterator[Sequence[bytes]]:
    for marked in (backfill, not backfill):
        prefix = record_prefix(writer.submitter, writer.environment, "", marked)
        yield frame_records(prefix, sent)
    # The originals came in other bytes that mean the same, such as fields in another order.
    logged = fetch_records(run.start, len(run))
    for record, body in zip(logged, sent, strict=True):
        _check_same(writer, record, body, UsageEvent, "")
    yield logged


def _check_place(writer: Writer, verified: VerifiedReceipt, first_index: int, kind: int) -> None:
    if verified.origin != writer.origin:
        raise VerificationError(f"the receipt is of the log {verified.origin}")
    if verified.first_index != first_index:
        raise VerificationError(
            f"the receipt is for entry {verified.first_index}, the answer says {first_index}"
        )
    if verified.kind != kind:
        raise VerificationError(f"the receipt is for a record of kind {verified.kind}, not {kind}")


def _check_same(
    writer: Writer, record: bytes, sent: bytes, message: type[Message], request_id: str
) -> None:
    """Raise unless the logged record says what was sent: the same bytes, or a body with the same meaning."""
    if not record:
        raise UnverifiableError("the original record was redacted; its content cannot be compared")
    logged = parse_record(record)
    expected = (writer.submitter, writer.environment, request_id)
    if (logged.submitter, logged.environment, logged.request_id) != expected:
        raise VerificationError("the record in the receipt names another submitter or request")
    _check_same_message(logged.body, sent, message)


def _check_same_event(logged: bytes, sent: bytes) -> None:
    _check_same_message(logged, sent, UsageEvent)


def _check_same_message(logged: bytes, sent: bytes, message: type[Message]) -> None:
    if logged == sent:
        return
    try:
        same = message.FromString(logged) == message.FromString(sent)
    except DecodeError as error:
        raise VerificationError(f"the record in the receipt is malformed: {error}") from error
    if not same:
        raise VerificationError("the record in the receipt is not the one that was sent")


def _indexes(verified: VerifiedReceipt) -> range:
    return range(verified.first_index, verified.first_index + verified.count)
