"""The demonstration tells its story with a real ledger and leaves nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ..support.ledger_process import run_cli, run_json


def processes_that_mention(text: str) -> list[str]:
    """Command lines of this machine's processes that hold a text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue  # it ended while we looked
        if text in words:
            found.append(words)
    return found


@pytest.mark.parametrize("events", [20_000])
def test_the_demonstration_shows_everything_and_leaves_nothing(tmp_path: Path, events: int) -> None:
    """Each step ends as it must, the steps are told in order, and no process and no file is left."""
    done = run_cli("demo", env={**os.environ, "TMPDIR": str(tmp_path)})

    assert (done.returncode, done.stderr) == (0, "")
    headings = [line for line in done.stdout.splitlines() if line[:1].isdigit()]
    assert [heading.partition(".")[0] for heading in headings] == list("123456789")
    assert f"{events:,} times" in done.stdout
    assert "to answer from a work: covered by licence lic_standard" in done.stdout
    assert "receipt.bin: good (included)" in done.stdout
    assert "forged.bin: bad" in done.stdout
    assert "verdict on it is entry 10549: covered by licence lic_standard" in done.stdout
    # Before the usage 27 entries and a training with its verdict; with it a verdict for each batch of 500.
    assert f"All {27 + 2 + events + events // 500:,} entries are sound" in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert processes_that_mention(str(tmp_path)) == []


def test_the_demonstration_answers_programs(tmp_path: Path) -> None:
    """With --json it prints one object and nothing else."""
    answer = run_json("demo", "--events", "1200")

    assert (answer["events"], answer["receipts"], answer["states"]) == (1200, 3, ["included"])
    assert (answer["receipt_verified"], answer["forgery_refused"], answer["fsck_ok"]) == (
        True,
        True,
        True,
    )
    assert answer["verdict"].startswith("not covered (consent)")
    assert answer["size"] == 27 + 2 + 1200 + 3
    assert answer["training_id"].startswith("pt_27_")


def test_the_demonstration_fails_when_its_ledger_cannot_start(tmp_path: Path) -> None:
    """A ledger that does not start is one line and exit code 2, and leaves nothing: the story is no fixed text."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['lmdb'] = None\n")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))

    done = run_cli("demo", env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": path})

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(
        "counterfoil: the demonstration's ledger could not be made"
    )
    assert list(temporary.iterdir()) == []
