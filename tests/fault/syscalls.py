"""The long form of the system-call faults: each call of a scripted run fails in each way, at each place.

``python -m tests.fault.syscalls``, from the top of the checkout; the figures go to results/syscall-faults.json.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from .results import write_result
from .shim import build_shim
from .spawning import Spawner
from .sweep import Bench, list_faults, wrong_with

NOT_COVERED = [
    "msync, rename and ftruncate of the server: it makes none of these calls (the client's are in test_spool_faults.py)",
    "reads that fail: LMDB reads through a map, where a failing disk is a SIGBUS",
    "faults of two calls in one run",
]


def main() -> int:
    """Run every fault, and write the figures down whatever they are."""
    began_s = time.monotonic()
    kinds: Counter[str] = Counter()
    wrong: list[str] = []
    ends_s: list[float] = []
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        library = build_shim(Path(folder))
        if library is None:
            print("there is no C compiler (cc)")
            return 2
        with Spawner(library) as spawner:
            bench = Bench(spawner, Path(folder))
            calls = bench.run(None).trace
            bench.reconcile()
            for fault in list_faults(calls):
                outcome = bench.run(fault)
                if told := wrong_with(fault, outcome):
                    wrong.append(f"{fault}: {told}")
                bench.reconcile()
                missed += outcome.hit is None
                kinds[f"{fault.calls.name} {fault.file} {fault.how}"] += outcome.hit is not None
                if outcome.end_s is not None and not fault.survivable:
                    ends_s.append(outcome.end_s)
            judge = bench.judge
    figures = {
        "faults_injected": sum(kinds.values()),
        "places_that_did_not_come_again": missed,
        "wrong_reactions": wrong,
        "acknowledged_records_lost": judge.lost,
        "duplicates": judge.duplicates,
        "invalid_receipts": judge.invalid,
        "acknowledged_records": judge.acknowledged,
        "answers_after_a_failed_commit": 0 if not wrong else "see wrong_reactions",
        "from_first_failed_answer_to_exit_ms_max": round(1000 * max(ends_s)),
        "calls_of_a_run_without_fault": dict(
            sorted(Counter(f"{call.name} {call.file}" for call in calls).items())
        ),
        "faults": dict(sorted(kinds.items())),
        "seconds": round(time.monotonic() - began_s),
    }
    write_result("syscall-faults", figures, not_covered=NOT_COVERED)
    print(f"{sum(kinds.values())} faults, wrong: {wrong}, judge: {judge.faults}")
    return 0 if judge.clean and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
