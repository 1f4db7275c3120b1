"""immudb's Python client: setAll for each batch, then verifiedTxById for its transaction.

Runs with the Python that has immudb-py, and imports nothing of this project but its clock. A transaction is verified when
the client's proof says that it follows from the one verified before it, and it has the keys that were sent; that the
server's values are those that were sent, this client does not check.

    PYTHON -m harness.immudb_client '{"address": ..., "batches": FILE, "connections": 4, "limit_s": 5}'
"""

import json
import pickle
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any, Final

from harness.clock import cpu_s, stopwatch_s
from immudb.client import ImmudbClient

# The server's user and password before anybody changed them.
_USER: Final = "immudb"
_MESSAGE_BYTES_MAX: Final = 32 << 20


def run(task: dict[str, Any]) -> dict[str, Any]:
    """Write the batches of a task, all of them or as many as there is time for."""
    batches = deque(pickle.loads(Path(task["batches"]).read_bytes()))
    clients = [_connect(task["address"], at) for at in range(task["connections"])]
    verified: list[int] = []
    problems: list[str] = []
    print("ready", flush=True)
    sys.stdin.readline()
    cpu_before_s, started_s = cpu_s(), stopwatch_s()

    def work(client: ImmudbClient) -> None:
        try:
            while batches and stopwatch_s() - started_s < task["limit_s"]:
                try:
                    batch = batches.popleft()
                except IndexError:
                    return  # Another connection took the last one.
                verified.append(_write(client, batch))
        except Exception as error:  # noqa: BLE001 - whatever it is, the run is void and says why
            problems.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "seconds": stopwatch_s() - started_s,
        "cpu_s": cpu_s() - cpu_before_s,
        "verified": sum(verified),
        "problems": problems,
    }


def _connect(address: str, number: int) -> ImmudbClient:
    client = ImmudbClient(address, max_grpc_message_length=_MESSAGE_BYTES_MAX)
    client.login(_USER, _USER)
    # Proofs start at a state that the client has seen: the first verified write gives it one.
    client.verifiedSet(b"connection %d" % number, b"")
    return client


def _write(client: ImmudbClient, batch: dict[bytes, bytes]) -> int:
    transaction = client.setAll(batch).id
    keys = client.verifiedTxById(transaction)
    if set(keys) != batch.keys():
        raise ValueError(f"transaction {transaction} does not have the keys that were sent")
    return len(keys)


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))), flush=True)
