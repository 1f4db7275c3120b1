"""Changing a ledger's settings between a stop and a start."""

from __future__ import annotations

import re
from pathlib import Path


def set_setting(directory: Path, name: str, value: object) -> None:
    """Give a setting of counterfoil.toml another value, as TOML."""
    path = directory / "counterfoil.toml"
    changed, count = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value}", path.read_text())
    assert count == 1, name
    path.write_text(changed)
