"""A writer to be cut off: ``python -m tests.fault.fs_load DIRECTORY [careless]``.

It makes the ledger if there is none, opens it, says all leaf hashes that it found, and then appends for ever. Each
append that returned is a line on standard output: that is the acknowledgement. A careless one leaves out the flushes.
"""

from __future__ import annotations

import json
import os
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import lmdb
import pytest

from counterfoil.log import Appended, Log, prepare_batch
from counterfoil.log.nodes import read_leaf_hashes
from counterfoil.log.state import read_state
from counterfoil.record import USAGE
from counterfoil.v1.record_pb2 import UsageEvent
from counterfoil_server.directory import create, hold_lock, load, open_log

ORIGIN = "test.example/cut"
_EVENTS_MAX = 40


def say(first: int, leaves: bytes, size: int) -> None:
    """One line, as ``power_judge.promised`` reads it."""
    said = {"first": first, "leaves": leaves.hex(), "size": size, "sequence": 0}
    print(json.dumps(said), flush=True)


def write(log: Log) -> None:
    """Append batches of one to forty events until killed."""
    with log.store.snapshot() as snapshot:
        size = read_state(snapshot).size
        say(0, read_leaf_hashes(snapshot, 0, size).data, size)
    while True:
        events = [
            UsageEvent(event_id=f"e{size + at}", event_time_us=1, model_id="m")
            for at in range(1 + size * 7 % _EVENTS_MAX)
        ]
        batch = prepare_batch(
            USAGE,
            "host",
            [event.SerializeToString() for event in events],
            [event.event_id for event in events],
            secret=log.secret,
            environment=log.environment,
            salt_seed=sha256(b"%d" % size).digest(),
        )
        (outcome,) = log.append([batch])
        assert isinstance(outcome, Appended)
        assert outcome.head is not None
        size = outcome.nodes.size
        say(outcome.head.first, b"".join(outcome.leaf_hashes), size)


def leave_out_flushes(patch: pytest.MonkeyPatch) -> None:
    """What must not be done: nothing is flushed, neither by LMDB nor by the anchor."""
    open_environment = lmdb.open

    def careless(*args: Any, **options: Any) -> lmdb.Environment:
        return open_environment(*args, **{**options, "sync": False, "metasync": False})

    patch.setattr(lmdb, "open", careless)
    patch.setattr(os, "fdatasync", lambda _: None)


def run(directory: Path, *, careless: bool) -> None:
    """Make the ledger where there is none, and write to it."""
    if not directory.exists():
        create(directory, ORIGIN)
    settings = load(directory)
    with pytest.MonkeyPatch.context() as patch, hold_lock(settings):
        if careless:
            leave_out_flushes(patch)
        write(open_log(settings))


if __name__ == "__main__":
    run(Path(sys.argv[1]), careless=sys.argv[2:] == ["careless"])
