"""The log under test, over each kind of store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .bench import SCHEMES, Bench, bench


@pytest.fixture(params=SCHEMES)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """A new log over a store of each kind."""
    with bench(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Bench]:
    """A new log in memory, for what does not depend on the store."""
    with bench("memory:", tmp_path) as made:
        yield made
