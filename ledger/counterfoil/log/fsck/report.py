"""What a check of the store found."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

Progress = Callable[[int, int], None]
"""Called with the records checked so far and all that there are."""

# A store that is damaged all over has more faults than anyone will read.
PROBLEMS_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``index`` is the entry it is in, where it is in one; ``what`` is the part of the store."""

    index: int | None
    what: str
    detail: str


@dataclass(slots=True)
class Report:
    """The outcome: sound when there are no problems. ``size`` is the tree that was checked."""

    size: int = 0
    root_hash: bytes = b""
    seconds: float = 0.0
    problems: list[Fault] = field(default_factory=list)
    more: int = 0

    def add(self, index: int | None, what: str, detail: str) -> None:
        """Note a fault; beyond the first thousand they are only counted."""
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(Fault(index, what, detail))
        else:
            self.more += 1

    @property
    def sound(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.problems

    @property
    def records_per_second(self) -> float:
        """The speed of the check."""
        return self.size / self.seconds if self.seconds else 0.0
