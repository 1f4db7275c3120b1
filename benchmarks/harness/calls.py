"""One measurement of single records: a server, and one client process with many callers."""

import json
from pathlib import Path

from harness.child import start_client
from harness.ledger import Directory, MemoryWatch, Server
from harness.plan import STREAMS, Plan
from harness.step import Sample

_PREPARE_S = 60.0
_RUN_S = 120.0


def measure(
    directory: Directory, logs: Path, plan: Plan, *, workers: int, seed: int, verify: bool
) -> Sample:
    """Call RecordTraining from many callers at a time.

    Args:
        verify: the client verifies each receipt against what it sent; else it only parses it.

    Raises:
        Failed: a call failed, or a receipt did not verify.
    """
    with Server(directory, workers, logs) as server:
        task = {
            "address": server.address,
            "vkey": directory.vkey,
            "seed": seed,
            "callers": plan.callers,
            "seconds": plan.call_s,
            "warm_up_s": plan.warm_up_s,
            "connections": STREAMS[workers],
            "verify": verify,
        }
        with start_client("callers", task, logs) as client, MemoryWatch(server) as memory:
            client.read_line(_PREPARE_S)
            cpu_before_s = server.cpu_s()
            client.tell("go")
            answer: Sample = json.loads(client.read_line(_RUN_S))
            server_cpu_s = server.cpu_s() - cpu_before_s
        return {
            **answer,
            "server_cpu_us": server_cpu_s / answer["calls"] * 1e6,
            "client_cpu_us": answer["cpu_s"] / answer["calls"] * 1e6,
            "rss_anon_bytes": memory.peak_bytes,
            "ready_s": server.ready_s,
        }
