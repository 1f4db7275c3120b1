"""Damage to a stored value for as long as fsck looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from counterfoil.log.fsck import Report

from .bench import Bench


@contextmanager
def damaged(subject: Bench, space: str, key: bytes, value: bytes | None) -> Iterator[Report]:
    """The report about a log with one value changed, or gone."""
    good = subject.get(space, key)
    assert value != good
    if value is None:
        subject.delete(space, key)
    else:
        subject.put(space, key, value)
    try:
        yield subject.fsck()
    finally:
        subject.put(space, key, good)


def named(report: Report) -> set[int]:
    """The entries that a report names."""
    return {fault.index for fault in report.problems if fault.index is not None}
