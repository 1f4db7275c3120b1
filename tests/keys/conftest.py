"""A log with a key, for tests that change it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .keyed import KeyedBench, keyed


@pytest.fixture
def log(tmp_path: Path) -> Iterator[KeyedBench]:
    """A log of two entries under its first key."""
    with keyed(tmp_path) as made:
        made.add(made.usage("before"))
        yield made
