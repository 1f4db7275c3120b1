"""The command line of the growth measurement: run it, print the table, write the JSON."""

import argparse
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from harness import machine
from harness.clock import stopwatch_s
from harness.growth import GROWTH, GROWTH_LONG, GROWTH_TINY, run
from harness.growth_curves import format_table, targets
from harness.workplace import RESULTS, WORK, say, work_folder

FORMAT: Final = "counterfoil/growth@v1"
RESULT: Final = RESULTS / "latest-growth.json"


def main() -> int:
    """Measure; the exit code is 1 when something could not be measured."""
    arguments = _parser().parse_args()
    plan = GROWTH_LONG if arguments.long else GROWTH_TINY if arguments.tiny else GROWTH
    with work_folder(arguments.workdir, keep=arguments.keep) as folder:
        started = datetime.now(UTC).isoformat(timespec="seconds")
        facts = {"started": started, "machine": machine.describe(folder)}
        say(f"measuring in {folder}, up to {max(plan.sizes):,} records")
        sources, begun_s = machine.source_digest(), stopwatch_s()
        grown = run(plan, folder, say)
        seconds = stopwatch_s() - begun_s
        if plan.judged and machine.source_digest() != sources:
            grown.failures["sources"] = "the program was changed while it was measured"
    result: dict[str, Any] = {"format": FORMAT, **facts, "plan": asdict(plan), "seconds": seconds}
    result |= {"samples": grown.samples, "failures": grown.failures}
    result["targets"] = [{**asdict(target), "met": target.met} for target in targets(result)]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
    print(format_table(result), flush=True)
    for key, reason in grown.failures.items():
        say(f"failed: {key}: {reason}")
    say(f"\n{seconds:.0f} s; all samples: {arguments.output}")
    return int(bool(grown.failures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="growth.py", description="Measure how the ledger behaves as its log grows."
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--long", action="store_true", help="up to 50 M records instead of 10 M")
    size.add_argument("--tiny", action="store_true", help="only show that everything runs")
    parser.add_argument(
        "--workdir", type=Path, default=WORK, help="a folder on the disk to measure"
    )
    parser.add_argument("--keep", action="store_true", help="leave the ledger and logs there")
    parser.add_argument("--output", type=Path, default=RESULT, help="where the JSON goes")
    return parser
