"""The log and training commands against a real ledger: what they print, how they fail."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from counterfoil.note import parse_checkpoint

from ..support.ledger_process import ORIGIN, LedgerProcess, run_cli
from .claims import CLAIM, STRANGER, one_line


def test_log_info_is_what_the_checkpoint_signs(shared_ledger: LedgerProcess) -> None:
    """Origin, size and root are those of a note that verifies under the printed key."""
    info = shared_ledger.json("log", "info")

    signed = parse_checkpoint(shared_ledger.json("log", "checkpoint")["checkpoint"], [info["vkey"]])

    assert (info["origin"], info["vkey"]) == (ORIGIN, shared_ledger.vkey)
    assert signed.size >= info["size"] >= 1
    assert len(base64.b64decode(info["root_hash"])) == 32
    if signed.size == info["size"]:
        assert base64.b64decode(info["root_hash"]) == signed.root_hash


def test_the_printed_checkpoint_is_the_note_itself(shared_ledger: LedgerProcess) -> None:
    """`log checkpoint > FILE` makes a file that any note verifier reads."""
    printed = shared_ledger.cli("log", "checkpoint").stdout

    assert parse_checkpoint(printed, [shared_ledger.vkey]).origin == ORIGIN


def test_a_training_is_recorded_with_both_fingerprints(
    shared_ledger: LedgerProcess, artifact: Path
) -> None:
    """The answer names the record and the file's fingerprints; the log shows the claim as it was made."""
    answer = shared_ledger.json(
        *(
            "training",
            "record",
            *CLAIM,
            "--artifact",
            artifact,
            "--license",
            "CC-BY-4.0",
            "--portion",
            "25%",
        ),
        *(
            "--notes",
            "first\tpass",
            "--evidence",
            "slice=abc",
            "--metadata",
            "team=a=b",
            "--time",
            "2024-05-01 00:00:00",
        ),
    )

    (entry,) = [
        json.loads(line)
        for line in shared_ledger.cli(
            "log", "tail", "--start", str(answer["index"]), "--kind", "training", "--json"
        ).stdout.splitlines()[:1]
    ]
    body = entry["body"]
    assert entry["id"] == answer["training_id"]
    assert (
        body["artifacts"][0]["sha256"]
        == base64.b64encode(hashlib.sha256(artifact.read_bytes()).digest()).decode()
    )
    assert body["artifacts"][0]["name"] == "corpus.txt"
    assert (body["license"], body["portion_used_ppm"], body["notes"]) == (
        "CC-BY-4.0",
        250_000,
        "first\tpass",
    )
    assert (body["evidence"], body["metadata"]) == ({"slice": "abc"}, {"team": "a=b"})
    assert body["training_time_us"] == "1714521600000000"
    assert answer["artifacts"][0]["blake3"]


def test_a_repeated_training_command_adds_nothing(
    shared_ledger: LedgerProcess, artifact: Path
) -> None:
    """The request id follows from the content: the same command again gets the original; a changed file does not."""
    command = ("training", "record", *CLAIM, "--artifact", artifact, "--notes", "repeat")
    first, again = shared_ledger.json(*command), shared_ledger.json(*command)
    artifact.write_bytes(b"another text")
    other = shared_ledger.json(*command)

    assert not first["duplicate"]
    assert again == {**first, "duplicate": True}
    assert other["training_id"] != first["training_id"]


def test_one_request_id_for_two_claims_is_refused(
    shared_ledger: LedgerProcess, artifact: Path
) -> None:
    """A request id names one write for ever."""
    command = (
        "training",
        "record",
        "--artifact",
        artifact,
        "--request-id",
        "r-1",
        "--creator",
        "c",
        "--model",
        "m",
    )
    shared_ledger.json(*command, "--dataset", "one")

    told = one_line(shared_ledger.cli(*command, "--dataset", "two"))

    assert "dataset_id" in told


def test_a_claim_that_breaks_a_rule_is_refused_by_field(
    shared_ledger: LedgerProcess, artifact: Path
) -> None:
    """What the ledger refuses is told with the field's name on one line."""
    told = one_line(
        shared_ledger.cli(
            "training",
            "record",
            "--dataset",
            "two words",
            "--creator",
            "c",
            "--model",
            "m",
            "--artifact",
            artifact,
        )
    )

    assert "dataset_id" in told


@pytest.mark.parametrize(
    "command", [("log", "info"), ("log", "checkpoint"), ("log", "tail"), ("receipt", "0")]
)
def test_a_ledger_with_another_key_is_not_believed(
    shared_ledger: LedgerProcess, command: tuple[str, ...]
) -> None:
    """With --key a server that signs with another one is refused; nothing that it says is printed."""
    done = run_cli(*command, "--server", shared_ledger.address, "--key", STRANGER)

    assert "not trusted" in one_line(done)


def test_tail_shows_entries_in_order_and_ends(
    shared_ledger: LedgerProcess, training_id: str
) -> None:
    """Without --follow the tail ends at the present size; a negative start counts from the end."""
    done = shared_ledger.cli("log", "tail", "--start", "0", "--json")
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    last = shared_ledger.cli("log", "tail", "--start", "-1").stdout

    assert done.returncode == 0
    assert [entry["index"] for entry in entries] == list(range(len(entries)))
    assert (entries[0]["kind"], entries[0]["body"]["origin"]) == ("genesis", ORIGIN)
    assert training_id in [entry["id"] for entry in entries]
    assert last.count("\n") == 1


def test_tail_follows_what_is_logged_later(ledger: LedgerProcess, artifact: Path) -> None:
    """With --follow an entry that is logged while the tail runs appears in it."""
    command = [
        "log",
        "tail",
        "--start",
        "0",
        "--follow",
        "--json",
        "--server",
        ledger.address,
        "--key",
        ledger.vkey,
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "counterfoil_cli", *command], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        first = json.loads(child.stdout.readline())
        recorded = ledger.json("training", "record", *CLAIM, "--artifact", artifact)
        second = json.loads(child.stdout.readline())
        child.terminate()

    assert (first["kind"], second["id"]) == ("genesis", recorded["training_id"])
