"""What a client knows of its log after the first question, and the checks that need it."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from google.protobuf.message import Message

from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.limits import KEY_CHANGES_MAX, PAGE_SIZE_MAX
from counterfoil.note import NO_QUORUM, Checkpoint, Policy
from counterfoil.receipt import VerifiedReceipt, learn_keys, verify_receipt
from counterfoil.record.ids import parse_id
from counterfoil.v1.log_service_pb2 import (
    GetCheckpointRequest,
    GetCheckpointResponse,
    GetConsistencyProofRequest,
    GetConsistencyProofResponse,
    GetEntryRequest,
    GetEntryResponse,
    GetLogInfoRequest,
    GetLogInfoResponse,
    GetReceiptRequest,
    GetReceiptResponse,
)
from counterfoil.v1.usage_service_pb2 import AppendUsageResponse
from counterfoil_client.entries import check_entries
from counterfoil_client.errors import LedgerError
from counterfoil_client.evidence import UsageResult, Writer, check_usage, check_write
from counterfoil_client.reading import LOG_SERVICE, prover
from counterfoil_client.transport import Transport
from counterfoil_client.trust import CheckpointMemory

_ENVIRONMENTS: Final = {"live": 1, "sandbox": 2}
# A change of keys that the log names and does not show to us. Other codes mean that it could not be asked.
_NOT_SHOWN: Final = ("NOT_FOUND", "PERMISSION_DENIED")

T = TypeVar("T")


@dataclass(frozen=True)
class Log:
    """The log that answers.

    Attributes:
        policy: whom the client trusts, witnesses included, and the keys that the log has changed to. environment_name: ``live`` or ``sandbox``.
        writer: who writes here, under a policy without quorum: witnesses sign later than the log.
        memory: the newest checkpoint.
    """

    policy: Policy
    environment_name: str
    writer: Writer
    memory: CheckpointMemory


class Session:
    """The log behind a connection: asked who it is once, and remembered. May be used from many threads."""

    def __init__(self, transport: Transport, trust: Policy | None, submitter: str) -> None:
        self.transport = transport
        self._trust = trust
        self._submitter = submitter
        self._lock = threading.Lock()
        self._log: Log | None = None

    @property
    def policy(self) -> Policy | None:
        """Whom the client trusts, with the keys that the log has changed to; None when nobody said and nobody was asked."""
        return self._trust if self._log is None else self._log.policy

    @property
    def log(self) -> Log:
        """The log that answers.

        Raises:
            LedgerError: it could not be asked.
            VerificationError: it is not one that is trusted.
        """
        if self._log is None:
            with self._lock:
                if self._log is None:
                    self._log = self._meet()
        return self._log

    def attempt(self, check: Callable[[Log], T]) -> T:
        """What a check of something that the log signed gives; after asking for changes of its key, if that is unknown.

        Raises:
            Whatever the check raises.
        """
        log = self.log
        try:
            return check(log)
        except UnverifiableError:
            if not self._learn(log):
                raise
        return check(self.log)

    def info(self) -> GetLogInfoResponse:
        """What the log says of itself; unsigned.

        Raises:
            LedgerError: the call failed.
        """
        path = LOG_SERVICE + "GetLogInfo"
        return self.transport.unary(path, GetLogInfoRequest(), GetLogInfoResponse)

    def checkpoint(self) -> Checkpoint:
        """The newest checkpoint; see ``LedgerClient.checkpoint``."""
        return self.attempt(lambda log: self._read_checkpoint(log.memory))

    def covering(self, size: int) -> Checkpoint:
        """A checkpoint of at least this size: the newest one known here, or else the newest one there is.

        Raises:
            VerificationError: the log is smaller than that, or its checkpoint is bad.
            LedgerError: the call failed.
        """
        newest = self.log.memory.newest
        if newest is None or newest.size < size:
            newest = self.checkpoint()
        if newest.size < size:
            raise VerificationError(f"the signed tree has {newest.size} entries, not {size}")
        return newest

    def check(self, note: bytes) -> Checkpoint:
        """The checkpoint in a signed note, held to the same tests as that of :meth:`checkpoint`."""
        return self.attempt(lambda log: log.memory.check(note))

    def check_usage(
        self, answer: AppendUsageResponse, bodies: Sequence[bytes], backfill: bool
    ) -> UsageResult:
        """The verified answer to a batch of usage events.

        Raises:
            VerificationError: a receipt is not good for these events.
            LedgerError: records had to be fetched for that, and the call failed.
        """
        result = self.attempt(
            lambda log: check_usage(
                log.writer, answer, bodies, backfill=backfill, fetch_records=self._fetch_records
            )
        )
        for verified in result.receipts:
            self.log.memory.see(verified)
        return result

    def check_written(
        self, receipt: bytes, kind: int, message: type[Message], request_id: str, body: bytes
    ) -> VerifiedReceipt:
        """Verify the receipt of one record against what was sent; see :func:`check_write`.

        Raises:
            VerificationError: it is not good for this record.
        """
        verified = self.attempt(
            lambda log: check_write(log.writer, receipt, kind, message, request_id, body)
        )
        self.log.memory.see(verified)
        return verified

    def check_receipt(self, asked: str, answer: GetReceiptResponse, form: str) -> None:
        """Verify that an answer is a receipt of this form, by this log, for the entry that was asked for.

        Raises:
            VerificationError: it is not.
        """
        verified = self.attempt(lambda log: verify_receipt(answer.receipt, log.writer.policy))
        log = self.log
        if verified.form != form or verified.origin != log.writer.origin:
            raise VerificationError(f"the answer is a {verified.form} of {verified.origin}")
        _check_asked(asked, answer.index, verified)
        log.memory.see(verified)

    def _meet(self) -> Log:
        info = self.info()
        policy = Policy.trust(info.vkey) if self._trust is None else self._trust
        if info.origin not in [log.name for log in policy.logs]:
            raise VerificationError(
                f"the log calls itself {info.origin}, which is not trusted here"
            )
        if info.environment not in _ENVIRONMENTS:
            raise VerificationError(f"the log's environment {info.environment!r} is unknown")
        # The key that is trusted may be one that was retired, or the newest one while receipts are older.
        online = self._follow(replace(policy, quorum=NO_QUORUM), info)
        policy = replace(online, quorum=policy.quorum)
        environment = _ENVIRONMENTS[info.environment]
        writer = Writer(online, info.origin, environment, self._submitter)
        memory = CheckpointMemory(online, info.origin, self._prove_consistency)
        # Before anything is written here the log has to show the key that is trusted, not only the name.
        self._read_checkpoint(memory)
        return Log(policy, info.environment, writer, memory)

    def _follow(self, policy: Policy, info: GetLogInfoResponse) -> Policy:
        """A policy with the keys that lead from the trusted ones, by changes that the log shows and we verify."""
        path = LOG_SERVICE + "GetReceipt"
        if len(info.keys) > KEY_CHANGES_MAX + 1:
            raise VerificationError(f"the log names {len(info.keys)} keys, more than one can have")
        receipts = []
        for key in info.keys[1:]:
            request = GetReceiptRequest(id=str(key.first_size - 1))
            try:
                receipts.append(self.transport.unary(path, request, GetReceiptResponse).receipt)
            except LedgerError as error:
                # A key without a change to prove it is one that nobody has to believe.
                if error.code not in _NOT_SHOWN:
                    raise
        return learn_keys(policy, receipts)[0]

    def _learn(self, log: Log) -> bool:
        """Ask the log for changes of its key since; whether there is something new."""
        with self._lock:
            if self._log is not log:
                return True
            policy = self._follow(log.writer.policy, self.info())
            if policy == log.writer.policy:
                return False
            log.memory.trust(policy)
            writer = replace(log.writer, policy=policy)
            policy = replace(policy, quorum=log.policy.quorum)
            self._log = replace(log, policy=policy, writer=writer)
        return True

    def _read_checkpoint(self, memory: CheckpointMemory) -> Checkpoint:
        path = LOG_SERVICE + "GetCheckpoint"
        answer = self.transport.unary(path, GetCheckpointRequest(), GetCheckpointResponse)
        return memory.check(answer.checkpoint)

    def _prove_consistency(self, old_size: int, new_size: int) -> list[bytes]:
        request = GetConsistencyProofRequest(old_size=old_size, new_size=new_size)
        path = LOG_SERVICE + "GetConsistencyProof"
        return list(self.transport.unary(path, request, GetConsistencyProofResponse).proof)

    def _fetch_records(self, first_index: int, count: int) -> list[bytes]:
        """Records of the caller's own, one call each: who submits them may not list the log."""
        path, end = LOG_SERVICE + "GetEntry", first_index + count
        records: list[bytes] = []
        for begin in range(first_index, end, PAGE_SIZE_MAX):
            indexes = range(begin, min(end, begin + PAGE_SIZE_MAX))
            requests = [GetEntryRequest(index=index) for index in indexes]
            answers = self.transport.unary_many(path, requests, GetEntryResponse)
            entries = [answer.entry for answer in answers]
            if [entry.index for entry in entries] != list(indexes):
                raise VerificationError(
                    "the ledger answered with other entries than were asked for"
                )
            check_entries(entries, self.covering(indexes.stop), prover(self.transport))
            records += [entry.record for entry in entries]
        return records


def _check_asked(asked: str, index: int, verified: VerifiedReceipt) -> None:
    """Raise unless the receipt covers the entry that was asked for, by index or by id."""
    named = parse_id(asked)
    number = named.index if named is not None else int(asked) if asked.isdecimal() else index
    place = index - verified.first_index
    if number != index or not 0 <= place < verified.count:
        raise VerificationError(f"the receipt for {asked} is that of entry {verified.first_index}")
    if named is not None and verified.leaf_hashes[place][:4].hex() != named.tag:
        raise VerificationError(f"entry {index} is not {asked}")
