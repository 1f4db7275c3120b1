"""Files with the figures of a long form: what ran, where, on which commit, with which counts."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]


def write_result(name: str, figures: dict[str, Any]) -> None:
    """Write ``results/NAME.json``, with date, commit and machine before the figures."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    document = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": commit.stdout.strip(),
        "machine": f"{os.cpu_count()} processors, {platform.system()} {platform.release()}, "
        f"{platform.machine()}, Python {platform.python_version()}",
        **figures,
    }
    path = Path(__file__).parent / "results" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")
