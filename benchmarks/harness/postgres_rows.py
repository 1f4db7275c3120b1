"""PostgreSQL's rows of the table."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from harness.child import Failed, start_client
from harness.plan import Plan
from harness.postgres import Postgres
from harness.step import Sample, Step

UNIQUE: Final = ("postgres/copy-conflict/", "postgres/unnest/")
"""How the keys of the rows begin whose table is a fair partner of the ledger: empty at first, with a unique event id."""

_LACKS: Final = "receipt, proof, chain, exact bytes"
_CHAINED_LACKS: Final = "receipt, proof, signature, exact bytes"
_PREPARE_S: Final = 120.0
_RUN_S: Final = 180.0


@dataclass(frozen=True)
class PostgresRow:
    """One row: how it is written (harness/loader.py), and what is in the table before.

    Attributes:
        slow: it is measured for a shorter time, and in fewer rounds.
    """

    way: str
    label: str
    lacks: str
    connections: int
    filled: int = 0
    slow: bool = False

    @property
    def key(self) -> str:
        """What its samples are kept under."""
        way = f"{self.way}-filled" if self.filled else self.way
        return f"postgres/{way}/{self.connections}"


def rows(plan: Plan) -> Iterator[PostgresRow]:
    """All rows, in the order of the table. More connections than the plan has are no faster on two processors."""
    most = max(plan.connections)
    for connections in plan.connections:
        yield PostgresRow("copy-conflict", "COPY, ON CONFLICT DO NOTHING", _LACKS, connections)
    if filled := min(filter(None, plan.sizes), default=0):
        label = f"COPY, ON CONFLICT, {filled:,} rows before"
        yield PostgresRow("copy-conflict", label, _LACKS, most, filled=filled, slow=True)
    yield PostgresRow("unnest", "INSERT unnest, ON CONFLICT", _LACKS, most, slow=True)
    yield PostgresRow("copy", "COPY alone", f"{_LACKS}, dedup", most)
    for way in ("statement", "row"):
        label = f"hash chain by {way} trigger, ON CONFLICT"
        yield PostgresRow(f"chain-{way}", label, _CHAINED_LACKS, most, slow=True)


def each_round(database: Postgres, plan: Plan, logs: Path, number: int) -> Iterator[Step]:
    """What is measured in the round of a number."""
    for row in rows(plan):
        if not row.slow or number < plan.rival_rounds:
            yield Step(row.key, partial(_load, database, plan, logs, row))


def _load(database: Postgres, plan: Plan, logs: Path, row: PostgresRow, number: int) -> Sample:
    task = {
        "conninfo": database.conninfo,
        "pid": database.pid,
        "way": row.way,
        "streams": row.connections,
        # A table that is kept must never get the same rows twice.
        "seed": 1_000_000 + number if row.filled else number,
        "batches": plan.rival_batches if row.slow else plan.batches,
        "limit_s": plan.rival_s if row.slow else _RUN_S,
        "filled": row.filled,
    }
    with start_client("loader", task, logs) as client:
        client.read_line(_PREPARE_S)
        client.tell("go")
        answer = json.loads(client.read_line(_RUN_S))
    records = answer["records"]
    if answer["problems"] or not records == answer["written"] == answer["stored"]:
        raise Failed(f"PostgreSQL did not take all rows: {answer}")
    return {
        "records_per_s": records / answer["seconds"],
        "records": records,
        "seconds": answer["seconds"],
        "server_cpu_us": answer["server_cpu_s"] / records * 1e6,
        "client_cpu_us": answer["cpu_s"] / records * 1e6,
        "stored_bytes_per_record": answer["bytes_per_row"],
    }
