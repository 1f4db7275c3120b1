"""What the tests of the command line share: a claim to record, and how a failure looks."""

from __future__ import annotations

import subprocess

CLAIM = ("--dataset", "ds_1", "--creator", "creator_42", "--model", "model_xyz")

# A well-formed key that signed nothing in any test.
STRANGER = "example.com/ledger+93727de6+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a command that could not be done."""
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("counterfoil: ")
    return done.stderr
