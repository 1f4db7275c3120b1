"""The PostgreSQL client: a process of its own that loads the same rows, one transaction for each batch.

The ways, each with a connection and a thread for each of ``streams``:

    copy-conflict   COPY into a temporary table, then INSERT ... SELECT ... ON CONFLICT DO NOTHING on a unique event id
    unnest          one INSERT ... SELECT FROM unnest(...) ON CONFLICT DO NOTHING with an array for each column
    copy            COPY into a table without any index, for reference
    chain-row, chain-statement
                    copy-conflict with a trigger that adds a hash chain (harness/chain.py), verified at the end

    python -m harness.loader '{"conninfo": ..., "pid": ..., "way": "copy", "seed": 1, "batches": 200, "streams": 1,
        "limit_s": 60, "filled": 0}'
"""

import gc
import json
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from harness import processes
from harness.chain import DROP, TRIGGERS, verify_chain
from harness.clock import cpu_s, now_us, stopwatch_s
from harness.rows import BATCH_ROWS, COLUMNS, Row, columns, copy_text, make_rows

# The types that suit PostgreSQL best: the ledger keeps event ids as text and takes any identifier.
_TYPES: Final = dict(
    zip(
        COLUMNS,
        ("uuid", "bigint", "text", "bigint", "bigint", "text", "text", "text", "text"),
        strict=True,
    )
)
_COLUMNS: Final = ", ".join(f"{name} {kind}" for name, kind in _TYPES.items())
_ARRAYS: Final = ", ".join(f"%s::{kind}[]" for kind in _TYPES.values())
# With the index in place, so that it is as full as one that grew: the values have the lengths of rows.py.
_FILL: Final = """
INSERT INTO filled
    SELECT gen_random_uuid(), 1700000000000000 + n, 'atlas-large-2', 1 + n %% 900, 1 + n %% 300,
        'asset_' || lpad((n %% 500)::text, 5, '0'), 'lic_standard',
        'consumer_' || substr(md5(n::text), 1, 12), 'chat.completion'
    FROM generate_series(1, %s) AS n
"""
# A checkpoint makes PostgreSQL log each page whole at its next change. These batches of random ids touch every page of
# the index of a million rows, so that the measured ones do not pay for what happens once in minutes.
_WARM_UP_BATCHES: Final = 24
_WARM_UP_SEED: Final = 1 << 40

Connection = psycopg.Connection[Any]
Prepare = Callable[[list[Row]], Any]
Write = Callable[[Connection, Any, str], int]


def _copy_conflict(connection: Connection, data: Any, table: str) -> int:
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy("COPY incoming FROM STDIN") as copy:
            copy.write(data)
        cursor.execute(
            f"INSERT INTO {table} SELECT * FROM incoming ON CONFLICT (event_id) DO NOTHING"
        )
        return cursor.rowcount


def _copy(connection: Connection, data: Any, table: str) -> int:
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy(f"COPY {table} FROM STDIN") as copy:
            copy.write(data)
        return cursor.rowcount


def _unnest(connection: Connection, data: Any, table: str) -> int:
    with connection.transaction(), connection.cursor() as cursor:
        told = (
            f"INSERT INTO {table} SELECT * FROM unnest({_ARRAYS}) ON CONFLICT (event_id) DO NOTHING"
        )
        cursor.execute(told, data)
        return cursor.rowcount


def _columns(rows: list[Row]) -> list[list[object]]:
    return list(columns(rows))


@dataclass(frozen=True)
class _Way:
    """How a batch is made ready beforehand, how it is written, and what the table has beside its columns."""

    prepare: Prepare
    write: Write
    unique: bool = True
    trigger: str = ""


_WAYS: Final = {
    "copy-conflict": _Way(copy_text, _copy_conflict),
    "unnest": _Way(_columns, _unnest),
    "copy": _Way(copy_text, _copy, unique=False),
    "chain-row": _Way(copy_text, _copy_conflict, trigger="row"),
    "chain-statement": _Way(copy_text, _copy_conflict, trigger="statement"),
}


def run(task: dict[str, Any]) -> dict[str, Any]:
    """Load the batches of a task, all of them or as many as there is time for."""
    way = _WAYS[task["way"]]
    made_us = now_us()
    batches = deque(
        way.prepare(make_rows(task["seed"], at, made_us)) for at in range(task["batches"])
    )
    connections = [psycopg.connect(task["conninfo"]) for _ in range(task["streams"])]
    first = connections[0]
    table = _make_table(first, way, task["filled"])
    for connection in connections:
        connection.execute(f"CREATE TEMP TABLE incoming (LIKE {table}) ON COMMIT DELETE ROWS")
        connection.commit()
    if task["filled"]:
        for at in range(_WARM_UP_BATCHES):
            rows = make_rows(_WARM_UP_SEED + task["seed"], at, made_us)
            way.write(first, way.prepare(rows), table)
    rows_before = _count(first, table)
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    sys.stdin.readline()
    server_before_s, cpu_before_s, started_s = _server_cpu_s(task["pid"]), cpu_s(), stopwatch_s()
    written, problems = _write_all(way, table, connections, batches, task["limit_s"])
    answer = {
        "seconds": stopwatch_s() - started_s,
        "cpu_s": cpu_s() - cpu_before_s,
        "server_cpu_s": _server_cpu_s(task["pid"]) - server_before_s,
        "records": len(written) * BATCH_ROWS,
        "written": sum(written),
        "problems": problems,
    }
    rows_after = _count(first, table)
    answer["stored"] = verify_chain(first) if way.trigger else rows_after - rows_before
    answer["bytes_per_row"] = _stored_bytes(first, table, way) / max(rows_after, 1)
    for connection in connections:
        connection.close()
    return answer


def _write_all(
    way: _Way, table: str, connections: list[Connection], batches: deque[Any], limit_s: float
) -> tuple[list[int], list[str]]:
    """Write over all connections at once until there are no more batches or no more time.

    Returns:
        How many rows of each batch were new, and what went wrong.
    """
    written: list[int] = []
    problems: list[str] = []
    end_s = stopwatch_s() + limit_s

    def work(connection: Connection) -> None:
        try:
            while batches and stopwatch_s() < end_s:
                try:
                    batch = batches.popleft()
                except IndexError:
                    return  # Another connection took the last one.
                written.append(way.write(connection, batch, table))
        except psycopg.Error as error:
            problems.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=work, args=(connection,)) for connection in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return written, problems


def _make_table(connection: Connection, way: _Way, filled: int) -> str:
    """Make the table and give its name: a fresh one, or one that holds rows and is kept for the next time."""
    table = "filled" if filled else "usage"
    key = ", PRIMARY KEY (event_id)" if way.unique else ""
    connection.execute("DROP TABLE IF EXISTS usage CASCADE")
    connection.execute(DROP)
    connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({_COLUMNS}{key})")
    if way.trigger:
        connection.execute(TRIGGERS[way.trigger])
    fresh = filled and not _count(connection, table)
    if fresh:
        connection.execute(_FILL, [filled])
    connection.commit()
    connection.autocommit = True
    if fresh:
        connection.execute(f"VACUUM (ANALYZE) {table}")
    # What the run before left to write shall not be written during this one.
    connection.execute("CHECKPOINT")
    connection.autocommit = False
    return table


def _server_cpu_s(pid: int) -> float:
    return sum(map(processes.cpu_s, processes.family(pid)))


def _count(connection: Connection, table: str) -> int:
    found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    connection.commit()
    return int(found[0]) if found else 0


def _stored_bytes(connection: Connection, table: str, way: _Way) -> int:
    tables = (table, "chain") if way.trigger else (table,)
    found = connection.execute(
        "SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest(%s::text[]) AS name",
        [list(tables)],
    ).fetchone()
    return int(found[0]) if found else 0


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))), flush=True)
