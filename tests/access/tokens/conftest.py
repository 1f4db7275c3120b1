"""A ledger with people that is served over gRPC and HTTP by two workers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

import httpx
import pytest
import uvloop

from ..world import World


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The event loop of the server is the one that its parts are tested in."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The ledger. Tests make principals of their own for what they change."""
    made = World(
        tmp_path_factory.mktemp("doors") / "ledger", "--http", "127.0.0.1:0", "--workers", "2"
    )
    yield made
    made.close()


@pytest.fixture(scope="session")
def http(doors: World) -> Iterator[httpx.Client]:
    """Its HTTP door."""
    address = doors.ledger.ready_line.partition("http ")[2].partition(",")[0].strip()
    with httpx.Client(base_url=f"http://{address}", timeout=60) as client:
        yield client
