"""TLS and client certificates over real sockets: gRPC, HTTP and the command line."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509

from counterfoil_client import LedgerClient, Tls

from ...server.edge import PATIENCE_S, event
from ...support.ledger_process import run_cli
from ..world import fresh, key_id_of
from .asking import PATH
from .tls_world import (
    AUTHORITY,
    STRANGER,
    Doors,
    certificate_of,
    local_add,
    open_doors,
    who,
)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A ledger with TLS."""
    made = open_doors(tmp_path_factory.mktemp("tls"), mutual=False)
    yield made
    made.ledger.close()


def names_shown(url: str, ca: Path, protocol: str) -> str:
    """The common name in the certificate that a new connection is shown."""
    context = ssl.create_default_context(cafile=str(ca))
    context.set_alpn_protocols([protocol])
    port = int(url.rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        shown: Any = secured.getpeercert()
        return str(shown["subject"][0][0][1])


def test_a_client_that_believes_the_authority_gets_in(doors: Doors) -> None:
    """With the authority's certificate gRPC and HTTP work, and tokens are had and used over them."""
    assert "tls" in doors.ledger.ready_line
    assert who(doors.client(doors.key)) == "operator"

    verify = ssl.create_default_context(cafile=str(doors.folder / "ca.crt"))
    with httpx.Client(base_url=doors.http_url, verify=verify, timeout=60) as http:
        metadata = http.get("/.well-known/oauth-authorization-server").json()
        answer = http.post(
            PATH,
            data={"grant_type": "client_credentials"},
            auth=(key_id_of(doors.key), doors.key),
        )

    assert metadata["token_endpoint"] == doors.http_url + PATH
    assert who(doors.client(answer.json()["access_token"])) == "operator"


def test_the_command_line_speaks_tls(doors: Doors) -> None:
    """`--server https://…` with --ca works; without it, or with another authority, the ledger is not reached."""
    asked = ("whoami", "--server", doors.url, "--api-key", doors.key, "--json")

    good = run_cli("--ca", doors.folder / "ca.crt", *asked)
    bad = run_cli("--ca", doors.folder / "stranger.crt", *asked)
    missing = run_cli("--ca", doors.folder / "nothing.crt", *asked)

    assert json.loads(good.stdout)["principal_id"] == "operator", good.stderr
    assert (bad.returncode, missing.returncode) == (2, 2)
    assert "nothing.crt" in missing.stderr


@pytest.mark.parametrize(
    ("tls", "target"),
    [
        (Tls("stranger.crt"), "url"),
        (None, "plain"),
        (Tls("ca.crt"), "address"),
    ],
    ids=["another authority", "plain text", "another name"],
)
def test_whoever_does_not_fit_gets_nowhere(doors: Doors, tls: Tls | None, target: str) -> None:
    """Another authority, plain text, and a certificate for another name end before a byte of a call."""
    if tls is not None:
        tls = Tls(doors.folder / str(tls.ca))
    targets = {
        "url": doors.url,
        "plain": doors.ledger.address,
        # The certificate is for localhost, not for the address.
        "address": doors.ledger.address,
    }

    client = LedgerClient(targets[target], tls=tls, api_key=doors.key, timeout_s=60)

    assert who(client) == "UNAVAILABLE"


def test_plain_http_against_tls_gets_nothing(doors: Doors) -> None:
    """A request in plain text to the HTTPS port has no answer, and none of its secrets is asked for twice."""
    with pytest.raises(httpx.TransportError):
        httpx.get(doors.http_url.replace("https", "http"), timeout=60)


def test_tls_against_plain_text_gets_nowhere(shared_ledger: Any) -> None:
    """A client that was told to speak TLS does not fall back to plain text."""
    url = f"https://localhost:{shared_ledger.address.rpartition(':')[2]}"

    assert who(LedgerClient(url, api_key="x", timeout_s=60)) == "UNAVAILABLE"


def test_new_certificates_are_shown_while_a_stream_goes_on(doors: Doors) -> None:
    """After a change of the files new connections see the new certificate, a bad one is not taken, and an open stream goes on."""
    ca = doors.folder / "ca.crt"
    tailing = doors.client(doors.key)
    writing = doors.client(doors.key)
    stream = iter(tailing.tail(0))
    next(stream)

    for turn, name in enumerate(("second", "third")):
        AUTHORITY.issue(name).write(doors.folder, "server")
        assert names_shown(doors.url, ca, "h2") == name
        while names_shown(doors.http_url, ca, "http/1.1") != name:
            continue
        (doors.folder / "server.key").write_bytes(STRANGER.issue("x").key_pem)
        assert names_shown(doors.url, ca, "h2") == name
        assert names_shown(doors.http_url, ca, "http/1.1") == name
        index = writing.append_usage([event(fresh(f"turn-{turn}"))]).receipts[0].first_index
        assert next(entry.index for entry in stream if entry.index == index) == index

    tailing.close()
    writing.close()
    assert "the new TLS files cannot be used" in doors.ledger.log


def test_an_expired_certificate_is_refused_by_clients(doors: Doors) -> None:
    """A client does not speak to a ledger whose certificate has expired; a good one mends it without a restart."""
    AUTHORITY.issue("old", days=-1).write(doors.folder, "server")
    assert who(doors.client(doors.key)) == "UNAVAILABLE"

    AUTHORITY.issue("new").write(doors.folder, "server")
    assert who(doors.client(doors.key)) == "operator"


def test_certificates_count_only_where_they_are_asked_for(doors: Doors) -> None:
    """A ledger that asks for no certificates takes none for a caller, whatever stands in its store."""
    client = certificate_of(doors, x509.DNSName("host.example.com"))
    local_add(doors, "dns:host.example.com", "host_a")

    assert who(doors.client("", client)) == "UNAUTHENTICATED"


def test_requests_are_not_in_the_log(doors: Doors) -> None:
    """No key, no private key and no token is in what the server wrote."""
    assert doors.key not in doors.ledger.log
    assert "PRIVATE KEY" not in doors.ledger.log
