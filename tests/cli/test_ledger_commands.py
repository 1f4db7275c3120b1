"""The commands against a real ledger: what they print, what they leave, how they fail."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from counterfoil.note import parse_checkpoint

from ..support.ledger_process import ORIGIN, LedgerProcess, run_cli, run_json

FORMATS = ("tlog-proof", "jwt", "json", "binary", "batch")
# A well-formed key that signed nothing here.
STRANGER = "example.com/ledger+93727de6+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
CLAIM = ("--dataset", "ds_1", "--creator", "creator_42", "--model", "model_xyz")


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """A file that was trained on."""
    path = tmp_path / "corpus.txt"
    path.write_bytes(b"Once upon a time.\n" * 1000)
    return path


@pytest.fixture
def training_id(shared_ledger: LedgerProcess, artifact: Path) -> str:
    """A proof of training in the log."""
    answer = shared_ledger.json("training", "record", *CLAIM, "--artifact", artifact)
    return str(answer["training_id"])


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a command that could not be done."""
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("counterfoil: ")
    return done.stderr


def test_serve_says_on_one_line_that_it_is_ready(ledger: LedgerProcess) -> None:
    """The ready line names the origin, the size and the address."""
    assert ledger.ready_line.startswith(
        f"counterfoil: ready, origin {ORIGIN}, size 1, grpc {ledger.address}"
    )


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


@pytest.mark.parametrize("form", FORMATS)
def test_a_receipt_with_one_byte_changed_is_not_good(
    shared_ledger: LedgerProcess, training_id: str, tmp_path: Path, form: str
) -> None:
    """A byte turned anywhere in a receipt takes its verdict away; in the middle of it the verdict is bad."""
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
    assert verdicts.count("bad") >= len(files) - 1


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
    done = run_cli("init", "ledger", "--origin", ORIGIN, "--anchor", "other/anchor", cwd=tmp_path)

    assert done.returncode == 2 or (tmp_path / "other" / "anchor").exists()


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
