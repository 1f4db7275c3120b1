"""Ledgers made without a process of their own: a suite that starts many would spend its time on `counterfoil init`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from counterfoil_server.directory import create, load_signer

from ..support.ledger_process import ORIGIN, LedgerProcess


class QuickLedger(LedgerProcess):
    """A ledger whose directory is made by the function behind `counterfoil init`; it is served like any other."""

    def __init__(self, directory: Path, origin: str = ORIGIN) -> None:
        self.directory = directory
        self.origin = origin
        self.vkey = load_signer(create(directory, origin)).verifier.vkey
        self.address = ""
        self.ready_line = ""
        self._process = None


@contextmanager
def serving(directory: Path, *options: str, origin: str = ORIGIN) -> Iterator[LedgerProcess]:
    """A fresh ledger, served until the end of the block."""
    process = QuickLedger(directory, origin)
    process.start(*options)
    try:
        yield process
    finally:
        process.close()
