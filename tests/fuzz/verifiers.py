"""The long form of the comparison: a million mutated proofs, receipts and checkpoints before independent verifiers.

    python -m tests.fuzz.verifiers --cases 1000000 --seed 1

Every case has a known truth, from how it was made. Disagreements and forgeries must be none. A verifier that is not
installed is named, and the others go on.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .machine import describe_run
from .rig.compare import Tally, all_cases, compare
from .rig.judges import Judge, all_judges

RESULT = Path(__file__).parent / "results" / "verifiers.json"
_SHOWN_MAX = 20


def main() -> int:
    """Compare; 1 when there is a disagreement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--result", type=Path, default=RESULT)
    asked = parser.parse_args()
    started_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, all_judges(Path(folder)) as (judges, missing):
        for key, why in missing.items():
            print(f"NOT ASKED: {key}: {why}")
        tally = compare(judges, all_cases(asked.seed), asked.cases)
        result = summarise(tally, judges, missing, asked.seed, time.perf_counter() - started_s)
    asked.result.parent.mkdir(exist_ok=True)
    asked.result.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    for told in tally.disagreements[:_SHOWN_MAX]:
        print(told)
    print(
        f"{tally.cases} cases, {sum(tally.verdicts.values())} verdicts of {len(judges)} verifiers, "
        f"{len(tally.disagreements)} disagreements, {tally.forgeries} forgeries accepted"
    )
    return 1 if tally.disagreements else 0


def summarise(
    tally: Tally, judges: list[Judge], missing: dict[str, str], seed: int, seconds: float
) -> dict[str, Any]:
    """The result as it is kept."""
    return {
        **describe_run(),
        "seed": seed,
        "seconds": round(seconds),
        "cases": tally.cases,
        "good": tally.good,
        "mutated": tally.cases - tally.good,
        "disagreements": len(tally.disagreements),
        "forgeries_accepted": tally.forgeries,
        "verifiers": {judge.key: judge.name for judge in judges},
        "verifiers_missing": missing,
        "verdicts": dict(tally.verdicts),
        "abstained": dict(tally.abstained),
        "known_differences": dict(sorted(tally.known_differences.items())),
        "cases_by_rule": dict(sorted(tally.rules.items())),
        "not_covered": [
            "pymerkle reads inclusion proofs, and consistency proofs whose last step is a leaf; its form has no others",
            "sumdb/tlog does not end on sizes above 2^62, where it abstains, and has no consistency from size 0",
            "docs/VERIFYING.md has no consistency proof in Python; its JavaScript judge has one beside the page",
            "policies with witnesses and quorums: only this project's verifier reads them",
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
