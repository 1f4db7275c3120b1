"""Fixtures of the client's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from counterfoil_client import LedgerClient

from ..support.ledger_process import LedgerProcess
from .making import new_name
from .proxy import Proxy


@pytest.fixture
def submitter() -> str:
    """A name of its own for each test."""
    return new_name()


@pytest.fixture
def client(shared_ledger: LedgerProcess, submitter: str) -> Iterator[LedgerClient]:
    """A client of the session's ledger, in a name of its own."""
    with LedgerClient(shared_ledger.address, trust=shared_ledger.vkey, submitter=submitter) as made:
        yield made


@pytest.fixture
def proxy(shared_ledger: LedgerProcess) -> Iterator[Proxy]:
    """A proxy before the session's ledger."""
    with Proxy(shared_ledger.address) as made:
        yield made


@pytest.fixture
def proxied(proxy: Proxy, shared_ledger: LedgerProcess, submitter: str) -> Iterator[LedgerClient]:
    """A client behind the proxy, in a name of its own."""
    with LedgerClient(
        proxy.address, trust=shared_ledger.vkey, submitter=submitter, timeout_s=20.0
    ) as made:
        yield made
