"""The write lock of the ledger's store: how many records a second pass it at most, whatever number of workers there is.

Batches are prepared before the clock starts. Then they are appended in groups, without network and in one process, and
only their transactions count, from the lock to the durable commit: what any worker has to wait for. The merges of the
catalog that the server's first worker makes are made in between and do not count; they hold the lock for moments.

    python -m harness.write_path '{"directory": ..., "seed": 1, "batches": 160, "group": 8}'
"""

import gc
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from harness import ledger
from harness.child import run_json
from harness.clock import cpu_s, now_us, stopwatch_s
from harness.plan import Plan
from harness.rows import make_rows, serialize
from harness.step import Sample, Step

from counterfoil.errors import CounterfoilError
from counterfoil.log import Appended, Batch, Log, prepare_batch
from counterfoil.log.append import append_group
from counterfoil.log.compact import compact
from counterfoil.log.state import read_state
from counterfoil.record import USAGE
from counterfoil.store import Transaction
from counterfoil_server.directory import hold_lock, load, open_log

GROUPS: Final = (1, 8, 20)
"""Batches that are committed together: one alone, two streams with full windows, and five."""

_RUN_S: Final = 180.0
_SEED_SIZE: Final = 32
_SUBMITTER: Final = "bench"


def run(task: dict[str, Any]) -> dict[str, Any]:
    """Append the batches of a task to an empty ledger."""
    settings = load(Path(task["directory"]))
    with hold_lock(settings):
        log = open_log(settings)
        try:
            return _append_all(log, task)
        finally:
            log.store.close()


def _append_all(log: Log, task: dict[str, Any]) -> dict[str, Any]:
    batches = [_prepare(log, task["seed"], number) for number in range(task["batches"])]
    groups = [batches[at : at + task["group"]] for at in range(0, len(batches), task["group"])]
    gc.collect()
    gc.freeze()
    held_s = used_s = 0.0
    for group in groups:
        cpu_before_s, started_s = cpu_s(), stopwatch_s()
        results = log.store.transact(partial(_append, group, log))
        held_s += stopwatch_s() - started_s
        used_s += cpu_s() - cpu_before_s
        for result in results:
            if isinstance(result, CounterfoilError):
                raise result
        while compact(log.store):
            continue
    with log.store.snapshot() as snapshot:
        # Without entry 0, which says whose log this is.
        records = read_state(snapshot).size - 1
    return {"records": records, "held_s": held_s, "cpu_s": used_s}


def _append(
    group: list[Batch], log: Log, transaction: Transaction
) -> list[Appended | CounterfoilError]:
    return append_group(transaction, group, now_us(), log.signers)


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


def each_round(plan: Plan, folder: Path, number: int) -> Iterator[Step]:
    """What is measured in the round of a number."""
    if number < plan.rival_rounds:
        for group in GROUPS:
            yield Step(f"write-path/{group}", partial(_measure, plan, folder, group))


def _measure(plan: Plan, folder: Path, group: int, number: int) -> Sample:
    place = Path(tempfile.mkdtemp(prefix="write-path-", dir=folder))
    try:
        directory = ledger.init(place / "ledger")
        task = {"directory": str(directory.path), "seed": number, "group": group}
        task |= {"batches": plan.rival_batches}
        answer = run_json([sys.executable, "-m", "harness.write_path", json.dumps(task)], _RUN_S)
    finally:
        shutil.rmtree(place)
    return {
        "records_per_s": answer["records"] / answer["held_s"],
        "records": answer["records"],
        "seconds": answer["held_s"],
        "server_cpu_us": answer["cpu_s"] / answer["records"] * 1e6,
    }


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))), flush=True)
