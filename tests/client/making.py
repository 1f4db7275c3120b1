"""Events for tests against a real ledger."""

from __future__ import annotations

import itertools
import time

from counterfoil.v1.record_pb2 import UsageEvent

_numbers = itertools.count(1)


def new_name(kind: str = "host") -> str:
    """A name that no other test of this session uses."""
    return f"{kind}-{next(_numbers)}"


def now_us() -> int:
    """The present time in microseconds."""
    return time.time_ns() // 1000


def make_event(event_id: str, **fields: object) -> UsageEvent:
    """An event that the ledger accepts."""
    given = {"event_time_us": now_us(), "model_id": "m1", "input_tokens": 3, **fields}
    return UsageEvent(event_id=event_id, **given)  # type: ignore[arg-type]


def make_bodies(prefix: str, count: int, **fields: object) -> list[bytes]:
    """The bytes of several events with ids ``prefix-0`` and so on."""
    return [make_event(f"{prefix}-{at}", **fields).SerializeToString() for at in range(count)]
