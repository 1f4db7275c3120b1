"""Requests in wire form, put together from bytes that exist already.

An event is serialized once, by whoever made it. From then on its bytes are copied, never made again: into the request,
into the record that is checked against the receipt, into the file that keeps the receipt. The field numbers here are
those of ``proto/counterfoil/v1``; a test compares every request with what protobuf itself would write.
"""

from collections.abc import Sequence
from typing import Final

from counterfoil.packed import Packed, frame_packed
from counterfoil.v1.record_pb2 import UsageEvent
from counterfoil.wire import element_bytes, element_tag, field_bytes, field_varint

_BATCH: Final = 2
_EVENTS_TAG: Final = element_tag(15)


def event_bodies(events: Sequence[UsageEvent | bytes]) -> list[bytes]:
    """The exact bytes of each event; those that are bytes already stay as they are."""
    return [
        event if isinstance(event, bytes) else event.SerializeToString(deterministic=True)
        for event in events
    ]


def format_append_usage(
    submitter: str, bodies: Sequence[bytes], *, backfill: bool, atomic: bool, request_id: str
) -> bytes:
    """An AppendUsageRequest."""
    return b"".join(
        (
            field_bytes(1, submitter.encode()),
            field_varint(2, int(backfill)),
            field_varint(3, int(atomic)),
            field_bytes(4, request_id.encode()),
            _events(bodies),
        )
    )


def format_stream_batch(sequence: int, bodies: Sequence[bytes], *, backfill: bool) -> bytes:
    """A StreamUsageRequest that holds a StreamBatch."""
    batch = b"".join((field_varint(1, sequence), field_varint(2, int(backfill)), _events(bodies)))
    return element_bytes(_BATCH, batch)


def format_write(submitter: str, request_id: str, body: bytes) -> bytes:
    """A RecordTrainingRequest or a RecordPayoutRequest: both have the same fields."""
    return (
        field_bytes(1, submitter.encode())
        + field_bytes(2, request_id.encode())
        + element_bytes(3, body)
    )


def _events(bodies: Sequence[bytes]) -> bytes:
    packed = Packed.of(bodies)
    return frame_packed(_EVENTS_TAG, packed.data, packed.ends)
