"""Connections to ledgers for the tests of the gRPC edge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support.ledger_process import LedgerProcess
from .edge import Edge, connected


@pytest.fixture(scope="module")
def edge(shared_ledger: LedgerProcess) -> Iterator[Edge]:
    """The ledger that all tests share: nothing may depend on what else is in it."""
    with connected(shared_ledger) as edge:
        yield edge


@pytest.fixture(scope="module")
def own_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerProcess]:
    """A ledger of the module's own, serving."""
    process = LedgerProcess(tmp_path_factory.mktemp("own") / "ledger")
    process.start()
    try:
        yield process
    finally:
        process.close()


@pytest.fixture(scope="module")
def own(own_ledger: LedgerProcess) -> Iterator[Edge]:
    """A connection to the module's own ledger."""
    with connected(own_ledger) as edge:
        yield edge
