"""The long form of the kill test: ``python -m tests.fault.torture --cycles 5000``, from the top of the checkout.

A ledger serves for ARENA_CYCLES kills; then everything is judged once more from the beginning, the store is checked
offline, and a new ledger takes its place. One line tells how it goes; the figures go to results/<name>.json. With
--state FILE the sums are kept there after each ledger, and a run that was stopped goes on from them.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .cycles import Arena
from .results import write_result
from .shim import build_shim
from .spawning import Spawner

SEED = 4711
ARENA_CYCLES = 250
# One cycle in so many is of a server with two workers, which takes seconds to start.
CREW_EVERY = 50
NOT_COVERED = [
    "loss of power: the machine itself stays up, so that the page cache survives (the power tests cover that)",
    "restart at 10 M records: the stores here grow to some hundred thousand",
    "the start of the interpreter: servers are forked from a process with everything imported, but for those with workers",
]


@dataclass
class Sums:
    """The figures of all arenas together."""

    cycles: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    ready_s: list[float] = field(default_factory=list)
    up_s: float = 0.0
    under_load: int = 0
    unreached: int = 0
    fscks: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @classmethod
    def read(cls, path: Path | None) -> Sums:
        """What a run before this one came to; nothing when there was none."""
        if path is None or not path.exists():
            return cls()
        kept = json.loads(path.read_text())
        counters = {name: Counter(kept[name]) for name in ("kills", "steps", "counts")}
        return cls(**kept | counters)

    def write(self, path: Path | None) -> None:
        """Keep the sums for a run after this one."""
        if path is not None:
            path.write_text(json.dumps(vars(self)))

    def add(self, arena: Arena, cycles: int) -> None:
        """Take in an arena that has ended."""
        tally, judge = arena.tally, arena.judge
        self.cycles += cycles
        self.kills += tally.kills
        self.steps += tally.steps
        self.ready_s += tally.ready_s
        self.up_s += tally.up_s
        self.under_load += tally.acknowledged
        self.unreached += tally.unreached
        self.fscks += tally.fscks
        for name in ("acknowledged", "resent", "receipts", "entries"):
            self.counts[name] += getattr(judge, name)
        for name in ("lost", "duplicates", "invalid"):
            self.counts[name] = self.counts[name] + getattr(judge, name)
        self.faults += judge.faults

    def figures(self) -> dict[str, Any]:
        """What goes into the result file."""
        ready = sorted(self.ready_s)
        return {
            "cycles": self.cycles,
            "acknowledged_records_lost": self.counts["lost"],
            "duplicates": self.counts["duplicates"],
            "invalid_receipts": self.counts["invalid"],
            "acknowledged_records": self.counts["acknowledged"],
            "of_these_answered_as_duplicates": self.counts["resent"],
            "receipts_verified": self.counts["receipts"],
            "entries_read_again": self.counts["entries"],
            "records_per_second_while_up": round(self.under_load / self.up_s) if self.up_s else 0,
            "restart_to_ready_ms": {
                "p50": round(statistics.median(ready) * 1000),
                "p99": round(ready[int(len(ready) * 0.99)] * 1000),
                "max": round(ready[-1] * 1000),
            },
            "kills": dict(sorted(self.kills.items())),
            "kills_at_steps_of_a_commit": dict(sorted(self.steps.items())),
            "steps_that_did_not_come": self.unreached,
            "fsck_runs_all_sound": self.fscks,
            "faults": self.faults,
            "seconds": round(self.seconds),
            "seed": SEED,
        }


def run_arena(spawner: Spawner, cycles: int, seed: int, sums: Sums) -> bool:
    """One ledger from its making to its last check; whether nothing was wrong."""
    with tempfile.TemporaryDirectory() as folder:
        arena = Arena(spawner, Path(folder), random.Random(seed))
        arena.begin()
        for cycle in range(1, cycles + 1):
            arena.crew_cycle() if cycle % CREW_EVERY == 0 else arena.cycle()
            if not arena.judge.clean:
                arena.abandon()
                sums.add(arena, cycle)
                return False
        report = arena.finish()
        if not report.sound:
            arena.judge.faults.append(f"fsck: {report}")
        sums.add(arena, cycles)
        return report.sound and arena.judge.clean


def main() -> int:
    """Run, and write the figures down whatever they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=5000)
    parser.add_argument("--name", default="kill-long")
    parser.add_argument("--state", type=Path, help="a file to go on from, and to keep the sums in")
    options = parser.parse_args()
    sums = Sums.read(options.state)
    good = not sums.faults
    with tempfile.TemporaryDirectory() as folder:
        library = build_shim(Path(folder))
        if library is None:
            print("there is no C compiler (cc): kills at steps of a commit need one")
            return 2
        with Spawner(library) as spawner:
            while good and sums.cycles < options.cycles:
                cycles = min(ARENA_CYCLES, options.cycles - sums.cycles)
                began_s = time.monotonic()
                good = run_arena(spawner, cycles, SEED + sums.cycles, sums)
                sums.seconds += time.monotonic() - began_s
                sums.write(options.state)
                print(f"{sums.cycles} kills, {dict(sums.counts)}", flush=True)
                write_result(options.name, sums.figures(), not_covered=NOT_COVERED)
    print("nothing lost" if good else f"seed {SEED}: {sums.faults}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
