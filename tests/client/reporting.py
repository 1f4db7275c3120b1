"""What tests of the reporter share."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from counterfoil.entry import KIND_USAGE, parse_record
from counterfoil.receipt import verify_receipt
from counterfoil.v1.record_pb2 import UsageEvent
from counterfoil_client import (
    LedgerClient,
    UsageReporter,
)

from ..support.ledger_process import LedgerProcess

PATIENCE_S = 60.0


NOBODY = "127.0.0.1:1"


def open_reporter(
    target: str, folder: Path, submitter: str, ledger: LedgerProcess | None = None, **options: Any
) -> UsageReporter:
    """A reporter that sends soon."""
    trust = None if ledger is None else ledger.vkey
    settings = {"trust": trust, "batch_age_s": 0.05, "seed": 1, "batch_events": 100, **options}
    return UsageReporter(target, folder, submitter=submitter, **settings)


def logged_ids(ledger: LedgerProcess, submitter: str) -> Counter[str]:
    """The ids of all events of a submitter, as often as they are in the log."""
    found: Counter[str] = Counter()
    with LedgerClient(ledger.address, trust=ledger.vkey) as client:
        for entry in client.entries(kind=KIND_USAGE):
            record = parse_record(entry.record)
            if record.submitter == submitter:
                found[UsageEvent.FromString(record.body).event_id] += 1
    return found


def proven_ids(folder: Path, ledger: LedgerProcess) -> set[str]:
    """The ids of all events that the receipts in a folder prove, offline."""
    proven = set()
    for path in folder.rglob("*.receipt"):
        for record in verify_receipt(path.read_bytes(), ledger.vkey).records:
            proven.add(UsageEvent.FromString(parse_record(record).body).event_id)
    return proven


def rejected(folder: Path) -> list[dict[str, Any]]:
    """What the file of refused events holds."""
    path = folder / "rejected.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
