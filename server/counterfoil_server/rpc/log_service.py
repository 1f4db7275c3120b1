"""LogService: reads and proofs over the whole log."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final

from google.protobuf.json_format import MessageToDict

from counterfoil.entry import format_leaf
from counterfoil.errors import InvalidInput, PermissionDenied, Stopping
from counterfoil.limits import (
    BATCH_EVENTS_MAX,
    BATCH_SIZE_BYTES_MAX,
    PAGE_SIZE_MAX,
)
from counterfoil.log import Entry
from counterfoil.log.nodes import find_part
from counterfoil.log.read import (
    list_kind,
    read_batch_receipts,
    read_checkpoint,
    read_consistency_proof,
    read_entries,
    read_entry,
    read_inclusion_proof,
    read_receipt,
    resolve_id,
)
from counterfoil.log.state import read_state
from counterfoil.receipt import (
    Receipt,
    format_batch_receipt,
    format_json,
    format_jwt,
    format_receipt,
    format_tlog_proof,
    keep_batch_receipt,
)
from counterfoil.record import KIND_BY_NUMBER
from counterfoil.store import Snapshot
from counterfoil.v1 import log_service_pb2
from counterfoil_server.access.caller import Caller
from counterfoil_server.ledger import Ledger
from counterfoil_server.pages import fitting, page_size
from counterfoil_server.rpc.assemble import Servicer

# Another process may have committed: a tail looks at the store this often when its own process is idle.
_TAIL_POLL_S: Final = 0.1


class LogService(Servicer):
    """Entries, checkpoints, proofs and receipts. Snapshots are short: none is open while a message is on its way."""

    DESCRIPTOR = log_service_pb2.DESCRIPTOR.services_by_name["LogService"]

    def __init__(self, ledger: Ledger) -> None:
        """Serve one ledger."""
        self._ledger = ledger
        self._log = ledger.log

    async def get_log_info(
        self, _request: log_service_pb2.GetLogInfoRequest, _caller: Caller
    ) -> log_service_pb2.GetLogInfoResponse:
        """Origin, key, size, root and the rules for usage."""
        with self._log.store.snapshot() as snapshot:
            state = read_state(snapshot)
        settings = self._ledger.settings
        return log_service_pb2.GetLogInfoResponse(
            origin=self._log.origin,
            vkey=self._log.keys.present.vkey,
            keys=[
                log_service_pb2.LogKey(
                    vkey=key.verifier.vkey,
                    first_size=key.first,
                    last_size=key.last if key.is_retired else 0,
                )
                for key in self._log.keys.keys
            ],
            size=state.size,
            root_hash=state.tree().root(),
            environment=settings.environment,
            window_past_us=settings.window_past_s * 1_000_000,
            window_future_us=settings.window_future_s * 1_000_000,
            batch_events_max=BATCH_EVENTS_MAX,
            batch_size_bytes_max=BATCH_SIZE_BYTES_MAX,
        )

    async def get_checkpoint(
        self, _request: log_service_pb2.GetCheckpointRequest, _caller: Caller
    ) -> log_service_pb2.GetCheckpointResponse:
        """The newest checkpoint."""
        with self._log.store.snapshot() as snapshot:
            _, note = read_checkpoint(snapshot)
        return log_service_pb2.GetCheckpointResponse(checkpoint=note)

    async def get_entry(
        self, request: log_service_pb2.GetEntryRequest, caller: Caller
    ) -> log_service_pb2.GetEntryResponse:
        """One entry by index."""
        with self._log.store.snapshot() as snapshot:
            entry = caller.find(snapshot, lambda: read_entry(snapshot, request.index))
        return log_service_pb2.GetEntryResponse(entry=_convert(entry))

    async def list_entries(
        self, request: log_service_pb2.ListEntriesRequest, _caller: Caller
    ) -> log_service_pb2.ListEntriesResponse:
        """A page of entries in log order."""
        bound = ("ListEntries", request.kind)
        _check_start(request.start_index, request.kind)
        token = request.page_token
        start = self._ledger.pages.open(token, bound) if token else request.start_index
        with self._log.store.snapshot() as snapshot:
            size = read_state(snapshot).size
            entries, following = self._read_page(
                snapshot, start, page_size(request.page_size), request.kind
            )
        response = log_service_pb2.ListEntriesResponse(
            entries=map(_convert, entries), tree_size=size, has_more=following < size
        )
        if response.has_more:
            response.next_page_token = self._ledger.pages.seal(following, bound)
        return response

    def _read_page(
        self, snapshot: Snapshot, start: int, count: int, kind: int
    ) -> tuple[list[Entry], int]:
        """Entries from an index on, as many as a page holds, and the index that follows them."""
        size = read_state(snapshot).size
        if kind:
            which = KIND_BY_NUMBER[kind]
            entries, following = list_kind(snapshot, self._log.secret, which, start, count)
        else:
            entries = list(read_entries(snapshot, start, start + count))
            following = min(size, start + count)
        shown = fitting(entries)
        if shown < len(entries):
            return entries[:shown], entries[shown].index
        return entries, max(following, start)

    async def tail_entries(
        self, request: log_service_pb2.TailEntriesRequest, _caller: Caller
    ) -> AsyncIterator[log_service_pb2.TailEntriesResponse]:
        """Entries from an index on, and then each new one; every message says where to resume."""
        _check_start(request.start_index, request.kind)
        start = request.start_index
        while True:
            with self._log.store.snapshot() as snapshot:
                size = read_state(snapshot).size
                entries, following = self._read_page(snapshot, start, PAGE_SIZE_MAX, request.kind)
                note = read_checkpoint(snapshot)[1] if following > start else b""
            if following > start:
                start = following
                yield log_service_pb2.TailEntriesResponse(
                    entries=map(_convert, entries), next_index=start, checkpoint=note
                )
            if start >= size and request.stop_at_end:
                return
            if self._ledger.sequencer.stopping:
                raise Stopping("the server is stopping; connect again and resume from next_index")
            if start >= size:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._ledger.sequencer.committed.wait(), _TAIL_POLL_S)

    async def get_inclusion_proof(
        self, request: log_service_pb2.GetInclusionProofRequest, _caller: Caller
    ) -> log_service_pb2.GetInclusionProofResponse:
        """That an index is in the tree of a size."""
        with self._log.store.snapshot() as snapshot:
            size = request.tree_size or read_state(snapshot).size
            hashed, proof = read_inclusion_proof(snapshot, request.index, size)
        return log_service_pb2.GetInclusionProofResponse(
            index=request.index, tree_size=size, leaf_hash=hashed, proof=proof
        )

    async def get_consistency_proof(
        self, request: log_service_pb2.GetConsistencyProofRequest, _caller: Caller
    ) -> log_service_pb2.GetConsistencyProofResponse:
        """That the tree of one size is a prefix of that of another."""
        with self._log.store.snapshot() as snapshot:
            size = request.new_size or read_state(snapshot).size
            proof = read_consistency_proof(snapshot, request.old_size, size)
        return log_service_pb2.GetConsistencyProofResponse(
            old_size=request.old_size, new_size=size, proof=proof
        )

    async def get_receipt(
        self, request: log_service_pb2.GetReceiptRequest, caller: Caller
    ) -> log_service_pb2.GetReceiptResponse:
        """The receipt of one entry in the form that was asked for."""
        asked = request.format or log_service_pb2.RECEIPT_FORMAT_BINARY
        if asked not in _FORMS:
            raise InvalidInput(
                "this form of receipt is unknown", field="format", reason="FIELD_MALFORMED"
            )
        media_type, make = _FORMS[asked]
        with self._log.store.snapshot() as snapshot:
            entry = caller.find(snapshot, lambda: resolve_id(snapshot, request.id))
            if asked == log_service_pb2.RECEIPT_FORMAT_BATCH and caller.creator is not None:
                # It holds all records of the batch, whoever they touch.
                raise PermissionDenied("receipts of whole batches are for those who sent them")
            receipt = make(self, snapshot, entry)
        return log_service_pb2.GetReceiptResponse(
            receipt=receipt, media_type=media_type, index=entry.index
        )

    def _make_jwt(self, snapshot: Snapshot, entry: Entry) -> bytes:
        body = entry.kind.message.FromString(entry.body)
        payload = MessageToDict(body, preserving_proto_field_name=True)
        signer, first_size = self._log.signers.oldest(read_state(snapshot).size)
        # The tree inside is one that the same key signed: whoever knows that key needs no other.
        receipt = read_receipt(snapshot, entry, first_size)
        return format_jwt(receipt, signer, entry.id, entry.leaf.time_us, payload)

    def _make_batch(self, snapshot: Snapshot, entry: Entry) -> bytes:
        head = find_part(snapshot, entry.index).head
        end = head.first + head.count
        receipt = next(read_batch_receipts(snapshot, range(head.first, end)))
        records = [item.record for item in read_entries(snapshot, head.first, end)]
        return keep_batch_receipt(format_batch_receipt(receipt), records)


def _plain(form: Callable[[Receipt], bytes]) -> Callable[[LogService, Snapshot, Entry], bytes]:
    return lambda _service, snapshot, entry: form(read_receipt(snapshot, entry))


_FORMS: Final[dict[int, tuple[str, Callable[[LogService, Snapshot, Entry], bytes]]]] = {
    log_service_pb2.RECEIPT_FORMAT_BINARY: ("application/octet-stream", _plain(format_receipt)),
    log_service_pb2.RECEIPT_FORMAT_TLOG_PROOF: (
        "text/plain; charset=utf-8",
        _plain(format_tlog_proof),
    ),
    log_service_pb2.RECEIPT_FORMAT_JWT: ("application/jwt", LogService._make_jwt),
    log_service_pb2.RECEIPT_FORMAT_JSON: ("application/json", _plain(format_json)),
    log_service_pb2.RECEIPT_FORMAT_BATCH: ("application/octet-stream", LogService._make_batch),
}


def _convert(entry: Entry) -> log_service_pb2.Entry:
    return log_service_pb2.Entry(
        index=entry.index,
        kind=entry.leaf.kind,
        time_us=entry.leaf.time_us,
        leaf=format_leaf(entry.leaf),
        salt=entry.salt,
        record=entry.record,
        id=entry.id,
    )


def _check_start(start_index: int, kind: int) -> None:
    if start_index < 0:
        raise InvalidInput(
            "start_index must not be negative", field="start_index", reason="QUANTITY_NEGATIVE"
        )
    if kind and kind not in KIND_BY_NUMBER:
        raise InvalidInput(f"kind {kind} is unknown", field="kind", reason="FIELD_MALFORMED")
