"""The key of access tokens: where it comes from, and which one is not taken. And two doors on two ports."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from counterfoil.errors import StartupError
from counterfoil.keys import Signer
from counterfoil_server.directory import (
    create,
    load,
    load_signer,
    load_token_signer,
    make_token_key,
)
from counterfoil_server.http.keys import key_routes
from counterfoil_server.serve import _warn, find_addresses, serve
from counterfoil_server.telemetry import _Forward
from counterfoil_server.tls import Tls, TlsFiles
from counterfoil_server.workers import Addresses

from .authority import Authority
from .test_http_connection import free_address

ORIGIN = "example.com/ledger"


def test_a_new_ledger_has_a_token_key_of_its_own(tmp_path: Path) -> None:
    """It has the ledger's name in its name, is another key than the log's, and nobody else can read it."""
    settings = create(tmp_path / "ledger", ORIGIN)
    signer = load_token_signer(settings)

    assert signer.name == f"{ORIGIN}/token"
    assert signer.verifier.public_key != load_signer(settings).verifier.public_key
    assert settings.path("token_key").stat().st_mode & 0o777 == 0o600


def test_a_lost_token_key_is_made_anew_and_one_that_is_there_stays(tmp_path: Path) -> None:
    """Making the key twice changes nothing; where it is missing there is another one afterwards."""
    settings = create(tmp_path / "ledger", ORIGIN)
    first = load_token_signer(settings).verifier

    make_token_key(settings)
    assert load_token_signer(settings).verifier == first
    settings.path("token_key").unlink()
    with pytest.raises(StartupError, match="is missing"):
        load_token_signer(settings)
    make_token_key(settings)
    assert load_token_signer(settings).verifier != first


@pytest.mark.parametrize(
    "fault", ["garbage", "another ledger's", "the log's own", "open to others"]
)
def test_a_wrong_token_key_is_refused(tmp_path: Path, fault: str) -> None:
    """A key that cannot be read, is of another ledger, is the log's own, or that others can read stops the start."""
    settings = create(tmp_path / "ledger", ORIGIN)
    path = settings.path("token_key")
    texts = {
        "garbage": "PRIVATE+KEY+garbage",
        "another ledger's": Signer.from_seed("other.example/token", bytes(32)).format(),
        "the log's own": settings.path("key").read_text(),
    }
    if fault in texts:
        path.write_text(texts[fault])
    else:
        path.chmod(0o640)

    with pytest.raises(StartupError) as caught:
        load_token_signer(settings)

    assert path.read_text().split("+", 4)[-1].strip() not in str(caught.value)


def test_an_origin_that_leaves_no_room_for_the_name_is_told(tmp_path: Path) -> None:
    """The name of the token key is the origin and six characters: an origin of 250 bytes is too long."""
    with pytest.raises(StartupError, match="cannot be named"):
        create(tmp_path / "ledger", "x" * 250)


@pytest.mark.parametrize("lifetime_s", [0, 3601])
def test_a_lifetime_out_of_bounds_is_refused(tmp_path: Path, lifetime_s: int) -> None:
    """Tokens live for a second at least and an hour at most."""
    settings = create(tmp_path / "ledger", ORIGIN)
    path = settings.directory / "counterfoil.toml"
    path.write_text(
        path.read_text().replace("token_lifetime_s = 300", f"token_lifetime_s = {lifetime_s}")
    )

    with pytest.raises(StartupError, match="token_lifetime_s must be at"):
        load(settings.directory)


@pytest.mark.parametrize("url", ["ledger.example.com", "ftp://x", "https://", "https://a b"])
def test_an_address_from_outside_must_be_one(url: str) -> None:
    """What is shown to everybody as the server's address is of http or https, without spaces."""
    with pytest.raises(StartupError, match="http_url"):
        key_routes(ORIGIN, url, list)
    assert key_routes(ORIGIN, "https://ledger.example.com/", list)


def test_two_doors_need_two_ports() -> None:
    """One port for both is refused, whatever the hosts; two that are free are found."""
    address = free_address()
    other = address.replace("127.0.0.1", "0.0.0.0")

    with pytest.raises(StartupError, match="cannot both have port"):
        find_addresses(Addresses(address, address))
    with pytest.raises(StartupError, match="cannot both have port"):
        find_addresses(Addresses(other, address))
    found = find_addresses(Addresses("127.0.0.1:0", "127.0.0.1:0"))
    assert found.grpc != found.http
    assert find_addresses(Addresses(address)) == Addresses(address)


def test_an_open_ledger_does_not_open_its_other_door_to_strangers(tmp_path: Path) -> None:
    """Without keys HTTP is for this machine only, as gRPC is."""
    create(tmp_path / "ledger", ORIGIN)

    with pytest.raises(StartupError, match="has no keys"):
        serve(tmp_path / "ledger", Addresses("127.0.0.1:0", "0.0.0.0:0"), 1, print)


@pytest.mark.parametrize(
    ("addresses", "told"),
    [
        (Addresses("127.0.0.1:1", "[::1]:2"), False),
        (Addresses("0.0.0.0:1"), True),
        (Addresses("127.0.0.1:1", "0.0.0.0:2"), True),
    ],
)
def test_keys_in_the_clear_are_told(tmp_path: Path, addresses: Addresses, told: bool) -> None:
    """A ledger with keys that listens beyond its machine without TLS says so, and with TLS it does not."""
    tls = Tls(TlsFiles(*Authority().issue("x").write(tmp_path, "tls"), None))

    with capture_logs() as lines:
        _warn(False, addresses, None)
        _warn(False, addresses, tls)

    assert [line["log_level"] for line in lines] == ["warning"] * told
    assert all("in the clear" in line["event"] for line in lines)


def test_what_uvicorn_says_becomes_a_line_of_our_log() -> None:
    """A message of the standard library's logging keeps its level and its exception, and becomes structured."""
    record = logging.LogRecord(
        "uvicorn.error", logging.ERROR, "x.py", 1, "bad %s", ("thing",), None
    )

    with capture_logs() as lines:
        _Forward().emit(record)

    assert lines == [{"event": "bad thing", "exc_info": None, "log_level": "error"}]
