"""What an operator types to keep a ledger safe: backup, restore, export, drill."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..support.ledger_process import LedgerProcess, run_cli, run_json
from .claims import CLAIM, one_line


def record(ledger: LedgerProcess, artifact: Path) -> None:
    """Log one more entry."""
    ledger.json(
        "training", "record", *CLAIM, "--artifact", artifact, "--notes", str(artifact.stat())
    )
    artifact.write_bytes(artifact.read_bytes() + b"\n")


def test_a_ledger_that_lost_its_store_goes_on_from_a_backup(
    ledger: LedgerProcess, artifact: Path, tmp_path: Path
) -> None:
    """Backed up while it ran, and lost before anything newer was signed: restored, it starts where it was."""
    record(ledger, artifact)
    taken = run_json("backup", ledger.directory, tmp_path / "backup")
    before = ledger.json("log", "info")
    ledger.stop()
    broken = ledger.directory.rename(tmp_path / "broken")
    shutil.rmtree(broken / "store")

    key, anchor = broken / "signing.key", broken / "anchor"
    options = ("--key", key, "--anchor", anchor)
    restored = run_json("restore", tmp_path / "backup", ledger.directory, *options)
    ledger.start()

    assert (taken["size"], taken["with_key"]) == (2, False)
    assert (restored["size"], restored["root_hash"]) == (2, taken["root_hash"])
    assert (restored["startable"], restored["missing"]) == (True, "")
    assert ledger.json("log", "info") == before
    record(ledger, artifact)


def test_a_backup_that_was_left_behind_is_refused(
    ledger: LedgerProcess, artifact: Path, tmp_path: Path
) -> None:
    """After one more entry the restore names what is missing, and makes nothing; for reading it makes a copy."""
    run_json("backup", ledger.directory, tmp_path / "backup", "--with-key")
    record(ledger, artifact)

    told = one_line(run_cli("restore", tmp_path / "backup", tmp_path / "back"))
    copy = run_json("restore", tmp_path / "backup", tmp_path / "back", "--for-reading")
    served = one_line(run_cli("serve", tmp_path / "back", "--grpc", "127.0.0.1:0"))

    assert "signed for 2 entries, and this backup has 1: 1 are missing, from entry 1 on" in told
    assert (copy["size"], copy["startable"]) == (1, False)
    assert "anchor" in served


def test_the_answers_for_people_say_what_to_do_next(ledger: LedgerProcess, tmp_path: Path) -> None:
    """Each command answers in words, and remarks go to standard error."""
    ledger.stop()
    backup = run_cli("backup", ledger.directory, tmp_path / "backup")
    key = ("--key", ledger.directory / "signing.key")
    restored = run_cli("restore", tmp_path / "backup", tmp_path / "back", *key)
    reading = run_cli("restore", tmp_path / "backup", tmp_path / "reading", *key, "--for-reading")
    drill = run_cli("drill", ledger.directory, "--scratch", tmp_path)

    assert backup.stdout.startswith("Backed up 1 entries of ")
    assert "the private key is not in it" in backup.stderr
    assert f"Start it: counterfoil serve {tmp_path / 'back'}" in restored.stdout
    assert "it will not start: " in reading.stderr
    assert (drill.returncode, "All is well: 1 entries" in drill.stdout) == (0, True)


def test_an_export_is_checked_by_a_stranger(
    ledger: LedgerProcess, artifact: Path, tmp_path: Path
) -> None:
    """Exported at a size while it runs, and verified with the base install and the key alone."""
    record(ledger, artifact)
    record(ledger, artifact)

    exported = run_json("export", ledger.directory, tmp_path / "export", "--size", "2")
    check = ("verify", tmp_path / "export", "--key", ledger.vkey)
    by_base, by_cli = run_cli(*check, module="counterfoil"), run_cli(*check)

    assert (exported["size"], exported["vkey"]) == (2, ledger.vkey)
    assert by_base.returncode == 0, by_base.stderr
    assert "tree of 2 entries: 1 genesis, 1 training" in by_base.stdout
    assert by_base.stdout == by_cli.stdout


def test_a_drill_of_a_broken_ledger_says_no(ledger: LedgerProcess, artifact: Path) -> None:
    """Exit code 1 and the reason, for a timer to act upon."""
    ledger.json("training", "record", *CLAIM, "--artifact", artifact, "--notes", "as it was said")
    record(ledger, artifact)
    ledger.stop()
    store = ledger.directory / "store" / "data.mdb"
    store.write_bytes(store.read_bytes().replace(b"as it was said", b"as it was sold"))

    plain, answer = run_cli("drill", ledger.directory), run_json("drill", ledger.directory, code=1)

    assert (plain.returncode, answer["ok"]) == (1, False)
    assert "wrong: the restored store is not sound" in plain.stdout
    assert len(answer["problems"]) == 1
