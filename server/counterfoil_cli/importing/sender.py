"""Sends rows over one usage stream and hands every answer on; a broken connection is taken up again.

Sending a batch twice is harmless, because the ledger knows each event by its id: what was logged already is answered as
a duplicate. So after a break everything that was not answered is sent again, and no row can get lost.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from counterfoil.limits import EVENT_SIZE_BYTES_MAX
from counterfoil_cli.importing.mapping import EventBuilder
from counterfoil_cli.importing.rows import Row, RowError
from counterfoil_cli.importing.verdicts import Batch
from counterfoil_client import LedgerError
from counterfoil_client.chance import Backoff, new_id
from counterfoil_client.clock import pause

if TYPE_CHECKING:
    from counterfoil_client import LedgerClient
    from counterfoil_client.evidence import UsageResult
    from counterfoil_client.stream import UsageStream

OnAnswer = Callable[[Batch, "UsageResult | None"], None]

_RETRYABLE: Final = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "CANCELLED")
# With the pauses below, an outage of about ten seconds is sat out: a restart of the ledger, not a lost machine.
_ATTEMPTS_MAX: Final = 8
_PAUSE_S, _PAUSE_S_MAX = 0.2, 5.0
# What the frame of an event adds to its body: a tag and a length.
_FRAME_SIZE_BYTES: Final = 8


class Sender:
    """Collects rows into batches and sends them.

    Batches are answered in order, and `on_answer` hears of each one once.
    """

    def __init__(
        self,
        client: "LedgerClient",
        builder: EventBuilder,
        on_answer: OnAnswer,
        *,
        batch_events: int,
        batch_size_bytes: int,
        backfill: bool,
    ) -> None:
        self._client = client
        self._builder = builder
        self._on_answer = on_answer
        self._batch_events = batch_events
        self._batch_size_bytes = batch_size_bytes - EVENT_SIZE_BYTES_MAX
        self._backfill = backfill
        self._batch = Batch()
        self._sent: deque[Batch] = deque()
        self._waiting: deque[Batch] = deque()
        self._stream: UsageStream | None = None
        # A name of its own for each run: two imports of one file at the same time must not share resume points.
        self._stream_id = f"import-{new_id()}"

    def add(self, row: Row) -> None:
        """Take one row; may send a batch and wait for earlier answers.

        Raises:
            LedgerError: the ledger cannot be reached any more, or refuses the stream.
            VerificationError: an answer's receipt did not verify.
        """
        batch = self._batch
        try:
            event_id, body = self._builder.build(row)
        except RowError as error:
            batch.refused.append((row, error))
        else:
            batch.rows.append(row)
            batch.ids.append(event_id)
            batch.bodies.append(body)
            batch.size_bytes += len(body) + _FRAME_SIZE_BYTES
        if (
            len(batch.rows) + len(batch.refused) >= self._batch_events
            or batch.size_bytes >= self._batch_size_bytes
        ):
            self._flush()

    def finish(self) -> None:
        """Send what is left and wait for all answers.

        Raises:
            LedgerError, VerificationError: as in `add`.
        """
        self._flush()
        self._go_on(lambda stream: stream.close())

    def cancel(self) -> None:
        """End the call at once; what was not answered may or may not have been logged."""
        if self._stream is not None:
            self._stream.cancel()
            self._stream = None

    def _flush(self) -> None:
        batch, self._batch = self._batch, Batch()
        if batch.bodies or batch.refused:
            self._waiting.append(batch)
            self._go_on(lambda _stream: None)

    def _go_on(self, last: Callable[["UsageStream"], None]) -> None:
        """Send all that waits and then do the last step; after a broken connection begin again with a new one."""
        backoff = Backoff(_PAUSE_S, _PAUSE_S_MAX)
        attempts = 0
        while True:
            unanswered = len(self._sent) + len(self._waiting)
            try:
                stream = self._open()
                while self._waiting:
                    self._send(stream, self._waiting[0])
                last(stream)
            except LedgerError as error:
                self._break()
                if len(self._sent) + len(self._waiting) < unanswered:
                    attempts = 0
                attempts += 1
                if error.code not in _RETRYABLE and error.retry_after_s is None:
                    raise
                if attempts >= _ATTEMPTS_MAX:
                    raise
                pause(error.retry_after_s or backoff.next_s())
            else:
                return

    def _open(self) -> "UsageStream":
        if self._stream is None:
            self._stream = self._client.open_stream(self._stream_id, on_ack=self._acknowledge)
        return self._stream

    def _send(self, stream: "UsageStream", batch: Batch) -> None:
        """Send one batch, or pass it on when there is nothing in it to send."""
        if batch.bodies:
            stream.send(batch.bodies, backfill=self._backfill)
        self._sent.append(self._waiting.popleft())
        self._pass_on()

    def _acknowledge(self, _sequence: int, result: "UsageResult") -> None:
        self._on_answer(self._sent.popleft(), result)
        self._pass_on()

    def _pass_on(self) -> None:
        """Report batches without events, which nobody answers, when it is their turn."""
        while self._sent and not self._sent[0].bodies:
            self._on_answer(self._sent.popleft(), None)

    def _break(self) -> None:
        """The connection is gone: what was sent and not answered waits again, in order."""
        self.cancel()
        while self._sent:
            self._waiting.appendleft(self._sent.pop())
