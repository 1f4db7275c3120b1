"""pymerkle's SqliteTree in this process: a Merkle tree in Python over a table of SQLite.

A batch is appended in one transaction, and the root is asked for afterwards: a tree whose root nobody takes commits to
nothing. The root is neither signed nor stored. SQLite syncs as it does by default, synchronous=FULL with a rollback
journal, and is told so once more. (A write-ahead log was no faster here.)

    python -m harness.embedded_pymerkle '{"folder": ..., "seed": 1, "batches": 100, "limit_s": 5}'
"""

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any, Final

from harness.embedded import Batch, measure_batches
from pymerkle import SqliteTree

FILE: Final = "tree.db"


def run(task: dict[str, Any]) -> dict[str, Any]:
    """Append the batches of a task to a fresh tree."""
    path = Path(task["folder"]) / FILE
    with SqliteTree(str(path)) as tree:
        tree.con.execute("PRAGMA synchronous = FULL")

        def append(batch: Batch) -> None:
            tree.append_entries(batch.bodies)
            tree.get_root()

        answer = measure_batches(task, append)
        answer["root"] = tree.get_root().hex()
    connection = sqlite3.connect(path)
    answer["stored"] = connection.execute("SELECT count(*) FROM leaf").fetchone()[0]
    connection.close()
    answer["stored_bytes"] = path.stat().st_size
    return answer


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))), flush=True)
