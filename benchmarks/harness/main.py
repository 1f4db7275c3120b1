"""The command line: choose a plan, run it in a folder that is removed at the end, print the table, write the JSON."""

import argparse
import json
import shutil
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from harness import machine
from harness.plan import DEFAULT, LATENCY, LONG, TINY, Plan
from harness.programs import Programs
from harness.rivals import RIVALS
from harness.rounds import run
from harness.table import format_table, to_json
from harness.workplace import RESULTS, WORK, say, work_folder

RESULT: Final = RESULTS / "latest.json"
_FOREIGN: Final = {"postgres", *(rival.key.partition("/")[0] for rival in RIVALS)}


def main() -> int:
    """Measure; the exit code is 1 when a measurement of the ledger failed. Others fail visibly, in their row."""
    arguments = _parser().parse_args()
    plan: Plan = arguments.plan
    if arguments.rounds is not None:
        plan = replace(plan, rounds=arguments.rounds)
    with work_folder(arguments.workdir, keep=arguments.keep) as folder:
        programs = Programs(
            _absolute(arguments.immudb),
            # Not resolved: the link is what makes it the Python of its environment.
            arguments.immudb_python.absolute(),
            _absolute(arguments.tessera),
        )
        facts = {
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine.describe(folder),
            "programs_sha256": programs.digests(),
        }
        say(f"measuring in {folder}; this takes up to {plan.budget_s / 60:.0f} minutes")
        sources = machine.source_digest()
        measured = run(plan, folder, say, programs)
        if plan.judged and machine.source_digest() != sources:
            measured.failures["sources"] = "the program was changed while it was measured"
    say("")
    print(format_table(plan, measured), flush=True)
    result = json.dumps(to_json(plan, measured, facts), indent=1, sort_keys=True)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(result + "\n")
    for key, reason in measured.failures.items():
        say(f"failed: {key}: {reason}")
    say(f"\n{measured.rounds} rounds in {measured.seconds:.0f} s; all samples: {arguments.output}")
    return int(any(key.partition("/")[0] not in _FOREIGN for key in measured.failures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench.py",
        description="Measure the ledger, and others with the same rows in the same run.",
    )
    size = parser.add_mutually_exclusive_group()
    for name, plan, told in (
        ("--long", LONG, "up to 10 M records; takes an hour"),
        ("--latency", LATENCY, "latency and overload alone; takes ten minutes"),
        ("--tiny", TINY, "only show that everything runs"),
    ):
        size.add_argument(name, dest="plan", action="store_const", const=plan, help=told)
    parser.set_defaults(plan=DEFAULT)
    parser.add_argument("--rounds", type=int, help="how often everything is measured")
    parser.add_argument(
        "--workdir", type=Path, default=WORK, help="a folder on the disk to measure"
    )
    parser.add_argument("--keep", action="store_true", help="leave the ledgers and logs there")
    found = shutil.which("immudb")
    parser.add_argument(
        "--immudb",
        type=Path,
        default=Path(found) if found else None,
        help="immudb's server, to measure it too (default: the one on the path)",
    )
    parser.add_argument(
        "--immudb-python",
        type=Path,
        default=Path(sys.executable),
        help="a Python that has the package immudb-py (default: this one)",
    )
    parser.add_argument(
        "--tessera", type=Path, help="the folder with Tessera's programs posix and hammer"
    )
    parser.add_argument("--output", type=Path, default=RESULT, help="where the JSON goes")
    return parser


def _absolute(path: Path | None) -> Path | None:
    """Programs are started from another folder."""
    return None if path is None else path.absolute()
