"""Fill a ledger in bulk, durably, through the log itself: what a server would have written, without the network.

It can be called again on the same ledger with the numbers of other batches, so that one ledger grows in steps.

    python -m harness.prefill '{"directory": ..., "seed": 1, "batches": 1000}'
    python -m harness.prefill '{..., "first": 1000, "trainings": 5, "made_us": ...}'
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from harness.callers import make_training
from harness.clock import now_us, stopwatch_s
from harness.rows import make_events

from counterfoil.errors import CounterfoilError
from counterfoil.log import Batch, Log, prepare_batch
from counterfoil.log.compact import compact
from counterfoil.record import TRAINING, USAGE, Kind
from counterfoil_server.directory import hold_lock, load, open_log

SUBMITTER: Final = "bench"
# What a server commits together when two streams with full windows wait for it.
_GROUP_BATCHES: Final = 8
_SEED_SIZE: Final = 32


def run(task: dict[str, Any]) -> dict[str, Any]:
    """Append all batches of a task; also merges the catalog as the server's first worker does.

    Args:
        task: directory; seed and the numbers of the batches, ``first`` (0) and ``batches``, which give the events;
            ``trainings`` (0) single records behind each batch; ``made_us`` (now), the time that the events lie before.
    """
    settings = load(Path(task["directory"]))
    first = task.get("first", 0)
    numbers = range(first, first + task["batches"])
    raw_bytes = records = 0
    started_s = stopwatch_s()
    with hold_lock(settings):
        log = open_log(settings)
        try:
            for at in range(0, len(numbers), _GROUP_BATCHES):
                group = list(_make_group(log, task, numbers[at : at + _GROUP_BATCHES]))
                for outcome in log.append(group):
                    if isinstance(outcome, CounterfoilError):
                        raise outcome
                records += sum(len(batch.bodies) for batch in group)
                raw_bytes += sum(len(body) for batch in group for body in batch.bodies)
                while compact(log.store):
                    continue
        finally:
            log.store.close()
    return {"seconds": stopwatch_s() - started_s, "records": records, "raw_bytes": raw_bytes}


def _make_group(log: Log, task: dict[str, Any], numbers: Sequence[int]) -> Iterator[Batch]:
    trainings = task.get("trainings", 0)
    for number in numbers:
        events = make_events(task["seed"], number, task.get("made_us") or now_us())
        yield _prepare(log, USAGE, events.bodies, events.ids)
        for single in range(trainings * number, trainings * (number + 1)):
            body, request_id = make_training(task["seed"], single), f"{task['seed']}/{single}"
            yield _prepare(log, TRAINING, [body], [request_id], request_id)


def _prepare(
    log: Log, kind: Kind, bodies: list[bytes], identities: list[str], request_id: str = ""
) -> Batch:
    return prepare_batch(
        kind,
        SUBMITTER,
        bodies,
        identities,
        secret=log.secret,
        environment=log.environment,
        salt_seed=os.urandom(_SEED_SIZE),
        request_id=request_id,
    )


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))), flush=True)
