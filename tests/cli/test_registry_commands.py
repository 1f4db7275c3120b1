"""`counterfoil creator`, `asset`, `licence` and `price` against a real ledger: what they write, print, and refuse."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from counterfoil.receipt import verify_receipt
from counterfoil_cli.main import main

from ..support.ledger_process import LedgerProcess
from .claims import one_line

_numbers = count()
WORDS = ("creator", "asset", "licence", "price")
Done = subprocess.CompletedProcess[str]
Program = Callable[..., Done]


@pytest.fixture(scope="module")
def shared_ledger(registry_ledger: LedgerProcess) -> LedgerProcess:
    """What is registered here puts verdicts behind what others send: they share another ledger."""
    return registry_ledger


@pytest.fixture
def program(
    shared_ledger: LedgerProcess,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Program:
    """The program, run in this process: the tour of the README runs it as people do."""
    monkeypatch.setenv("COUNTERFOIL_SERVER", shared_ledger.address)

    def call(*command: str | Path) -> Done:
        capsys.readouterr()
        code = main([str(word) for word in command])
        printed = capsys.readouterr()
        return Done(command, code, printed.out, printed.err)

    return call


@pytest.fixture
def ada(program: Program) -> str:
    """A creator of the test's own who consents to training."""
    name = f"ada-{next(_numbers)}"
    run(program, "creator", "create", name, "--consent", "training")
    return name


def run(program: Program, *command: str | Path) -> dict[str, Any]:
    """A command that must be done, with --json."""
    done = program(*command, "--json")
    assert done.returncode == 0, done
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_creator_is_registered_changed_and_ended(
    program: Program, shared_ledger: LedgerProcess, tmp_path: Path
) -> None:
    """Each step is a version with a receipt; what an update does not name stays; history shows all of it."""
    name, kept = f"creator-{next(_numbers)}", tmp_path / "receipt"
    create = ("creator", "create", name, "--name", "Ada", "--consent", "training")
    first = run(program, *create, "--metadata", "site=a=b", "-o", kept)
    second = run(program, "creator", "update", name, "--kyc", "verified", "--coarse-reports")
    third = run(program, "creator", "revoke", name, "--reason", "left")

    told = run(program, "creator", "get", name)
    history = run(program, "creator", "history", name)["versions"]

    assert verify_receipt(kept.read_bytes(), shared_ledger.vkey).index == first["index"]
    verified = program("verify", kept, "--key", shared_ledger.vkey).stdout
    assert f"logged the creator record at index {first['index']}" in verified
    assert told["creator"] == {
        "creator_id": name,
        "replaces": first["etag"],
        "display_name": "Ada",
        "kyc_status": "KYC_STATUS_VERIFIED",
        "consents": ["CONSENT_TRAINING"],
        "coarse_reports_only": True,
        "metadata": {"site": "a=b"},
    }
    assert (told["version"]["etag"], told["revocation"]["reason"]) == (second["etag"], "left")
    assert [each["version"]["etag"] for each in history] == [
        first["etag"],
        second["etag"],
        third["etag"],
    ]


def test_a_repeated_command_adds_nothing(program: Program) -> None:
    """The same creation again is the original's receipt, the same update again is nothing, and so is the same end."""
    name = f"again-{next(_numbers)}"
    for command in (
        ("creator", "create", name, "--name", "A"),
        ("creator", "revoke", name, "--reason", "x"),
    ):
        first, again = run(program, *command), run(program, *command)
        assert again == {**first, "duplicate": True}
    other = f"again-{next(_numbers)}"
    run(program, "creator", "create", other, "--name", "A")
    update = ("creator", "update", other, "--name", "B")
    first, again = run(program, *update), run(program, *update)
    assert again == {"creator_id": other, "etag": first["etag"], "changed": False}


def test_an_update_of_an_old_version_is_refused(program: Program, ada: str) -> None:
    """With the etag of a version that is not the newest any more, nothing is overwritten."""
    etag = run(program, "creator", "get", ada)["version"]["etag"]
    run(program, "creator", "update", ada, "--name", "B")

    done = program("creator", "update", ada, "--name", "C", "--etag", etag)

    assert (done.returncode, done.stdout) == (2, "")
    assert "[ETAG_MISMATCH]" in one_line(done)
    assert run(program, "creator", "get", ada)["creator"]["display_name"] == "B"


def test_files_are_registered_by_their_fingerprints(
    program: Program, ada: str, tmp_path: Path
) -> None:
    """Names, sizes and both fingerprints are in the asset; content and paths are not; the id follows from the content."""
    files = [tmp_path / name for name in ("one.txt", "two.bin")]
    for file in files:
        file.write_bytes(f"{ada} {file.name}".encode() * 1000)

    answer = run(program, "asset", "register", *files, "--creator", ada, "--tag", "x")
    told = run(program, "asset", "get", answer["asset_id"])["asset"]
    again = run(program, "asset", "register", *files, "--creator", ada, "--tag", "x")

    assert [each["name"] for each in told["contents"]] == ["one.txt", "two.bin"]
    assert [each["size_bytes"] for each in told["contents"]] == [
        str(file.stat().st_size) for file in files
    ]
    assert str(tmp_path) not in json.dumps(told)
    digests = sorted(hashlib.sha256(file.read_bytes()).digest() for file in files)
    wanted = hashlib.sha256(b"".join(digests)).hexdigest()[:32]
    assert answer["asset_id"] == f"content-{wanted}"
    assert (told["title"], told["tags"], told["visibility"]) == (
        "one.txt",
        ["x"],
        "VISIBILITY_PRIVATE",
    )
    assert again == {**answer, "duplicate": True}


def test_the_same_file_under_two_creators_is_told(
    program: Program, ada: str, tmp_path: Path
) -> None:
    """The second creator's command says so on standard error and in its answer, and both are in the list."""
    bob, file = f"bob-{next(_numbers)}", tmp_path / "shared"
    file.write_bytes(ada.encode() * 50)
    run(program, "creator", "create", bob)
    first = run(program, "asset", "register", file, "--creator", ada, "--id", f"{ada}-a")

    done = program("asset", "register", file, "--creator", bob, "--id", f"{bob}-b")

    assert done.returncode == 0, done.stderr
    assert f"other creators have registered the same content: {ada}-a" in done.stderr
    listed = run(program, "asset", "list", "--contested", "--creator", ada)["assets"]
    assert [each["asset"]["asset_id"] for each in listed] == [first["asset_id"]]
    assert listed[0]["contested_by"] == [f"{bob}-b"]


def test_an_asset_is_updated_with_other_files(program: Program, ada: str, tmp_path: Path) -> None:
    """New files replace the old ones, an empty tag empties the list, and the rest stays."""
    name, file = f"{ada}-asset", tmp_path / "second"
    file.write_bytes(b"second" + ada.encode())
    run(program, "asset", "create", name, "--creator", ada, "--title", "T", "--tag", "x")

    run(program, "asset", "update", name, "--file", file, "--tag", "")
    told = run(program, "asset", "get", name)["asset"]

    assert (told["title"], "tags" in told) == ("T", False)
    assert [each["name"] for each in told["contents"]] == ["second"]


def test_a_use_is_covered_by_a_licence_and_then_not(program: Program, ada: str) -> None:
    """From the price to the question: exit code 0 and the price while it is covered, 1 and the term that fails if not."""
    asset, price, licence = f"{ada}-w", f"{ada}-p", f"{ada}-l"
    run(program, "asset", "create", asset, "--creator", ada)
    run(program, "price", "create", price, "--currency", "EUR", "--per-token", "0.1,0.2")
    run(
        program,
        *("licence", "create", licence, "--creator", ada, "--asset", asset, "--buyer", "acme"),
        *("--use", "training", "--use", "fine-tuning", "--territory", "DE", "--price", price),
        *("--model", "m-*", "--exclude-model", "m-1", "--notice", "30d"),
        *("--start", "2020-01-01T00:00:00Z", "--end", "2099-01-01T00:00:00Z"),
    )
    question = ("licence", "check", "--asset", asset, "--buyer", "acme", "--use", "training")

    good = run(program, *question, "--territory", "DE", "--model", "m-2")
    bad = program(*question, "--territory", "FR", "--model", "m-2", "--json")
    plain = program("license", *question[1:], "--territory", "DE", "--model", "m-1")

    assert (good["covered"], good["license_id"], good["price_id"]) == (True, licence, price)
    assert good["price"]["per_token"] == {"input_rate": "0.1", "output_rate": "0.2"}
    assert (bad.returncode, json.loads(bad.stdout)["fault"]) == (1, "TERRITORY")
    assert (plain.returncode, plain.stdout[:18]) == (1, "not covered, MODEL")
    terms = run(program, "licence", "get", licence)["license"]["terms"]
    assert terms["revocation"] == {"notice_s": str(30 * 86_400)}
    assert terms["start_time_us"] == "1577836800000000"


def test_a_licence_is_made_from_a_template(program: Program, ada: str) -> None:
    """Terms that are not given are the template's, those that are given are not; its text is pinned by fingerprint."""
    templates = run(program, "licence", "templates")["templates"]
    template = next(each for each in templates if each["name"] == "training-nonexclusive")
    name = f"{ada}-t"
    run(
        program,
        *("licence", "create", name, "--creator", ada, "--territory", "FR"),
        *("--template", "training-nonexclusive@1"),
    )

    told = run(program, "licence", "get", name)["license"]

    assert told["template"] == "training-nonexclusive@1"
    assert told["terms_sha256"] == template["text_sha256"]
    assert told["terms"] == {**template["terms"], "territories": ["FR"]}


@pytest.mark.parametrize("form", ["rsl", "tdmrep"])
def test_a_licence_is_written_for_other_programs(
    program: Program, ada: str, tmp_path: Path, form: str
) -> None:
    """The document goes to standard output or to a file, and what it leaves out to standard error, with a warning if that widens it."""
    name, file = f"{ada}-x", tmp_path / "document"
    grant = ("licence", "create", name, "--creator", ada, "--buyer", "acme", "--use", "training")
    run(program, *grant)
    export = ("licence", "export", name, "--format", form)

    printed = program(*export)
    told = run(program, *export, "-o", file)

    assert "acme" in printed.stderr
    assert ("WARNING" in printed.stderr, told["widens"]) == (form == "rsl",) * 2
    assert printed.stdout.strip() == file.read_text().strip() == told["document"].strip()


MODELS: tuple[tuple[Sequence[str], dict[str, Any]], ...] = (
    (("--per-call", "0.01"), {"per_call": {"rate": "0.01"}}),
    (("--per-example", "1"), {"per_training_example": {"rate": "1"}}),
    (
        ("--share", "70%,0.1,200000ppm"),
        {
            "revenue_share": {
                "creator_ppm": 700_000,
                "platform_ppm": 100_000,
                "host_ppm": 200_000,
            }
        },
    ),
    (("--flat", "5/month"), {"flat_fee": {"amount": "5", "period": "BILLING_PERIOD_MONTH"}}),
    (("--pool", "9/year"), {"subscription_pool": {"amount": "9", "period": "BILLING_PERIOD_YEAR"}}),
    (
        ("--flat", "5/day", "--per-token", "1,2"),
        {
            "floor_plus_usage": {
                "floor": {"amount": "5", "period": "BILLING_PERIOD_DAY"},
                "usage": {"input_rate": "1", "output_rate": "2"},
            }
        },
    ),
)


@pytest.mark.parametrize(("options", "model"), MODELS)
def test_each_price_model_can_be_typed(
    program: Program, options: Sequence[str], model: dict[str, Any]
) -> None:
    """What is typed is what is declared, decimals as they stand."""
    name = f"price-{next(_numbers)}"
    create = ("price", "create", name, "--currency", "EUR", "--monthly-cap", "100", *options)
    run(program, *create)

    told = run(program, "price", "get", name)["price"]

    assert told == {"price_id": name, "currency": "EUR", "monthly_cap": "100", **model}


BAD: tuple[tuple[Sequence[str], str], ...] = (
    (("creator", "get", "nobody"), "[NOT_FOUND]"),
    (("creator", "update", "nobody", "--name", "x"), "[NOT_FOUND]"),
    (("creator", "revoke", "nobody"), "[NOT_FOUND]"),
    (("asset", "history", "nothing"), "[NOT_FOUND]"),
    (("creator", "create", "a b"), "[ID_CHARACTERS]"),
    (("creator", "create", "a", "--kyc", "maybe"), "--kyc maybe: choose pending, verified"),
    (("creator", "create", "a", "--consent", "all"), "--consent all: choose training"),
    (("creator", "create", "a", "--metadata", "x"), "--metadata x is not KEY=VALUE"),
    (("asset", "create", "a"), "--creator ID"),
    (("asset", "create", "a", "--creator", "nobody"), "[REFERENCE_MISSING]"),
    (("asset", "register", "/nowhere", "--creator", "a"), "cannot read /nowhere"),
    (("asset", "create", "a", "--creator", "b", "--visibility", "x"), "--visibility x: choose"),
    (("licence", "create", "l"), "--creator ID"),
    (("licence", "create", "l", "--creator", "nobody"), "[FIELD_MISSING]"),
    (("licence", "create", "l", "--creator", "a", "--use", "x"), "--use x: choose training"),
    (("licence", "create", "l", "--creator", "a", "--notice", "1y"), "--notice 1y: say 30d"),
    (("licence", "create", "l", "--creator", "a", "--start", "soon"), "--start:"),
    (("licence", "create", "l", "--creator", "a", "--template", "x@1"), "--template x@1: choose"),
    (("licence", "export", "nothing", "--format", "rsl"), "[NOT_FOUND]"),
    (("price", "create", "p"), "--currency EUR"),
    (("price", "create", "p", "--currency", "EUR"), "one of --per-token"),
    (("price", "create", "p", "--currency", "EUR", "--per-token", "1"), "say INPUT,OUTPUT"),
    (("price", "create", "p", "--currency", "EUR", "--flat", "1"), "say AMOUNT/day"),
    (("price", "create", "p", "--currency", "EUR", "--flat", "1/week"), "say AMOUNT/day"),
    (("price", "create", "p", "--currency", "EUR", "--share", "1"), "say CREATOR,PLATFORM,HOST"),
    (("price", "create", "p", "--currency", "EUR", "--share", "0.5,0.2,x"), "--share x"),
    (
        ("price", "create", "p", "--currency", "EUR", "--per-call", "1", "--pool", "1/day"),
        "different models",
    ),
    (("price", "create", "p", "--currency", "EUR", "--per-call", "1e3"), "[FIELD_MALFORMED]"),
)


@pytest.mark.parametrize(("command", "told"), BAD, ids=lambda value: " ".join(value)[:60])
def test_what_cannot_be_done_is_told_in_one_line(
    program: Program, command: Sequence[str], told: str
) -> None:
    """Nothing on standard output, one line that says what to do, exit code 2."""
    done = program(*command, "--json")

    assert (done.returncode, done.stdout) == (2, "")
    assert told in one_line(done)


@pytest.mark.parametrize("word", WORDS)
def test_lists_and_objects_are_readable(program: Program, ada: str, word: str) -> None:
    """Without --json each object is a line in lists and in history, and a field a line by itself."""
    name = f"{ada}-{word}"
    options = {
        "creator": (),
        "asset": ("--creator", ada),
        "licence": ("--creator", ada, "--use", "training"),
        "price": ("--currency", "EUR", "--per-call", "1"),
    }[word]
    done = program(word, "create", name, *options)
    assert f"{word} {name} is registered (version 1, entry " in done.stdout

    for command in (("list",), ("history", name), ("get", name)):
        text = program(word, *command).stdout
        assert name in text, command
        assert "{" not in text
