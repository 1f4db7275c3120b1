"""One measurement that can be repeated."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Sample = dict[str, Any]
"""What was measured, by name; the unit is in the name."""


@dataclass(frozen=True)
class Step:
    """A row's key, and what measures it in the round of a number."""

    key: str
    measure: Callable[[int], Sample]
