"""Fill a ledger in bulk, durably, through the log itself: what a server would have written, without the network.

python -m harness.prefill '{"directory": ..., "seed": 1, "batches": 1000}'
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

from harness.clock import now_us, stopwatch_s
from harness.rows import make_rows, serialize

from counterfoil.errors import CounterfoilError
from counterfoil.log import Batch, Log, prepare_batch
from counterfoil.log.compact import compact
from counterfoil.record import USAGE
from counterfoil_server.directory import hold_lock, load, open_log

# What a server commits together when two streams with full windows wait for it.
_GROUP_BATCHES: Final = 8
_SEED_SIZE: Final = 32
_SUBMITTER: Final = "bench"


def run(task: dict[str, Any]) -> dict[str, Any]:
    """Append all batches of a task; also merges the catalog as the server's first worker does."""
    settings = load(Path(task["directory"]))
    raw_bytes = 0
    started_s = stopwatch_s()
    with hold_lock(settings):
        log = open_log(settings)
        try:
            for first in range(0, task["batches"], _GROUP_BATCHES):
                numbers = range(first, min(first + _GROUP_BATCHES, task["batches"]))
                group = [_prepare(log, task["seed"], number) for number in numbers]
                for outcome in log.append(group):
                    if isinstance(outcome, CounterfoilError):
                        raise outcome
                raw_bytes += sum(len(body) for batch in group for body in batch.bodies)
                while compact(log.store):
                    continue
        finally:
            log.store.close()
    return {"seconds": stopwatch_s() - started_s, "raw_bytes": raw_bytes}


def _prepare(log: Log, seed: int, number: int) -> Batch:
    rows = make_rows(seed, number, now_us())
    return prepare_batch(
        USAGE,
        _SUBMITTER,
        serialize(rows),
        [row.event_id for row in rows],
        secret=log.secret,
        environment=log.environment,
        salt_seed=os.urandom(_SEED_SIZE),
    )


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))), flush=True)
