"""Counterfoil: an append-only, signed ledger that anybody can check."""

__version__ = "0.1.0"
