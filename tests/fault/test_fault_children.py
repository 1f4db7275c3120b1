"""Steps of a check in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from .reporting import ROOT
from .resumed import Verdicts


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


def test_steps_that_nobody_asks_for_end() -> None:
    """When the reader goes, the child is ended and never goes on as a copy of its parent."""
    code = (
        "from itertools import islice; from tests.fault.children import in_children\n"
        "print(*islice(in_children(lambda task: 'x' * task, [1] + 9 * [99_999]), 1), flush=True)\n"
        "print('gone on', flush=True)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("\n") == ["x", "gone on", ""]


def test_a_stopped_form_goes_on(tmp_path: Path) -> None:
    """Verdicts that a stopped run kept are given again, and only the other tasks are done."""
    kept, tasks = tmp_path / "verdicts", ["a", "b", "c"]
    stopped = islice(Verdicts(kept, "letters").of(str.upper, tasks), 2)
    assert list(stopped) == ["A", "B"]

    again = list(Verdicts(kept, "letters").of(str.title, ["", "", "c"]))

    assert again == ["A", "B", "C"]
    assert list(Verdicts(kept, "letters").of(str.upper, tasks)) == again


def test_verdicts_of_other_tasks_are_refused(tmp_path: Path) -> None:
    """What was judged in another store, or with another seed, is not counted."""
    Verdicts(tmp_path / "verdicts", "letters")

    with pytest.raises(SystemExit, match="and not about numbers"):
        Verdicts(tmp_path / "verdicts", "numbers")
