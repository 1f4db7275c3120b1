"""Bare LMDB in this process: the same rows without proofs, which tells what the proofs cost.

    value   a batch is one value: what a log without proofs, identities and look-ups would write
    row     a value for each event under its event id, and none is written over: duplicates are found by the B-tree

Each batch is a transaction of its own, synced as the ledger's store syncs: sync and metasync on, writemap off.

    python -m harness.embedded_lmdb '{"folder": ..., "way": "row", "seed": 1, "batches": 100, "limit_s": 5}'
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import lmdb
from harness.embedded import Batch, measure_batches

_MAP_SIZE_BYTES: Final = 1 << 40
_LENGTH_SIZE: Final = 4
_NUMBER_SIZE: Final = 8


def run(task: dict[str, Any]) -> dict[str, Any]:
    """Write the batches of a task into a fresh environment."""
    folder = Path(task["folder"])
    environment = lmdb.open(str(folder), map_size=_MAP_SIZE_BYTES, sync=True, metasync=True)
    write = {"value": _put_value, "row": _put_rows}[task["way"]]
    answer = measure_batches(task, lambda batch: write(environment, batch))
    stat = environment.stat()
    environment.close()
    pages = stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]
    answer["stored_bytes"] = pages * stat["psize"]
    answer["stored"] = len(read_events(folder, task["way"]))
    return answer


def _put_value(environment: lmdb.Environment, batch: Batch) -> None:
    framed = [
        part for body in batch.bodies for part in (len(body).to_bytes(_LENGTH_SIZE, "big"), body)
    ]
    with environment.begin(write=True) as transaction:
        transaction.put(batch.number.to_bytes(_NUMBER_SIZE, "big"), b"".join(framed))


def _put_rows(environment: lmdb.Environment, batch: Batch) -> None:
    pairs = zip(batch.event_ids, batch.bodies, strict=True)
    with environment.begin(write=True) as transaction, transaction.cursor() as cursor:
        cursor.putmulti(list(pairs), overwrite=False)


def read_events(folder: Path, way: str) -> list[bytes]:
    """The events that are stored, in the order of their keys."""
    with (
        lmdb.open(str(folder), readonly=True, lock=False) as environment,
        environment.begin() as transaction,
        transaction.cursor() as cursor,
    ):
        values = [bytes(value) for value in cursor.iternext(keys=False)]
    return values if way == "row" else [body for value in values for body in _split(value)]


def _split(value: bytes) -> list[bytes]:
    bodies, at = [], 0
    while at < len(value):
        begin = at + _LENGTH_SIZE
        at = begin + int.from_bytes(value[at:begin], "big")
        bodies.append(value[begin:at])
    return bodies


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))), flush=True)
