"""All of a real trace, 19,366 requests to a production service, goes through the command line into a running ledger."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from ..support.ledger_process import LedgerProcess, run_cli, run_json

TRACE = (
    Path(__file__).resolve().parents[3]
    / "shared/data/azure-llm-inference-2023/AzureLLMInferenceTrace_conv.csv"
)
ROWS = 19_366
IMPORT = (
    *(
        "usage",
        "import",
        TRACE,
        "--backfill",
        "--submitter",
        "azure",
        "--set",
        "model_id=azure-llm-conv",
    ),
    *(
        "--map",
        "event_time=TIMESTAMP",
        "--map",
        "input_tokens=ContextTokens",
        "--map",
        "output_tokens=GeneratedTokens",
    ),
)


@pytest.mark.skipif(
    not TRACE.exists(), reason=f"the trace is not beside this checkout: {TRACE.name}"
)
def test_the_whole_trace_is_imported_once_verified_and_sound(
    ledger: LedgerProcess, tmp_path: Path
) -> None:
    """Every row is accepted in order; a second import adds nothing and knows each original; receipts and store are good."""
    first, second, receipts = (
        tmp_path / "first.jsonl",
        tmp_path / "second.jsonl",
        tmp_path / "receipts",
    )

    one = ledger.json(*IMPORT, "--results", first, "--receipts", receipts)
    two = ledger.json(*IMPORT, "--results", second)
    info = ledger.json("log", "info")

    assert (one["accepted"], one["duplicates"], one["rejected"]) == (ROWS, 0, 0)
    assert (two["accepted"], two["duplicates"], two["rejected"]) == (0, ROWS, 0)
    told = [
        [json.loads(line) for line in path.read_text().splitlines()] for path in (first, second)
    ]
    assert [(each["outcome"], each["index"]) for each in told[0]] == [
        ("accepted", at) for at in range(1, ROWS + 1)
    ]
    assert [(each["outcome"], each["index"]) for each in told[1]] == [
        ("duplicate", at) for at in range(1, ROWS + 1)
    ]
    assert info["size"] == ROWS + 1

    verified = run_cli(
        "verify", *sorted(receipts.iterdir()), "--key", ledger.vkey, "--json", module="counterfoil"
    )
    assert verified.returncode == 0
    assert sum(each["count"] for each in json.loads(verified.stdout)) == ROWS

    _compare_with_the_trace(ledger)
    checked = run_json("fsck", ledger.directory)
    assert (checked["ok"], checked["size"], checked["problems"]) == (True, ROWS + 1, [])


def _compare_with_the_trace(ledger: LedgerProcess) -> None:
    """The log, read back and verified entry by entry, holds the numbers of the file."""
    tail = ledger.cli("log", "tail", "--start", "1", "--json")
    bodies = [json.loads(line)["body"] for line in tail.stdout.splitlines()]
    with TRACE.open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert len(bodies) == len(rows) == ROWS
    assert [
        (int(body.get("input_tokens", 0)), int(body.get("output_tokens", 0))) for body in bodies
    ] == [(int(row["ContextTokens"]), int(row["GeneratedTokens"])) for row in rows]
    # Hundreds of nanoseconds in the file, microseconds in the ledger.
    assert [int(body["event_time_us"]) % 1_000_000 for body in bodies] == [
        int(row["TIMESTAMP"].partition(".")[2][:6]) for row in rows
    ]
