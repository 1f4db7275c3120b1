"""Licences at work: whether a use is covered and at what price. Pure: no I/O, no clock."""

from counterfoil.licensing.coverage import FindKnown, Timeline, evaluate, evaluate_many
from counterfoil.licensing.decision import Decision, Known, Question
from counterfoil.licensing.uses import use_of

__all__ = [
    "Decision",
    "FindKnown",
    "Known",
    "Question",
    "Timeline",
    "evaluate",
    "evaluate_many",
    "use_of",
]
