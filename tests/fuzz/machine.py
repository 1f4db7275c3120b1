"""What a result says about where and when it was measured."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime


def describe_run() -> dict[str, str]:
    """Date, commit and machine, without names that mean something on this machine alone."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout
    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit.strip(),
        "machine": f"{system}, Python {platform.python_version()}, one core at idle priority",
    }
