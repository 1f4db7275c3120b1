"""Fixtures for every folder of tests."""

from .support.ledger_process import ledger, shared_ledger

__all__ = ["ledger", "shared_ledger"]
