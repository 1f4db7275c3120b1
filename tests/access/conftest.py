"""One world for all tests of access that leave it as it is, and room for worlds of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .world import World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A ledger with people and records, served by one process."""
    made = World(tmp_path_factory.mktemp("world") / "ledger")
    yield made
    made.close()


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The same served by two processes, for tests that change who may call."""
    made = World(tmp_path_factory.mktemp("pair") / "ledger", "--workers", "2")
    yield made
    made.close()
