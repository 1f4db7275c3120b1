"""What a long form leaves behind: one JSON file with the figures, and where and when they were made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .reporting import run_facts

FOLDER = Path(__file__).with_name("results")


def write_result(
    name: str, figures: dict[str, Any], *, not_covered: list[str], folder: Path = FOLDER
) -> Path:
    """Write ``<name>.json`` into a folder; the path."""
    told = {"name": name, **run_facts(), **figures, "not_covered": not_covered}
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(told, indent=2) + "\n")
    return path
