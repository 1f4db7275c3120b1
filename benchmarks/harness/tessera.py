"""Tessera beside the ledger: its POSIX driver behind the small server of its own tests, and its own load generator.

The hammer writes entries of about 134 bytes one by one, as many at a time as it has writers; no entry is a duplicate. What
counts is the size of the tree in the checkpoints that the log publishes, once a second, and which are verified here: from
the first that holds entries to the last. The hammer's own messages change from version to version.
"""

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness import processes
from harness.child import Child, Failed
from harness.clock import stopwatch_s
from harness.plan import Plan
from harness.ports import HOST, free_port, wait_for_port
from harness.programs import TESSERA_HAMMER, TESSERA_POSIX, Programs
from harness.step import Sample

from counterfoil.errors import VerificationError
from counterfoil.keys import Signer, Verifier
from counterfoil.note import parse_checkpoint

_ORIGIN: Final = "bench.example/tessera"
_SEED_SIZE: Final = 32
_START_S: Final = 30
_LOOK_EVERY_S: Final = 0.02
# The hammer waits a second before it begins, and a first checkpoint must come after that.
_BEGIN_S: Final = 20.0
# The driver puts 256 entries into a batch: with twice as many writers one batch fills while another is written.
_WRITERS: Final = 512
# More than one machine can do.
_WRITES_PER_S_MAX: Final = 100_000
# Filled up with hexadecimal digits, a space and the number of the entry: 134 bytes from the ten thousandth on.
_FILLER_BYTES: Final = 128


@dataclass(frozen=True)
class Seen:
    """A checkpoint, when it was seen, and the processor time of server and client until then."""

    size: int
    at_s: float
    server_cpu_s: float
    client_cpu_s: float


def measure(plan: Plan, folder: Path, logs: Path, programs: Programs, _number: int) -> Sample:
    """Let the hammer write for a while.

    Raises:
        Failed: one of the programs did not start, or the log published too few checkpoints.
    """
    assert programs.tessera is not None
    signer = Signer.from_seed(_ORIGIN, os.urandom(_SEED_SIZE))
    port = free_port()
    log = folder / "log"
    folder.mkdir()
    serve = [str(programs.tessera / TESSERA_POSIX), f"--storage_dir={log}"]
    serve += [f"--listen={HOST}:{port}"]
    environment = {**os.environ, "LOG_PRIVATE_KEY": signer.format()}
    quiet = {"stdout": subprocess.DEVNULL}
    with Child("tessera", serve, logs, env=environment, **quiet) as server:
        wait_for_port(server, port, _START_S)
        command = [str(programs.tessera / TESSERA_HAMMER), *_hammer_options(port)]
        command += [f"--log_public_key={signer.verifier.vkey}"]
        with Child("hammer", command, logs, **quiet) as hammer:
            seen = list(_watch(log / "checkpoint", signer.verifier, server, hammer, plan.rival_s))
    stored = sum(path.stat().st_size for path in log.rglob("*") if path.is_file())
    return {**growth(seen), "stored_bytes_per_record": stored / seen[-1].size}


def growth(seen: Sequence[Seen]) -> Sample:
    """What happened between the first and the last of some checkpoints.

    Raises:
        Failed: there are fewer than two.
    """
    if len(seen) < 2:
        raise Failed(f"the log published {len(seen)} checkpoints with entries; it takes two")
    first, last = seen[0], seen[-1]
    records, seconds = last.size - first.size, last.at_s - first.at_s
    return {
        "records_per_s": records / seconds,
        "records": records,
        "seconds": seconds,
        "server_cpu_us": (last.server_cpu_s - first.server_cpu_s) / records * 1e6,
        "client_cpu_us": (last.client_cpu_s - first.client_cpu_s) / records * 1e6,
    }


def published_size(path: Path, verifier: Verifier) -> int:
    """The size of the tree in the checkpoint of a file; 0 before there is one.

    Raises:
        Failed: it is not the log's.
    """
    if not path.exists():
        return 0
    try:
        return parse_checkpoint(path.read_bytes(), [verifier]).size
    except VerificationError as error:
        raise Failed(f"a checkpoint does not verify: {error}") from error


def _hammer_options(port: int) -> list[str]:
    options = {
        "log_url": f"http://{HOST}:{port}",
        "max_read_ops": 0,
        "num_readers_random": 0,
        "num_readers_full": 0,
        "num_writers": _WRITERS,
        "max_write_ops": _WRITES_PER_S_MAX,
        "leaf_min_size": _FILLER_BYTES,
        "dup_chance": 0,
        "show_ui": "false",
    }
    return [f"--{name}={value}" for name, value in options.items()]


def _watch(
    path: Path, verifier: Verifier, server: Child, hammer: Child, seconds: float
) -> Iterator[Seen]:
    """Each new checkpoint that holds entries, until the time is over that begins with the first of them."""
    size, end_s = 0, stopwatch_s() + _BEGIN_S
    while (now_s := stopwatch_s()) < end_s:
        found = published_size(path, verifier)
        if found > size:
            # At least one more, which comes a second later.
            end_s = end_s if size else now_s + max(seconds, 2.5)
            size = found
            yield Seen(size, now_s, processes.cpu_s(server.pid), processes.cpu_s(hammer.pid))
        if hammer.ended(0.0):
            raise Failed(f"the hammer ended: {hammer.errors()}")
        time.sleep(_LOOK_EVERY_S)
