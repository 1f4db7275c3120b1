"""What the ledger is compared with really stores what its row of the table says, and what is not there says so."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from counterfoil.keys import Signer
from counterfoil.note import sign_checkpoint
from counterfoil.tlog import leaf_hash, root_hash
from counterfoil.v1.record_pb2 import UsageEvent

from ..support.ledger_process import run_json

if TYPE_CHECKING:
    from harness.postgres import Postgres

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
_LIMIT_S = 120
_BATCHES = 2
_RECORDS = _BATCHES * 1_000
_SEED = 11

# A client of immudb that remembers what it was given. What its transactions hold is up to the test.
_FAKE_CLIENT = """
class ImmudbClient:
    def __init__(self, address, max_grpc_message_length): pass
    def login(self, user, password): pass
    def verifiedSet(self, key, value): pass
    def setAll(self, batch):
        self.keys = list(batch)
        return type("Response", (), {"id": 1})
    def verifiedTxById(self, number): return self.keys[MISSING:]
"""


@pytest.fixture(autouse=True, scope="module")
def harness() -> Iterator[None]:
    """The benchmark's modules can be imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield


def run_client(module: str, task: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Run one of the benchmark's clients, tell it to go, and give its answer."""
    command = [sys.executable, "-m", f"harness.{module}", json.dumps(task)]
    done = subprocess.run(
        command,
        cwd=BENCHMARKS,
        input="go\n",
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        **options,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(answer, dict)
    return answer


def task_of(folder: Path, way: str = "", limit_s: float = _LIMIT_S) -> dict[str, Any]:
    """Two batches for a client that needs no server."""
    task: dict[str, Any] = {"folder": str(folder), "way": way, "limit_s": limit_s}
    return {**task, "seed": _SEED, "batches": _BATCHES}


def expected_ids() -> list[str]:
    """The event ids of the two batches, in order."""
    from harness.rows import make_rows

    return [row.event_id for number in range(_BATCHES) for row in make_rows(_SEED, number, 0)]


@pytest.mark.parametrize("way", ["value", "row"])
def test_lmdb_holds_every_event(tmp_path: Path, way: str) -> None:
    """Both ways to use LMDB store all events of all batches, byte for byte readable."""
    from harness.embedded_lmdb import read_events

    answer = run_client("embedded_lmdb", task_of(tmp_path, way))

    found = [UsageEvent.FromString(body).event_id for body in read_events(tmp_path, way)]
    assert found == (expected_ids() if way == "value" else sorted(expected_ids()))
    assert answer["records"] == answer["stored"] == _RECORDS


def test_lmdb_by_event_id_finds_duplicates(tmp_path: Path) -> None:
    """The same events again are not stored a second time."""
    for _ in range(2):
        answer = run_client("embedded_lmdb", task_of(tmp_path, "row"))

    assert (answer["records"], answer["stored"]) == (_RECORDS, _RECORDS)


def test_without_time_nothing_is_written(tmp_path: Path) -> None:
    """A client whose time is over before its first batch stores nothing."""
    assert run_client("embedded_lmdb", task_of(tmp_path, "value", limit_s=-1.0))["stored"] == 0


@pytest.mark.parametrize(
    ("written", "stored"), [(1_000, 999), (1_000, 2_000), (0, 0)], ids=["fewer", "more", "none"]
)
def test_what_was_not_stored_has_no_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int, stored: int
) -> None:
    """A program that says that it wrote other rows than it holds, or none, fails."""
    from harness import embedded
    from harness.child import Child, Failed

    told = json.dumps({"records": written, "stored": stored, "seconds": 1.0})
    script = f"print('ready'); input(); print({told!r})"

    def start(_module: str, _task: dict[str, Any], logs: Path) -> Child:
        return Child("liar", [sys.executable, "-u", "-c", script], logs)

    monkeypatch.setattr(embedded, "start_client", start)
    with pytest.raises(Failed, match="did not store all rows"):
        embedded.measure("liar", {}, tmp_path / "data", tmp_path)


def test_the_tree_of_pymerkle_has_the_root_of_its_entries(tmp_path: Path) -> None:
    """All events are leaves in order, and the root is that of RFC 6962 over them."""
    answer = run_client("embedded_pymerkle", task_of(tmp_path))

    connection = sqlite3.connect(tmp_path / "tree.db")
    entries = [row[0] for row in connection.execute("SELECT entry FROM leaf ORDER BY id")]
    connection.close()
    assert [UsageEvent.FromString(entry).event_id for entry in entries] == expected_ids()
    assert answer["root"] == root_hash([leaf_hash(entry) for entry in entries]).hex()
    assert answer["root"] != root_hash([leaf_hash(entry) for entry in entries[:-1]]).hex()


def test_the_write_path_leaves_a_sound_ledger(tmp_path: Path) -> None:
    """What passes the write lock in the benchmark is a log that fsck accepts, with every record in it."""
    directory = tmp_path / "ledger"
    run_json("init", directory, "--origin", "bench.example/ledger")
    task = {"directory": str(directory), "seed": _SEED, "batches": _BATCHES, "group": 1}

    answer = run_client("write_path", task)

    assert answer["records"] == _RECORDS
    assert 0 < answer["held_s"] < _LIMIT_S
    assert run_json("fsck", directory)["ok"]


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    """A PostgreSQL server, in a folder that the user who runs it can reach."""
    from harness import postgres
    from harness.child import Failed

    folder = Path(tempfile.mkdtemp(prefix="counterfoil-bench-"))
    folder.chmod(0o711)
    try:
        postgres.find_programs()
    except Failed as error:
        pytest.skip(str(error))
    try:
        with postgres.running(folder / "postgres", folder) as server:
            yield server
    finally:
        shutil.rmtree(folder)


def load(database: Postgres, way: str, **changes: Any) -> dict[str, Any]:
    """Load two batches into PostgreSQL."""
    task = {"conninfo": database.conninfo, "pid": database.pid, "way": way, "streams": 2}
    task |= {"seed": _SEED, "batches": _BATCHES, "limit_s": _LIMIT_S, "filled": 0}
    return run_client("loader", {**task, **changes})


@pytest.mark.parametrize("way", ["copy-conflict", "unnest", "copy", "chain-row", "chain-statement"])
def test_postgres_holds_every_row(database: Postgres, way: str) -> None:
    """Each way to load stores every row once."""
    answer = load(database, way)

    with psycopg.connect(database.conninfo) as connection:
        stored = connection.execute("SELECT event_id::text FROM usage").fetchall()
    assert sorted(row[0] for row in stored) == sorted(expected_ids())
    assert answer["stored"] == answer["written"] == answer["records"] == _RECORDS


def test_a_filled_table_is_kept_and_grows(database: Postgres) -> None:
    """Rows that were there before stay, do not count, and are not made again."""
    first = load(database, "copy-conflict", filled=500)
    second = load(database, "copy-conflict", filled=500, seed=_SEED + 1)

    with psycopg.connect(database.conninfo) as connection:
        stored = connection.execute("SELECT count(*) FROM filled").fetchone()
    assert first["stored"] == second["stored"] == _RECORDS
    assert stored is not None
    # 24 batches of each run were written before the clock started.
    assert stored[0] == 500 + 2 * (_RECORDS + 24_000)


@pytest.fixture(scope="module", params=["row", "statement"])
def chained(
    request: pytest.FixtureRequest, database: Postgres
) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a database whose table has a hash chain, which the client has verified."""
    assert load(database, f"chain-{request.param}")["stored"] == _RECORDS
    with psycopg.connect(database.conninfo) as connection:
        yield connection


def test_an_untouched_chain_verifies(chained: psycopg.Connection[Any]) -> None:
    """Nobody changed anything: the control of the tests after this one."""
    from harness.chain import verify_chain

    assert verify_chain(chained) == _RECORDS


def test_a_duplicate_is_not_chained(chained: psycopg.Connection[Any]) -> None:
    """A row that ON CONFLICT leaves out is not in the chain, which still verifies; a new row behind it is."""
    from harness.chain import verify_chain

    told = "INSERT INTO usage SELECT * FROM usage UNION ALL SELECT {} ON CONFLICT DO NOTHING"
    row = "gen_random_uuid(), 1, 'm, \"quoted\"', 2, 3, '', 'l', 'c', E'a\\tb'"
    try:
        chained.execute(told.format(row))
        assert verify_chain(chained) == _RECORDS + 1
    finally:
        chained.rollback()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE usage SET input_tokens = input_tokens + 1 WHERE event_id = {victim}",
        "UPDATE usage SET model_id = model_id || action, action = '' WHERE event_id = {victim}",
        "DELETE FROM usage WHERE event_id = {victim}",
        "DELETE FROM chain WHERE event_id = {victim}",
        "DELETE FROM usage WHERE event_id = {victim}; DELETE FROM chain WHERE event_id = {victim}",
        "DELETE FROM usage WHERE event_id = {last}; DELETE FROM chain WHERE event_id = {last}",
        "UPDATE chain SET hash = sha256(hash) WHERE event_id = {victim}",
        "UPDATE chain SET event_id = {last} WHERE event_id = {victim}",
        "ALTER TABLE usage DISABLE TRIGGER USER; INSERT INTO usage (event_id) VALUES (gen_random_uuid())",
    ],
    ids=[
        "changed",
        "moved-between-columns",
        "removed",
        "unlinked",
        "removed-with-link",
        "cut-off",
        "link-changed",
        "other-row",
        "beside-the-trigger",
    ],
)
def test_a_changed_row_breaks_the_chain(chained: psycopg.Connection[Any], change: str) -> None:
    """Whatever is changed behind the trigger's back is seen when the chain is made again."""
    from harness.chain import ChainBroken, verify_chain

    links = chained.execute(
        "SELECT event_id FROM chain WHERE position IN (700, 2000) ORDER BY position"
    )
    victim, last = (f"'{row[0]}'" for row in links)
    try:
        chained.execute(change.format(victim=victim, last=last))
        with pytest.raises(ChainBroken):
            verify_chain(chained)
    finally:
        chained.rollback()


def test_what_is_not_there_says_why(tmp_path: Path) -> None:
    """Without their programs, or with half of them, immudb and Tessera each have a reason."""
    from harness.programs import Programs
    from harness.rivals import missing

    (tmp_path / "posix").touch()
    server = tmp_path / "posix"
    cases = {
        "named with --immudb": Programs(),
        "where --immudb says": Programs(immudb=tmp_path / "immudb"),
        "immudb-py is missing": Programs(immudb=server, immudb_python=tmp_path / "no-python"),
        "named with --tessera": Programs(),
        "no program hammer": Programs(tessera=tmp_path),
    }
    for reason, programs in cases.items():
        found = missing(programs)
        assert any(reason in why for why in found.values()), (reason, found)


@pytest.mark.parametrize(("missing", "verified"), [(0, _RECORDS), (1, 0)], ids=["all", "one-less"])
def test_an_immudb_transaction_without_a_key_does_not_count(
    tmp_path: Path, missing: int, verified: int
) -> None:
    """A verified transaction counts when it has all keys that were sent; one less is a problem."""
    import pickle

    package = tmp_path / "immudb"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "client.py").write_text(_FAKE_CLIENT.replace("MISSING", str(missing)))
    batches = [{b"%d/%d" % (at, key): b"" for key in range(1_000)} for at in range(_BATCHES)]
    (tmp_path / "batches").write_bytes(pickle.dumps(batches))
    task = {"address": "", "batches": str(tmp_path / "batches"), "connections": 1}

    answer = run_client(
        "immudb_client", {**task, "limit_s": _LIMIT_S}, env={"PYTHONPATH": str(tmp_path)}
    )

    assert answer["verified"] == verified
    assert bool(answer["problems"]) == bool(missing)


def test_a_checkpoint_of_the_log_counts(tmp_path: Path) -> None:
    """Before there is a checkpoint the log is empty; then its size counts."""
    from harness.tessera import published_size

    signer = Signer.from_seed("bench.example/tessera", bytes(32))
    path = tmp_path / "checkpoint"

    before = published_size(path, signer.verifier)
    path.write_bytes(sign_checkpoint(signer.name, 300, bytes(32), signer))

    assert (before, published_size(path, signer.verifier)) == (0, 300)


def test_a_checkpoint_of_another_key_does_not_count(tmp_path: Path) -> None:
    """What another key signed is no size but a failure, as is a file cut short."""
    from harness.child import Failed
    from harness.tessera import published_size

    signer, other = (
        Signer.from_seed("bench.example/tessera", bytes([number]) * 32) for number in (1, 2)
    )
    path = tmp_path / "checkpoint"
    note = sign_checkpoint(signer.name, 300, bytes(32), signer)
    for data, verifier in ((note, other.verifier), (note[:-20], signer.verifier)):
        path.write_bytes(data)
        with pytest.raises(Failed, match="does not verify"):
            published_size(path, verifier)


def test_the_rate_of_tessera_is_the_growth_between_checkpoints() -> None:
    """What was in the first checkpoint seen does not count; one checkpoint alone has no rate."""
    from harness.child import Failed
    from harness.tessera import Seen, growth

    seen = [Seen(500, 10.0, 1.0, 2.0), Seen(900, 11.0, 1.1, 2.1), Seen(2_500, 14.0, 1.2, 2.4)]

    assert growth(seen)["records_per_s"] == 500.0
    assert growth(seen)["records"] == 2_000
    for few in ([], seen[:1]):
        with pytest.raises(Failed):
            growth(few)
