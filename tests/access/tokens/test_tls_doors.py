"""TLS and client certificates over real sockets: gRPC, HTTP and the command line."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509

from counterfoil.v1 import access_service_pb2
from counterfoil_client import LedgerClient, LedgerError, Tls
from counterfoil_server.access.certificates import CertificateDesk
from counterfoil_server.access.door import open_ops
from counterfoil_server.directory import SETTINGS_NAME, load

from ...server.edge import PATIENCE_S, event
from ...server.quick import QuickLedger
from ...support.ledger_process import run_cli
from ..world import add_person, fresh, key_id_of, local_desk
from .authority import Authority

AUTHORITY = Authority()
STRANGER = Authority("stranger.example")
TOKEN_PATH = "/v1/oauth/token"


@dataclass
class Doors:
    """A ledger behind TLS with an operator, and the folder with everybody's certificates."""

    ledger: QuickLedger
    folder: Path
    key: str

    @property
    def url(self) -> str:
        """Where gRPC is."""
        return f"https://localhost:{self.ledger.address.rpartition(':')[2]}"

    @property
    def http_url(self) -> str:
        """Where HTTP is."""
        return f"https://localhost:{self.ledger.ready_line.partition(' http ')[2].partition(',')[0].rpartition(':')[2]}"

    def tls(self, client: str = "", ca: str = "ca.crt") -> Tls:
        """What a client believes and shows."""
        if not client:
            return Tls(self.folder / ca)
        return Tls(self.folder / ca, self.folder / f"{client}.crt", self.folder / f"{client}.key")

    def client(self, api_key: str = "", client: str = "", ca: str = "ca.crt") -> LedgerClient:
        """A client over TLS."""
        tls = self.tls(client, ca)
        return LedgerClient(self.url, tls=tls, api_key=api_key, submitter="host_a", timeout_s=60)


def open_doors(folder: Path, *, mutual: bool) -> Doors:
    """Start such a ledger."""
    (folder / "ca.crt").write_bytes(AUTHORITY.pair.pem)
    (folder / "stranger.crt").write_bytes(STRANGER.pair.pem)
    AUTHORITY.issue("server").write(folder, "server")
    ledger = QuickLedger(folder / "ledger")
    path = ledger.directory / SETTINGS_NAME
    text = path.read_text()
    settings = {"tls_cert": "server.crt", "tls_key": "server.key"}
    settings |= {"tls_client_ca": "ca.crt"} if mutual else {}
    for name, file in settings.items():
        text = text.replace(f'{name} = ""', f"{name} = {json.dumps(str(folder / file))}")
    path.write_text(text)
    with local_desk(ledger.directory) as desk:
        key = add_person(desk, "operator", "operator")
        add_person(desk, "host_a", "host", "host_a")
    ledger.start("--http", "127.0.0.1:0")
    return Doors(ledger, folder, key)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A ledger with TLS."""
    made = open_doors(tmp_path_factory.mktemp("tls"), mutual=False)
    yield made
    made.ledger.close()


@pytest.fixture(scope="module")
def mutual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A ledger with TLS that asks callers for a certificate."""
    made = open_doors(tmp_path_factory.mktemp("mutual"), mutual=True)
    yield made
    made.ledger.close()


def who(client: LedgerClient) -> str:
    """Who the ledger says the client is, or the code of the refusal."""
    with client:
        try:
            return client.access.who_am_i().principal.principal_id
        except LedgerError as error:
            return error.code


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
            TOKEN_PATH,
            data={"grant_type": "client_credentials"},
            auth=(key_id_of(doors.key), doors.key),
        )

    assert metadata["token_endpoint"] == doors.http_url + TOKEN_PATH
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


def certificate_of(
    doors: Doors, *names: x509.GeneralName, issuer: Authority = AUTHORITY, days: int = 7
) -> str:
    """A client's certificate with these names; what its files are called."""
    name = fresh("client")
    issuer.issue(name, names, days=days).write(doors.folder, name)
    return name


def add_name(doors: Doors, name: str, principal: str) -> None:
    """Let a name stand for a principal, by the command line in the directory."""
    directory = doors.ledger.directory
    done = run_cli("principal", "certificate", "add", principal, name, "--dir", directory)
    assert done.returncode == 0, done.stderr


def local_add(doors: Doors, name: str, principal: str) -> None:
    """The same without a process."""
    settings = load(doors.ledger.directory)
    ops = open_ops(settings)
    wanted = access_service_pb2.CertificateName(name=name, principal_id=principal)
    request = access_service_pb2.AddCertificateNameRequest(certificate_name=wanted)
    CertificateDesk(ops, settings.environment).add_certificate_name(request)
    ops.close()


def test_a_certificate_stands_for_a_principal(mutual: Doors) -> None:
    """Names of all three kinds, once added, make the caller the principal that they stand for, until they are removed."""
    names = {
        "uri:spiffe://example.com/host": x509.UniformResourceIdentifier(
            "spiffe://example.com/host"
        ),
        "dns:host.example.com": x509.DNSName("HOST.example.com"),
        "email:host@example.com": x509.RFC822Name("host@example.com"),
    }
    for at, (name, shown) in enumerate(names.items()):
        client = certificate_of(mutual, shown)
        assert who(mutual.client("", client)) == "UNAUTHENTICATED"
        (add_name if at == 0 else local_add)(mutual, name, "host_a")
        assert who(mutual.client("", client)) == "host_a"
        with mutual.client(mutual.key, client) as operator:
            assert name in [each.name for each in operator.access.certificate_names("host_a")]
            operator.access.remove_certificate_name(name)
        assert who(mutual.client("", client)) == "UNAUTHENTICATED"


def test_what_a_certificate_may_do_is_what_its_principal_may(mutual: Doors) -> None:
    """A host with a certificate alone writes its own records, and nothing else; it gets no token, which is for keys."""
    client = certificate_of(mutual, x509.DNSName("writer.example.com"))
    local_add(mutual, "dns:writer.example.com", "host_a")

    with mutual.client("", client) as host:
        assert host.append_usage([event(fresh("by-certificate"))]).receipts
        for refused in (host.access.issue_token, lambda: list(host.access.principals())):
            with pytest.raises(LedgerError) as caught:
                refused()
            assert caught.value.code == "PERMISSION_DENIED"


def test_a_key_goes_before_a_certificate(mutual: Doors) -> None:
    """Who shows both is whom the key belongs to; a bad key is not made good by a certificate."""
    client = certificate_of(mutual, x509.DNSName("both.example.com"))
    local_add(mutual, "dns:both.example.com", "host_a")

    assert who(mutual.client(mutual.key, client)) == "operator"
    assert who(mutual.client("cf_live_nonsense", client)) == "UNAUTHENTICATED"


def test_names_of_two_principals_are_nobody(mutual: Doors) -> None:
    """A certificate whose names stand for several principals is refused; one name for two cannot be had."""
    both = (x509.DNSName("one.example.com"), x509.DNSName("two.example.com"))
    client = certificate_of(mutual, *both)
    local_add(mutual, "dns:one.example.com", "host_a")
    assert who(mutual.client("", client)) == "host_a"

    local_add(mutual, "dns:two.example.com", "operator")

    assert who(mutual.client("", client)) == "UNAUTHENTICATED"
    with mutual.client(mutual.key, client) as operator, pytest.raises(LedgerError) as caught:
        operator.access.add_certificate_name("dns:two.example.com", "host_a")
    assert caught.value.reason == "ID_TAKEN"


def test_a_principal_that_is_locked_out_has_no_certificate(mutual: Doors) -> None:
    """Locking a principal out counts for its certificates at once, on a connection that is open, and on a stream."""
    with local_desk(mutual.ledger.directory) as desk:
        add_person(desk, "auditor", "auditor")
    client = certificate_of(mutual, x509.DNSName("auditor.example.com"))
    local_add(mutual, "dns:auditor.example.com", "auditor")
    with mutual.client("", client) as auditor, mutual.client(mutual.key, client) as operator:
        stream = iter(auditor.tail(0))
        next(stream)

        operator.access.update_principal("auditor", disabled=True)
        operator.append_usage([event(fresh("after"))])

        with pytest.raises(LedgerError) as caught:
            list(stream)
        assert caught.value.code == "UNAUTHENTICATED"
        with pytest.raises(LedgerError) as caught:
            auditor.access.who_am_i()
        assert caught.value.code == "UNAUTHENTICATED"


@pytest.mark.parametrize("fault", ["none", "another authority", "expired"])
def test_a_certificate_that_is_not_good_ends_the_handshake(mutual: Doors, fault: str) -> None:
    """Without a certificate, with a stranger's, and with an expired one nobody gets as far as a call, even with a key."""
    name = x509.DNSName("known.example.com")
    local_add(mutual, "dns:known.example.com", "host_a")
    client = {
        "none": "",
        "another authority": certificate_of(mutual, name, issuer=STRANGER),
        "expired": certificate_of(mutual, name, days=-1),
    }[fault]

    assert who(mutual.client(mutual.key, client)) == "UNAVAILABLE"
    context = ssl.create_default_context(cafile=str(mutual.folder / "ca.crt"))
    if client:
        context.load_cert_chain(mutual.folder / f"{client}.crt", mutual.folder / f"{client}.key")
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{mutual.http_url}/.well-known/jwks.json", verify=context, timeout=60)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "host.example.com",
        "dns:",
        "dns:HOST.example.com",
        "ip:127.0.0.1",
        "uri:a b",
        "dns:" + "x" * 500,
        "dns:h\u00f6st",
    ],
)
def test_what_no_certificate_can_be_called_is_refused(mutual: Doors, name: str) -> None:
    """A name without its kind, of another kind, in capitals, too long or not in ASCII is refused, as is removing it."""
    client = certificate_of(mutual, x509.DNSName("any.example.com"))
    with mutual.client(mutual.key, client) as operator:
        for call in (
            partial(operator.access.add_certificate_name, name, "host_a"),
            partial(operator.access.remove_certificate_name, name),
        ):
            with pytest.raises(LedgerError) as caught:
                call()
            assert (caught.value.code, caught.value.reason) == (
                "INVALID_ARGUMENT",
                "FIELD_MALFORMED",
            )


def test_names_of_nobody_are_told_as_not_found(mutual: Doors) -> None:
    """A name cannot stand for a principal that is not there, and cannot be removed where it is not."""
    client = certificate_of(mutual, x509.DNSName("some.example.com"))
    with mutual.client(mutual.key, client) as operator:
        for call in (
            partial(operator.access.add_certificate_name, "dns:some.example.com", "nobody"),
            partial(operator.access.remove_certificate_name, "dns:some.example.com"),
        ):
            with pytest.raises(LedgerError) as caught:
                call()
            assert caught.value.code == "NOT_FOUND"


def test_certificates_count_only_where_they_are_asked_for(doors: Doors) -> None:
    """A ledger that asks for no certificates takes none for a caller, whatever stands in its store."""
    client = certificate_of(doors, x509.DNSName("host.example.com"))
    local_add(doors, "dns:host.example.com", "host_a")

    assert who(doors.client("", client)) == "UNAUTHENTICATED"


def test_requests_are_not_in_the_log(doors: Doors, mutual: Doors) -> None:
    """No key, no private key and no token is in what the servers wrote."""
    for each in (doors, mutual):
        assert each.key not in each.ledger.log
        assert "PRIVATE KEY" not in each.ledger.log
