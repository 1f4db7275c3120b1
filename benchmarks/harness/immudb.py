"""immudb beside the ledger: its server with its default durability, and its own Python client.

immudb syncs its log 50 times a second (``--synced``, on by default) and answers those who wait together, so that the
client has several connections. Its web, SQL and metrics servers are off.
"""

import json
import pickle
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from harness import processes
from harness.child import Child, Failed
from harness.clock import now_us
from harness.plan import Plan
from harness.ports import HOST, free_port, wait_for_port
from harness.programs import Programs
from harness.rows import make_rows, serialize
from harness.step import Sample

_CONNECTIONS: Final = 8
_START_S: Final = 30
_PREPARE_S: Final = 60.0
_RUN_S: Final = 120.0


def measure(plan: Plan, folder: Path, logs: Path, programs: Programs, number: int) -> Sample:
    """Write batches and verify each transaction; what was verified counts.

    Raises:
        Failed: the server did not start, or something did not verify.
    """
    folder.mkdir()
    batches = folder / "batches"
    batches.write_bytes(pickle.dumps(_make(number, plan.rival_batches)))
    with _running(folder / "data", logs, programs) as (server, port):
        task = {
            "address": f"{HOST}:{port}",
            "batches": str(batches),
            "connections": _CONNECTIONS,
            "limit_s": plan.rival_s,
        }
        # Its client lives in an environment of its own, which does not have the packages of this one.
        command = [str(programs.immudb_python), "-m", "harness.immudb_client", json.dumps(task)]
        with Child("immudb client", command, logs) as client:
            client.read_line(_PREPARE_S)
            cpu_before_s = processes.cpu_s(server.pid)
            client.tell("go")
            answer = json.loads(client.read_line(_RUN_S))
            server_cpu_s = processes.cpu_s(server.pid) - cpu_before_s
    records = answer["verified"]
    if answer["problems"] or not records:
        raise Failed(f"immudb did not verify in full: {answer}")
    return {
        "records_per_s": records / answer["seconds"],
        "records": records,
        "seconds": answer["seconds"],
        "server_cpu_us": server_cpu_s / records * 1e6,
        "client_cpu_us": answer["cpu_s"] / records * 1e6,
    }


def _make(seed: int, count: int) -> list[dict[bytes, bytes]]:
    """Batches as immudb's client takes them: event id to event."""
    made_us = now_us()
    batches = []
    for number in range(count):
        rows = make_rows(seed, number, made_us)
        keys = (row.event_id.encode() for row in rows)
        batches.append(dict(zip(keys, serialize(rows), strict=True)))
    return batches


@contextmanager
def _running(data: Path, logs: Path, programs: Programs) -> Iterator[tuple[Child, int]]:
    port = free_port()
    command = [str(programs.immudb), "--dir", str(data)]
    command += ["--address", HOST, "--port", str(port)]
    command += [f"--{name}-server=false" for name in ("metrics", "pgsql", "web")]
    with Child("immudb", command, logs, stdout=subprocess.DEVNULL) as server:
        wait_for_port(server, port, _START_S)
        yield server, port
