"""A small ledger in memory with entries of every kind: what the targets of server and store are shown."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from counterfoil.keys import Signer
from counterfoil.log import SPACES, Anchor, Appended, Log, create_log, prepare_batch
from counterfoil.record import ASSET, CREATOR, LICENSE, PAYOUT, PRICE, TRAINING, USAGE, Kind
from counterfoil.store import MemoryStore

from ..record.samples import TIME_US, good, serialize

ORIGIN = "example.com/ledger"
SIGNER = Signer.from_seed(ORIGIN, b"f" * 32)
SUBMITTER = "host"
STREAM = "stream"
_SANDBOX = 2


@cache
def fuzz_log() -> Log:
    """The log: genesis, two trainings, a payout, two batches of usage, and an object of each kind."""
    store = MemoryStore(SPACES)
    with tempfile.TemporaryDirectory() as folder:
        # The anchor's file may go: nothing is appended after this function.
        anchor = Anchor.create(Path(folder) / "anchor", SIGNER.verifier)
        create_log(store, SIGNER, anchor, TIME_US, _SANDBOX, bytes(32))
        log = Log(store, SIGNER, anchor, lambda: TIME_US, _SANDBOX)
        for number in range(2):
            body = serialize(good(TRAINING, dataset_id=f"ds_{number}"))
            _append(log, TRAINING, [body], [f"r{number}"], number, f"r{number}")
        _append(log, PAYOUT, [serialize(good(PAYOUT))], ["r2"], 2, "r2")
        for number in range(2):
            ids = [f"e-{number}-{at}" for at in range(3)]
            bodies = [serialize(good(USAGE, event_id=name, receipt_ref=None)) for name in ids]
            _append(log, USAGE, bodies, ids, 3 + number)
        for at, kind in enumerate((CREATOR, PRICE, ASSET, LICENSE)):
            first = {} if kind in (PRICE, LICENSE) else {"replaces": None}
            _append(log, kind, [serialize(good(kind, **first))], [f"g{at}"], 5 + at, f"g{at}")
        anchor.close()
    return log


def _append(
    log: Log, kind: Kind, bodies: list[bytes], ids: list[str], number: int, request_id: str = ""
) -> None:
    batch = prepare_batch(
        kind,
        SUBMITTER,
        bodies,
        ids,
        secret=log.secret,
        environment=_SANDBOX,
        salt_seed=bytes([number + 1]) * 32,
        request_id=request_id,
        stream_id=STREAM if kind is USAGE else "",
        sequence=number - 2 if kind is USAGE else 0,
    )
    outcome = log.append([batch])[0]
    assert isinstance(outcome, Appended), outcome
