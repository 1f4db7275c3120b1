"""The benchmark runs from end to end, and counts nothing that did not verify."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ..support.ledger_process import LedgerProcess, run_json

ROOT = Path(__file__).resolve().parents[2]
_LIMIT_S = 240


def run_client(module: str, task: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Run one of the benchmark's clients, and tell it to go."""
    command = [sys.executable, "-m", f"harness.{module}", json.dumps(task)]
    return subprocess.run(
        command,
        cwd=ROOT / "benchmarks",
        input="go\n",
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
    )


def stream_task(address: str, vkey: str) -> dict[str, Any]:
    """Two batches over one stream."""
    task = {"address": address, "vkey": vkey, "seed": 7, "batches": 2, "streams": 1}
    return {**task, "rich": False, "batches_before": 0}


def other_key(folder: Path, origin: str) -> str:
    """The key of another log with the same name."""
    return str(run_json("init", folder / "other", "--origin", origin)["vkey"])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """The smallest run: its working folder, its result, and what it printed."""
    folder = tmp_path_factory.mktemp("bench")
    command = [sys.executable, "benchmarks/bench.py", "--tiny"]
    command += ["--workdir", str(folder / "work"), "--output", str(folder / "result.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_LIMIT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "work", json.loads((folder / "result.json").read_text()), done.stdout


def test_every_row_of_the_ledger_is_measured(
    tiny: tuple[Path, dict[str, Any], str],
) -> None:
    """Each row has a number, or is not the ledger's and says why it has none."""
    _, result, _ = tiny

    for row in result["rows"]:
        foreign = row["key"].split("/")[0] in {"postgres", "pymerkle", "immudb", "tessera"}
        assert row["metrics"] or (foreign and row["reason"]), row


def test_the_result_says_what_it_was_measured_with(
    tiny: tuple[Path, dict[str, Any], str],
) -> None:
    """Machine, versions, settings and raw samples are in the JSON; every row is in the printed table."""
    _, result, printed = tiny

    assert result["machine"]["cpu_count"] >= 1
    assert result["machine"]["packages"]["lmdb"]
    assert result["plan"]["batches"] == 4
    assert len(result["samples"]["ingest/2000/1"]) == result["rounds"] == 1
    assert all(row["label"] in printed for row in result["rows"])


def test_nothing_is_left_of_a_run(tiny: tuple[Path, dict[str, Any], str]) -> None:
    """The working folder is empty afterwards."""
    work, _, _ = tiny

    assert list(work.iterdir()) == []


def test_a_stream_that_verifies_is_counted(shared_ledger: LedgerProcess) -> None:
    """With the right key all records count: the control of the test after this one."""
    done = run_client("streamer", stream_task(shared_ledger.address, shared_ledger.vkey))

    answer = json.loads(done.stdout.splitlines()[-1])
    assert (answer["problems"], answer["verified"], answer["receipts"]) == ([], 2000, 2)


def test_a_stream_with_receipts_of_another_key_counts_nothing(
    shared_ledger: LedgerProcess, tmp_path: Path
) -> None:
    """A client that trusts another key reports a problem and no verified record."""
    key = other_key(tmp_path, shared_ledger.origin)

    done = run_client("streamer", {**stream_task(shared_ledger.address, key), "seed": 8})

    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["verified"] == 0
    assert len(answer["problems"]) == 1


def test_callers_with_receipts_of_another_key_fail(
    shared_ledger: LedgerProcess, tmp_path: Path
) -> None:
    """Verifying callers end with an error, and print no rate."""
    key = other_key(tmp_path, shared_ledger.origin)
    task = {"address": shared_ledger.address, "vkey": key, "seed": 9, "callers": 2}
    task |= {"seconds": 0.1, "warm_up_s": 0.0, "connections": 1, "verify": True}

    done = run_client("callers", task)

    assert done.returncode != 0
    assert "VerificationError" in done.stderr or "UnverifiableError" in done.stderr
    assert "records_per_s" not in done.stdout


def test_an_unknown_option_is_refused(tmp_path: Path) -> None:
    """A misspelt option ends with a usage message before anything is started."""
    command = [sys.executable, "benchmarks/bench.py", "--tinny", "--workdir", str(tmp_path / "w")]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_LIMIT_S)

    assert done.returncode == 2
    assert "usage:" in done.stderr
    assert not (tmp_path / "w").exists()
