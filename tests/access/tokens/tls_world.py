"""A ledger behind TLS, and everybody's certificates."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from counterfoil.v1 import access_service_pb2
from counterfoil_client import LedgerClient, LedgerError, Tls
from counterfoil_server.access.certificates import CertificateDesk
from counterfoil_server.access.door import open_ops
from counterfoil_server.directory import SETTINGS_NAME, load

from ...support.ledger_process import LedgerProcess, run_cli
from ..world import add_person, fresh, local_desk
from .authority import Authority

AUTHORITY = Authority()
STRANGER = Authority("stranger.example")


@dataclass
class Doors:
    """A ledger behind TLS with an operator, and the folder with everybody's certificates."""

    ledger: LedgerProcess
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
    ledger = LedgerProcess(folder / "ledger")
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


def who(client: LedgerClient) -> str:
    """Who the ledger says the client is, or the code of the refusal."""
    with client:
        try:
            return client.access.who_am_i().principal.principal_id
        except LedgerError as error:
            return error.code


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
