"""Verdicts that are kept as they come, so that a long form goes on where it was stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from .children import in_children

T = TypeVar("T")


class Verdicts:
    """What became of some tasks, in a file: first what they were, then a line for each verdict and its seconds.

    Args:
        path: None to keep nothing. tasks_id: tells the tasks, and what they are done to, from all others.

    Raises:
        SystemExit: the file is about other tasks.
    """

    def __init__(self, path: Path | None, tasks_id: str) -> None:
        self._path = path
        self.seconds = 0.0
        self._kept: list[str] = []
        if path is None:
            return
        if not path.exists():
            path.write_text(json.dumps(tasks_id) + "\n")
        first, *lines = path.read_text().splitlines()
        if json.loads(first) != tasks_id:
            raise SystemExit(f"{path} is about {first}, and not about {tasks_id}")
        for line in lines:
            verdict, seconds = json.loads(line)
            self._kept.append(verdict)
            self.seconds += seconds

    def of(self, step: Callable[[T], str], tasks: Sequence[T]) -> Iterator[str]:
        """The verdicts that are kept, then those of the other tasks, each in a child process."""
        yield from self._kept
        began_s = time.monotonic()
        for verdict in in_children(step, tasks[len(self._kept) :]):
            seconds = time.monotonic() - began_s
            began_s += seconds
            self.seconds += seconds
            if self._path is not None:
                with self._path.open("a") as file:
                    file.write(json.dumps([verdict, round(seconds, 4)]) + "\n")
            yield verdict
