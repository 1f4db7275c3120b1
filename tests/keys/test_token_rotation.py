"""The key of access tokens changes by an entry of the log, and a crash at any step leaves a ledger with one key that signs."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from counterfoil.errors import InvalidInput, OutcomeUnknown, StartupError, Unauthenticated
from counterfoil.keys import Signer, jwk_thumbprint
from counterfoil.v1.access_service_pb2 import ROLE_OPERATOR, ApiKey, Principal
from counterfoil_client import LedgerClient, LedgerError
from counterfoil_server import token_keys
from counterfoil_server.access import sign_in
from counterfoil_server.access.keys import hash_text
from counterfoil_server.access.ops import OpsStore, put_key, put_principal
from counterfoil_server.access.sign_in import AccessTokens
from counterfoil_server.access.token import AccessToken, Realm, issue_token
from counterfoil_server.directory import create, load, load_token_signer
from counterfoil_server.token_keys import (
    OVERLAP_S_MAX,
    TokenKeys,
    list_token_keys,
    rotate_token_key,
    settle_token_key,
)

from ..support.ledger_process import LedgerProcess, run_cli, run_json

ORIGIN = "example.com/ledger"
NAME = f"{ORIGIN}/token"
OLD, NEW = (Signer.from_seed(NAME, bytes([number]) * 32) for number in (1, 2))
NOW_US = 1_700_000_000_000_000
SECOND_US = 1_000_000


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A ledger that no server runs on."""
    return create(tmp_path / "ledger", ORIGIN).directory


def signing(directory: Path) -> Any:
    """The public half of the key that signs."""
    return load_token_signer(load(directory)).verifier


def settle(directory: Path) -> None:
    """What a start does about the key."""
    settle_token_key(load(directory))


def test_the_new_key_signs_and_the_old_one_counts_for_the_overlap(directory: Path) -> None:
    """Both keys count until the end of the overlap, and the new one alone from then on."""
    old = signing(directory)
    done = rotate_token_key(directory, 300, "test")
    keys = list_token_keys(directory)

    assert (done.retired, done.new) == (old, signing(directory))
    assert keys.at(done.until_us - 1) == (done.new, old)
    assert keys.at(done.until_us) == (done.new,)
    assert done.entry_id.startswith("kc_1_")
    assert run_json("fsck", directory)["ok"]


def test_without_an_overlap_the_old_key_is_worth_nothing(directory: Path) -> None:
    """A change without overlap retires the key at the time of its entry."""
    done = rotate_token_key(directory, 0, "stolen")
    assert list_token_keys(directory).at(done.until_us) == (done.new,)


def test_each_change_keeps_the_overlap_of_those_before(directory: Path) -> None:
    """Of two changes in a row both retired keys count for as long as their own change said."""
    first = rotate_token_key(directory, OVERLAP_S_MAX, "")
    second = rotate_token_key(directory, 10, "")
    keys = list_token_keys(directory)

    assert keys.at(second.until_us - 1) == (second.new, first.new, first.retired)
    assert keys.at(second.until_us) == (second.new, first.retired)
    assert keys.at(first.until_us) == (second.new,)


def test_a_key_that_was_made_anew_has_none_before_it(directory: Path) -> None:
    """Whoever removes the file gets rid of every key before, whatever the log says of overlaps."""
    rotate_token_key(directory, OVERLAP_S_MAX, "")
    (directory / "token.key").unlink()
    settle(directory)
    assert list_token_keys(directory).retired == ()


@pytest.mark.parametrize("overlap_s", [-1, OVERLAP_S_MAX + 1])
def test_an_overlap_longer_than_any_token_is_refused(directory: Path, overlap_s: int) -> None:
    """It is refused before anything is written."""
    before = signing(directory)
    with pytest.raises(InvalidInput, match="seconds at most"):
        rotate_token_key(directory, overlap_s, "")
    assert signing(directory) == before
    assert not list_token_keys(directory).retired


def test_the_server_must_be_stopped(ledger: LedgerProcess) -> None:
    """A running server keeps its key: the command is refused."""
    before = signing(ledger.directory)
    with pytest.raises(StartupError, match="another"):
        rotate_token_key(ledger.directory, 0, "")
    assert signing(ledger.directory) == before


def test_a_crash_before_the_commit_leaves_the_old_key(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that the log does not know is removed by the next start, and the command can be repeated."""
    before = signing(directory)
    crash(monkeypatch, "log_change")
    with pytest.raises(OutcomeUnknown):
        rotate_token_key(directory, 300, "")
    monkeypatch.undo()
    assert (directory / "token.key.next").exists()

    settle(directory)
    assert not (directory / "token.key.next").exists()
    assert signing(directory) == before
    assert not list_token_keys(directory).retired
    rotate_token_key(directory, 300, "")
    assert signing(directory) != before


def test_a_crash_behind_the_commit_is_finished_by_the_next_start(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log knows the new key: the next start gives it its place, and the old one counts for the overlap."""
    before = signing(directory)
    crash(monkeypatch, "_take_place")
    with pytest.raises(OutcomeUnknown):
        rotate_token_key(directory, 300, "")
    monkeypatch.undo()
    assert signing(directory) == before

    settle(directory)
    assert not (directory / "token.key.next").exists()
    assert signing(directory) != before
    assert [verifier for verifier, _ in list_token_keys(directory).retired] == [before]


def test_settling_twice_changes_nothing(directory: Path) -> None:
    """A start that finds nothing to do leaves the key alone."""
    rotate_token_key(directory, 300, "")
    before = signing(directory)
    settle(directory)
    settle(directory)
    assert signing(directory) == before


def crash(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """End a change in front of a step."""

    def fail(*_: object) -> None:
        raise OutcomeUnknown("the power went")

    monkeypatch.setattr(token_keys, step, fail)


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[OpsStore]:
    """An operational store with one key."""
    made = OpsStore(tmp_path / "ops", ORIGIN, create=True)
    principal = Principal(principal_id="somebody", role=ROLE_OPERATOR)
    key = ApiKey(key_id="key1", principal_id="somebody")
    made.store.transact(lambda transaction: put_principal(transaction, principal))
    made.store.transact(lambda transaction: put_key(transaction, hash_text("secret"), key))
    yield made
    made.close()


def test_a_token_that_was_let_in_once_ends_with_its_key(
    ops: OpsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens of the retired key are good until the overlap ends, and not longer because they are remembered."""
    realm = Realm(ORIGIN, "live")
    until_us = NOW_US + 10 * SECOND_US
    tokens = AccessTokens(ops, TokenKeys(NEW, "", ((OLD.verifier, until_us),)), realm)
    issued_s = NOW_US // SECOND_US
    said = AccessToken("somebody", "key1", "t1", issued_s, issued_s + 300)
    old, new = (issue_token(signer, realm, said) for signer in (OLD, NEW))

    monkeypatch.setattr(sign_in, "now_us", lambda: until_us - 1)
    assert tokens.identify(old).principal_id == tokens.identify(new).principal_id == "somebody"
    monkeypatch.setattr(sign_in, "now_us", lambda: until_us)
    with pytest.raises(Unauthenticated):
        tokens.identify(old)
    assert tokens.identify(new).principal_id == "somebody"


def test_a_token_outlives_a_rotation_with_an_overlap_and_none_without(tmp_path: Path) -> None:
    """Over a real socket: the JWK set shows the keys that count, and a token is good as long as its key is."""
    ledger = LedgerProcess(tmp_path / "keyed")
    made = run_json("key", "create", "root", "--role", "operator", "--dir", ledger.directory)
    try:
        first, shown = "", serve_http(ledger)
        for overlap, good in ((300, True), (0, False)):
            signer = jwk_thumbprint(signing(ledger.directory).public_key)
            assert signer in shown
            first = first or signer
            token = issue(ledger, made["api_key"])
            assert is_good(ledger, token)
            ledger.stop()
            words = ("signing-key", "rotate", ledger.directory, "--purpose", "token")
            assert run_json(*words, "--overlap", str(overlap))["purpose"] == "token"
            shown = serve_http(ledger)
            assert is_good(ledger, token) == good
            assert (signer in shown) == good
            # That key's own overlap still lasts.
            assert first in shown
    finally:
        ledger.close()


def issue(ledger: LedgerProcess, api_key: str) -> str:
    """An access token for an API key."""
    with LedgerClient(ledger.address, trust=ledger.vkey, api_key=api_key) as client:
        return client.access.issue_token().access_token


def serve_http(ledger: LedgerProcess) -> set[str]:
    """Start a server with both doors; the thumbprints of the keys that its JWK set shows."""
    ledger.start("--http", "127.0.0.1:0")
    address = ledger.ready_line.rpartition("http ")[2].split(",")[0].strip()
    with urllib.request.urlopen(f"http://{address}/.well-known/jwks.json") as answer:
        return {key["kid"] for key in json.load(answer)["keys"]}


def is_good(ledger: LedgerProcess, token: str) -> bool:
    """Whether the ledger lets somebody in with a token."""
    with LedgerClient(ledger.address, trust=ledger.vkey, api_key=token) as client:
        try:
            client.log_info()
        except LedgerError as error:
            if error.code != "UNAUTHENTICATED":
                raise
            return False
    return True


def test_the_list_shows_the_keys_of_tokens(directory: Path) -> None:
    """Both for people and for programs, with until when a retired one counts."""
    done = run_json("signing-key", "rotate", directory, "--purpose", "token", "--overlap", "60")
    told = [
        key
        for key in run_json("signing-key", "list", directory)["keys"]
        if key["purpose"] == "token"
    ]
    assert [(key["vkey"], key["signs"], key["counts_until"]) for key in told] == [
        (done["retired_vkey"], False, done["counts_until"]),
        (done["new_vkey"], True, None),
    ]
    lines = run_cli("signing-key", "list", directory).stdout.splitlines()
    assert f"{done['new_vkey']}  tokens  signs  file:token.key" in lines


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--new-key", "file:other.key"), "leave --new-key out"),
        (("--overlap", "100000"), "seconds at most"),
    ],
)
def test_what_tokens_cannot_have_is_refused(
    directory: Path, options: tuple[str, ...], told: str
) -> None:
    """One line says why, and the key stays."""
    before = signing(directory)
    done = run_cli("signing-key", "rotate", directory, "--purpose", "token", *options)
    assert done.returncode == 2
    assert told in done.stderr
    assert signing(directory) == before


def test_a_key_for_something_else_is_refused(directory: Path) -> None:
    """The purposes that there are, are named."""
    done = run_cli("signing-key", "rotate", directory, "--purpose", "webhook")
    assert done.returncode == 2
    assert "checkpoint, receipt or token" in done.stderr
