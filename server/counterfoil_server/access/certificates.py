"""Client certificates as credentials: a name that a certificate has been given stands for a principal.

A name is a subject alternative name (RFC 5280 section 4.2.1.6) with its kind in front: ``uri:spiffe://example.com/host``,
``dns:host.example.com`` or ``email:ops@example.com``. Whether the certificate is good is TLS's to say; what its names stand
for is ours.
"""

import re
from collections.abc import Sequence
from itertools import islice
from typing import Final

from counterfoil.errors import InvalidInput, NotFound, Unauthenticated
from counterfoil.limits import CALLERS_KNOWN_MAX, CERTIFICATE_NAME_LENGTH_MAX
from counterfoil.record import problem
from counterfoil.store import Snapshot, Transaction
from counterfoil.v1.access_service_pb2 import (
    AddCertificateNameRequest,
    AddCertificateNameResponse,
    AuditEvent,
    CertificateName,
    ListCertificateNamesRequest,
    ListCertificateNamesResponse,
    RemoveCertificateNameRequest,
    RemoveCertificateNameResponse,
)
from counterfoil_server.access.caller import Identity
from counterfoil_server.access.credentials import identify_principal
from counterfoil_server.access.desk import Desk
from counterfoil_server.access.ops import (
    OpsStore,
    put_certificate,
    read_certificate,
    read_principal,
    scan_certificates,
)
from counterfoil_server.pages import page_size

KINDS: Final = ("uri", "dns", "email")
_FORM: Final = re.compile(rf"(?:{'|'.join(KINDS)}):[!-~]+")


class Certificates:
    """The names of one ledger. Whose a certificate is is remembered until anything about principals changes."""

    def __init__(self, ops: OpsStore) -> None:
        """Know the names in a store."""
        self._ops = ops
        self._generation = -1
        self._known: dict[tuple[str, ...], Identity] = {}

    def identify(self, names: Sequence[str]) -> Identity:
        """Whom a verified certificate with these names belongs to.

        Raises:
            Unauthenticated: none of them is known, they stand for several principals, or theirs is locked out.
        """
        generation = self._ops.generation
        if generation != self._generation:
            self._known.clear()
            self._generation = generation
        key = tuple(names)
        known = self._known.get(key)
        if known is None:
            known = self._ops.read(lambda snapshot: _identify(snapshot, key))
            if len(self._known) >= CALLERS_KNOWN_MAX:
                self._known.clear()
            self._known[key] = known
        return known


class CertificateDesk(Desk):
    """Changes of names, each with its audit event in the same transaction."""

    def add_certificate_name(
        self, request: AddCertificateNameRequest
    ) -> AddCertificateNameResponse:
        """Let a name stand for a principal; again changes nothing.

        Raises:
            NotFound: there is no such principal. InvalidInput: the name is not acceptable, or stands for another one.
        """
        wanted = request.certificate_name
        check_name(wanted.name)

        def run(transaction: Transaction) -> tuple[AddCertificateNameResponse, AuditEvent]:
            self._require_principal(transaction, wanted.principal_id)
            owner = read_certificate(transaction, wanted.name)
            if owner not in ("", wanted.principal_id):
                told = f"the name stands for {owner}; remove it there first"
                raise InvalidInput(told, field="certificate_name.name", reason="ID_TAKEN")
            put_certificate(transaction, wanted.name, wanted.principal_id)
            event = self._event("certificate.add", wanted.principal_id, wanted.name)
            return AddCertificateNameResponse(certificate_name=wanted), event

        return self._ops.change(run)

    def remove_certificate_name(
        self, request: RemoveCertificateNameRequest
    ) -> RemoveCertificateNameResponse:
        """Let a name stand for nobody, at once.

        Raises:
            NotFound: it does already. InvalidInput: it is no name.
        """
        name = request.name
        check_name(name)

        def run(transaction: Transaction) -> tuple[RemoveCertificateNameResponse, AuditEvent]:
            owner = read_certificate(transaction, name)
            if not owner:
                raise NotFound("no principal has a certificate of that name")
            put_certificate(transaction, name, "")
            removed = CertificateName(name=name, principal_id=owner)
            event = self._event("certificate.remove", owner, name)
            return RemoveCertificateNameResponse(certificate_name=removed), event

        return self._ops.change(run)

    def list_certificate_names(
        self, request: ListCertificateNamesRequest
    ) -> ListCertificateNamesResponse:
        """A page of names."""
        size, owner = page_size(request.page_size), request.principal_id

        def run(snapshot: Snapshot) -> list[CertificateName]:
            names = (
                CertificateName(name=name, principal_id=principal_id)
                for name, principal_id in scan_certificates(snapshot, request.after_name)
                if owner in ("", principal_id)
            )
            return list(islice(names, size + 1))

        found = self._ops.read(run)
        return ListCertificateNamesResponse(
            certificate_names=found[:size], has_more=len(found) > size
        )


def check_name(name: str) -> None:
    """Refuse what no certificate can be called.

    Raises:
        InvalidInput: it has another form or is too long.
    """
    # Names of hosts are the same in capitals; they are kept, and read from certificates, in small letters.
    one_spelling = not name.startswith("dns:") or name == name.lower()
    if len(name) > CERTIFICATE_NAME_LENGTH_MAX or not _FORM.fullmatch(name) or not one_spelling:
        told = "a certificate's name is uri:…, dns:… in small letters, or email:…, in printable ASCII, such as uri:spiffe://example.com/host"
        raise InvalidInput(told, field="name", reason=problem.MALFORMED)


def _identify(snapshot: Snapshot, names: Sequence[str]) -> Identity:
    found = {
        read_certificate(snapshot, name)
        for name in names
        if len(name) <= CERTIFICATE_NAME_LENGTH_MAX
    } - {""}
    if not found:
        raise Unauthenticated("none of the certificate's names stands for a principal here")
    if len(found) > 1:
        raise Unauthenticated("the certificate's names stand for several principals")
    return identify_principal(read_principal(snapshot, found.pop()))
