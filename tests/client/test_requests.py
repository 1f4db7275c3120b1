"""Requests that are put together from bytes are those that protobuf writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.v1.payout_service_pb2 import RecordPayoutRequest
from counterfoil.v1.record_pb2 import Payout, ProofOfTraining, UsageEvent
from counterfoil.v1.training_service_pb2 import RecordTrainingRequest
from counterfoil.v1.usage_service_pb2 import AppendUsageRequest, StreamBatch, StreamUsageRequest
from counterfoil_client.requests import (
    event_bodies,
    format_append_usage,
    format_stream_batch,
    format_write,
)

EVENTS = st.lists(
    st.builds(
        UsageEvent,
        event_id=st.text(max_size=200),
        event_time_us=st.integers(0, 2**63 - 1),
        metadata=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    ),
    max_size=5,
)


@given(EVENTS, st.text(max_size=20), st.booleans(), st.booleans(), st.text(max_size=20))
def test_an_append_request_is_what_protobuf_would_write(
    events: list[UsageEvent], submitter: str, backfill: bool, atomic: bool, request_id: str
) -> None:
    """The request parses to the same message and is the same bytes."""
    bodies = event_bodies(events)

    made = format_append_usage(
        submitter, bodies, backfill=backfill, atomic=atomic, request_id=request_id
    )

    expected = AppendUsageRequest(
        submitter=submitter, backfill=backfill, atomic=atomic, request_id=request_id, events=events
    )
    assert made == expected.SerializeToString(deterministic=True)


@given(EVENTS, st.integers(1, 2**63 - 1), st.booleans())
def test_a_stream_batch_is_what_protobuf_would_write(
    events: list[UsageEvent], sequence: int, backfill: bool
) -> None:
    """The request parses to the same message and is the same bytes."""
    made = format_stream_batch(sequence, event_bodies(events), backfill=backfill)

    batch = StreamBatch(sequence=sequence, backfill=backfill, events=events)
    assert made == StreamUsageRequest(batch=batch).SerializeToString(deterministic=True)


@pytest.mark.parametrize(
    "expected",
    [
        RecordTrainingRequest(
            submitter="s", request_id="r", training=ProofOfTraining(notes="n" * 300)
        ),
        RecordTrainingRequest(submitter="ß" * 70, training=ProofOfTraining()),
        RecordPayoutRequest(submitter="s", request_id="r" * 128, payout=Payout(amount="1.50")),
    ],
)
def test_a_write_is_what_protobuf_would_write(
    expected: RecordTrainingRequest | RecordPayoutRequest,
) -> None:
    """Both kinds of writes have the same three fields."""
    body = expected.training if isinstance(expected, RecordTrainingRequest) else expected.payout

    made = format_write(expected.submitter, expected.request_id, body.SerializeToString())

    assert made == expected.SerializeToString(deterministic=True)


def test_bytes_of_events_are_kept_as_they_are() -> None:
    """An event that comes as bytes is sent as these bytes, even where protobuf would write others."""
    unusual = (
        UsageEvent(tokens=1).SerializeToString() + UsageEvent(event_id="e").SerializeToString()
    )

    (body,) = event_bodies([unusual])

    assert body == unusual
    assert body != UsageEvent.FromString(unusual).SerializeToString()
    batch = StreamUsageRequest.FromString(format_stream_batch(1, [body], backfill=False)).batch
    assert batch.events[0] == UsageEvent(event_id="e", tokens=1)
