"""One measurement of stream ingest: a server, one client process, and what both used."""

import json
import os
from pathlib import Path

from harness import agreements
from harness.child import Failed, start_client
from harness.ledger import Directory, MemoryWatch, Server
from harness.plan import PLAIN, STREAMS, Variant
from harness.step import Sample

_PREPARE_S = 120.0
_RUN_S = 180.0


def measure(
    directory: Directory,
    logs: Path,
    *,
    workers: int,
    batches: int,
    seed: int,
    variant: Variant = PLAIN,
    streams: int | None = None,
) -> Sample:
    """Stream batches into a directory, over the usual number of streams or over another one.

    Returns:
        records_per_s over acknowledged and verified records; server and client processor time per record in
        microseconds; the server's peak anonymous memory and its time to ready.

    Raises:
        Failed: something was not acknowledged, or did not verify.
    """
    options = {} if variant.twin else {"env": {**os.environ, "COUNTERFOIL_TWIN": "off"}}
    with Server(directory, workers, logs, **options) as server:
        if variant.agreed:
            agreements.register(server.address, directory.vkey)
        task = {
            "address": server.address,
            "vkey": directory.vkey,
            "seed": seed,
            "batches": batches,
            "streams": streams or STREAMS[workers],
            "rich": variant.rich,
            "batches_before": variant.batches_before,
        }
        with (
            start_client("streamer", task, logs, **options) as client,
            MemoryWatch(server) as memory,
        ):
            client.read_line(_PREPARE_S)
            cpu_before_s = server.cpu_s()
            client.tell("go")
            answer = json.loads(client.read_line(_RUN_S))
            server_cpu_s = server.cpu_s() - cpu_before_s
        records = answer["records"]
        if answer["problems"] or not records == answer["accepted"] == answer["verified"]:
            raise Failed(f"ingest did not verify in full: {answer}")
        return {
            "records_per_s": records / answer["seconds"],
            "records": records,
            "raw_bytes": answer["raw_bytes"],
            "receipts": answer["receipts"],
            "seconds": answer["seconds"],
            "server_cpu_us": server_cpu_s / records * 1e6,
            "client_cpu_us": answer["cpu_s"] / records * 1e6,
            "rss_anon_bytes": memory.peak_bytes,
            "ready_s": server.ready_s,
        }
