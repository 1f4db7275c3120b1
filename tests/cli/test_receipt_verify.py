"""Receipts in every form leave the ledger and are checked without it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ..support.ledger_process import ORIGIN, LedgerProcess, run_cli
from .claims import STRANGER, one_line

FORMATS = ("tlog-proof", "jwt", "json", "binary", "batch")


@pytest.mark.parametrize("form", FORMATS)
def test_a_receipt_of_every_form_verifies_offline(
    shared_ledger: LedgerProcess, training_id: str, tmp_path: Path, form: str
) -> None:
    """Both verifiers say what was verified, with nothing but the file and the key."""
    file = tmp_path / "receipt"
    answer = shared_ledger.json("receipt", training_id, "--format", form, "-o", file)

    plain = run_cli("verify", file, "--key", shared_ledger.vkey)
    # An interpreter that sees the pure core alone.
    bare = run_cli("verify", file, "--key", shared_ledger.vkey, "--json", module="counterfoil")

    assert (plain.returncode, bare.returncode) == (0, 0), plain.stdout + bare.stderr
    assert f"{file}: good (included)" in plain.stdout
    assert f"{ORIGIN} logged the training record at index {answer['index']} at 20" in plain.stdout
    (verdict,) = json.loads(bare.stdout)
    assert (verdict["verdict"], verdict["index"], verdict["kind"]) == (
        "good",
        answer["index"],
        "training",
    )
    assert (verdict["origin"], verdict["states"]) == (ORIGIN, ["included"])


def test_the_offline_verifier_needs_the_base_install_only(
    shared_ledger: LedgerProcess, training_id: str, tmp_path: Path
) -> None:
    """With every package blocked that an auditor does not install, and no network asked, a receipt verifies."""
    file = tmp_path / "receipt"
    shared_ledger.json("receipt", training_id, "-o", file)
    blocked = ("google", "grpc", "lmdb", "numpy", "rich", "structlog", "typer", "_socket")
    program = (
        f"import runpy, sys\nsys.modules.update(dict.fromkeys({blocked!r}))\n"
        f"sys.argv = ['counterfoil', 'verify', {str(file)!r}, '--key', {shared_ledger.vkey!r}]\n"
        "runpy.run_module('counterfoil', run_name='__main__')"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert "good (included)" in done.stdout


@pytest.mark.parametrize("form", FORMATS)
def test_a_receipt_with_one_byte_changed_is_not_good(
    shared_ledger: LedgerProcess, training_id: str, tmp_path: Path, form: str
) -> None:
    """A byte turned anywhere in a receipt takes its verdict away; a changed key id makes it an unknown key, all else is bad."""
    file = tmp_path / "receipt"
    shared_ledger.json("receipt", training_id, "--format", form, "-o", file)
    data = file.read_bytes()
    files = []
    for place in {0, len(data) // 3, len(data) // 2, 2 * len(data) // 3}:
        damaged = tmp_path / f"damaged-{place}"
        damaged.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        files.append(damaged)

    done = run_cli("verify", *files, "--key", shared_ledger.vkey, "--json", module="counterfoil")

    verdicts = [each["verdict"] for each in json.loads(done.stdout)]
    assert done.returncode == 1
    assert "good" not in verdicts
    assert "bad" in verdicts


@pytest.mark.parametrize(
    ("kind", "code", "told"),
    [
        ("stranger", 2, "cannot tell"),
        ("absent", 2, "No such file"),
        ("directory", 2, "Is a directory"),
        ("empty", 2, "no form of receipt"),
        ("text", 2, "no form of receipt"),
        ("truncated", 1, "bad"),
        ("swapped", 1, "bad"),
    ],
)
def test_what_verification_cannot_tell_is_not_called_bad(
    shared_ledger: LedgerProcess, training_id: str, tmp_path: Path, kind: str, code: int, told: str
) -> None:
    """Exit code 2 is for files that cannot be read, unknown forms and unknown keys; 1 is for receipts that are wrong."""
    file, other = tmp_path / "receipt", tmp_path / "other"
    shared_ledger.json("receipt", training_id, "--format", "binary", "-o", file)
    key = STRANGER if kind == "stranger" else shared_ledger.vkey
    if kind in {"absent", "directory"}:
        file.unlink()
    if kind == "directory":
        file.mkdir()
    if kind in {"empty", "text"}:
        file.write_text("" if kind == "empty" else "I was here.")
    if kind == "truncated":
        file.write_bytes(file.read_bytes()[:-20])
    if kind == "swapped":
        # The proof of one entry around the record of another.
        shared_ledger.json("receipt", "0", "--format", "json", "-o", other)
        shared_ledger.json("receipt", training_id, "--format", "json", "-o", file)
        mixed = {**json.loads(file.read_text()), "record": json.loads(other.read_text())["record"]}
        file.write_text(json.dumps(mixed, separators=(",", ":")))

    for module in ("counterfoil_cli", "counterfoil"):
        done = run_cli("verify", file, "--key", key, module=module)

        assert (done.returncode, done.stderr) == (code, "")
        assert told in done.stdout


def test_one_bad_receipt_among_good_ones_decides(
    shared_ledger: LedgerProcess, training_id: str, tmp_path: Path
) -> None:
    """Several files are told one by one; bad outweighs cannot tell, which outweighs good."""
    good, bad = tmp_path / "good", tmp_path / "bad"
    shared_ledger.json("receipt", training_id, "--format", "binary", "-o", good)
    bad.write_bytes(good.read_bytes()[:-1])
    absent = tmp_path / "absent"

    def code(*files: Path) -> int:
        return run_cli(
            "verify", *files, "--key", shared_ledger.vkey, module="counterfoil"
        ).returncode

    assert code(good, good) == 0
    assert code(good, absent) == 2
    assert code(good, absent, bad) == 1


def test_a_policy_file_stands_for_a_key(
    shared_ledger: LedgerProcess, training_id: str, tmp_path: Path
) -> None:
    """A policy that lists the log verifies; one whose quorum is not met does not."""
    file, policy = tmp_path / "receipt", tmp_path / "policy"
    shared_ledger.json("receipt", training_id, "-o", file)
    policy.write_text(f"log {shared_ledger.vkey}\nquorum none\n")

    assert run_cli("verify", file, "--policy", policy).returncode == 0


def test_a_receipt_is_printed_when_no_file_is_named(
    shared_ledger: LedgerProcess, training_id: str
) -> None:
    """Text forms go to standard output as they are."""
    done = shared_ledger.cli("receipt", training_id, "--format", "tlog-proof")

    assert done.returncode == 0
    assert done.stdout.startswith("c2sp.org/tlog-proof@v1\n")


@pytest.mark.parametrize(
    "record", ["999999", "pt_1_00000000", "nothing", "-1", "pt_999999_00000000"]
)
def test_a_receipt_of_nothing_is_refused_and_no_file_is_made(
    shared_ledger: LedgerProcess, tmp_path: Path, record: str
) -> None:
    """An entry that does not exist costs one line and leaves nothing behind."""
    file = tmp_path / "receipt"

    one_line(shared_ledger.cli("receipt", "-o", file, "--", record))

    assert not file.exists()
