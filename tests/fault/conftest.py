"""The shim and the process that forks, for the tests of faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .shim import build_shim
from .spawning import Spawner


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled shim; tests that need it are skipped where there is no C compiler."""
    library = build_shim(tmp_path_factory.mktemp("shim"))
    if library is None:
        pytest.skip("system calls cannot be made to fail: there is no C compiler (cc)")
    return library


@pytest.fixture(scope="module")
def spawner(shim: Path) -> Iterator[Spawner]:
    """A process that forks servers and clients in milliseconds, all loaded with the shim."""
    with Spawner(shim) as spawner:
        yield spawner
