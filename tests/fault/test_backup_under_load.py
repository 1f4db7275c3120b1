"""A backup that is taken while clients write holds everything that was acknowledged before it began, and is sound."""

from __future__ import annotations

import itertools
from contextlib import closing
from pathlib import Path

from counterfoil.log.read import read_entries
from counterfoil_server.backup.restore import restore
from counterfoil_server.backup.take import take_backup
from counterfoil_server.directory import load, open_store

from ..server.load import Journal as Sent
from ..server.load import Load, missing, repeated
from ..support.ledger_process import LedgerProcess, run_json
from .history import Journal
from .small_ledger import look_at, quiet

BACKUPS = 3


def restored_bodies(directory: Path, history: Journal) -> list[bytes]:
    """The bodies of all usage in a restored copy, whose newest checkpoint the client sees too."""
    with (
        closing(open_store(load(directory), read_only=True)) as store,
        store.snapshot() as snapshot,
    ):
        look_at(snapshot, history)
        entries = read_entries(snapshot, 1, 1 << 40)
        return [entry.body for entry in entries]


def test_a_backup_under_load_has_all_that_was_acknowledged_before(
    ledger: LedgerProcess, tmp_path: Path
) -> None:
    """Each of several backups beside a busy server: nothing acknowledged is missing, nothing is double, all is sound."""
    sent, history = Sent(), Journal(ledger.vkey)
    key = ledger.directory / "signing.key"
    held: list[set[bytes]] = []
    with Load(ledger, sent, clients=2, size=20):
        for number in range(BACKUPS):
            backup, copy = tmp_path / f"backup-{number}", tmp_path / f"copy-{number}"
            sent.wait_for(len(sent.answered) + 10)
            before = sent.bodies()
            taken = take_backup(ledger.directory, backup)
            restored = restore(backup, copy, quiet, key=key, for_reading=True)

            bodies = restored_bodies(copy, history)
            assert missing(before, bodies) == []
            assert repeated(bodies) == []
            assert taken.checkpoint.size == len(bodies) + 1
            assert restored.manifest == taken
            assert not restored.startable
            held.append(set(bodies))
        ledger.stop()
    assert all(earlier < later for earlier, later in itertools.pairwise(held))
    assert missing(sent.bodies(), held[0]), (
        "a check that finds nothing missing in the oldest one is blind"
    )
    restored_bodies(ledger.directory, history)
    assert history.forks == []
    assert len(history.roots) == BACKUPS + 1


def test_a_drill_beside_a_busy_server_succeeds(ledger: LedgerProcess) -> None:
    """The one command backs up, restores, checks and compares while clients write, and leaves nothing behind."""
    sent = Sent()
    with Load(ledger, sent, clients=2, size=20):
        sent.wait_for(10)
        before = len(sent.bodies())
        report = run_json("drill", ledger.directory)
        ledger.stop()

    assert (report["ok"], report["problems"], report["entries_checked"]) == (True, [], 100)
    assert report["size"] > before
    assert list(report["seconds"]) == ["backup", "restore", "fsck", "compare", "start"]
    assert [path.name for path in ledger.directory.parent.iterdir() if "drill" in path.name] == []
