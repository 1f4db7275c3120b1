"""Reading tests/vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[1] / "vectors"


def load(path: str) -> Any:
    """The contents of a JSON file below tests/vectors."""
    return json.loads((VECTORS / path).read_text(encoding="utf-8"))
