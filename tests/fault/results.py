"""What a long form leaves behind: one JSON file with the figures, and where and when they were made."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("results")


def write_result(name: str, figures: dict[str, Any], *, not_covered: list[str]) -> Path:
    """Write ``results/<name>.json``; the path."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=FOLDER
    )
    told = {
        "name": name,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": commit.stdout.strip(),
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, {platform.machine()}",
        "python": platform.python_version(),
        **figures,
        "not_covered": not_covered,
    }
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps(told, indent=2) + "\n")
    return path
