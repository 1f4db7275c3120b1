"""What runs inside one process, without a server: how its client program measures, and how it is started."""

import gc
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harness.child import Failed, start_client
from harness.clock import cpu_s, now_us, stopwatch_s
from harness.rows import BATCH_ROWS, make_rows, serialize
from harness.step import Sample

_PREPARE_S: Final = 120.0
_RUN_S: Final = 180.0


@dataclass(frozen=True)
class Batch:
    """Events that were serialized before the clock starts, with their ids."""

    number: int
    event_ids: list[bytes]
    bodies: list[bytes]


def measure_batches(task: dict[str, Any], write: Callable[[Batch], None]) -> dict[str, Any]:
    """Write the batches of a task, all of them or as many as there is time for; ``write`` returns when one is durable."""
    made_us = now_us()
    batches = [_make(task["seed"], number, made_us) for number in range(task["batches"])]
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    sys.stdin.readline()
    written = 0
    cpu_before_s, started_s = cpu_s(), stopwatch_s()
    for batch in batches:
        if stopwatch_s() - started_s > task["limit_s"]:
            break
        write(batch)
        written += 1
    return {
        "seconds": stopwatch_s() - started_s,
        "cpu_s": cpu_s() - cpu_before_s,
        "records": written * BATCH_ROWS,
    }


def _make(seed: int, number: int, made_us: int) -> Batch:
    rows = make_rows(seed, number, made_us)
    return Batch(number, [row.event_id.encode() for row in rows], serialize(rows))


def measure(module: str, task: dict[str, Any], folder: Path, logs: Path) -> Sample:
    """Run one of these programs in a fresh folder. It is server and client in one: all its time counts as the server's.

    Raises:
        Failed: it ended, or did not store what it wrote.
    """
    folder.mkdir()
    with start_client(module, {**task, "folder": str(folder)}, logs) as client:
        client.read_line(_PREPARE_S)
        client.tell("go")
        answer = json.loads(client.read_line(_RUN_S))
    records = answer["records"]
    if not records or answer["stored"] != records:
        raise Failed(f"{module} did not store all rows: {answer}")
    return {
        "records_per_s": records / answer["seconds"],
        "records": records,
        "seconds": answer["seconds"],
        "server_cpu_us": answer["cpu_s"] / records * 1e6,
        "stored_bytes_per_record": answer["stored_bytes"] / records,
    }
