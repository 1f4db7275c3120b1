"""What an operator types: init, serve and fsck, with real processes and real directories."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ..support.ledger_process import ORIGIN, LedgerProcess, run_cli, run_json
from .claims import CLAIM, one_line


def test_serve_says_on_one_line_that_it_is_ready(ledger: LedgerProcess) -> None:
    """The ready line names the origin, the size and the address."""
    assert ledger.ready_line.startswith(
        f"counterfoil: ready, origin {ORIGIN}, size 1, grpc {ledger.address}"
    )


def test_serve_says_it_to_programs_too(tmp_path: Path) -> None:
    """With --json the ready line is one object with the same facts."""
    run_json("init", tmp_path / "ledger", "--origin", ORIGIN)
    command = ["serve", str(tmp_path / "ledger"), "--grpc", "127.0.0.1:0", "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "counterfoil_cli", *command], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        ready = json.loads(child.stdout.readline())
        child.terminate()

    assert child.returncode == 0
    assert (ready["origin"], ready["size"], ready["workers"]) == (ORIGIN, 1, 1)
    assert ready["grpc"].startswith("127.0.0.1:")


def test_serve_stops_in_order_and_starts_again_where_it_was(
    ledger: LedgerProcess, artifact: Path
) -> None:
    """After a stop the exit code is 0, and the next start has every entry."""
    ledger.json("training", "record", *CLAIM, "--artifact", artifact)
    before = ledger.json("log", "info")

    assert ledger.stop() == 0
    ledger.start()

    assert "size 2" in ledger.ready_line
    assert ledger.json("log", "info") == before


def test_serve_with_workers_is_one_ledger(tmp_path: Path, artifact: Path) -> None:
    """Two workers share port and store: what one logs the other shows."""
    process = LedgerProcess(tmp_path / "ledger")
    process.start("--workers", "2")
    try:
        recorded = process.json("training", "record", *CLAIM, "--artifact", artifact)
        sizes = {process.json("log", "info")["size"] for _ in range(4)}
    finally:
        process.close()

    assert process.ready_line.rstrip().endswith("2 workers")
    assert (recorded["index"], sizes) == (1, {2})


def test_a_second_server_on_a_directory_is_refused(ledger: LedgerProcess) -> None:
    """Two servers could sign two histories: the second does not start, and the first goes on."""
    done = run_cli("serve", ledger.directory, "--grpc", "127.0.0.1:0")

    assert "another server runs" in one_line(done)
    assert ledger.json("log", "info")["size"] == 1


def test_a_port_in_use_is_told(ledger: LedgerProcess, tmp_path: Path) -> None:
    """A taken port costs one line that names it."""
    run_json("init", tmp_path / "second", "--origin", ORIGIN)

    assert ledger.address in one_line(
        run_cli("serve", tmp_path / "second", "--grpc", ledger.address)
    )


@pytest.mark.parametrize(
    "address", ["7070", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:70700", "256.0.0.1:7070"]
)
def test_an_address_that_is_none_is_told(tmp_path: Path, address: str) -> None:
    """What cannot be listened on costs one line, not a traceback."""
    run_json("init", tmp_path / "ledger", "--origin", ORIGIN)

    one_line(run_cli("serve", tmp_path / "ledger", "--grpc", address))


@pytest.mark.parametrize("part", ["signing.key", "counterfoil.toml", "anchor", "store"])
def test_a_directory_without_one_of_its_parts_does_not_start(tmp_path: Path, part: str) -> None:
    """Each part that is missing is told by name."""
    directory = tmp_path / "ledger"
    run_json("init", directory, "--origin", ORIGIN)
    (directory / part).rename(tmp_path / "elsewhere")

    told = one_line(run_cli("serve", directory, "--grpc", "127.0.0.1:0"))

    assert part in told


def test_init_keeps_the_key_to_its_owner(tmp_path: Path) -> None:
    """Nobody else may read the signing key, and it is printed nowhere."""
    done = run_cli("init", tmp_path / "ledger", "--origin", ORIGIN)
    key = tmp_path / "ledger" / "signing.key"

    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_text().strip() not in done.stdout + done.stderr


def test_init_puts_the_anchor_where_it_is_told(tmp_path: Path) -> None:
    """A relative --anchor is meant from where the command is typed, as every path is."""
    (tmp_path / "other").mkdir()

    done = run_cli("init", "ledger", "--origin", ORIGIN, "--anchor", "other/anchor", cwd=tmp_path)

    assert done.returncode == 0
    assert (tmp_path / "other" / "anchor").exists()


def test_an_anchor_without_a_directory_is_refused_before_a_key_is_drawn(tmp_path: Path) -> None:
    """A mistake in a path leaves no half-made ledger behind."""
    anchor = tmp_path / "none" / "anchor"

    told = one_line(run_cli("init", tmp_path / "ledger", "--origin", ORIGIN, "--anchor", anchor))

    assert str(anchor.parent) in told
    assert not (tmp_path / "ledger").exists()


def test_a_sandbox_says_so(tmp_path: Path) -> None:
    """A sandbox log is told apart by everybody who asks."""
    process = LedgerProcess(tmp_path / "ledger", options=["--sandbox"])
    process.start()
    try:
        assert process.json("log", "info")["environment"] == "sandbox"
    finally:
        process.close()


def test_fsck_finds_a_sound_ledger_sound(ledger: LedgerProcess, artifact: Path) -> None:
    """Beside a running server and after it, all entries are sound."""
    ledger.json("training", "record", *CLAIM, "--artifact", artifact)

    beside = run_json("fsck", ledger.directory)
    ledger.stop()
    after = run_cli("fsck", ledger.directory)

    assert (beside["ok"], beside["size"], beside["problems"]) == (True, 2, [])
    assert (after.returncode, after.stdout[:27]) == (0, "All is well: 2 entries are ")


def test_fsck_names_the_entry_whose_record_was_changed(
    ledger: LedgerProcess, artifact: Path
) -> None:
    """One letter changed in the store's file is found, told with its entry, and gives exit code 1."""
    needle = b"a claim that nobody should change"
    for notes in ("before", needle.decode(), "after"):
        ledger.json("training", "record", *CLAIM, "--artifact", artifact, "--notes", notes)
    ledger.stop()
    (store,) = (ledger.directory / "store").glob("data*")
    data = store.read_bytes()
    assert needle in data
    store.write_bytes(data.replace(needle, needle.replace(b"nobody", b"anybody"[:6])))

    plain, answer = run_cli("fsck", ledger.directory), run_json("fsck", ledger.directory, code=1)

    assert (plain.returncode, answer["ok"]) == (1, False)
    assert {problem["index"] for problem in answer["problems"]} == {2}
    assert "entry 2: " in plain.stdout
