"""A host that reports usage until it is killed: prints the id of each event once ``report`` has taken it.

python reporting_host.py TARGET SPOOL_DIR SUBMITTER VKEY
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from counterfoil_client import UsageReporter


def main() -> None:
    """Report for ever."""
    target, spool_dir, submitter, vkey = sys.argv[1:]
    reporter = UsageReporter(
        target,
        Path(spool_dir),
        submitter=submitter,
        trust=vkey,
        batch_events=50,
        batch_age_s=0.01,
    )
    for number in itertools.count():
        print(reporter.report(model_id="m1", input_tokens=number), flush=True)


main()
