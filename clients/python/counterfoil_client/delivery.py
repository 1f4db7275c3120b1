"""The reporter's background thread: spool, stream, verified receipts, archive, cursor.

One thread does everything in turns, so that nothing here needs a lock but what other threads tell it. Positions in the
spool are all that it has to remember:

    begin <= settled <= sent <= end
      |        |         |       what was reported
      |        |         what was given to the stream
      |        answered: the receipt is kept, or the refusal recorded
      the cursor on the disk: answered, and the receipts are on the disk as well

After a lost connection or a restart it goes on from what is settled. Events that the ledger has already are answered
with the receipts of their originals, so that sending twice is safe and nothing needs to know how far the ledger came.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from counterfoil.errors import VerificationError
from counterfoil_client import clock
from counterfoil_client.chance import Backoff
from counterfoil_client.client import LedgerClient
from counterfoil_client.errors import LedgerError, ReporterClosed, SpoolDamaged
from counterfoil_client.evidence import UsageResult
from counterfoil_client.flushes import Flushes
from counterfoil_client.keeping import Keeper
from counterfoil_client.spool import Spool
from counterfoil_client.stream import UsageStream

# How long to look for an answer before looking whether another batch is full.
_LOOK_S: Final = 0.01
# How long to rest when nothing is due; whatever becomes due wakes the thread.
_REST_S: Final = 60.0
_PAUSE_S: Final = 0.2
_PAUSE_S_MAX: Final = 30.0
# A batch's request is larger than its events, by tags and lengths.
_EVENTS_SHARE: Final = 0.9


@dataclass(frozen=True, slots=True)
class Settings:
    """How a reporter delivers; ``UsageReporter`` says what each of them means."""

    stream_id: str
    batch_events: int
    batch_age_s: float
    memory_events_max: int
    group_fsync: bool
    backfill_late: bool
    seed: int | None


@dataclass
class _Stretch:
    """A stretch of the spool that ends at ``end``, and how many answers it still waits for."""

    end: int
    waits_for: int


@dataclass(frozen=True, slots=True)
class _Sent:
    """A batch on its way. ``late``: its events were refused as too old before, and are sent as backfill now."""

    stretch: _Stretch
    bodies: list[bytes]
    late: bool
    sent_s: float


class Delivery:
    """The background thread. Other threads call ``start``, ``appended``, ``flush`` and ``stop``, and read attributes.

    Attributes:
        halted: what stopped the delivery for good: evidence against the ledger, or a fault in here.
    """

    def __init__(
        self,
        spool: Spool,
        keeper: Keeper,
        connect: Callable[[], LedgerClient],
        settings: Settings,
    ) -> None:
        self.halted: Exception | None = None
        self._spool = spool
        self._keeper = keeper
        self._connect = connect
        self._settings = settings
        self._flushes = Flushes()
        # What other threads tell, under this condition.
        self._changed = threading.Condition()
        self._stop_at_s: float | None = None
        self._unsent = 0
        self._oldest_s = 0.0
        # What belongs to the background thread.
        self._client: LedgerClient | None = None
        self._stream: UsageStream | None = None
        self._backoff = Backoff(_PAUSE_S, _PAUSE_S_MAX, settings.seed)
        self._retry_at_s = 0.0
        self._sync_at_s = 0.0
        self._events_max = self._events_limit = settings.batch_events
        self._batch_size_bytes = 0
        self._searching = False
        self._damages_told = 0
        self._spool_error: OSError | None = None
        self._settled = self._sent = spool.begin
        # Events before this position have waited long enough.
        self._hurry_until = spool.end
        self._on_way: deque[_Sent] = deque()
        self._late: deque[tuple[_Stretch, list[bytes]]] = deque()
        self._stretches: deque[_Stretch] = deque()
        self._thread = threading.Thread(target=self._run, name="counterfoil-reporter", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether a stream to the ledger is open."""
        return self._stream is not None

    @property
    def settled(self) -> int:
        """Everything in the spool before this position is answered."""
        return self._settled

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def appended(self, count: int) -> None:
        """Events were added to the spool."""
        with self._changed:
            first = not self._unsent
            self._unsent += count
            if first:
                self._oldest_s = clock.monotonic_s()
            if first or self._unsent >= self._events_limit:
                self._changed.notify()

    def flush(self, timeout_s: float | None) -> Future[None]:
        """Done when everything that is in the spool now is settled, and the receipts are on the disk."""
        deadline_s = None if timeout_s is None else clock.monotonic_s() + timeout_s
        future = self._flushes.add(self._spool.end, deadline_s)
        with self._changed:
            self._changed.notify()
        return future

    def stop(self, timeout_s: float) -> None:
        """Deliver what is left for so long, then end the thread; what is left after that stays in the spool."""
        with self._changed:
            self._stop_at_s = clock.monotonic_s() + timeout_s
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        self._tell_damages()
        try:
            while self._turn():
                pass
        except Exception as error:  # noqa: BLE001 - nobody else would see what ends this thread
            self._halt(error)
        self._disconnect()
        if self._client is not None:
            self._client.close()
        try:
            self._sync(clock.monotonic_s())
        except OSError as error:
            self._keeper.tell(error)
        self._flushes.answer(self._settled, clock.monotonic_s(), "closed")
        told = "closed before everything was settled; the rest stays in the spool"
        self._flushes.close(self.halted or ReporterClosed(told))

    def _turn(self) -> bool:
        """One step; whether there is another one."""
        now_s = clock.monotonic_s()
        stop_at_s = self._stop_at_s
        try:
            if now_s >= self._sync_at_s or self._flushes.any_ready(self._settled):
                self._sync(now_s)
            if self._flushes:
                trouble = f"the last error is: {self._keeper.last_error}"
                self._flushes.answer(self._settled, now_s, trouble)
            done = self._settled >= self._spool.end or self.halted is not None
            if stop_at_s is not None and (done or now_s >= stop_at_s):
                return False
            if self.halted is not None or now_s < self._retry_at_s:
                self._rest(now_s)
            elif len(self._on_way) < self._window() and self._due(now_s):
                self._send(now_s)
            elif self._on_way:
                self._look(now_s)
            else:
                self._rest(now_s)
        except VerificationError as error:
            self._halt(error)
        except LedgerError as error:
            if error.code == "INVALID_ARGUMENT" and self._on_way:
                self._search(error)
            else:
                self._lose(error, error.retry_after_s or 0.0)
        except OSError as error:
            self._lose(error, 0.0)
        return True

    def _due(self, now_s: float) -> bool:
        if self._late:
            return True
        if self._sent >= self._spool.end:
            return False
        return (
            self._stop_at_s is not None
            or self._sent < self._hurry_until
            or self._unsent >= self._events_limit
            or now_s >= self._oldest_s + self._settings.batch_age_s
            or bool(self._flushes)
        )

    def _window(self) -> int:
        """How many batches may be on their way: as many as ledger and memory allow, or one while a bad one is sought."""
        if self._stream is None or self._searching:
            return 1
        allowed = self._settings.memory_events_max // self._events_max
        return max(1, min(self._stream.window_batches, allowed))

    def _send(self, now_s: float) -> None:
        stream = self._open()
        if self._late:
            stretch, bodies = self._late[0]
            stream.send(bodies, backfill=True)
            self._late.popleft()
            self._on_way.append(_Sent(stretch, bodies, True, now_s))
            return
        bodies, end = self._spool.read(self._sent, self._events_limit, self._batch_size_bytes)
        self._tell_damages()
        stretch = _Stretch(end, waits_for=1 if bodies else 0)
        if bodies:
            stream.send(bodies)
            self._on_way.append(_Sent(stretch, bodies, False, now_s))
        self._stretches.append(stretch)
        self._sent = end
        with self._changed:
            self._unsent = max(0, self._unsent - len(bodies)) if end < self._spool.end else 0
            self._oldest_s = now_s
        self._advance()

    def _look(self, now_s: float) -> None:
        """Wait a moment for an answer."""
        stream = self._open()
        if not stream.wait(_LOOK_S) and now_s > self._on_way[0].sent_s + stream.timeout_s:
            told = f"no acknowledgement within {stream.timeout_s} s"
            raise LedgerError(told, code="DEADLINE_EXCEEDED")

    def _open(self) -> UsageStream:
        if self._stream is None:
            if self._client is None:
                self._client = self._connect()
            info = self._client.log_info()
            self._events_max = min(self._settings.batch_events, info.batch_events_max)
            self._events_limit = min(self._events_limit, self._events_max)
            self._batch_size_bytes = int(info.batch_size_bytes_max * _EVENTS_SHARE)
            self._stream = self._client.open_stream(self._settings.stream_id, self._acknowledged)
        return self._stream

    def _acknowledged(self, _sequence: int, result: UsageResult) -> None:
        sent = self._on_way[0]
        again = self._settings.backfill_late and not sent.late
        late = self._keeper.keep(sent.bodies, result, again=again)
        self._on_way.popleft()
        if late:
            self._late.append((sent.stretch, late))
        else:
            sent.stretch.waits_for -= 1
            self._advance()
        self._backoff.reset()
        self._events_limit = min(self._events_max, self._events_limit * 2)
        self._searching = self._searching and self._events_limit < self._events_max

    def _advance(self) -> None:
        while self._stretches and not self._stretches[0].waits_for:
            self._settled = self._stretches.popleft().end

    def _sync(self, now_s: float) -> None:
        """Bring events and receipts to the disk, and then move the cursor."""
        self._sync_at_s = now_s + self._settings.batch_age_s
        if self._settings.group_fsync:
            self._sync_spool()
        try:
            self._keeper.archive.sync()
        except OSError:
            # The kernel may have dropped the receipts: they are asked for again, with the events since the cursor.
            self._settled = self._spool.begin
            raise
        # A crash before this line means that events are sent again; a crash after it loses no receipt.
        if self._settled > self._spool.begin:
            self._spool.release(self._settled)

    def _sync_spool(self) -> None:
        """Bring events to the disk. Where that cannot be had any more, they are all the safer with the ledger."""
        try:
            self._spool.sync(self._spool.end)
        except OSError as error:
            # The spool raises the same error for good.
            if error is not self._spool_error:
                self._keeper.tell(error)
            self._spool_error = error

    def _rest(self, now_s: float) -> None:
        """Wait until something is due, or somebody says that something is new."""
        paused = self.halted is not None or now_s < self._retry_at_s
        until = [now_s + _REST_S, *self._flushes.deadlines_s]
        with self._changed:
            if not paused and self._due(now_s):
                return
            if (
                self._spool.unsynced
                or self._keeper.archive.fresh
                or self._settled > self._spool.begin
            ):
                until.append(self._sync_at_s)
            if self._stop_at_s is not None:
                until.append(self._stop_at_s)
            if self.halted is None and paused:
                until.append(self._retry_at_s)
            elif self.halted is None and self._sent < self._spool.end:
                until.append(self._oldest_s + self._settings.batch_age_s)
            self._changed.wait(max(0.0, min(until) - now_s))

    def _lose(self, error: Exception, pause_s_min: float) -> None:
        """The connection is gone, or a file cannot be written: after a pause, begin again with what is not settled."""
        self._disconnect()
        pause_s = max(self._backoff.next_s(), pause_s_min)
        self._retry_at_s = clock.monotonic_s() + pause_s
        self._keeper.tell(error)

    def _search(self, error: LedgerError) -> None:
        """The ledger refuses a whole batch: send ever smaller ones until the bad event stands alone, and put it aside.

        Batches go one by one meanwhile, so that the refused one is the oldest that is not settled.
        """
        refused = self._on_way[0]
        alone = self._searching and self._events_limit == 1
        self._disconnect()
        self._searching = True
        self._events_limit = max(1, min(self._events_limit, len(refused.bodies)) // 2)
        if alone:
            try:
                self._keeper.reject(refused.bodies[0], error)
            except OSError as problem:
                self._lose(problem, 0.0)
                return
            self._settled = self._sent = refused.stretch.end
            self._keeper.tell(error)

    def _halt(self, error: Exception) -> None:
        """Stop for good and keep everything: the spool, and what shows why."""
        refusal = self._stream.refusal if self._stream is not None else None
        self.halted = error
        self._disconnect()
        if isinstance(error, VerificationError):
            self._keeper.keep_evidence(refusal, error, self._settled)
        self._keeper.tell(error)
        self._flushes.close(error)

    def _disconnect(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()
        self._on_way.clear()
        self._late.clear()
        self._stretches.clear()
        self._sent = self._settled
        self._hurry_until = self._spool.end

    def _tell_damages(self) -> None:
        damages = self._spool.damages
        for damage in damages[self._damages_told :]:
            self._keeper.tell(SpoolDamaged(str(damage)))
        self._damages_told = len(damages)
