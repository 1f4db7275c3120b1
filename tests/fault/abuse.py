"""Abuse of the protocol, with an honest client beside it: ``python -m tests.fault.abuse``, from the top of the checkout.

Each abuse of abuses.py goes on for a while against one server. Whether that is alive, how far its memory grew at most
(the kernel's high-water mark), and how long honest calls took before and meanwhile, goes to results/abuse.json.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from counterfoil.limits import MIB
from counterfoil.v1.record_pb2 import ProofOfTraining
from counterfoil_client import LedgerClient, LedgerError
from counterfoil_server.directory import create, fsck, load_signer

from .abuses import ABUSES
from .results import write_result
from .spawning import PATIENCE_S, ROOT, Server, Spawner

ORIGIN = "test.example/ledger"
GROWTH_MIB_MAX = 256
RATIO_MAX = 3.0
SIZES = {"slow_streams": 1000, "idle_connections": 10_000, "unfinished_messages": 100}
NOT_COVERED = [
    "attackers with machines of their own: they run on the server's processors, at the lowest priority",
    "TLS: the server was reached in plain text, and TLS ends in front of it",
]


class Honest:
    """A client that writes a record and reads it back; both are verified.

    Attributes:
        times_ms: how long each of the calls took, until it was answered with what was asked for.
        busy: how often it was told to come again.
    """

    def __init__(self, address: str, vkey: str) -> None:
        self.times_ms: list[float] = []
        self.busy = 0
        self._client = LedgerClient(
            address, trust=vkey, submitter="honest", timeout_s=PATIENCE_S / 20
        )
        self._count = 0

    def once(self) -> None:
        """Record a training, and read the entry.

        Raises:
            LedgerError, VerificationError: the server does not serve, or tells untruths.
        """
        self._count += 1
        note = f"honest-{self._count}-{time.time_ns()}"
        training = ProofOfTraining(
            dataset_id="ds_1",
            creator_id="creator_1",
            model_id="model_xyz",
            artifact_hash="sha256:" + "ab" * 32,
            notes=note,
        )
        began_s = time.perf_counter()
        index = self._record(training, note)
        recorded_s = time.perf_counter()
        entry = self._client.get_entry(index)
        ended_s = time.perf_counter()
        assert note.encode() in entry.record
        self.times_ms += [(recorded_s - began_s) * 1000, (ended_s - recorded_s) * 1000]

    def _record(self, training: ProofOfTraining, name: str) -> int:
        while True:
            try:
                return self._client.record_training(training, name).index
            except LedgerError as error:
                if error.reason != "BUSY":
                    raise
                self.busy += 1
                time.sleep(error.retry_after_s or 0.0)

    def close(self) -> None:
        """End the connection."""
        self._client.close()


@dataclass
class Outcome:
    """What came of one abuse.

    Attributes:
        seen: what the abuser did and saw. peak_mib: the server's memory at its highest.
        before_ms, during_ms: how long the honest calls took. busy: how often one was told to come again.
        failures: honest calls that were not served.
    """

    name: str
    seen: Counter[str] = field(default_factory=Counter)
    peak_mib: float = 0.0
    before_ms: list[float] = field(default_factory=list)
    during_ms: list[float] = field(default_factory=list)
    busy: int = 0
    failures: list[str] = field(default_factory=list)

    def attempt(self, client: Honest) -> None:
        """Let an honest client call, and note when it is not served; an untrue answer is raised."""
        try:
            client.once()
        except LedgerError as error:
            self.failures.append(f"{error.code} {error.reason}: {error}")

    @property
    def ratio(self) -> float:
        """The honest client's p99 while it went on, by that of before."""
        enough = min(len(self.during_ms), len(self.before_ms)) > 1
        return p99(self.during_ms) / p99(self.before_ms) if enough else math.inf


class Target:
    """A server to be abused.

    Attributes:
        base_mib: its memory before it is abused.
    """

    def __init__(self, spawner: Spawner, folder: Path, *, sabotage: str = "") -> None:
        self.directory = folder / "ledger"
        self.vkey = load_signer(create(self.directory, ORIGIN)).verifier.vkey
        self.server = Server(spawner, self.directory)
        self.child = self.server.start(sabotage=sabotage)
        self.honest = Honest(self.server.address, self.vkey)
        for _ in range(20):
            self.honest.once()
        self.base_mib = self._peak_mib()

    @property
    def process(self) -> Any:
        """The server's process."""
        return psutil.Process(self.child.pid)

    def abuse(self, name: str, *options: str, before_s: float = 0.0) -> Outcome:
        """Let one abuse go on until it ends, with honest calls before it, beside it, and of a newcomer after it.

        Raises:
            VerificationError: an honest call was not answered well.
        """
        outcome = Outcome(name)
        self.honest.times_ms = outcome.before_ms
        end_s = time.monotonic() + before_s
        while time.monotonic() < end_s:
            self.honest.once()
        self.honest.times_ms, self.honest.busy = outcome.during_ms, 0
        Path(f"/proc/{self.child.pid}/clear_refs").write_text("5")
        command = [sys.executable, "-m", "tests.fault.abuses", name, self.server.address, *options]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as abuser:
            try:
                while abuser.poll() is None:
                    outcome.attempt(self.honest)
            finally:
                abuser.kill()
            assert abuser.stdout is not None
            outcome.seen = Counter(json.load(abuser.stdout))
        outcome.busy = self.honest.busy
        newcomer = Honest(self.server.address, self.vkey)
        outcome.attempt(newcomer)
        newcomer.close()
        outcome.peak_mib = self._peak_mib()
        return outcome

    def close(self) -> None:
        """End the server whatever it does."""
        self.honest.close()
        self.child.end()

    def stop(self) -> bool:
        """Stop the server as an operator would; whether it ended well with a sound store."""
        self.honest.close()
        return self.server.stop() == 0 and fsck(self.directory, lambda *_: None).sound

    def _peak_mib(self) -> float:
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / MIB


def p99(times: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(times, n=100)[98]


def figures(target: Target, outcome: Outcome) -> dict[str, Any]:
    """One abuse, for the result file."""
    return {
        "abuser": dict(sorted(outcome.seen.items())),
        "memory_growth_mib_max": round(outcome.peak_mib - target.base_mib),
        "honest_calls_that_failed": len(outcome.failures),
        "first_failure": next(iter(outcome.failures), ""),
        "honest_calls": len(outcome.during_ms),
        "honest_calls_told_to_come_again": outcome.busy,
        # Before and during; null where too few calls were answered for such a figure.
        "honest_p50_ms": [
            round(statistics.median(it), 2) if it else None
            for it in (outcome.before_ms, outcome.during_ms)
        ],
        "honest_p99_ms": [
            round(p99(it), 2) if len(it) > 1 else None
            for it in (outcome.before_ms, outcome.during_ms)
        ],
        "honest_p99_ratio": round(outcome.ratio, 2) if math.isfinite(outcome.ratio) else None,
    }


def main() -> int:
    """Run all abuses in turn, and write the figures down whatever they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each goes on")
    parser.add_argument("--only", nargs="*", choices=ABUSES, default=list(ABUSES))
    parser.add_argument("--name", default="abuse")
    options = parser.parse_args()
    began_s = time.monotonic()
    told: dict[str, Any] = {}
    exits, sound = 0, True
    with Spawner() as spawner:
        for name in options.only:
            # Each on a server of its own: what one leaves behind is not the next one's.
            with tempfile.TemporaryDirectory() as folder:
                target = Target(spawner, Path(folder))
                size = ("--size", str(SIZES.get(name, 100)))
                outcome = target.abuse(
                    name, *size, "--seconds", str(options.seconds), before_s=options.seconds / 2
                )
                told[name] = figures(target, outcome)
                print(name, json.dumps(told[name]), flush=True)
                exits += target.child.ended.is_set()
                sound = target.stop() and sound
    growth = max(each["memory_growth_mib_max"] for each in told.values())
    large = [name for name, each in told.items() if each["memory_growth_mib_max"] > GROWTH_MIB_MAX]
    late = [name for name, each in told.items() if not fast_enough(each)]
    result = {
        "server_exits": exits,
        "stopped_well_with_a_sound_store": sound,
        "memory_growth_mib_max": growth,
        "honest_calls_that_failed": sum(it["honest_calls_that_failed"] for it in told.values()),
        "abuses_with_memory_growth_over_256_mib": large,
        "abuses_with_honest_p99_over_three_times": late,
        "abuses": told,
        "seconds": round(time.monotonic() - began_s),
    }
    path = write_result(options.name, result, not_covered=NOT_COVERED)
    print(path)
    return 0 if sound and not exits and growth < GROWTH_MIB_MAX and not late else 1


def fast_enough(told: dict[str, Any]) -> bool:
    """Whether honest calls took no longer than they may, as far as there were any."""
    ratio = told["honest_p99_ratio"]
    return ratio is not None and ratio <= RATIO_MAX


if __name__ == "__main__":
    raise SystemExit(main())
