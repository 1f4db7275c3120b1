"""Importing usage into a real ledger: every row gets a verdict, a second import adds nothing, nothing gets lost."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from counterfoil_cli.importing.mapping import parse_field_map
from counterfoil_cli.importing.run import Plan, run_import
from counterfoil_cli.importing.source import Form
from counterfoil_cli.importing.verdicts import Batch, Verdicts
from counterfoil_client import LedgerClient
from counterfoil_client.clock import now_us
from counterfoil_client.evidence import UsageResult

from ..support.ledger_process import LedgerProcess, run_cli

DAY_US = 86_400 * 1_000_000


def lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON lines file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def outcomes(path: Path) -> list[tuple[int, str, int | None]]:
    """Line, outcome and index of every row of a results file."""
    return [(each["line"], each["outcome"], each.get("index")) for each in lines(path)]


def write_rows(path: Path, ids: Iterable[str], **fields: object) -> Path:
    """A JSON lines file of acceptable events."""
    base = {"event_time_us": now_us(), "model_id": "m", "tokens": 5, **fields}
    path.write_text("".join(json.dumps({"event_id": each, **base}) + "\n" for each in ids))
    return path


def bad_rows(now: int) -> bytes:
    """A CSV file in which most rows have a fault of their own; a, its repetition and z are good."""
    rows = [
        "id,when,model,in,out,note",
        f"a,{now},m,1,2,first",
        f"b,{now},m,-1,2,negative",
        f"c,{now},m,many,2,no number",
        f"d,{now - 40 * DAY_US},m,1,2,too old",
        f"e,{now + DAY_US},m,1,2,too new",
        f"f,{now},,1,2,no model",
        f"g g,{now},m,1,2,bad id",
        f"h,{now},m,1,2",
        "i,never,m,1,2,no time",
        f"j,{now},m,9999999999999999,2,absurd",
        f"a,{now},m,1,2,first",
        f"a,{now},m,1,3,conflict",
        f"z,{now},m,7,8,last",
    ]
    return "\n".join(rows).encode() + b"\nk,\xff,m,1,2,bytes\n"


MAPS = (
    *("--map", "event_id=id", "--map", "event_time=when", "--map", "model_id=model"),
    *("--map", "input_tokens=in", "--map", "output_tokens=out", "--map", "metadata.note=note"),
)
FAULTS = [
    (3, "rejected", "QUANTITY_NEGATIVE", "input_tokens"),
    (4, "rejected", "FIELD_MALFORMED", "input_tokens"),
    (5, "rejected", "TIME_OUTSIDE_WINDOW", "event_time_us"),
    (6, "rejected", "TIME_OUTSIDE_WINDOW", "event_time_us"),
    (7, "rejected", "FIELD_MISSING", "model_id"),
    (8, "rejected", "ID_CHARACTERS", "event_id"),
    (9, "rejected", "WRONG_CELL_COUNT", None),
    (10, "rejected", "FIELD_MALFORMED", "event_time"),
    (11, "rejected", "QUANTITY_ABSURD", "input_tokens"),
    (13, "conflict", "CONFLICT", "output_tokens"),
    (15, "rejected", "INVALID_UTF8", None),
]


def test_bad_rows_are_told_and_their_neighbours_logged(
    ledger: LedgerProcess, tmp_path: Path
) -> None:
    """Each fault, found here or by the ledger, costs its own row; the errors file has line, reason, field and row."""
    file, results, now = tmp_path / "usage.csv", tmp_path / "results.jsonl", now_us()
    file.write_bytes(bad_rows(now))

    answer = ledger.json("usage", "import", file, *MAPS, "--results", results, code=1)

    errors = tmp_path / "usage.csv.errors.jsonl"
    assert answer == {
        "rows": 14,
        "accepted": 2,
        "duplicates": 1,
        "rejected": 11,
        "errors_file": str(errors),
        "ignored_columns": [],
    }
    told = lines(errors)
    assert [tuple(map(each.get, ("line", "outcome", "reason", "field"))) for each in told] == FAULTS
    assert all(each["message"] for each in told)
    row = {"id": "b", "when": str(now), "model": "m", "in": "-1", "out": "2", "note": "negative"}
    assert told[0]["row"] == row
    assert [each for each in outcomes(results) if each[1] != "rejected"] == [
        (2, "accepted", 1),
        (12, "duplicate", 1),
        (13, "conflict", 1),
        (14, "accepted", 2),
    ]
    assert ledger.json("log", "info")["size"] == 3


def test_a_second_import_adds_nothing_and_says_where_the_first_went(
    ledger: LedgerProcess, tmp_path: Path
) -> None:
    """Rows without ids get them from content and line, so that a file under another name is the same import."""
    file, copy = tmp_path / "usage.csv", tmp_path / "copy.csv"
    file.write_text("event_time,model_id,tokens\n" + f"{now_us()},m,5\n" * 250)
    copy.write_bytes(file.read_bytes())
    first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"

    one = ledger.json("usage", "import", file, "--batch", "100", "--results", first)
    two = ledger.json("usage", "import", copy, "--batch", "70", "--results", second)

    assert (one["accepted"], one["duplicates"], one["rejected"], one["errors_file"]) == (
        250,
        0,
        0,
        None,
    )
    assert (two["accepted"], two["duplicates"], two["rejected"]) == (0, 250, 0)
    assert outcomes(first) == [(line, "accepted", line - 1) for line in range(2, 252)]
    assert outcomes(second) == [(line, "duplicate", line - 1) for line in range(2, 252)]
    assert [each["event_id"] for each in lines(first)] == [
        each["event_id"] for each in lines(second)
    ]
    assert ledger.json("log", "info")["size"] == 251
    assert sorted(path.name for path in tmp_path.glob("*.errors.jsonl")) == []


def test_one_changed_byte_makes_another_file(ledger: LedgerProcess, tmp_path: Path) -> None:
    """The negative control of the test above: the derived ids do follow from the content."""
    file = tmp_path / "usage.csv"
    file.write_text(f"event_time,model_id,tokens\n{now_us()},m,5\n")
    ledger.json("usage", "import", file)
    file.write_text(file.read_text().replace(",5", ",6"))

    assert ledger.json("usage", "import", file)["accepted"] == 1


def test_other_submitters_have_their_own_ids(ledger: LedgerProcess, tmp_path: Path) -> None:
    """The identity of an event is (submitter, event_id): two hosts may use the same ids."""
    file = write_rows(tmp_path / "usage.jsonl", ["a", "b"])

    counts = [
        ledger.json("usage", "import", file, "--submitter", host)["accepted"]
        for host in ("x", "y", "x")
    ]

    assert counts == [2, 2, 0]


def test_cloudevents_are_imported_with_their_own_ids(ledger: LedgerProcess, tmp_path: Path) -> None:
    """An array and lines of the same CloudEvents are the same events."""
    events = [
        {
            "specversion": "1.0",
            "id": f"e{number}",
            "source": "/host/7",
            "type": "chat",
            "subject": "customer_1",
            "time": "2024-05-01T00:00:00.123456Z",
            "data": {"model_id": "m", "input_tokens": number, "consents": ["inference"]},
        }
        for number in range(5)
    ]
    array, single = tmp_path / "array.json", tmp_path / "lines.jsonl"
    array.write_text(json.dumps(events, indent=1))
    single.write_text("".join(json.dumps(event) + "\n" for event in events))

    one = ledger.json("usage", "import", array, "--backfill")
    two = ledger.json("usage", "import", single, "--backfill")
    shown = lines_of(ledger.cli("log", "tail", "--start", "5", "--json").stdout)

    assert (one["accepted"], two["accepted"], two["duplicates"]) == (5, 0, 5)
    assert shown[0]["backfill"] is True
    assert shown[0]["body"] == {
        "event_id": "e4",
        "event_time_us": "1714521600123456",
        "model_id": "m",
        "input_tokens": "4",
        "consumer_id": "customer_1",
        "action": "chat",
        "consents": ["CONSENT_INFERENCE"],
        "metadata": {"source": "/host/7"},
    }


def lines_of(text: str) -> list[dict[str, Any]]:
    """The objects of printed JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


def test_unknown_references_are_refused_row_by_row(ledger: LedgerProcess, tmp_path: Path) -> None:
    """A row that refers to no training is refused with the reason; one that refers to one is logged."""
    recorded = ledger.json(
        *("training", "record", "--dataset", "d", "--creator", "c", "--model", "m"),
        *("--artifact-hash", "sha256:" + "0" * 64),
    )
    file = tmp_path / "usage.jsonl"
    rows = [
        {"event_id": "a", "event_time_us": now_us(), "model_id": "m", "receipt_ref": reference}
        for reference in ("pt_1_00000000", "pt_999_00000000", "nothing")
    ]
    rows.append({**rows[0], "event_id": "b", "receipt_ref": recorded["training_id"]})
    file.write_text(
        "\n".join(json.dumps({**row, "event_id": str(n)}) for n, row in enumerate(rows))
    )

    answer = ledger.json("usage", "import", file, code=1)

    assert (answer["accepted"], answer["rejected"]) == (1, 3)
    assert {each["reason"] for each in lines(tmp_path / "usage.jsonl.errors.jsonl")} == {
        "REFERENCE_UNKNOWN"
    }


def test_old_rows_need_backfill(ledger: LedgerProcess, tmp_path: Path) -> None:
    """Without --backfill rows older than the window are refused; with it they are logged and marked."""
    file = write_rows(tmp_path / "usage.jsonl", ["a", "b"], event_time_us=now_us() - 36 * DAY_US)

    refused = ledger.json("usage", "import", file, code=1)
    marked = ledger.json("usage", "import", file, "--backfill")

    assert (refused["accepted"], refused["rejected"]) == (0, 2)
    assert (marked["accepted"], marked["rejected"]) == (2, 0)


def test_kept_receipts_verify_for_every_row(ledger: LedgerProcess, tmp_path: Path) -> None:
    """--receipts leaves files that verify offline and cover all indexes."""
    file = write_rows(tmp_path / "usage.jsonl", map(str, range(25)))
    ledger.json("usage", "import", file, "--batch", "10", "--receipts", tmp_path / "receipts")
    receipts = sorted((tmp_path / "receipts").iterdir())

    done = run_cli("verify", *receipts, "--key", ledger.vkey, "--json", module="counterfoil")

    covered = [(each["index"], each["count"]) for each in json.loads(done.stdout)]
    assert done.returncode == 0
    assert sorted(covered) == [(1, 10), (11, 10), (21, 5)]


def test_columns_that_nothing_uses_are_said(ledger: LedgerProcess, tmp_path: Path) -> None:
    """A misspelt column is named on standard error and in the answer."""
    file = tmp_path / "usage.csv"
    file.write_text(f"event_time,model_id,input_token\n{now_us()},m,5\n")

    done = ledger.cli("usage", "import", file)

    assert done.returncode == 0
    assert done.stderr == "counterfoil: columns that nothing was mapped from: input_token\n"


@pytest.mark.parametrize(
    ("content", "options", "told"),
    [
        ("a,b\n1,2\n", ["--map", "tokens=c"], "no such column; the file has 'a', 'b'"),
        ("a,a\n1,2\n", [], "named twice"),
        ("", [], "is empty"),
        ("[{}", [], "line 1"),
        ("a\n1\n", ["--set", "tokens=x"], "not a whole number"),
        ("a\n1\n", ["--errors", "{tmp}/none/errors.jsonl"], "cannot write"),
    ],
)
def test_an_import_that_cannot_be_done_logs_nothing(
    shared_ledger: LedgerProcess, tmp_path: Path, content: str, options: list[str], told: str
) -> None:
    """What is wrong with the whole file or the options costs one line, exit code 2 and no entry."""
    file = tmp_path / "usage"
    file.write_text(content)
    before = shared_ledger.json("log", "info")["size"]

    done = shared_ledger.cli(
        "usage", "import", file, *(option.format(tmp=tmp_path) for option in options)
    )

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert told in done.stderr
    assert shared_ledger.json("log", "info")["size"] == before


class _Interrupting(Verdicts):
    """Runs something in the middle of an import: after a number of batches were answered."""

    def __init__(self, errors: Path, after: int, interrupt: Any) -> None:
        super().__init__(errors, None, None)
        self._left = after
        self._interrupt = interrupt

    def take(self, batch: Batch, result: UsageResult | None) -> None:
        super().take(batch, result)
        self._left -= 1
        if self._left == 0:
            self._interrupt()


def plan(file: Path) -> Plan:
    """An import in batches of ten."""
    return Plan(file, Form.AUTO, parse_field_map([], []), backfill=False, batch_events=10)


@pytest.mark.parametrize("crash", [False, True], ids=["stop", "crash"])
def test_an_import_outlives_a_restart_of_the_ledger(
    ledger: LedgerProcess, tmp_path: Path, crash: bool
) -> None:
    """When the ledger goes away in the middle and comes back, every row is logged, and none of them twice."""
    file = write_rows(tmp_path / "usage.jsonl", map(str, range(500)))

    def restart() -> None:
        address = ledger.address
        ledger.kill() if crash else ledger.stop()
        ledger.start(address=address)

    verdicts = _Interrupting(tmp_path / "errors", 5, restart)
    with LedgerClient(ledger.address, trust=ledger.vkey) as client, verdicts:
        summary = run_import(client, plan(file), verdicts, lambda _more, _total: None)
        logged = [entry.id for entry in client.entries()]

    assert (summary.rows, summary.accepted + summary.duplicates, summary.rejected) == (500, 500, 0)
    assert len(logged) == 501
    assert run_cli("fsck", ledger.directory).returncode == 0


def test_an_import_that_was_interrupted_is_finished_by_repeating_it(
    ledger: LedgerProcess, tmp_path: Path
) -> None:
    """What was logged before the interruption is recognised, the rest is added, and the counts add up."""
    file = write_rows(tmp_path / "usage.jsonl", map(str, range(500)))

    def interrupt() -> None:
        raise KeyboardInterrupt

    verdicts = _Interrupting(tmp_path / "errors", 20, interrupt)
    with (
        LedgerClient(ledger.address, trust=ledger.vkey) as client,
        verdicts,
        pytest.raises(KeyboardInterrupt),
    ):
        run_import(client, plan(file), verdicts, lambda _more, _total: None)

    answer = ledger.json("usage", "import", file)

    assert answer["accepted"] + answer["duplicates"] == 500
    assert answer["duplicates"] >= 200
    assert ledger.json("log", "info")["size"] == 501
