"""Ask for known vulnerabilities of what requirements.lock pins.

0 when every package was audited and none has any, 1 when one has, 2 when some could not be audited: where no source of
advisories is reachable, nothing was found out, and that is no pass.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
CLEAN, VULNERABLE, NOT_AUDITED = 0, 1, 2


def main() -> int:
    """Run pip-audit, and tell what came of it."""
    program = Path(sys.executable).with_name("pip-audit")
    # With pip left out it resolves and installs nothing: the lock is complete.
    options = ["--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
    done = subprocess.run(
        [program, *options, "--requirement", LOCK],
        check=False,
        capture_output=True,
        text=True,
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        print(f"NOT AUDITED: pip-audit gave no report:\n{done.stderr}")
        return NOT_AUDITED
    said, status = judge(report)
    print(said)
    return status


def judge(report: Mapping[str, Any]) -> tuple[str, int]:
    """What to say about a report of pip-audit, and the exit status."""
    packages = report["dependencies"]
    found = [
        f"{package['name']} {package['version']}: {flaw['id']}, mended in {flaw['fix_versions'] or 'no version'}"
        for package in packages
        for flaw in package.get("vulns", ())
    ]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    audited = len(packages) - len(skipped)
    if found:
        return "\n".join([*found, f"VULNERABLE; {audited} packages audited"]), VULNERABLE
    if not audited:
        return (
            "NOT AUDITED: no source of advisories is reachable from here, or it knows no package",
            NOT_AUDITED,
        )
    if skipped:
        return f"NOT AUDITED: {', '.join(skipped)}; nothing found in {audited} others", NOT_AUDITED
    return f"no known vulnerability in {audited} packages", CLEAN


if __name__ == "__main__":
    sys.exit(main())
