"""The ingest client: a process of its own that streams batches and verifies every receipt.

It makes its events, connects, says ``ready``, waits for a line, works, and prints one JSON object. Each stream has a
connection and a thread of its own; all take their next batch from one queue, so that none is left with a rest.

    python -m harness.streamer '{"address": ..., "vkey": ..., "seed": 1, "batches": 200, ...}'
"""

import gc
import json
import sys
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.clock import cpu_s, now_us, stopwatch_s
from harness.rows import make_bodies, make_rich_bodies

from counterfoil_client import LedgerClient
from counterfoil_client.evidence import UsageResult


@dataclass
class Tally:
    """What one stream was answered. ``verified`` counts records under a receipt that verified."""

    accepted: int = 0
    verified: int = 0
    receipts: int = 0
    problems: list[str] = field(default_factory=list)

    def take(self, _sequence: int, result: UsageResult) -> None:
        """Count one acknowledgement; the client has verified its receipts before this is called."""
        self.accepted += result.accepted
        self.receipts += len(result.receipts)
        self.verified += sum(receipt.count for receipt in result.receipts)


def run(task: dict[str, Any]) -> dict[str, Any]:
    """Stream all batches of a task; the seconds count from the first batch sent to the last receipt verified."""
    made_us = now_us()
    make = make_rich_bodies if task["rich"] else make_bodies
    count, before = task["batches"], task["batches_before"]
    batches = deque(make(task["seed"], at, made_us) for at in range(count))
    uncounted = deque(make(task["seed"], at, made_us) for at in range(count, count + before))
    sizes = [sum(map(len, batch)) for batch in batches]
    records = sum(map(len, batches))
    clients = [
        LedgerClient(task["address"], trust=task["vkey"], submitter="bench")
        for _ in range(task["streams"])
    ]
    for client in clients:
        client.log_info()
    problems: Sequence[str] = ()
    if uncounted:
        _, problems = _stream_all(clients, f"{task['seed']}/before", uncounted)
    # The events waiting here are the benchmark's, not the client's: its collector shall not walk them.
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    sys.stdin.readline()
    cpu_before_s, started_s = cpu_s(), stopwatch_s()
    tallies, more = _stream_all(clients, str(task["seed"]), batches)
    seconds = stopwatch_s() - started_s
    answer = {
        "seconds": seconds,
        "cpu_s": cpu_s() - cpu_before_s,
        "records": records,
        "raw_bytes": sum(sizes),
        "accepted": sum(tally.accepted for tally in tallies),
        "verified": sum(tally.verified for tally in tallies),
        "receipts": sum(tally.receipts for tally in tallies),
        "problems": [*problems, *more],
    }
    for client in clients:
        client.close()
    return answer


def _stream_all(
    clients: Sequence[LedgerClient], name: str, batches: deque[list[bytes]]
) -> tuple[Sequence[Tally], Sequence[str]]:
    """Send all batches over all connections; what each was answered, and what went wrong."""
    tallies = [Tally() for _ in clients]
    threads = [
        threading.Thread(target=_stream, args=(client, tally, f"{name}/{at}", batches))
        for at, (client, tally) in enumerate(zip(clients, tallies, strict=True))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tallies, [problem for tally in tallies for problem in tally.problems]


def _stream(client: LedgerClient, tally: Tally, name: str, batches: deque[list[bytes]]) -> None:
    try:
        with client.open_stream(f"bench/{name}", on_ack=tally.take) as stream:
            while batches:
                try:
                    batch = batches.popleft()
                except IndexError:
                    break  # Another stream took the last one.
                stream.send(batch)
    except Exception as error:  # noqa: BLE001 - whatever it is, the run is void and says why
        tally.problems.append(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]))), flush=True)
