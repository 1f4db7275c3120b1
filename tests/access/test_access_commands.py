"""The commands about keys: init, key, principal, whoami, audit, at a ledger that runs and in its directory."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from counterfoil_cli.main import main

from ..support.ledger_process import LedgerProcess, run_cli, run_json

ORIGIN = "commands.example/ledger"
KEY = re.compile(r"cf_(live|test)_[a-z2-7]{12}_[a-z2-7]{52}_[a-z2-7]{8}")


@contextmanager
def serving(directory: Path, *options: str) -> Iterator[tuple[LedgerProcess, str]]:
    """A ledger as `counterfoil init` makes it, served; with its operator's key."""
    made = run_json("init", directory, "--origin", ORIGIN, *options)
    ledger = LedgerProcess.__new__(LedgerProcess)
    ledger.directory, ledger.vkey, ledger._process = directory, str(made["vkey"]), None
    ledger.start()
    try:
        yield ledger, str(made["operator_key"])
    finally:
        ledger.close()


def test_a_ledger_with_its_operator_key_from_beginning_to_end(tmp_path: Path) -> None:
    """The key that init prints lets its holder make principals and keys; these do what their roles may; the trail knows."""
    with serving(tmp_path / "ledger") as (ledger, operator_key):

        def ask(*arguments: str | Path, key: str = operator_key, code: int = 0) -> dict[str, Any]:
            return ledger.json(*arguments, "--api-key", key, code=code)

        assert KEY.fullmatch(operator_key)
        assert ask("whoami")["role"] == "operator"
        host = ("principal", "create", "acme", "--role", "host", "--tenant", "host_acme")
        assert ask(*host, "--records-per-s", "500")["records_per_s"] == 500
        made = ask("key", "create", "acme", "--expires", "90d", "--ip", "127.0.0.0/8")
        host_key = str(made["api_key"])
        mine = ask("whoami", key=host_key)
        assert (mine["principal_id"], mine["tenant"]) == ("acme", "host_acme")
        changed = ask("principal", "update", "acme", "--tokens-per-day", "9")
        assert (changed["records_per_s"], changed["tokens_per_day"]) == (500, 9)
        new = ask("key", "rotate", str(made["key_id"]), "--overlap", "0s", key=host_key)
        assert [each["key_id"] for each in ask("key", "list", key=str(new["api_key"]))["keys"]] == (
            sorted([made["key_id"], new["key_id"]])
        )
        denied = ledger.cli("log", "tail", "--api-key", str(new["api_key"]))
        assert denied.returncode == 2
        assert "[PERMISSION_DENIED]" in denied.stderr
        ask("key", "revoke", str(new["key_id"]))
        refused = ledger.cli("whoami", "--api-key", str(new["api_key"]))
        assert "the key was revoked [UNAUTHENTICATED]" in refused.stderr
        actions = [each["action"] for each in ask("audit", "list")["events"]]
        assert [action for action in actions if action != "denied"] == [
            *("principal.create", "key.create", "principal.create", "key.create"),
            *("principal.update", "key.rotate", "key.revoke"),
        ]
        assert {each["principal_id"] for each in ask("principal", "list")["principals"]} == {
            *("operator", "acme"),
        }


def test_a_creator_works_with_its_own_key(tmp_path: Path) -> None:
    """The commands of the registry say who calls: a creator registers a work and a licence, and does not verify itself."""
    with serving(tmp_path / "ledger") as (ledger, operator_key):

        def ask(key: str, *arguments: str) -> dict[str, Any]:
            return ledger.json(*arguments, "--api-key", key)

        ask(operator_key, "creator", "create", "ada", "--name", "Ada", "--consent", "training")
        ask(operator_key, "principal", "create", "ada", "--role", "creator", "--tenant", "ada")
        key = str(ask(operator_key, "key", "create", "ada")["api_key"])
        write = ("--submitter", "ada")
        ask(key, "asset", "create", "novel", "--creator", "ada", "--title", "A novel", *write)
        ask(key, "licence", "create", "l1", "--creator", "ada", "--use", "training", *write)
        ask(
            key,
            "price",
            "create",
            "p1",
            "--currency",
            "EUR",
            "--per-call",
            "1",
            "--creator",
            "ada",
            *write,
        )
        assert ask(key, "licence", "history", "l1")["versions"]
        assert len(ask(key, "asset", "list")["assets"]) == 1
        asked = ("licence", "check", "--asset", "novel", "--buyer", "acme", "--use", "training")
        assert ask(key, *asked)["covered"]

        refused = ledger.cli(
            "creator", "update", "ada", "--kyc", "verified", *write, "--api-key", key
        )
        assert "creator.kyc_status" in refused.stderr
        for command in (("creator", "list"), ("licence", "templates"), ("price", "get", "p1")):
            stranger = ledger.cli(*command)
            assert (stranger.returncode, "[UNAUTHENTICATED]" in stranger.stderr) == (2, True)


def test_the_environment_says_who_calls(tmp_path: Path) -> None:
    """Without the option the key is that of COUNTERFOIL_API_KEY; a sandbox has keys of its own kind; without any, no answer."""
    with serving(tmp_path / "ledger", "--sandbox") as (ledger, operator_key):
        assert operator_key.startswith("cf_test_")
        env = {**os.environ, "COUNTERFOIL_API_KEY": operator_key}
        ask = ("whoami", "--json", "--server", ledger.address)

        assert run_cli(*ask, env=env).returncode == 0
        lonely = run_cli(*ask)
        assert lonely.returncode == 2
        assert "COUNTERFOIL_API_KEY" in lonely.stderr


def test_a_lost_operator_key_is_made_anew_on_the_machine(tmp_path: Path) -> None:
    """In the directory no key is asked for, while the ledger runs too, and the new key is good at once."""
    directory = tmp_path / "ledger"
    with serving(directory) as (ledger, _lost):
        made = run_json("key", "create", "operator", "--dir", directory)
        assert ledger.json("whoami", "--api-key", str(made["api_key"]))["role"] == "operator"

        another = run_json("key", "create", "root", "--role", "operator", "--dir", directory)
        assert ledger.json("whoami", "--api-key", str(another["api_key"]))["principal_id"] == "root"


def test_an_open_ledger_stays_on_its_machine_and_closes_with_the_first_principal(
    tmp_path: Path,
) -> None:
    """Without keys: everybody is operator, other addresses are refused, and the first principal changes that at once."""
    directory = tmp_path / "ledger"
    made = run_json("init", directory, "--origin", ORIGIN, "--no-key")
    assert "operator_key" not in made
    refused = run_cli("serve", directory, "--grpc", "0.0.0.0:0")
    assert refused.returncode == 2
    assert "has no keys" in refused.stderr
    ledger = LedgerProcess.__new__(LedgerProcess)
    ledger.directory, ledger.vkey, ledger._process = directory, str(made["vkey"]), None
    ledger.start()
    try:
        assert "this ledger has no keys" in ledger.log
        assert ledger.json("whoami")["open"] is True
        key = run_json("key", "create", "root", "--role", "operator", "--dir", directory)
        assert ledger.cli("whoami").returncode == 2
        assert ledger.json("whoami", "--api-key", str(key["api_key"]))["open"] is False
    finally:
        ledger.close()
    # With keys it may listen anywhere.
    ledger.start(address="0.0.0.0:0")
    ledger.close()


def test_a_backup_brings_keys_back(tmp_path: Path) -> None:
    """Principals, keys and the trail are in a backup, restored and compared by the drill."""
    directory = tmp_path / "ledger"
    run_json("init", directory, "--origin", ORIGIN)
    run_json("backup", directory, tmp_path / "backup")
    assert (tmp_path / "backup" / "ops" / "data.mdb").stat().st_mode & 0o777 == 0o600
    assert run_json("drill", directory)["ok"] is True
    restored = tmp_path / "restored"
    run_json(
        "restore",
        tmp_path / "backup",
        restored,
        "--for-reading",
        "--key",
        directory / "signing.key",
    )

    for what in ("principal", "key", "audit"):
        lists = [run_json(what, "list", "--dir", folder) for folder in (directory, restored)]
        assert lists[0] == lists[1]
        assert next(iter(lists[0].values()))


def test_a_backup_with_damaged_keys_is_not_restored(tmp_path: Path) -> None:
    """A bit that turned in the operational store of a backup is told by its manifest."""
    directory, backup = tmp_path / "ledger", tmp_path / "backup"
    run_json("init", directory, "--origin", ORIGIN)
    run_json("backup", directory, backup)
    path = backup / "ops" / "data.mdb"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    done = run_cli(
        *("restore", backup, tmp_path / "restored", "--for-reading"),
        *("--key", directory / "signing.key"),
    )

    assert done.returncode == 2
    assert "ops/data.mdb" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("principal", "create", "x", "--role", "king"), "--role king"),
        (("principal", "create", "x", "--role", "host"), "tenant"),
        (("principal", "create", "x", "--role", "auditor", "--tenant", "t"), "tenant"),
        (("principal", "create", "two words", "--role", "auditor"), "letters, digits"),
        (("principal", "create", "operator", "--role", "operator"), "already"),
        (("principal", "create", "x", "--role", "mirror", "--records-per-s", "-1"), "negative"),
        (("principal", "update", "operator"), "nothing to change"),
        (("principal", "update", "nobody", "--disable"), "no principal"),
        (("key", "create", "nobody"), "no principal"),
        (("key", "create", "operator", "--expires", "soon"), "--expires soon"),
        (("key", "create", "operator", "--expires", "0s"), "ends after its beginning"),
        (("key", "create", "operator", "--ip", "192.0.2.1/24"), "no range"),
        (("key", "create", "operator", "--ip", "everywhere"), "no range"),
        (("key", "rotate", "aaaaaaaaaaaa"), "no key"),
        (("key", "rotate", "aaaaaaaaaaaa", "--overlap", "31d"), "30 days"),
        (("key", "revoke", "aaaaaaaaaaaa"), "no key"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_refused_in_one_line(
    closed_directory: Path, arguments: tuple[str, ...], told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A wrong role, tenant, name, time, network or id is refused with a line that says so, and changes nothing."""
    assert main([*arguments, "--dir", str(closed_directory)]) == 2

    printed = capfd.readouterr()
    assert told in printed.err
    assert printed.out == ""
    assert printed.err.count("\n") == 1


@pytest.fixture(scope="module")
def closed_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an operator and no server."""
    directory = tmp_path_factory.mktemp("closed") / "ledger"
    run_json("init", directory, "--origin", ORIGIN)
    return directory
