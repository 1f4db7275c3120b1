"""The PostgreSQL client: a process of its own that loads the same rows, one transaction for each batch.

The ways, each with a connection and a thread for each of ``streams``:

    copy-conflict   COPY into a temporary table, then INSERT ... SELECT ... ON CONFLICT DO NOTHING on a unique event id
    copy            COPY into a table without any index, for reference
    unnest          one INSERT ... SELECT FROM unnest(...) ON CONFLICT DO NOTHING with an array for each column

    python -m harness.loader '{"conninfo": ..., "way": "copy", "seed": 1, "batches": 200, "streams": 1}'
"""

import gc
import json
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import psycopg
from harness import processes
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

Connection = psycopg.Connection[Any]
Prepare = Callable[[list[Row]], Any]
Write = Callable[[Connection, Any], int]


def _copy_conflict(connection: Connection, data: Any) -> int:
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy("COPY incoming FROM STDIN") as copy:
            copy.write(data)
        cursor.execute("INSERT INTO usage SELECT * FROM incoming ON CONFLICT (event_id) DO NOTHING")
        return cursor.rowcount


def _copy(connection: Connection, data: Any) -> int:
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy("COPY usage FROM STDIN") as copy:
            copy.write(data)
        return cursor.rowcount


def _unnest(connection: Connection, data: Any) -> int:
    with connection.transaction(), connection.cursor() as cursor:
        told = (
            f"INSERT INTO usage SELECT * FROM unnest({_ARRAYS}) ON CONFLICT (event_id) DO NOTHING"
        )
        cursor.execute(told, data)
        return cursor.rowcount


def _columns(rows: list[Row]) -> list[list[object]]:
    return list(columns(rows))


# For each way: how a batch is made ready beforehand, how it is written, and whether the event id is unique.
_WAYS: Final[dict[str, tuple[Prepare, Write, bool]]] = {
    "copy-conflict": (copy_text, _copy_conflict, True),
    "copy": (copy_text, _copy, False),
    "unnest": (_columns, _unnest, True),
}


def run(task: dict[str, Any]) -> dict[str, Any]:
    """Load all batches of a task into a fresh table."""
    prepare, write, unique = _WAYS[task["way"]]
    made_us = now_us()
    batches = deque(prepare(make_rows(task["seed"], at, made_us)) for at in range(task["batches"]))
    connections = [psycopg.connect(task["conninfo"]) for _ in range(task["streams"])]
    _make_table(connections[0], unique=unique)
    for connection in connections:
        connection.execute("CREATE TEMP TABLE incoming (LIKE usage) ON COMMIT DELETE ROWS")
        connection.commit()
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    sys.stdin.readline()
    written: list[int] = []
    problems: list[str] = []

    def work(connection: Connection) -> None:
        try:
            while batches:
                try:
                    batch = batches.popleft()
                except IndexError:
                    return  # Another connection took the last one.
                written.append(write(connection, batch))
        except psycopg.Error as error:
            problems.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=work, args=(connection,)) for connection in connections]
    before_s = _server_cpu_s(task["pid"])
    cpu_before_s, started_s = cpu_s(), stopwatch_s()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answer = {
        "seconds": stopwatch_s() - started_s,
        "cpu_s": cpu_s() - cpu_before_s,
        "server_cpu_s": _server_cpu_s(task["pid"]) - before_s,
        "records": task["batches"] * BATCH_ROWS,
        "written": sum(written),
        "stored_bytes": _stored_bytes(connections[0]),
        "problems": problems,
    }
    for connection in connections:
        connection.close()
    return answer


def _make_table(connection: Connection, *, unique: bool) -> None:
    connection.execute("DROP TABLE IF EXISTS usage")
    key = ", PRIMARY KEY (event_id)" if unique else ""
    connection.execute(f"CREATE TABLE usage ({_COLUMNS}{key})")
    connection.commit()
    # What the run before left to write shall not be written during this one.
    connection.autocommit = True
    connection.execute("CHECKPOINT")
    connection.autocommit = False


def _server_cpu_s(pid: int) -> float:
    return sum(map(processes.cpu_s, processes.family(pid)))


def _stored_bytes(connection: Connection) -> int:
    found = connection.execute("SELECT pg_total_relation_size('usage')").fetchone()
    return int(found[0]) if found else 0


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))), flush=True)
