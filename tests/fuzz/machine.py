"""What a result says about where and when it was measured."""

from __future__ import annotations

from ..fault.reporting import run_facts


def describe_run() -> dict[str, str]:
    """Date, commit and machine, without names that mean something on this machine alone."""
    facts = run_facts()
    return {**facts, "machine": f"{facts['machine']}, one core at idle priority"}
