"""Ledgers and connections for the tests of the gRPC edge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.ledger_process import LedgerProcess, serving
from .edge import Edge, connected


@pytest.fixture(scope="module")
def edge(shared_ledger: LedgerProcess) -> Iterator[Edge]:
    """A connection to the ledger that all tests share: nothing may depend on what else is in it."""
    with connected(shared_ledger) as edge:
        yield edge


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[LedgerProcess]:
    """A fresh ledger for one test, serving. A test may leave it stopped."""
    with serving(tmp_path / "ledger") as process:
        yield process


@pytest.fixture(scope="module")
def own_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerProcess]:
    """A ledger of the module's own, serving."""
    with serving(tmp_path_factory.mktemp("own") / "ledger") as process:
        yield process


@pytest.fixture(scope="module")
def own(own_ledger: LedgerProcess) -> Iterator[Edge]:
    """A connection to the module's own ledger."""
    with connected(own_ledger) as edge:
        yield edge
