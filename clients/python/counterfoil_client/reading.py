"""Reading the log in order: pages and the live tail, every entry verified before it is given out."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import grpc
from google.protobuf.message import Message

from counterfoil.errors import VerificationError
from counterfoil.note import Checkpoint
from counterfoil.v1.log_service_pb2 import (
    Entry,
    GetInclusionProofRequest,
    GetInclusionProofResponse,
    ListEntriesRequest,
    ListEntriesResponse,
    TailEntriesRequest,
    TailEntriesResponse,
)
from counterfoil_client import clock
from counterfoil_client.chance import Backoff
from counterfoil_client.entries import check_entries
from counterfoil_client.errors import LedgerError, ledger_error
from counterfoil_client.transport import Transport, parse_message

LOG_SERVICE: Final = "/counterfoil.v1.LogService/"

# How a call ends when the connection or the server goes away, as opposed to a refusal.
_LOST: Final = ("UNAVAILABLE", "CANCELLED", "ABORTED", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED")
_PAUSE_S: Final = 0.1
_PAUSE_S_MAX: Final = 5.0


class Checkpoints(Protocol):
    """Where a reader has its trusted trees from."""

    def covering(self, size: int) -> Checkpoint:
        """A trusted checkpoint of at least this size."""
        ...

    def check(self, note: bytes) -> Checkpoint:
        """The checkpoint in a note, verified and consistent with all before it."""
        ...


def list_entries(
    transport: Transport, checkpoints: Checkpoints, start: int, kind: int, page_size: int
) -> Iterator[Entry]:
    """All entries from ``start`` to the end of the log as it is now; see ``LedgerClient.entries``."""
    request = ListEntriesRequest(start_index=start, kind=kind, page_size=page_size)
    expected = start
    while True:
        page = transport.unary(LOG_SERVICE + "ListEntries", request, ListEntriesResponse)
        entries = list(page.entries)
        if entries:
            _check_order(entries, expected, kind)
            expected = entries[-1].index + 1
            check_entries(entries, checkpoints.covering(expected), prover(transport))
        yield from entries
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def pages(
    transport: Transport, path: str, request: Any, answer: type[Message], items: str
) -> Iterator[Any]:
    """The items of a list, page after page, as the ledger tells them; ``items`` is what its answers call them.

    Raises:
        LedgerError: a call failed.
    """
    while True:
        page: Any = transport.unary(path, request, answer)
        yield from getattr(page, items)
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def tail_entries(
    transport: Transport, checkpoints: Checkpoints, start: int, kind: int, stop_at_end: bool
) -> Iterator[Entry]:
    """Entries as they are logged, across lost connections; see ``LedgerClient.tail``."""
    # Asked first, so that a wrong address fails at once instead of being tried for ever.
    checkpoints.covering(1)
    backoff = Backoff(_PAUSE_S, _PAUSE_S_MAX)
    expected = start
    while True:
        request = TailEntriesRequest(start_index=expected, kind=kind, stop_at_end=stop_at_end)
        call = transport.stream(LOG_SERVICE + "TailEntries", request)
        try:
            for answer in call:
                message = parse_message(answer, TailEntriesResponse)
                entries = _check_message(transport, checkpoints, message, expected, kind)
                backoff.reset()
                expected = message.next_index
                yield from entries
            if stop_at_end:
                return
        except (grpc.RpcError, LedgerError) as error:
            failed = error if isinstance(error, LedgerError) else ledger_error(error)
            if failed.code not in _LOST:
                raise failed from error
        finally:
            call.cancel()
        clock.pause(backoff.next_s())


def prover(transport: Transport) -> Any:
    """What asks the log for inclusion proofs."""

    def prove(indexes: Sequence[int], size: int) -> list[list[bytes]]:
        requests = [GetInclusionProofRequest(index=index, tree_size=size) for index in indexes]
        path = LOG_SERVICE + "GetInclusionProof"
        answers = transport.unary_many(path, requests, GetInclusionProofResponse)
        return [list(answer.proof) for answer in answers]

    return prove


def _check_message(
    transport: Transport,
    checkpoints: Checkpoints,
    message: TailEntriesResponse,
    expected: int,
    kind: int,
) -> list[Entry]:
    checkpoint = checkpoints.check(message.checkpoint) if message.checkpoint else None
    entries = list(message.entries)
    if entries:
        _check_order(entries, expected, kind)
        last = entries[-1].index
        if message.next_index <= last or (not kind and message.next_index != last + 1):
            raise VerificationError(f"the tail goes on at {message.next_index} after entry {last}")
        if checkpoint is None or checkpoint.size <= last:
            raise VerificationError(f"the tail has no checkpoint that covers entry {last}")
        check_entries(entries, checkpoint, prover(transport))
    elif message.next_index < expected or (not kind and message.next_index != expected):
        raise VerificationError(f"the tail goes on at {message.next_index} instead of {expected}")
    return entries


def _check_order(entries: Sequence[Entry], expected: int, kind: int) -> None:
    """Raise unless the entries begin where they should, without gaps when nothing was filtered out."""
    if kind:
        if entries[0].index < expected or any(entry.kind != kind for entry in entries):
            raise VerificationError(f"entries from {expected} on of kind {kind} were asked for")
    elif [entry.index for entry in entries] != list(range(expected, expected + len(entries))):
        raise VerificationError(f"the entries from {expected} on have a gap")
