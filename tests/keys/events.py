"""Usage for a ledger."""

from __future__ import annotations

import time

from counterfoil.v1.record_pb2 import UsageEvent
from counterfoil_client import LedgerClient


def send(client: LedgerClient, *ids: str) -> None:
    """Log one event for each id; the client verifies the receipt."""
    now_us = time.time_ns() // 1000
    events = [UsageEvent(event_id=name, event_time_us=now_us, model_id="m") for name in ids]
    assert client.append_usage(events).accepted == len(ids)
