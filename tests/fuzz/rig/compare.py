"""Shows cases to all judges, and counts what they say of each."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from .case import Case
from .judges import Judge
from .notes import checkpoints
from .proofs import PROOFS
from .receipts import batches, receipts

BLOCK = 250
Source = Callable[[random.Random], Iterator[Case]]

# Receipts have four forms in one source; they and proofs get most cases.
SOURCES: tuple[Source, ...] = (*PROOFS, *PROOFS, checkpoints, receipts, receipts, batches)


@dataclass
class Tally:
    """What was seen.

    Attributes:
        cases: how many cases there were. good: how many of them were good.
        rules: cases by kind and rule.
        verdicts: judgements by verifier. abstained: cases that a verifier could not read, by verifier.
        disagreements: what a verifier judged otherwise than is known, with the case.
        forgeries: those of them that accept what is not good.
        known_differences: cases that a verifier is known to judge otherwise, by verifier and rule.
    """

    cases: int = 0
    good: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    abstained: Counter[str] = field(default_factory=Counter)
    disagreements: list[str] = field(default_factory=list)
    forgeries: int = 0
    known_differences: Counter[str] = field(default_factory=Counter)


def all_cases(seed: int) -> Iterator[Case]:
    """Endless cases of all sources in turn; the same for the same seed."""
    streams = [source(random.Random(f"{seed}/{number}")) for number, source in enumerate(SOURCES)]
    while True:
        for stream in streams:
            yield next(stream)


def compare(judges: Sequence[Judge], cases: Iterator[Case], count: int) -> Tally:
    """Show so many cases to all judges."""
    tally = Tally()
    while tally.cases < count:
        block = [next(cases) for _ in range(min(BLOCK, count - tally.cases))]
        for judge in judges:
            judge.ask(block)
        for case in block:
            tally.cases += 1
            tally.good += case.good
            tally.rules[f"{case.kind}: {case.rule}"] += 1
        for judge in judges:
            for case, verdict in zip(block, judge.answers(len(block)), strict=True):
                _count(tally, judge, case, verdict)
    return tally


def _count(tally: Tally, judge: Judge, case: Case, verdict: str) -> None:
    if verdict == "-":
        tally.abstained[judge.key] += 1
        return
    tally.verdicts[judge.key] += 1
    said = verdict == "1"
    if said != case.expected_of(judge.key):
        tally.forgeries += said
        known = "good" if case.good else "bad"
        tally.disagreements.append(
            f"{judge.name} takes what is {known} ({case.rule}) for another: {case.line.decode()}"
        )
    elif said != case.good:
        tally.known_differences[f"{judge.key}: {case.rule}"] += 1
