"""Steps of a check in processes of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .reporting import ROOT


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("'said'", "said"),
        ("str(1 // 0)", "broke: "),
        ("os.kill(os.getpid(), signal.SIGBUS)", "crashed: SIGBUS"),
        ("os.abort()", "crashed: SIGABRT"),
        (
            "(signal.setitimer(signal.ITIMER_PROF, 0.01), [None for _ in iter(int, 1)])",
            "hung: SIGPROF",
        ),
        ("(signal.alarm(1), signal.pause())", "hung: SIGALRM"),
    ],
)
def test_how_a_step_ended_is_told(step: str, told: str) -> None:
    """What a step says is passed on; one that is killed, or fails, is neither silent nor sound."""
    code = f"import os, signal; from tests.fault.children import in_child; print(in_child(lambda: {step}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(told)
