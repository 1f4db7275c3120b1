"""What becomes of an answer: receipts and refusals are kept, counted and told to the host's callbacks."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from counterfoil.receipt import VerifiedReceipt
from counterfoil.record.problem import OUTSIDE_WINDOW
from counterfoil.v1.record_pb2 import UsageEvent
from counterfoil.v1.usage_service_pb2 import OUTCOME_CONFLICT, OUTCOME_DUPLICATE, EventResult
from counterfoil_client.archive import Archive, RejectedEvent
from counterfoil_client.errors import LedgerError
from counterfoil_client.evidence import UsageResult
from counterfoil_client.stream import Refusal

_log = logging.getLogger("counterfoil_client")
_log.addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Whom the background thread tells. Called in that thread; what they raise is reported, and stops nothing."""

    on_receipt: Callable[[VerifiedReceipt], object] | None
    on_rejected: Callable[[RejectedEvent], object] | None
    on_error: Callable[[Exception], object] | None


@dataclass
class Counts:
    """What became of events since the reporter was started."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    receipts: int = 0


class Keeper:
    """Keeps what the ledger answered; belongs to the background thread.

    Attributes:
        counts: what became of events.
        last_error: the newest trouble, whether it passed or not.
    """

    def __init__(self, archive: Archive, callbacks: Callbacks) -> None:
        self.archive = archive
        self.counts = Counts()
        self.last_error: Exception | None = None
        self._callbacks = callbacks

    def keep(self, bodies: Sequence[bytes], result: UsageResult, *, again: bool) -> list[bytes]:
        """Keep the receipts and refusals of one batch.

        Args:
            bodies: the events of the batch.
            again: give back events that were refused as too old, instead of taking that for the last word.

        Raises:
            OSError: a file could not be written.
        """
        for data, verified in zip(result.kept_receipts(), result.receipts, strict=True):
            self.archive.keep_receipt(data, verified)
            self._call(self._callbacks.on_receipt, verified)
        too_old, rejected = [], []
        for each in result.results:
            body = bodies[each.position]
            if each.outcome == OUTCOME_DUPLICATE:
                continue
            if again and each.reason == OUTSIDE_WINDOW:
                too_old.append(body)
            else:
                rejected.append(_rejected(each, body))
        self._reject(rejected)
        self.counts.accepted += result.accepted
        self.counts.duplicates += result.duplicates
        self.counts.receipts += len(result.receipts)
        return too_old

    def reject(self, body: bytes, error: LedgerError) -> None:
        """Put aside an event for which the ledger refused the whole batch.

        Raises:
            OSError: the file could not be written.
        """
        self._reject([_rejected(EventResult(reason=error.reason, message=str(error)), body)])

    def keep_evidence(self, refusal: Refusal | None, error: Exception, position: int) -> None:
        """Keep what shows that the ledger misbehaved; a file that cannot be written is told and nothing more."""
        try:
            self.archive.keep_refusal(refusal, error, position)
        except OSError as problem:
            self.tell(problem)

    def tell(self, error: Exception) -> None:
        """Let the host know about trouble."""
        self.last_error = error
        _log.warning("usage reporter: %s: %s", type(error).__name__, error)
        if self._callbacks.on_error is not None:
            try:
                self._callbacks.on_error(error)
            except Exception:  # noqa: BLE001 - told to the log; there is nobody else left
                _log.exception("usage reporter: on_error failed")

    def _reject(self, events: Sequence[RejectedEvent]) -> None:
        if events:
            self.archive.keep_rejected(events)
            self.counts.rejected += len(events)
            for event in events:
                self._call(self._callbacks.on_rejected, event)

    def _call(self, callback: Callable[[Any], object] | None, argument: Any) -> None:
        if callback is not None:
            try:
                callback(argument)
            except Exception as error:  # noqa: BLE001 - the host's code must not stop the delivery of its events
                self.tell(error)


def _rejected(result: EventResult, body: bytes) -> RejectedEvent:
    return RejectedEvent(
        event_id=UsageEvent.FromString(body).event_id,
        outcome="CONFLICT" if result.outcome == OUTCOME_CONFLICT else "REJECTED",
        reason=result.reason,
        field=result.field,
        message=result.message,
        original_index=result.original_index,
        event=body,
    )
