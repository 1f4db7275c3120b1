"""Fixtures for every folder of tests."""

from .support.ledger_process import ledger, registry_ledger, shared_ledger

__all__ = ["ledger", "registry_ledger", "shared_ledger"]
