"""PostgreSQL's rows of the table."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from harness.child import Failed, start_client
from harness.plan import Plan
from harness.postgres import Postgres
from harness.step import Sample, Step

WAYS = ("copy-conflict", "unnest", "copy")
_PREPARE_S = 120.0
_RUN_S = 180.0


def each_round(database: Postgres, plan: Plan, logs: Path) -> Iterator[Step]:
    """What is measured in each round: each way, with each number of connections."""
    for way in WAYS:
        for connections in plan.connections:
            key = f"postgres/{way}/{connections}"
            yield Step(key, partial(_load, database, plan, logs, way, connections))


def _load(
    database: Postgres, plan: Plan, logs: Path, way: str, connections: int, number: int
) -> Sample:
    task = {
        "conninfo": database.conninfo,
        "pid": database.pid,
        "way": way,
        "streams": connections,
        "seed": number,
        "batches": plan.batches,
    }
    with start_client("loader", task, logs) as client:
        client.read_line(_PREPARE_S)
        client.tell("go")
        answer = json.loads(client.read_line(_RUN_S))
    records = answer["records"]
    if answer["problems"] or answer["written"] != records:
        raise Failed(f"PostgreSQL did not take all rows: {answer}")
    return {
        "records_per_s": records / answer["seconds"],
        "records": records,
        "seconds": answer["seconds"],
        "server_cpu_us": answer["server_cpu_s"] / records * 1e6,
        "client_cpu_us": answer["cpu_s"] / records * 1e6,
        "stored_bytes_per_record": answer["stored_bytes"] / records,
    }
