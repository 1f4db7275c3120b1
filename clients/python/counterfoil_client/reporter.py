"""What a model host embeds: events go to a disk spool at once, and to the ledger in the background."""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import grpc

from counterfoil.errors import InvalidInput, VerificationError
from counterfoil.limits import EVENT_SIZE_BYTES_MAX, MIB
from counterfoil.note import Policy
from counterfoil.receipt import VerifiedReceipt
from counterfoil.v1.record_pb2 import UsageEvent
from counterfoil_client import clock
from counterfoil_client.archive import Archive, RejectedEvent
from counterfoil_client.chance import new_id
from counterfoil_client.client import LedgerClient
from counterfoil_client.consumer_key import open_consumer_key
from counterfoil_client.consumers import Consumers
from counterfoil_client.delivery import Delivery, Settings
from counterfoil_client.errors import ReporterClosed
from counterfoil_client.files import replace_file
from counterfoil_client.keeping import Callbacks, Keeper
from counterfoil_client.spool import Damage, Spool
from counterfoil_client.tls import Tls

Durable = Literal["group", "each", "never"]
"""When events reach the disk; see UsageReporter."""

# A day of one event a second at 150 bytes is 13 MB; an outage of hours at a thousand events a second fits.
SPOOL_SIZE_BYTES_MAX: Final = 4096 * MIB
MEMORY_EVENTS_MAX: Final = 10_000
_CLOSE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class ReporterStatus:
    """How a reporter is doing.

    Attributes:
        connected: whether a stream to the ledger is open.
        halted: what stopped the delivery for good; the spool is kept, and events are still taken until it is full.
        last_error: the newest trouble, whether it passed or not.
        spool_size_bytes: what the spool's files hold.
        unsettled_bytes: what of it the ledger has not answered.
        accepted, duplicates, rejected: answers since the reporter was made.
        receipts: receipts kept since then.
        damages: what was found damaged in the spool.
    """

    connected: bool
    halted: Exception | None
    last_error: Exception | None
    spool_size_bytes: int
    unsettled_bytes: int
    accepted: int
    duplicates: int
    rejected: int
    receipts: int
    damages: tuple[Damage, ...]


class UsageReporter:
    """Reports usage without ever making the host wait for the network.

    ::

        with UsageReporter("ledger.example.com:443", Path("/var/spool/usage"), submitter="host-1") as reporter:
            reporter.report(model_id="m1", input_tokens=120, output_tokens=30)

    ``report`` writes the event to a file and returns. A background thread sends batches, verifies each receipt against
    the bytes that were sent, and keeps it with its records under ``spool_dir/receipts``, where ``counterfoil verify`` checks
    it offline. Refused events go to ``spool_dir/rejected.jsonl`` with the reason. After an outage of the ledger, or a
    crash of the host, delivery goes on where it stopped; the ledger knows each event by its id, so that sending one
    twice adds nothing.

    What survives what, by ``durable``:

    - ``"group"``: an event that ``report`` has taken survives a crash of the process at once. The background thread
      brings it to the disk (fsync) about every ``batch_age_s``, later only while it waits for a ledger that does not
      answer. A loss of power can cost what was reported since. ``flush(durable=True)`` brings everything to the disk
      before it returns.
    - ``"each"``: ``report`` returns when the event is on the disk. Threads that report at the same time share an fsync.
    - ``"never"``: the reporter asks for no fsync; the operating system writes when it pleases.

    A receipt that does not verify stops the delivery for good: the spool is kept, the answer goes to
    ``spool_dir/evidence``, and ``status().halted`` and ``on_error`` say so. ``report`` goes on taking events.

    One process at a time may use a folder, and one folder belongs to one log. Make the reporter after forking.

    Args:
        target: what gRPC dials; the ledger need not be there yet.
        spool_dir: the folder of the spool; it is made if it is not there.
        submitter: who reports.
        stream_id: the name of the stream; None makes one and keeps it in the folder.
        trust: as for LedgerClient; None trusts the key that the log shows first, and keeps that key in the folder.
        batch_events: events in one batch at most.
        batch_age_s: how long an event waits for others, in seconds.
        spool_size_bytes_max: what the spool may hold. When it is full, ``report`` raises SpoolFull.
        memory_events_max: events that are on their way at a time; it bounds the memory that the reporter takes.
        durable: when events reach the disk; see above.
        backfill_late: send events again, marked as backfill, when the ledger refuses them as too old, as it may after
            a long outage.
        on_receipt, on_rejected, on_error: called in the background thread.
        timeout_s: how long to wait for the ledger, in seconds.
        seed: makes the pauses between attempts repeatable.
        credentials, tls: as for LedgerClient.
        api_key: who reports; None takes the environment's COUNTERFOIL_API_KEY, "" none at all. A key that the ledger does
            not take is no end: the spool waits, and ``on_error`` and ``status().last_error`` say so.

    Raises:
        StartupError: another process uses the folder.
        VerificationError: ``trust`` is text, and neither a verifier key nor a policy.
        OSError: the folder cannot be used.
    """

    def __init__(
        self,
        target: str,
        spool_dir: Path,
        *,
        submitter: str,
        stream_id: str | None = None,
        trust: Policy | str | None = None,
        batch_events: int = 1000,
        batch_age_s: float = 1.0,
        spool_size_bytes_max: int = SPOOL_SIZE_BYTES_MAX,
        memory_events_max: int = MEMORY_EVENTS_MAX,
        durable: Durable = "group",
        backfill_late: bool = True,
        on_receipt: Callable[[VerifiedReceipt], object] | None = None,
        on_rejected: Callable[[RejectedEvent], object] | None = None,
        on_error: Callable[[Exception], object] | None = None,
        timeout_s: float = 10.0,
        seed: int | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        api_key: str | None = None,
        tls: Tls | None = None,
        consumer_key: str | None = None,
    ) -> None:
        folder = Path(spool_dir)
        key = None if consumer_key is None else open_consumer_key(consumer_key)
        self._process = os.getpid()
        self._closed = False
        self._sync_each = durable == "each"
        self._spool = Spool(folder, size_bytes_max=spool_size_bytes_max)
        try:
            self._archive = Archive(folder)
            settings = Settings(
                stream_id=_stream_id(folder) if stream_id is None else stream_id,
                batch_events=batch_events,
                batch_age_s=batch_age_s,
                memory_events_max=memory_events_max,
                group_fsync=durable != "never",
                backfill_late=backfill_late,
                seed=seed,
            )
            # A key that was trusted on first use is trusted from then on, and no other.
            known = self._archive.read_vkey()
            self._client = LedgerClient(
                target,
                trust=known if trust is None else trust,
                submitter=submitter,
                timeout_s=timeout_s,
                credentials=credentials,
                api_key=api_key,
                tls=tls,
            )
        except BaseException:
            self._spool.close()
            raise
        self._consumers = None if key is None else Consumers(key, self._client.registry)
        self._keeper = Keeper(self._archive, Callbacks(on_receipt, on_rejected, on_error))
        self._delivery = Delivery(self._spool, self._keeper, self._connect, settings)
        self._delivery.start()

    def __enter__(self) -> Self:
        """The reporter itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Deliver what is left for a while, and close."""
        self.close()

    async def __aenter__(self) -> Self:
        """The reporter itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Deliver what is left for a while, and close, without blocking the event loop."""
        await asyncio.to_thread(self.close)

    def report(
        self, event: UsageEvent | None = None, /, *, creator_id: str = "", **fields: Any
    ) -> str:
        """Take one event; never waits for the network, but to learn whose an asset is where there is a consumer key.

        Args:
            event: the event; or give its fields by name. Without an ``event_id`` it gets a new one, without an
                ``event_time_us`` the present time.
            creator_id: whose works are used: what the pseudonym of a plain ``consumer_id`` is made for. Without it the
                registry is asked, once for each ``asset_id``.

        Returns:
            The event's id.

        Raises:
            SpoolFull: there is no room; the event was not taken.
            InvalidInput: no such field, a value of the wrong type, an event that is too large, or a plain consumer and no
                way to know the creator (reason ``CREATOR_UNKNOWN``).
            LedgerError, VerificationError: the registry could not be asked for the creator, or answered for another asset.
            ReporterClosed: the reporter is closed, or belongs to another process.
            OSError: the event could not be written.
        """
        if self._closed or os.getpid() != self._process:
            raise ReporterClosed("the reporter is closed, or was made in another process")
        try:
            made = UsageEvent(**fields)
            if event is not None:
                named, made = made, UsageEvent()
                made.CopyFrom(event)
                made.MergeFrom(named)
        except (TypeError, ValueError) as error:
            raise InvalidInput(str(error), field="event", reason="FIELD_MALFORMED") from error
        made.event_id = made.event_id or new_id()
        made.event_time_us = made.event_time_us or clock.now_us()
        if self._consumers is not None:
            self._consumers.protect(made, creator_id)
        elif creator_id:
            # Who names a creator relies on pseudonyms.
            told = "creator_id is for pseudonyms, and this reporter was made without a consumer_key"
            raise InvalidInput(told, field="creator_id", reason="UNKNOWN_FIELD")
        self._take([made.SerializeToString(deterministic=True)])
        return made.event_id

    def flush(self, timeout_s: float | None = None, *, durable: bool = False) -> Future[None]:
        """A future that is done when everything reported so far is settled.

        Settled means: logged, the receipt verified and on the disk; or refused, and recorded as such.

        Args:
            timeout_s: after so many seconds the future fails with TimeoutError; None waits as long as it takes.
            durable: instead of waiting for the ledger, bring everything reported so far to this machine's disk. This is
                done when the call returns.

        The future fails with VerificationError when the delivery was halted, and with ReporterClosed when the reporter
        was closed before.
        """
        if not durable:
            return self._delivery.flush(timeout_s)
        future: Future[None] = Future()
        try:
            self._spool.sync(self._spool.end)
        except (OSError, ReporterClosed) as error:
            future.set_exception(error)
        else:
            future.set_result(None)
        return future

    async def aflush(self, timeout_s: float | None = None, *, durable: bool = False) -> None:
        """As :meth:`flush`, for asyncio: waits without blocking the event loop, and raises what the future holds."""
        future = (
            await asyncio.to_thread(self.flush, durable=True) if durable else self.flush(timeout_s)
        )
        await asyncio.wrap_future(future)

    def status(self) -> ReporterStatus:
        """How the reporter is doing now."""
        counts = self._keeper.counts
        return ReporterStatus(
            connected=self._delivery.connected,
            halted=self._delivery.halted,
            last_error=self._keeper.last_error,
            spool_size_bytes=self._spool.size_bytes,
            unsettled_bytes=self._spool.end - self._delivery.settled,
            accepted=counts.accepted,
            duplicates=counts.duplicates,
            rejected=counts.rejected,
            receipts=counts.receipts,
            damages=tuple(self._spool.damages),
        )

    def close(self, timeout_s: float = _CLOSE_S) -> None:
        """Take nothing more, deliver what is left for so many seconds, and end.

        What is not settled by then stays in the spool, for the next reporter on this folder.
        """
        if self._closed:
            return
        self._closed = True
        if os.getpid() == self._process:
            self._delivery.stop(timeout_s)
        self._spool.close()

    def _take(self, bodies: Sequence[bytes]) -> None:
        if max(map(len, bodies)) > EVENT_SIZE_BYTES_MAX:
            told = f"an event has at most {EVENT_SIZE_BYTES_MAX} bytes"
            raise InvalidInput(told, field="event", reason="TOO_LARGE")
        end = self._spool.append(bodies)
        self._delivery.appended(len(bodies))
        if self._sync_each:
            self._spool.sync(end)

    def _connect(self) -> LedgerClient:
        """The client, once it is sure that the ledger is the one that this folder belongs to."""
        vkey = self._client.vkey
        known = self._archive.read_vkey()
        if known is None:
            self._archive.keep_vkey(vkey)
        elif known != vkey:
            raise VerificationError(f"this spool belongs to the log {known}, not to {vkey}")
        return self._client


def _stream_id(folder: Path) -> str:
    path = folder / "stream_id"
    if not path.exists():
        replace_file(path, f"{new_id()}\n".encode())
    return path.read_text("ascii").strip()
