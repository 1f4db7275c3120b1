"""The long form: millions of cases over all targets, guided by coverage where atheris is installed.

    python -m tests.fuzz.parsers --cases 10000000 --seed 1 --keep FOLDER

Each target first shows how fast it is, and fast ones get more cases. Where atheris is not installed the seeded mutator
of the quick form runs instead, which is said. With --keep what was found is left in
FOLDER/<target>/, from where ``python -m tests.fuzz.corpus FOLDER`` takes it into the corpus. The result is written after
each target, with the commit that it was of; with --continue the targets that are in it already are not fuzzed again.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from .corpus import read_corpus
from .machine import describe_run
from .mutate import mutations
from .patience import CASE_S_MAX, patience
from .target import Finding, Target, try_case
from .targets import TARGETS

RESULT = Path(__file__).parent / "results" / "parsers.json"
MEMORY_MIB_MAX = 1024
# A case that waits for ever uses no processor, and has as long as a machine may be suspended.
_HANG_S_MAX = 3600
_PROBE_CASES = 300


@dataclass(frozen=True)
class Outcome:
    """What became of one target. ``kept`` counts the cases that reached something new."""

    target: str
    cases: int
    seconds: float
    kept: int
    finding: str = ""
    commit: str = ""


def share_out(targets: Sequence[Target], cases: int, seed: int) -> dict[str, int]:
    """How many cases each target gets: fast ones more, but no slow one less than a fifth of an even share."""
    speeds = {}
    for target in targets:
        chance, corpus = random.Random(seed), list(target.seeds())
        started_s = time.perf_counter()
        fresh = mutations(chance, corpus, target.words, target.size_bytes_max)
        for _, case in zip(range(_PROBE_CASES), fresh, strict=False):
            try_case(target, case)
        speeds[target.name] = _PROBE_CASES / (time.perf_counter() - started_s)
    least = cases // (5 * len(targets))
    rest, total = cases - least * len(targets), sum(speeds.values())
    return {name: least + round(rest * speed / total) for name, speed in speeds.items()}


def fuzz_guided(target: Target, cases: int, seed: int, folder: Path) -> Outcome:
    """One target under atheris, starting from seeds and corpus."""
    held = folder / target.name
    held.mkdir(parents=True, exist_ok=True)
    for number, case in enumerate([*target.seeds(), *read_corpus(target.name)]):
        (held / f"seed-{number:04d}").write_bytes(case)
    command = [sys.executable, "-m", "tests.fuzz.guided", target.name, str(held)]
    options = [
        f"-runs={cases}",
        f"-seed={seed}",
        f"-max_len={target.size_bytes_max}",
        f"-timeout={_HANG_S_MAX}",
        f"-rss_limit_mb={MEMORY_MIB_MAX}",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
    ]
    if target.words:
        words = folder / f"{target.name}.words"
        words.write_text("".join(f'"{_escape(word)}"\n' for word in target.words))
        options.append(f"-dict={words}")
    started_s = time.perf_counter()
    done = subprocess.run(
        [*command, *options], capture_output=True, text=True, errors="backslashreplace"
    )
    seconds = time.perf_counter() - started_s
    ran = re.search(r"stat::number_of_executed_units: *(\d+)", done.stderr)
    said = [line for line in done.stderr.splitlines() if not line.startswith("INFO: ")]
    finding = "" if done.returncode == 0 else "\n".join(said[-40:])
    kept = len(list(held.iterdir()))
    return Outcome(target.name, int(ran[1]) if ran else 0, round(seconds, 1), kept, finding)


def _escape(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def fuzz_unguided(target: Target, cases: int, seed: int, _folder: Path) -> Outcome:
    """One target under the seeded mutator, in this process."""
    corpus = [*target.seeds(), *read_corpus(target.name)]
    chance, finding = random.Random(f"{seed}/{target.name}"), ""
    started_s = time.perf_counter()
    done = 0
    with patience(target.name, CASE_S_MAX) as begin_case:
        for case in mutations(chance, corpus, target.words, target.size_bytes_max):
            if done == cases:
                break
            begin_case()
            done += 1
            try:
                try_case(target, case)
            except Finding as error:
                finding = f"seed {seed}, case {done}: {error}"
                break
    seconds = time.perf_counter() - started_s
    return Outcome(target.name, done, round(seconds, 1), 0, finding)


def main() -> int:
    """Fuzz all targets, or those that are named; 1 when something was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1_000_000, help="over all targets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", default=[], metavar="TARGET")
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    parser.add_argument("--result", type=Path, default=RESULT)
    parser.add_argument("--continue", action="store_true", dest="resume")
    asked = parser.parse_args()
    guided = importlib.util.find_spec("atheris") is not None
    if not guided:
        print("NOT GUIDED BY COVERAGE: atheris is not installed; the seeded mutator runs instead")
    targets = [target for target in TARGETS if not asked.only or target.name in asked.only]
    fuzz = fuzz_guided if guided else fuzz_unguided
    shares = share_out(targets, asked.cases, asked.seed)
    outcomes = read_outcomes(asked.result, asked.seed) if asked.resume else []
    done, commit = {outcome.target for outcome in outcomes}, describe_run()["commit"]
    with tempfile.TemporaryDirectory() as folder:
        for target in (target for target in targets if target.name not in done):
            where = asked.keep or Path(folder)
            outcome = fuzz(target, shares[target.name], asked.seed, where)
            outcomes.append(replace(outcome, commit=commit))
            told = f"FOUND\n{outcome.finding}" if outcome.finding else "nothing found"
            print(
                f"{target.name}: {outcome.cases} cases in {outcome.seconds} s, {told}", flush=True
            )
            write_result(asked.result, outcomes, guided=guided, seed=asked.seed)
    result = summarise(outcomes, guided=guided, seed=asked.seed)
    print(f"{result['cases']} cases, {result['findings']} findings, {result['seconds']} s")
    return 1 if result["findings"] else 0


def read_outcomes(path: Path, seed: int) -> list[Outcome]:
    """What an earlier run with the same seed had done when it was stopped."""
    if not path.exists():
        return []
    result = json.loads(path.read_text())
    if result["seed"] != seed:
        raise SystemExit(f"{path} is of seed {result['seed']}")
    return [Outcome(**outcome) for outcome in result["by_target"]]


def write_result(path: Path, outcomes: Sequence[Outcome], *, guided: bool, seed: int) -> None:
    """Write down how far the run is."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(summarise(outcomes, guided=guided, seed=seed), indent=1) + "\n")


def summarise(outcomes: Sequence[Outcome], *, guided: bool, seed: int) -> dict[str, Any]:
    """The result as it is kept."""
    return {
        **describe_run(),
        "guided_by_coverage": guided,
        "seed": seed,
        "targets": len(outcomes),
        "targets_in_all": len(TARGETS),
        "cases": sum(outcome.cases for outcome in outcomes),
        "seconds": round(sum(outcome.seconds for outcome in outcomes)),
        "findings": sum(bool(outcome.finding) for outcome in outcomes),
        "limits": {"case_s_max": CASE_S_MAX, "memory_mib_max": MEMORY_MIB_MAX},
        "by_target": [asdict(outcome) for outcome in outcomes],
        "not_covered": [
            "protobuf's own parser, gRPC framing and HTTP/2 below the handlers",
            "the compiled twin under sanitizers, which make fuzz does",
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
