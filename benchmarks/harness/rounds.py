"""Running everything: what is prepared once, then round after round in another order each time."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from harness import latency_rows, machine, postgres, postgres_rows, rivals, write_path
from harness.child import Failed
from harness.clock import stopwatch_s
from harness.ledger_rows import LedgerRows
from harness.plan import Plan
from harness.programs import Programs
from harness.step import Sample, Step

Say = Callable[[str], None]


@dataclass
class Measured:
    """All that a run measured.

    Attributes:
        samples: row key to its samples, one for each round that measured it.
        failures: row key to why a measurement failed.
        rounds: how many were complete. seconds: how long all of it took.
    """

    samples: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))
    failures: dict[str, str] = field(default_factory=dict)
    rounds: int = 0
    seconds: float = 0.0
    postgres: str = ""

    def of(self, key: str, name: str) -> list[float]:
        """The values of one name in the samples of one row."""
        return [sample[name] for sample in self.samples.get(key, ()) if name in sample]


def run(plan: Plan, folder: Path, say: Say, programs: Programs) -> Measured:
    """Fill the ledgers, measure round after round, and check the ledgers at the end.

    Args:
        folder: an empty one; the caller removes it. say: hears how it goes. programs: what others are here.
    """
    measured = Measured()
    logs = folder / "logs"
    logs.mkdir()
    rows = LedgerRows(plan, folder, logs)
    place = rivals.Place(plan, folder, logs, programs)
    if plan.rounds:
        measured.failures |= rivals.missing(programs)
    started_s = stopwatch_s()
    _take(measured, rows.first(), 0, say)
    with ExitStack() as stack:
        database = _start_postgres(stack, measured, folder, logs, say) if plan.rounds else None
        for number in range(plan.rounds):
            begun_s = stopwatch_s()
            steps = [*rows.each_round(), *write_path.each_round(plan, folder, number)]
            steps += rivals.each_round(place, number)
            if database is not None:
                steps += postgres_rows.each_round(database, plan, logs, number)
            # Another order each time: what a neighbour leaves behind meets somebody else.
            random.Random(number).shuffle(steps)
            say(f"round {number + 1} of {plan.rounds}")
            _take(measured, steps, number, say)
            measured.rounds += 1
            ended_s = stopwatch_s()
            if number + 1 < plan.rounds and 2 * ended_s - begun_s - started_s > plan.budget_s:
                say(f"no time for another round within {plan.budget_s:.0f} s")
                break
    for number in range(plan.latency_rounds):
        _take(measured, latency_rows.steps(plan, folder, logs), number, say)
    _take(measured, rows.last(), 0, say)
    measured.seconds = stopwatch_s() - started_s
    return measured


def _take(measured: Measured, steps: Iterable[Step], number: int, say: Say) -> None:
    for step in steps:
        load = machine.load_average()
        try:
            sample = step.measure(number)
        except Failed as error:
            measured.failures[step.key] = str(error)
            say(f"  {step.key:34} failed: {error}")
            continue
        measured.samples[step.key].append({"round": number, "load": load, **sample})
        say(f"  {step.key:34} {sample['records_per_s']:>10,.0f}/s")


def _start_postgres(
    stack: ExitStack, measured: Measured, folder: Path, logs: Path, say: Say
) -> postgres.Postgres | None:
    try:
        database = stack.enter_context(postgres.running(folder / "postgres", logs))
    except Failed as error:
        measured.failures["postgres"] = str(error)
        say(f"  PostgreSQL is not measured: {error}")
        return None
    measured.postgres = database.version
    return database
