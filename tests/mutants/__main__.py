"""Put each seeded bug into a copy of the project, and see the tests that are meant for it fail.

    python -m tests.mutants [NAME ...]      all bugs, or these; writes results/mutants.json when it is all of them

The copy without a bug has to pass the same tests first: that is the negative control. Exit code 1 when a bug survives, or
when a trial shows nothing (a patch that does not apply, a module that cannot be imported, a test that timed out).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from ..fault.reporting import commit
from ..fault.results import write_result
from .mutant import FOLDER, Mutant, read_mutants
from .trial import CAUGHT, SURVIVED, Verdict, copy_tree, find_foreign, run_tests, try_mutant

RESULTS = FOLDER / "results"


def main(names: list[str]) -> int:
    """Try bugs; 0 when all were caught."""
    mutants = [mutant for mutant in read_mutants() if not names or mutant.name in names]
    with tempfile.TemporaryDirectory(prefix="counterfoil-mutants-") as folder:
        pristine = Path(folder, "pristine")
        copy_tree(pristine)
        # The result names what was copied, whatever is committed meanwhile.
        commit()
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
        write_table(mutants, verdicts, control.seconds)
    return 1 if missed or not mutants else 0


def write_table(mutants: list[Mutant], verdicts: dict[str, Verdict], control_s: float) -> None:
    """Write down what came of all bugs."""
    figures = {
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
    }
    not_covered = [
        "webhooks, redirects and tenants: the product has none",
        "bugs that nobody thought of: these were chosen by hand, and no tool made them at random",
    ]
    write_result("mutants", figures, not_covered=not_covered, folder=RESULTS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
