"""Put each seeded bug into a copy of the project, and see the tests that are meant for it fail.

    python -m tests.mutants [NAME ...]      all bugs, or these; writes results/mutants.json when it is all of them

The copy without a bug has to pass the same tests first: that is the negative control. Exit code 1 when a bug survives, or
when a trial shows nothing (a patch that does not apply, a module that cannot be imported, a test that timed out).
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .mutant import FOLDER, ROOT, Mutant, read_mutants
from .trial import CAUGHT, SURVIVED, Verdict, copy_tree, find_foreign, run_tests, try_mutant

RESULT = FOLDER / "results" / "mutants.json"


def main(names: list[str]) -> int:
    """Try bugs; 0 when all were caught."""
    mutants = [mutant for mutant in read_mutants() if not names or mutant.name in names]
    with tempfile.TemporaryDirectory(prefix="counterfoil-mutants-") as folder:
        pristine = Path(folder, "pristine")
        copy_tree(pristine)
        commit = _commit()
        tests = tuple(sorted({test for mutant in mutants for test in mutant.tests}))
        control = run_tests(tests, pristine)
        foreign = find_foreign((), pristine)
        if control.outcome != SURVIVED or foreign:
            print(f"without a bug the tests must pass: {foreign or control.told}", file=sys.stderr)
            return 1
        print(f"{'(no bug: all tests pass)':36} {control.seconds:6.1f} s", flush=True)
        verdicts: dict[str, Verdict] = {}
        for mutant in mutants:
            verdict = try_mutant(mutant, pristine, Path(folder, "tree"))
            verdicts[mutant.name] = verdict
            told = (
                verdict.told
                if verdict.outcome == CAUGHT
                else f"{verdict.outcome.upper()} {verdict.told}"
            )
            print(
                f"{mutant.name:36} {verdict.seconds:6.1f} s  {mutant.files[0]}  {told}", flush=True
            )
    missed = [name for name, verdict in verdicts.items() if verdict.outcome != CAUGHT]
    print(
        f"{len(mutants) - len(missed)} of {len(mutants)} caught"
        + "".join(f"\n  not: {name}" for name in missed)
    )
    if not names:
        write_result(mutants, verdicts, control.seconds, commit)
    return 1 if missed or not mutants else 0


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout.strip()


def write_result(
    mutants: list[Mutant], verdicts: dict[str, Verdict], control_s: float, commit: str
) -> None:
    """Write down what came of all bugs."""
    told = {
        "name": "mutants",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": commit,
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, {platform.machine()}",
        "python": platform.python_version(),
        "caught": sum(verdict.outcome == CAUGHT for verdict in verdicts.values()),
        "not_caught": [name for name, verdict in verdicts.items() if verdict.outcome != CAUGHT],
        "seconds_without_a_bug": round(control_s, 1),
        "bugs": [
            {
                "name": mutant.name,
                "told": mutant.told,
                "files": mutant.files,
                "outcome": verdicts[mutant.name].outcome,
                "by": verdicts[mutant.name].told,
                "seconds": round(verdicts[mutant.name].seconds, 1),
            }
            for mutant in mutants
        ],
        "not_covered": [
            "webhooks, redirects and tenants: the product has none",
            "bugs that nobody thought of: these were chosen by hand, and no tool made them at random",
        ],
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
