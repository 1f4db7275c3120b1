"""Real file systems shut down under a writer, the quick form; ``make fs-cuts`` is the long one."""

from __future__ import annotations

from typing import Any

import pytest

from .fs_cuts import FILE_SYSTEMS, why_not
from .reporting import run_form

CUTS = 3


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the cuts left."""
    return run_form("fs_cuts", tmp_path_factory.mktemp("fs"), "--cycles", str(CUTS))


@pytest.fixture(params=FILE_SYSTEMS)
def kind(request: pytest.FixtureRequest) -> str:
    """A file system that can be cut here."""
    name = str(request.param)
    if reason := why_not(name):
        pytest.skip(reason)
    return name


def test_a_cut_file_system_has_all_that_was_acknowledged(kind: str, result: dict[str, Any]) -> None:
    """Mounted again after each cut, the ledger starts with every acknowledged entry, passes fsck and goes on."""
    assert result[kind]["bad"] == [], result["seed"]
    assert result[kind]["cuts"] == CUTS
    assert result[kind]["acknowledged_appends"] > CUTS


def test_a_writer_that_flushes_nothing_loses_entries(kind: str, result: dict[str, Any]) -> None:
    """The negative control: with the flushes left out, the same cuts take acknowledged entries away."""
    (told,) = result["negative_controls"][kind]["nothing flushed"]

    assert told.startswith(("lost", "refused after it was made")), told
