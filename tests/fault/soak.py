"""Hours at a part of what the server can do, with a fault every half minute: ``python -m tests.fault.soak``, from the top.

The capacity is what two clients get without a pause; then they keep to a part of it. A judge reads the log along and
compares it with what the clients wrote down, as an auditor would. Memory, descriptors, the size of the store and the time
of a single write are sampled. The figures go to results/soak.json.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import statistics
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import psutil

from counterfoil.limits import MIB
from counterfoil_client import LedgerClient, LedgerError
from counterfoil_server.backup.take import take_backup
from counterfoil_server.directory import create, fsck, load_signer

from .abuse import Honest, p99
from .journal import JournalReader
from .judge import Judge
from .link import Link
from .results import write_result
from .spawning import Child, Server, Spawner

ORIGIN = "test.example/ledger"
SEED = 20261127
SHARE = 0.7
BATCH = 4
CALLERS = 2
# A server that has just started fills its caches first; a fault makes calls late for a while.
WARM_S = 600.0
CALM_S = 8.0
NOT_COVERED = [
    "a mirror: there is none yet; the judge that reads along stands for an auditor",
    "full disks: they have tests of their own",
    "the growth of one process beyond 40 minutes: then the server is killed, and the slope is that within its lives",
]


@dataclass
class Sample:
    """One look at the server: seconds since the beginning, which life of it, and what it held then."""

    at_s: float
    life: int
    memory_mib: float
    files: int


class Soak:
    """A ledger under load, and what can happen to it.

    Args:
        life_s: how long a server lives until it is killed; the faults between are others.
    """

    def __init__(self, spawner: Spawner, folder: Path, *, life_s: float) -> None:
        self._spawner, self._folder, self._life_s = spawner, folder, life_s
        self._chance = random.Random(SEED)
        self.vkey = load_signer(create(folder / "ledger", ORIGIN)).verifier.vkey
        self.judge = Judge(self.vkey, ORIGIN)
        self.server = Server(spawner, folder / "ledger")
        self.server.start()
        self.lives, self._born_s = 1, time.monotonic()
        self.faults: Counter[str] = Counter()
        self.failed = 0
        self.samples: list[Sample] = []
        self.times: list[tuple[float, float]] = []
        self.ready_s: list[float] = []
        self._journals: list[JournalReader] = []
        self._callers: list[Child] = []

    def begin(self, address: str, rate: float = 0.0) -> None:
        """Start the callers, with so many batches a second each; 0 is as many as they get answered."""
        for _ in range(CALLERS):
            journal = self._folder / f"caller-{len(self._journals)}.journal"
            self._journals.append(JournalReader(journal))
            options = {"address": address, "journal": journal, "size": BATCH, "rate": rate}
            self._callers.append(
                self._spawner.spawn("call", self._folder / "clients.log", **options)
            )

    def end(self) -> None:
        """End the callers, and let the judge look."""
        for caller in self._callers:
            assert not caller.ended.is_set(), caller.said()
            caller.end()
        self._callers.clear()
        self.look()

    def look(self) -> None:
        """Let the judge take what the journals have, and read the log on."""
        for journal in self._journals:
            self.judge.take(journal.read())
        self.judge.look(self.server.address)

    def capacity(self, seconds: float) -> float:
        """How many records a second the callers get when they do not pause."""
        self.begin(self.server.address)
        time.sleep(seconds / 4)
        for journal in self._journals:
            self.judge.take(journal.read())
        before, began_s = self.judge.acknowledged, time.monotonic()
        time.sleep(seconds)
        for journal in self._journals:
            self.judge.take(journal.read())
        rate = (self.judge.acknowledged - before) / (time.monotonic() - began_s)
        self.end()
        return rate

    def run(self, link: Link, seconds: float, every_s: float) -> None:
        """Go on for so long, with a fault each so many seconds."""
        began_s = time.monotonic()
        kinds = cycle((self._stop_and_go, self._cut, self._delay, self._backup, self._slow_reader))
        next_s, honest = every_s, Honest(link.address, self.vkey)
        while (at_s := time.monotonic() - began_s) < seconds:
            if at_s >= next_s:
                next_s += every_s
                old = time.monotonic() - self._born_s >= self._life_s
                kind = self._kill if old else next(kinds)
                kind(link)
                self.faults[kind.__name__.strip("_")] += 1
                self.look()
            self._sample(at_s)
            try:
                honest.once()
                if at_s - (next_s - every_s) > CALM_S:
                    self.times.append((at_s, honest.times_ms[-2]))
            except LedgerError:
                self.failed += 1
            time.sleep(0.2)
        honest.close()

    def _sample(self, at_s: float) -> None:
        assert self.server.child is not None
        pid = self.server.child.pid
        status = Path(f"/proc/{pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("RssAnon:"))
        files = psutil.Process(pid).num_fds()
        if time.monotonic() - self._born_s > min(WARM_S, self._life_s / 3):
            self.samples.append(Sample(at_s, self.lives, int(line.split()[1]) * 1024 / MIB, files))

    def _kill(self, _: Link) -> None:
        assert self.server.child is not None
        self.server.child.end()
        self.server.start()
        self.ready_s.append(self.server.ready_s)
        self.lives, self._born_s = self.lives + 1, time.monotonic()

    def _stop_and_go(self, _: Link) -> None:
        assert self.server.child is not None
        os.kill(self.server.child.pid, signal.SIGSTOP)
        time.sleep(1.0)
        os.kill(self.server.child.pid, signal.SIGCONT)

    def _cut(self, link: Link) -> None:
        link.cut()

    def _delay(self, link: Link) -> None:
        link.delay_s = self._chance.uniform(0.01, 0.1)
        time.sleep(1.0)
        link.pass_on()

    def _backup(self, _: Link) -> None:
        take_backup(self._folder / "ledger", self._folder / "backup")
        shutil.rmtree(self._folder / "backup")

    def _slow_reader(self, _: Link) -> None:
        """Begin to read everything over a slow line, and vanish in the middle."""
        with Link(self.server.address) as slow:
            slow.delay_s = 0.05
            with LedgerClient(slow.address, trust=self.vkey) as client, suppress(LedgerError):
                for at, _entry in enumerate(client.entries()):
                    if at > 2000:
                        break
            slow.hold()


def slope_mib_per_h(samples: list[Sample]) -> float | None:
    """The slope of memory within the lives of the servers, by least squares with an intercept of each life."""
    lives = {sample.life for sample in samples}
    above = below = 0.0
    for life in lives:
        own = [sample for sample in samples if sample.life == life]
        mean_s = statistics.fmean(sample.at_s for sample in own)
        mean_mib = statistics.fmean(sample.memory_mib for sample in own)
        above += sum((it.at_s - mean_s) * (it.memory_mib - mean_mib) for it in own)
        below += sum((it.at_s - mean_s) ** 2 for it in own)
    return above / below * 3600 if below else None


def descriptor_drift(samples: list[Sample]) -> int:
    """By how many descriptors the end of a life differs from its beginning at most, in medians of a quarter."""
    drifts = [0]
    for life in {sample.life for sample in samples}:
        own = [sample.files for sample in samples if sample.life == life]
        quarter = max(1, len(own) // 4)
        drifts.append(round(statistics.median(own[-quarter:]) - statistics.median(own[:quarter])))
    return max(drifts, key=abs)


def p99_drift(times: list[tuple[float, float]], seconds: float) -> float | None:
    """The p99 of the last quarter by that of the second one, less 1; the first quarter warms up."""
    early = [ms for at_s, ms in times if seconds / 4 <= at_s < seconds / 2]
    late = [ms for at_s, ms in times if at_s >= seconds * 3 / 4]
    return p99(late) / p99(early) - 1 if min(len(early), len(late)) > 1 else None


def file_ratio(directory: Path, folder: Path) -> float:
    """The store's file by what is live in it: a copy without free pages."""
    take_backup(directory, folder)
    whole, live = (
        sum(each.stat().st_size for each in place.rglob("data.mdb"))
        for place in (directory, folder)
    )
    shutil.rmtree(folder)
    return whole / live


def soak(
    spawner: Spawner, folder: Path, seconds: float, *, every_s: float, life_s: float
) -> dict[str, Any]:
    """One soak from its beginning to its end; the figures."""
    began_s = time.monotonic()
    run = Soak(spawner, folder, life_s=life_s)
    capacity = run.capacity(min(20.0, seconds / 4))
    before = run.judge.acknowledged
    with Link(run.server.address) as link:
        run.begin(link.address, SHARE * capacity / BATCH / CALLERS)
        run.run(link, seconds, every_s)
        run.end()
    under_load = run.judge.acknowledged - before
    ratio = file_ratio(run.server.directory, folder / "copy")
    stopped = run.server.stop()
    slope, drift = slope_mib_per_h(run.samples), p99_drift(run.times, seconds)
    return {
        "capacity_records_per_s": round(capacity),
        "load_records_per_s": round(under_load / seconds),
        "records_acknowledged": run.judge.acknowledged,
        "answered_as_duplicates": run.judge.resent,
        "records_lost": run.judge.lost,
        "records_double": run.judge.duplicates,
        "invalid_receipts_or_entries": run.judge.invalid,
        "entries_read_and_verified": run.judge.entries,
        "faults": dict(sorted(run.faults.items())),
        "honest_calls": len(run.times),
        "honest_calls_that_failed_in_faults": run.failed,
        "memory_mib": [round(pick(it.memory_mib for it in run.samples)) for pick in (min, max)],
        "memory_slope_mib_per_h": None if slope is None else round(slope, 2),
        "descriptor_drift": descriptor_drift(run.samples),
        "file_by_live_data": round(ratio, 3),
        "write_p99_ms": round(p99([ms for _, ms in run.times]), 1) if len(run.times) > 1 else None,
        "write_p99_drift": None if drift is None else round(drift, 3),
        "restart_to_ready_s_max": round(max(run.ready_s, default=0.0), 2),
        "ended_well_with_a_sound_store": stopped == 0
        and fsck(run.server.directory, lambda *_: None).sound,
        "what_was_wrong": run.judge.faults,
        "seconds": round(time.monotonic() - began_s),
        "seed": SEED,
    }


def main() -> int:
    """Run, and write the figures down whatever they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--every", type=float, default=30.0, help="seconds between faults")
    parser.add_argument("--life", type=float, default=2400.0, help="seconds between kills")
    parser.add_argument("--name", default="soak")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Spawner() as spawner:
        figures = soak(
            spawner,
            Path(folder),
            options.hours * 3600,
            every_s=options.every,
            life_s=options.life,
        )
    path = write_result(options.name, figures, not_covered=NOT_COVERED)
    print(path.read_text())
    bad = ("records_lost", "records_double", "invalid_receipts_or_entries")
    sound = figures["ended_well_with_a_sound_store"]
    return 1 if any(figures[name] for name in bad) or not sound else 0


if __name__ == "__main__":
    raise SystemExit(main())
