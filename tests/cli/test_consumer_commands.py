"""Importing plain consumers: with a key they become pseudonyms, without one there is a warning that names nobody."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from counterfoil.errors import InvalidInput
from counterfoil.record.consumer import make_pseudonym
from counterfoil.v1.registry_pb2 import VISIBILITY_LISTED, Asset, Creator
from counterfoil_cli.importing.consumers import ConsumerIds
from counterfoil_cli.importing.mapping import EventBuilder, parse_field_map
from counterfoil_cli.importing.rows import Row, RowError
from counterfoil_client import ConsumerKey, Consumers, LedgerClient, open_consumer_key
from counterfoil_client.clock import now_us

from ..support.ledger_process import LedgerProcess, run_cli, run_json

SECRET = bytes(range(1, 33))
ALICE = "alice@example.com"
HASHED = "sha256:" + "0f" * 32


@pytest.fixture(scope="module")
def works(registry_ledger: LedgerProcess) -> LedgerProcess:
    """A ledger with works of two creators: song-ada and song-bob."""
    with LedgerClient(registry_ledger.address) as client:
        for name in ("cli-ada", "cli-bob"):
            client.registry.creators.create(Creator(creator_id=name, display_name="A"))
            work = Asset(
                asset_id=f"song-{name}", creator_id=name, title="T", visibility=VISIBILITY_LISTED
            )
            client.registry.assets.create(work)
    return registry_ledger


@pytest.fixture
def key(tmp_path: Path) -> str:
    """Where a consumer key lies."""
    path = tmp_path / "consumer.key"
    path.touch(0o600)
    path.write_text(SECRET.hex())
    return f"file:{path}"


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """A JSON lines file of events, numbered from 0."""
    base = {"event_time_us": now_us(), "model_id": "m", "tokens": 5}
    lines = [
        json.dumps({"event_id": f"{path.stem}-{at}", **base, **row}) for at, row in enumerate(rows)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def logged(ledger: LedgerProcess, name: str, submitter: str) -> str:
    """The consumer of an event in the ledger."""
    with LedgerClient(ledger.address, submitter=submitter) as client:
        return client.usage_event(name).event.consumer_id


def test_plain_consumers_are_replaced_by_the_creator_of_their_asset(
    works: LedgerProcess, tmp_path: Path, key: str
) -> None:
    """Each row gets the pseudonym towards its own creator; hashes stay; rows without a known creator are refused."""
    rows: list[dict[str, Any]] = [
        {"consumer_id": ALICE, "asset_id": "song-cli-ada"},
        {"consumer_id": ALICE, "asset_id": "song-cli-bob"},
        {"consumer_id": HASHED},
        {},
        {"consumer_id": ALICE},
        {"consumer_id": ALICE, "asset_id": "song-of-nobody"},
        {"consumer_id": ["alice"], "asset_id": "song-cli-ada"},
    ]
    file = write_rows(tmp_path / "rows.jsonl", rows)

    done = run_cli(
        *("usage", "import", file, "--submitter", "cli-1", "--server", works.address),
        *("--consumer-key", key, "--json"),
    )

    answer = json.loads(done.stdout)
    assert (done.returncode, answer["accepted"], answer["rejected"]) == (1, 4, 3)
    found = [logged(works, f"rows-{at}", "cli-1") for at in range(4)]
    ada, bob = (make_pseudonym(SECRET, each, ALICE) for each in ("cli-ada", "cli-bob"))
    assert found == [ada, bob, HASHED, ""]
    errors = Path(answer["errors_file"]).read_text()
    told = [json.loads(line) for line in errors.splitlines()]
    assert [(each["line"], each["reason"]) for each in told] == [
        (5, "CREATOR_UNKNOWN"),
        (6, "CREATOR_UNKNOWN"),
        (7, "FIELD_MALFORMED"),
    ]
    assert {each["field"] for each in told} == {"consumer_id"}
    assert "alice" not in errors + done.stdout + done.stderr
    assert "plain consumer" not in done.stderr


def test_a_named_creator_counts_for_every_row(
    works: LedgerProcess, tmp_path: Path, key: str
) -> None:
    """With --creator no asset is needed; a second import of the file is the same events."""
    file = write_rows(tmp_path / "named.jsonl", [{"consumer_id": ALICE}, {"consumer_id": "bob"}])
    options = ("--submitter", "cli-2", "--consumer-key", key, "--creator", "carl")

    first = works.json("usage", "import", file, *options)
    second = works.json("usage", "import", file, *options)

    assert (first["accepted"], second["duplicates"]) == (2, 2)
    assert logged(works, "named-0", "cli-2") == make_pseudonym(SECRET, "carl", ALICE)
    assert logged(works, "named-1", "cli-2") == make_pseudonym(SECRET, "carl", "bob")


def test_plain_consumers_without_a_key_are_counted(works: LedgerProcess, tmp_path: Path) -> None:
    """One line on standard error has the number of plain ids, none of the ids, and what to do; hashes do not count."""
    consumers = [ALICE, "bob", HASHED, "", "0f" * 16, make_pseudonym(SECRET, "ada", ALICE)]
    file = write_rows(tmp_path / "plain.jsonl", [{"consumer_id": each} for each in consumers])

    done = run_cli("usage", "import", file, "--submitter", "cli-3", "--server", works.address)

    assert done.returncode == 0
    lines = [line for line in done.stderr.splitlines() if "plain consumer" in line]
    assert len(lines) == 1
    assert lines[0].startswith("counterfoil: events with plain consumer ids: 2; ")
    assert "--consumer-key" in lines[0]
    assert "alice" not in done.stderr
    assert "bob" not in done.stderr


def test_nothing_is_said_where_no_consumer_is_plain(works: LedgerProcess, tmp_path: Path) -> None:
    """A file of pseudonyms, hashes and nobody gets no warning."""
    file = write_rows(tmp_path / "quiet.jsonl", [{"consumer_id": HASHED}, {}])

    done = run_cli("usage", "import", file, "--submitter", "cli-4", "--server", works.address)

    assert done.returncode == 0
    assert "consumer" not in done.stderr


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--creator", "ada"), "give --consumer-key too"),
        (("--consumer-key", "consumer.key"), "file:PATH or env:NAME"),
        (("--consumer-key", "file:none.key"), "is missing"),
        (("--consumer-key", "env:COUNTERFOIL_TEST_NONE"), "is not set"),
        (("--consumer-key", SECRET.hex()), "file:PATH or env:NAME"),
    ],
)
def test_an_import_without_its_key_does_not_begin(
    tmp_path: Path, options: tuple[str, ...], word: str
) -> None:
    """A key that is not there or not readable ends the command before anything is sent, and is not quoted."""
    file = write_rows(tmp_path / "rows.jsonl", [{"consumer_id": ALICE}])

    done = run_cli("usage", "import", file, "--server", "127.0.0.1:1", *options)

    assert done.returncode == 2
    assert word in done.stderr
    assert SECRET.hex()[:16] not in done.stderr


def test_a_key_is_made_and_never_shown(tmp_path: Path) -> None:
    """The command makes a file for its owner alone, says where, and does not write over one."""
    path = tmp_path / "consumer.key"

    done = run_cli("usage", "consumer-key", path)
    again = run_cli("usage", "consumer-key", path)
    other = run_json("usage", "consumer-key", tmp_path / "other.key")

    assert (done.returncode, again.returncode) == (0, 2)
    assert path.stat().st_mode & 0o777 == 0o600
    secret = path.read_text().strip()
    assert secret not in done.stdout + done.stderr + again.stdout + again.stderr
    assert "is there already" in again.stderr
    assert other == {"file": str(tmp_path / "other.key")}
    assert open_consumer_key(f"file:{path}").pseudonym("a", "b") == make_pseudonym(
        bytes.fromhex(secret), "b", "a"
    )


def build(consumer_ids: ConsumerIds | None, **values: object) -> tuple[str, bytes]:
    """One row through a builder."""
    builder = EventBuilder(parse_field_map([], []), None, "f:", consumer_ids)
    return builder.build(Row(1, 1, "1", values))


@pytest.mark.parametrize("consumer", [["alice"], {"name": "alice"}, True, 1.5])
def test_a_consumer_that_is_no_text_is_not_quoted(consumer: object) -> None:
    """With or without a key: who it was stands in no message."""
    for consumer_ids in (None, ConsumerIds(Consumers(ConsumerKey(SECRET)), "ada")):
        with pytest.raises(RowError, match=r"^consumer_id is not text$"):
            build(consumer_ids, consumer_id=consumer)


def test_the_same_row_gives_the_same_bytes() -> None:
    """A pseudonym is no chance: a row that is read again is the same event."""
    made = [
        build(ConsumerIds(Consumers(ConsumerKey(SECRET)), "ada"), consumer_id=ALICE, model_id="m")
        for _ in range(2)
    ]

    assert made[0] == made[1]
    assert b"alice" not in made[0][1]


def test_a_bad_creator_is_an_error_of_each_row() -> None:
    """--creator with what is no id refuses rows with a plain consumer, and lets the others pass."""
    consumer_ids = ConsumerIds(Consumers(ConsumerKey(SECRET)), "no id")

    with pytest.raises(RowError) as caught:
        build(consumer_ids, consumer_id=ALICE)
    assert caught.value.field == "creator_id"
    assert not isinstance(caught.value.__cause__, InvalidInput)
    assert build(consumer_ids, consumer_id=HASHED)[0] == "f:1"
