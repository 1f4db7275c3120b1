"""The points of a commit at which a server can be killed, in the order in which they come.

    pages ... flush ... meta page ... anchor ... anchor's flush ... answer

Before the meta page is written nothing of the group is stored; after it all of it is. Nobody is answered before the
anchor is flushed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from .shim import Action, Calls, Rule

_BEFORE, _AFTER = Action.KILL_BEFORE, Action.KILL_AFTER


def _answer(action: Action) -> tuple[Rule, ...]:
    """The first message to a client behind the n-th flush of the anchor."""
    passed = Rule(Calls.SYNC, 1, Action.PASS, file="anchor")
    return passed, Rule(Calls.SEND, 1, action, after=0)


STEPS: dict[str, tuple[Rule, ...]] = {
    "before the pages": (Rule(Calls.WRITE, 1, _BEFORE, file="store/data.mdb"),),
    "after some pages": (Rule(Calls.WRITE, 1, _AFTER, file="store/data.mdb"),),
    "before the flush": (Rule(Calls.SYNC, 1, _BEFORE, file="store/data.mdb"),),
    "after the flush": (Rule(Calls.SYNC, 1, _AFTER, file="store/data.mdb"),),
    "before the meta page": (Rule(Calls.META, 1, _BEFORE, file="store/data.mdb"),),
    "after the meta page": (Rule(Calls.META, 1, _AFTER, file="store/data.mdb"),),
    "before the anchor": (Rule(Calls.WRITE, 1, _BEFORE, file="anchor"),),
    "after the anchor": (Rule(Calls.WRITE, 1, _AFTER, file="anchor"),),
    "before the anchor's flush": (Rule(Calls.SYNC, 1, _BEFORE, file="anchor"),),
    "after the anchor's flush": (Rule(Calls.SYNC, 1, _AFTER, file="anchor"),),
    "before the answer": _answer(_BEFORE),
    "after the answer": _answer(_AFTER),
}
"""Each step by its name, with rules that kill at its first occurrence."""


def at_occurrence(step: str, number: int, while_there: Path | None = None) -> tuple[Rule, ...]:
    """The rules that kill at the n-th occurrence of a step after a file has come into being."""
    first, *others = (replace(rule, while_there=while_there) for rule in STEPS[step])
    return replace(first, when=number), *others
