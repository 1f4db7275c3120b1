"""Where a consumer's plain id goes: with a key nowhere at all, on either side; without one, everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.v1.registry_pb2 import VISIBILITY_LISTED, Asset, Creator
from counterfoil_client import Consumers, LedgerClient, make_consumer_key

from ..support.ledger_process import LedgerProcess, run_cli
from .making import make_event, now_us
from .reporting import NOBODY, PATIENCE_S, open_reporter

ALICE = "alice.liddell@example.com"
# Parts of it too: what cuts an id short, or splits it, would leave them.
PARTS = (b"alice", b"liddell", b"alice.liddell@example.com".hex().encode())


def register(ledger: LedgerProcess) -> None:
    """A creator with one work."""
    with LedgerClient(ledger.address, trust=ledger.vkey) as client:
        client.registry.creators.create(Creator(creator_id="ada", display_name="A"))
        work = Asset(asset_id="song", creator_id="ada", title="T", visibility=VISIBILITY_LISTED)
        client.registry.assets.create(work)


def report(ledger: LedgerProcess, folder: Path, key: str | None) -> None:
    """What a host does: report and have it delivered; report while the ledger is away; send a batch by hand."""
    with open_reporter(
        ledger.address, folder / "delivered", "host", ledger, consumer_key=key
    ) as reporter:
        for number in range(20):
            reporter.report(event_id=f"r{number}", model_id="m", asset_id="song", consumer_id=ALICE)
        # Refused by the ledger, and so written down beside the spool.
        reporter.report(event_id="bad", tokens=1, asset_id="song", consumer_id=ALICE)
        reporter.flush(PATIENCE_S).result()
        assert (reporter.status().accepted, reporter.status().rejected) == (20, 1)
    with open_reporter(NOBODY, folder / "waiting", "host", consumer_key=key) as reporter:
        named = {"creator_id": "ada"} if key else {}
        reporter.report(model_id="m", consumer_id=ALICE, **named)
        reporter.close(0.0)
    with LedgerClient(ledger.address, trust=ledger.vkey, submitter="host") as client:
        event = make_event("by hand", consumer_id=ALICE, asset_id="song")
        event.event_id = "by-hand"
        if key is not None:
            Consumers(key, client.registry).protect(event)
        assert client.append_usage([event]).accepted == 1


def import_file(ledger: LedgerProcess, source: Path, folder: Path, key: str | None) -> str:
    """What an operator does: import a file, of which some rows are refused, and keep everything there is to keep."""
    rows = [f"i{number},{now_us()},m,5,song,{ALICE}" for number in range(5)]
    rows += [f"i6,{now_us()},,5,song,{ALICE}", f"i7,{now_us()},m,x,song,{ALICE}"]
    source.write_text(
        "\n".join(["event_id,event_time_us,model_id,tokens,asset_id,consumer_id", *rows])
    )
    done = run_cli(
        *("usage", "import", source, "--server", ledger.address, "--submitter", "importer"),
        *("--errors", folder / "errors.jsonl", "--results", folder / "results.jsonl"),
        *("--receipts", folder / "receipts"),
        *(("--consumer-key", key) if key else ()),
    )
    assert done.returncode == 1, done.stderr
    return done.stdout + done.stderr


def found_in(*folders: Path) -> set[str]:
    """The folders of which a file, or its name, has a part of the id."""
    found = set()
    for folder in folders:
        for path in folder.rglob("*"):
            data = path.read_bytes() if path.is_file() else b""
            if any(part in data or part in str(path).encode() for part in PARTS):
                found.add(folder.name)
    return found


@pytest.mark.parametrize("protected", [True, False], ids=["with a key", "control without a key"])
def test_a_plain_consumer_is_stored_nowhere(
    ledger: LedgerProcess, tmp_path: Path, protected: bool
) -> None:
    """Spools, receipts, refused events, store, settings, server log and output have no part of it; the control has."""
    key_file, host, imported = tmp_path / "consumer.key", tmp_path / "host", tmp_path / "imported"
    imported.mkdir()
    make_consumer_key(key_file)
    key = f"file:{key_file}" if protected else None
    register(ledger)

    report(ledger, host, key)
    told = import_file(ledger, tmp_path / "usage.csv", imported, key)
    ledger.stop()

    assert "alice" not in told
    assert "alice" not in ledger.log
    folders = [host / "delivered", host / "waiting", imported, ledger.directory]
    assert all(any(folder.rglob("*")) for folder in folders)
    assert len(list((host / "delivered").rglob("*.receipt"))) > 0
    wanted = set() if protected else {folder.name for folder in folders}
    assert found_in(*folders) == wanted
    assert key_file.read_text().strip() not in told + ledger.log
