"""Many batches over one call, each answered by a receipt that is verified before anybody hears of it.

    send ──► request bytes ──► gRPC ──► ledger
                                          │ acknowledgement
    results() / on_ack ◄── check ◄── queue ◄── reader thread

The reader thread only moves bytes. Everything else happens in the thread that calls ``send``, ``wait`` or ``results``,
so that a stream needs no locks and belongs to one thread at a time.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import grpc
from google.protobuf.message import DecodeError

from counterfoil.errors import VerificationError
from counterfoil.packed import Packed
from counterfoil.v1.usage_service_pb2 import (
    AppendUsageResponse,
    StreamHello,
    StreamUsageRequest,
    StreamUsageResponse,
)
from counterfoil_client.errors import LedgerError, ledger_error
from counterfoil_client.evidence import UsageResult
from counterfoil_client.requests import format_stream_batch
from counterfoil_client.transport import Transport

_PATH: Final = "/counterfoil.v1.UsageService/StreamUsage"

OnAck = Callable[[int, UsageResult], None]
"""on_ack(sequence, result), called in the order of the sequences."""

CheckUsage = Callable[[AppendUsageResponse, Sequence[bytes], bool], UsageResult]
"""check(response, bodies, backfill) -> the verified result."""


class Batch(NamedTuple):
    """A batch that was sent and is not answered yet."""

    sequence: int
    bodies: Packed
    backfill: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """An acknowledgement that did not verify: what was sent, and the ledger's answer as it came. Keep it."""

    batch: Batch
    answer: bytes


class UsageStream:
    """One StreamUsage call. Made by ``LedgerClient.open_stream``; a context manager.

    Leaving the block without an exception waits until every batch is answered. A stream belongs to one thread.

    Attributes:
        last_sequence: the highest sequence that the ledger had durably when the stream was opened, and then the highest
            one that was sent.
        window_batches: how many batches may be unanswered at a time.
        timeout_s: how long the stream itself waits for an answer.
        refusal: the evidence, when an acknowledgement did not verify.
    """

    def __init__(
        self,
        transport: Transport,
        hello: StreamHello,
        *,
        origin: str,
        environment: str,
        check: CheckUsage,
        on_ack: OnAck | None = None,
    ) -> None:
        """Open the stream and hear where to go on.

        Raises:
            LedgerError: the ledger could not be reached, or refuses the stream.
            VerificationError: it is another log than the one that is trusted.
        """
        self.refusal: Refusal | None = None
        self._check = check
        self._on_ack = on_ack
        self.timeout_s = transport.timeout_s
        self._pending: deque[Batch] = deque()
        self._ready: deque[tuple[int, UsageResult]] = deque()
        self._ended: Exception | None = None
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[bytes | LedgerError] = queue.SimpleQueue()
        self._requests.put(StreamUsageRequest(hello=hello).SerializeToString())
        self._call: Any = transport.duplex(_PATH, iter(self._requests.get, None))
        self._reader = threading.Thread(
            target=_read, args=(self._call, self._answers), name="counterfoil-stream", daemon=True
        )
        self._reader.start()
        try:
            resume = _parse(self._next_answer(self.timeout_s)).resume
        except (LedgerError, queue.Empty) as error:
            self.cancel()
            if isinstance(error, LedgerError):
                raise
            raise _late(self.timeout_s) from None
        if (resume.origin, resume.environment) != (origin, environment):
            self.cancel()
            raise VerificationError(
                f"the stream goes to {resume.origin} ({resume.environment}), "
                f"not to {origin} ({environment})"
            )
        self.last_sequence = resume.last_sequence
        self.window_batches = max(1, resume.window_batches)

    def __enter__(self) -> Self:
        """The stream itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for all answers and close; after an exception, just end the call."""
        if kind is None:
            self.close()
        else:
            self.cancel()

    @property
    def unanswered(self) -> int:
        """How many batches were sent and not answered yet."""
        return len(self._pending)

    def send(self, events: Sequence[bytes], *, backfill: bool = False) -> int:
        """Send one batch; waits while the window is full.

        Args:
            events: the bytes of one UsageEvent each; they go into the log exactly as they are.
            backfill: let in events older than the log's time window; their records are marked.

        Returns:
            The sequence of this batch.

        Raises:
            LedgerError: the stream has ended, or no answer came in time.
            VerificationError: an acknowledgement did not verify.
        """
        while self._take(0.0):
            pass
        while len(self._pending) >= self.window_batches:
            self._take(self.timeout_s, late=True)
        batch = Batch(self.last_sequence + 1, Packed.of(events), backfill)
        self._requests.put(format_stream_batch(batch.sequence, batch.bodies, backfill=backfill))
        self._pending.append(batch)
        self.last_sequence = batch.sequence
        return batch.sequence

    def wait(self, timeout_s: float) -> bool:
        """Take one acknowledgement if one comes in time; whether one did.

        Raises:
            LedgerError: the stream has ended.
            VerificationError: the acknowledgement did not verify.
        """
        return self._take(timeout_s)

    def drain(self) -> None:
        """Wait until every batch is answered.

        Raises:
            LedgerError: the stream has ended, or no answer came in time.
            VerificationError: an acknowledgement did not verify.
        """
        while self._pending:
            self._take(self.timeout_s, late=True)

    def results(self) -> Iterator[tuple[int, UsageResult]]:
        """The acknowledgements not yet given out, in order, until every batch that was sent is answered.

        Without ``on_ack`` they are kept until they are read here. With it there is nothing to read.

        Raises:
            LedgerError: the stream has ended, or no answer came in time.
            VerificationError: an acknowledgement did not verify.
        """
        while self._ready or self._pending:
            if not self._ready:
                self._take(self.timeout_s, late=True)
            while self._ready:
                yield self._ready.popleft()

    def close(self) -> None:
        """Wait until every batch is answered, then end the call.

        Raises:
            LedgerError: the stream has ended, or no answer came in time.
            VerificationError: an acknowledgement did not verify.
        """
        try:
            if self._ended is None:
                self.drain()
                self._requests.put(None)
                self._reader.join(self.timeout_s)
        finally:
            self.cancel()

    def cancel(self) -> None:
        """End the call at once. What was not answered may or may not have been logged."""
        self._requests.put(None)
        self._call.cancel()
        self._reader.join(self.timeout_s)
        if self._ended is None:
            self._ended = LedgerError("the stream was closed", code=grpc.StatusCode.CANCELLED.name)

    def _take(self, timeout_s: float, *, late: bool = False) -> bool:
        """Take one acknowledgement; with ``late`` it is an error that none comes in time."""
        try:
            answer = self._next_answer(timeout_s)
        except queue.Empty:
            if not late:
                return False
            self._ended = _late(timeout_s)
            raise self._ended from None
        ack = _parse(answer).ack
        if not self._pending or ack.sequence != self._pending[0].sequence:
            self._ended = LedgerError(
                f"batch {ack.sequence} was acknowledged out of order",
                code=grpc.StatusCode.INTERNAL.name,
            )
            raise self._ended
        batch = self._pending[0]
        try:
            result = self._check(ack.result, batch.bodies, batch.backfill)
        except VerificationError as error:
            self._ended = error
            self.refusal = Refusal(batch, answer)
            raise
        self._pending.popleft()
        if self._on_ack is None:
            self._ready.append((batch.sequence, result))
        else:
            self._on_ack(batch.sequence, result)
        return True

    def _next_answer(self, timeout_s: float) -> bytes:
        if self._ended is not None:
            raise self._ended
        answer = self._answers.get(timeout=timeout_s) if timeout_s else self._answers.get_nowait()
        if isinstance(answer, bytes):
            return answer
        self._ended = answer
        raise answer


def _late(timeout_s: float) -> LedgerError:
    code = grpc.StatusCode.DEADLINE_EXCEEDED.name
    return LedgerError(f"no answer from the ledger within {timeout_s} s", code=code)


def _read(call: Any, answers: "queue.SimpleQueue[bytes | LedgerError]") -> None:
    """Move answers from the call to the queue; the last thing in the queue says how the call ended."""
    try:
        for answer in call:
            answers.put(answer)
    except grpc.RpcError as error:
        answers.put(ledger_error(error))
    else:
        ended = "the ledger ended the stream"
        answers.put(LedgerError(ended, code=grpc.StatusCode.UNAVAILABLE.name))


def _parse(answer: bytes) -> StreamUsageResponse:
    try:
        return StreamUsageResponse.FromString(answer)
    except DecodeError as error:
        raise LedgerError(
            "the ledger's answer is not a StreamUsageResponse", code=grpc.StatusCode.INTERNAL.name
        ) from error
