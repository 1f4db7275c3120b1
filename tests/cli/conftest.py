"""Fixtures of the tests of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..support.ledger_process import LedgerProcess
from .claims import CLAIM


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """A file that was trained on."""
    path = tmp_path / "corpus.txt"
    path.write_bytes(b"Once upon a time.\n" * 1000)
    return path


@pytest.fixture
def training_id(shared_ledger: LedgerProcess, artifact: Path) -> str:
    """A proof of training in the shared ledger."""
    answer = shared_ledger.json("training", "record", *CLAIM, "--artifact", artifact)
    return str(answer["training_id"])
