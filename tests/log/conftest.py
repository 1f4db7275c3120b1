"""The log under test, over each kind of store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.log import compact as compaction
from counterfoil.log import runs as catalog

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


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A log of all kinds, with streams and a tile of level 1."""
    made = Bench("memory:", tmp_path_factory.mktemp("sound"))
    made.append(made.usage("a", "b", "c", stream_id="s", sequence=1), made.training(1))
    made.append(made.usage("d", "e", stream_id="s", sequence=2))
    made.append(made.payout(5))
    made.append(made.usage(*(f"e{n}" for n in range(280))))
    made.append(made.usage("f", stream_id="s", sequence=3), made.training(2))
    assert made.fsck().problems == []
    assert made.state().size == 290
    yield made
    made.close()


@pytest.fixture
def small_merges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks and merges of a handful of entries."""
    monkeypatch.setattr(catalog, "INLINE_COUNT_MAX", 15)
    monkeypatch.setattr(catalog, "CHUNK_COUNT", 6)
    monkeypatch.setattr(compaction, "CHUNK_COUNT", 6)
