"""A client of one ledger: it writes, reads and proves, and verifies every answer before it is returned."""

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Final, Self, TypeVar

import grpc
from google.protobuf.message import Message

from counterfoil.entry import KIND_PAYOUT, KIND_TRAINING
from counterfoil.errors import VerificationError
from counterfoil.limits import PAGE_SIZE_MAX
from counterfoil.note import Checkpoint, Policy
from counterfoil.v1.log_service_pb2 import (
    RECEIPT_FORMAT_BATCH,
    RECEIPT_FORMAT_BINARY,
    RECEIPT_FORMAT_JSON,
    RECEIPT_FORMAT_JWT,
    RECEIPT_FORMAT_TLOG_PROOF,
    Entry,
    GetEntryRequest,
    GetEntryResponse,
    GetLogInfoResponse,
    GetReceiptRequest,
    GetReceiptResponse,
    ReceiptFormat,
)
from counterfoil.v1.payout_service_pb2 import (
    ListPayoutsRequest,
    ListPayoutsResponse,
    RecordedPayout,
    RecordPayoutResponse,
)
from counterfoil.v1.record_pb2 import Payout, ProofOfTraining, UsageEvent
from counterfoil.v1.training_service_pb2 import (
    ListTrainingsRequest,
    ListTrainingsResponse,
    RecordTrainingResponse,
    Training,
)
from counterfoil.v1.usage_service_pb2 import (
    AppendUsageResponse,
    GetUsageEventRequest,
    GetUsageEventResponse,
    StreamHello,
)
from counterfoil_client.access import Access
from counterfoil_client.chance import new_id
from counterfoil_client.entries import check_entries
from counterfoil_client.evidence import UsageResult
from counterfoil_client.reading import LOG_SERVICE, list_entries, pages, prover, tail_entries
from counterfoil_client.registry import Registry
from counterfoil_client.requests import event_bodies, format_append_usage, format_write
from counterfoil_client.session import Session
from counterfoil_client.stream import OnAck, UsageStream
from counterfoil_client.tls import Tls
from counterfoil_client.transport import Transport
from counterfoil_client.trust import parse_trust

_TRAINING_SERVICE: Final = "/counterfoil.v1.TrainingService/"
_PAYOUT_SERVICE: Final = "/counterfoil.v1.PayoutService/"
_USAGE_SERVICE: Final = "/counterfoil.v1.UsageService/"

# What is asked for, and the form that verification then has to find.
_FORMATS: Final[dict[str, tuple[ReceiptFormat, str]]] = {
    "binary": (RECEIPT_FORMAT_BINARY, "receipt"),
    "tlog-proof": (RECEIPT_FORMAT_TLOG_PROOF, "tlog-proof"),
    "jwt": (RECEIPT_FORMAT_JWT, "jwt"),
    "json": (RECEIPT_FORMAT_JSON, "json"),
    "batch": (RECEIPT_FORMAT_BATCH, "batch-receipt"),
}
RECEIPT_FORMATS: Final = tuple(_FORMATS)
"""The forms that ``LedgerClient.receipt`` can ask for."""
Written = TypeVar("Written", RecordTrainingResponse, RecordPayoutResponse)


class LedgerClient:
    """A client of one ledger; may be used from many threads, and as a context manager.

    Nothing is dialled before the first question. Every write is checked against records that the client rebuilds from
    what it sent; entries are checked against signed checkpoints; checkpoints against each other.

    A policy's witnesses are not asked for here: they sign some time after the log does, so that a fresh receipt cannot
    have their signatures yet. Their quorum is checked by ``verify_receipt`` with the same policy, offline and later.

    Args:
        target: what gRPC dials, such as ``"127.0.0.1:7070"``, or ``"https://ledger.example.com:7070"`` for TLS.
        trust: a policy, its text, or the log's verifier key; None believes the key that the log shows first. Changes of
            the log's key are followed from there, and held to their cut-offs.
        submitter: who writes. timeout_s: how long to wait for an answer, in seconds.
        api_key: who calls, by API key or access token; None takes the environment's COUNTERFOIL_API_KEY, "" none at all.
        tls, credentials: see Tls, or gRPC's own; None is the environment's for ``https://``, and plain text otherwise.
    """

    def __init__(
        self,
        target: str,
        *,
        trust: Policy | str | None = None,
        submitter: str = "local",
        timeout_s: float = 30.0,
        credentials: grpc.ChannelCredentials | None = None,
        api_key: str | None = None,
        tls: Tls | None = None,
    ) -> None:
        """Make a client; see the class.

        Raises:
            VerificationError: ``trust`` is text, and neither a verifier key nor a policy.
            ValueError, OSError: ``api_key``, ``target`` or ``tls`` make no sense, or a file of it cannot be read.
        """
        self.submitter = submitter
        self._trust = parse_trust(trust) if isinstance(trust, str) else trust
        self._transport = Transport(
            target, timeout_s=timeout_s, credentials=credentials, api_key=api_key, tls=tls
        )
        self._session = Session(self._transport, self._trust, submitter)

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection; calls that are under way end."""
        self._transport.close()

    @property
    def registry(self) -> Registry:
        """Creators, assets, licences and prices."""
        return Registry(self._session)

    @property
    def trusted_on_first_use(self) -> bool:
        """Whether the key is only the one that the log itself showed."""
        return self._trust is None

    @property
    def policy(self) -> Policy:
        """Whom this client trusts. Asks the log for its key the first time when ``trust`` was None."""
        return self._session.policy or self._session.log.policy

    @property
    def origin(self) -> str:
        """The log's name."""
        return self._session.log.writer.origin

    @property
    def vkey(self) -> str:
        """The log's verifier key, as it is trusted here."""
        return next(log.vkey for log in self.policy.logs if log.name == self.origin)

    @property
    def environment(self) -> int:
        """1 live, 2 sandbox: what every record that is written here says."""
        return self._session.log.writer.environment

    @property
    def access(self) -> Access:
        """Principals, keys and the audit trail."""
        return Access(self._transport)

    def log_info(self) -> GetLogInfoResponse:
        """What the log says of itself; unsigned.

        Raises:
            LedgerError: the call failed.
        """
        return self._session.info()

    def checkpoint(self) -> Checkpoint:
        """The newest checkpoint, verified, and proven consistent with the newest one that this client saw before.

        Raises:
            VerificationError: bad or unknown signature.
            ForkDetected: it and an earlier one are not one history; the error holds both.
            LedgerError: the call failed.
        """
        return self._session.checkpoint()

    def record_training(
        self, training: ProofOfTraining | bytes, request_id: str | None = None
    ) -> RecordTrainingResponse:
        """Record a proof of training. The receipt is verified before this returns.

        Args:
            training: the message, or its bytes as the parties signed them.
            request_id: the name of this write, the same in each try; None makes a new one.

        Raises:
            LedgerError: the call failed or was refused.
            VerificationError: the receipt is not good for this record.
        """
        path = _TRAINING_SERVICE + "RecordTraining"
        return self._write(
            path, KIND_TRAINING, ProofOfTraining, training, request_id, RecordTrainingResponse
        )

    def record_payout(
        self, payout: Payout | bytes, request_id: str | None = None
    ) -> RecordPayoutResponse:
        """Record a payout. The receipt is verified before this returns.

        Args:
            payout: the message, or its bytes.
            request_id: the name of this write, the same in each try; None makes a new one.

        Raises:
            LedgerError: the call failed or was refused.
            VerificationError: the receipt is not good for this record.
        """
        path = _PAYOUT_SERVICE + "RecordPayout"
        return self._write(path, KIND_PAYOUT, Payout, payout, request_id, RecordPayoutResponse)

    def append_usage(
        self,
        events: Sequence[UsageEvent | bytes],
        *,
        backfill: bool = False,
        atomic: bool = False,
        request_id: str = "",
    ) -> UsageResult:
        """Report one batch of usage events. The receipts are verified before this returns.

        Args:
            events: messages, or the bytes of one each, which go into the log exactly as they are.
            backfill: let in events older than the log's time window; their records are marked.
            atomic: one refused event refuses the batch.
            request_id: echoed in errors and logs.

        Raises:
            LedgerError: the call failed, or the whole batch was refused.
            VerificationError: a receipt is not good for these events.
        """
        writer = self._session.log.writer
        bodies = event_bodies(events)
        request = format_append_usage(
            writer.submitter, bodies, backfill=backfill, atomic=atomic, request_id=request_id
        )
        path = _USAGE_SERVICE + "AppendUsage"
        answer = self._transport.unary(path, request, AppendUsageResponse)
        return self._session.check_usage(answer, bodies, backfill)

    def open_stream(self, stream_id: str, on_ack: OnAck | None = None) -> UsageStream:
        """Open a stream for many batches.

        Args:
            stream_id: the producer's own name for the stream; the ledger remembers how far it came.
            on_ack: called with each verified answer; without it they are read from ``results()``.

        Raises:
            LedgerError: the ledger could not be reached, or refuses the stream.
            VerificationError: it is another log than the one that is trusted.
        """
        log = self._session.log
        return UsageStream(
            self._transport,
            StreamHello(submitter=self.submitter, stream_id=stream_id),
            origin=log.writer.origin,
            environment=log.environment_name,
            check=self._session.check_usage,
            on_ack=on_ack,
        )

    def get_entry(self, index: int) -> Entry:
        """One entry, verified against a checkpoint.

        Raises:
            LedgerError: there is no such entry, or the call failed.
            VerificationError: the entry is not what the log signed.
        """
        request = GetEntryRequest(index=index)
        path = LOG_SERVICE + "GetEntry"
        entry = self._transport.unary(path, request, GetEntryResponse).entry
        if entry.index != index:
            raise VerificationError(
                f"entry {index} was asked for, the answer is entry {entry.index}"
            )
        check_entries([entry], self._session.covering(index + 1), prover(self._transport))
        return entry

    def entries(
        self, start: int = 0, kind: int = 0, page_size: int = PAGE_SIZE_MAX
    ) -> Iterator[Entry]:
        """The entries from an index on, in order, page after page; each verified against a checkpoint.

        Without ``kind`` a gap is an error. With it, entries of other kinds are left out by the log, which could leave
        out more: completeness is seen only by reading everything.

        Raises:
            LedgerError: a call failed.
            VerificationError: an entry is not what the log signed, or one is missing.
        """
        return list_entries(self._transport, self._session, start, kind, page_size)

    def tail(self, start: int = 0, kind: int = 0, stop_at_end: bool = False) -> Iterator[Entry]:
        """The entries from an index on, and then each new one as it is logged; each verified against a checkpoint.

        A lost connection is taken up again where it broke, however long that takes. Only when the ledger cannot be
        reached in the first place is there an error. As with ``entries``, a gap is an error unless ``kind`` is given.

        Raises:
            LedgerError: the ledger cannot be reached at the start, or refuses.
            VerificationError: an entry is not what the log signed, one is missing, or the log has forked.
        """
        return tail_entries(self._transport, self._session, start, kind, stop_at_end)

    def trainings(
        self,
        *,
        creator_id: str = "",
        model_id: str = "",
        dataset_id: str = "",
        page_size: int = PAGE_SIZE_MAX,
    ) -> Iterator[Training]:
        """Proofs of training, newest last; filters combine. As the ledger tells it: ``receipt(id)`` has the evidence.

        Raises:
            LedgerError: a call failed.
        """
        request = ListTrainingsRequest(
            creator_id=creator_id, model_id=model_id, dataset_id=dataset_id, page_size=page_size
        )
        path = _TRAINING_SERVICE + "ListTrainings"
        return pages(self._transport, path, request, ListTrainingsResponse, "trainings")

    def payouts(
        self, *, creator_id: str = "", period: str = "", page_size: int = PAGE_SIZE_MAX
    ) -> Iterator[RecordedPayout]:
        """Payouts, newest last; filters combine. As the ledger tells it: ``receipt(id)`` has the evidence.

        Raises:
            LedgerError: a call failed.
        """
        request = ListPayoutsRequest(creator_id=creator_id, period=period, page_size=page_size)
        path = _PAYOUT_SERVICE + "ListPayouts"
        return pages(self._transport, path, request, ListPayoutsResponse, "payouts")

    def usage_event(self, event_id: str, submitter: str | None = None) -> GetUsageEventResponse:
        """One event by its identity, (submitter, event_id). As the ledger tells it: ``get_entry`` has the evidence.

        Raises:
            LedgerError: there is no such event, or the call failed.
        """
        request = GetUsageEventRequest(
            submitter=self.submitter if submitter is None else submitter, event_id=event_id
        )
        path = _USAGE_SERVICE + "GetUsageEvent"
        return self._transport.unary(path, request, GetUsageEventResponse)

    def receipt(self, id: str, format: str = "binary") -> bytes:  # noqa: A002
        """A receipt, verified before this returns.

        Args:
            id: an index, or an id such as ``"pt_42_9f8e7d6c"``.
            format: one of RECEIPT_FORMATS.

        Raises:
            LedgerError: there is no such entry, or the call failed.
            VerificationError: the receipt is bad, or for another entry.
            ValueError: no such format.
        """
        if format not in _FORMATS:
            raise ValueError(f"format {format!r} is not one of {', '.join(RECEIPT_FORMATS)}")
        number, form = _FORMATS[format]
        request = GetReceiptRequest(id=id, format=number)
        answer = self._transport.unary(LOG_SERVICE + "GetReceipt", request, GetReceiptResponse)
        self._session.check_receipt(id, answer, form)
        return answer.receipt

    def _write(
        self,
        path: str,
        kind: int,
        message: type[Message],
        body: Message | bytes,
        request_id: str | None,
        answer_type: type[Written],
    ) -> Written:
        request_id = new_id() if request_id is None else request_id
        raw = body if isinstance(body, bytes) else body.SerializeToString(deterministic=True)
        request = format_write(self.submitter, request_id, raw)
        answer = self._transport.unary(path, request, answer_type)
        verified = self._session.check_written(answer.receipt, kind, message, request_id, raw)
        if (answer.index, answer.time_us) != (verified.index, verified.time_us):
            raise VerificationError("the answer names another index or time than its receipt")
        return answer
