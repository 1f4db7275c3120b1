"""An operational store for fuzzing, and real requests about it."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from google.protobuf.message import Message

from counterfoil.v1.access_service_pb2 import (
    ROLE_HOST,
    AddCertificateNameRequest,
    CertificateName,
    CreateApiKeyRequest,
    CreatePrincipalRequest,
    GetPrincipalRequest,
    IssueTokenRequest,
    ListApiKeysRequest,
    ListAuditEventsRequest,
    ListCertificateNamesRequest,
    ListPrincipalsRequest,
    Principal,
    Quotas,
    RemoveCertificateNameRequest,
    RevokeApiKeyRequest,
    RotateApiKeyRequest,
    UpdatePrincipalRequest,
    WhoAmIRequest,
)
from counterfoil_server.access.certificates import CertificateDesk
from counterfoil_server.access.desk import Desk
from counterfoil_server.access.ops import OpsStore

from .ledger import ORIGIN

NAME = "fuzz"
_QUOTAS = Quotas(requests_per_s=1, records_per_s=300, tokens_per_day=1 << 40)


@cache
def fuzz_ops() -> OpsStore:
    """A store with one principal; its folder goes away with the process."""
    folder = TemporaryDirectory(prefix="ops-")
    atexit.register(folder.cleanup)
    ops = OpsStore(Path(folder.name) / "ops", ORIGIN, create=True)
    principal = Principal(principal_id=NAME, role=ROLE_HOST, tenant="host", quotas=_QUOTAS)
    Desk(ops, "sandbox").create_principal(CreatePrincipalRequest(principal=principal))
    return ops


def _fresh_key() -> str:
    made = Desk(fuzz_ops(), "sandbox").create_api_key(CreateApiKeyRequest(principal_id=NAME))
    return made.key.key_id


def _added_name() -> CertificateName:
    name = CertificateName(name="dns:host.fuzz.example", principal_id=NAME)
    desk = CertificateDesk(fuzz_ops(), "sandbox")
    added = desk.add_certificate_name(AddCertificateNameRequest(certificate_name=name))
    return added.certificate_name


def access_seeds(method: str) -> Iterator[bytes]:
    """Requests of a method of AccessService: an empty one, and one that has something in every field."""
    yield b""
    yield _full(method).SerializeToString(deterministic=True)


def _full(method: str) -> Message:
    new = Principal(
        principal_id="new", role=ROLE_HOST, tenant="host", display_name="N", quotas=_QUOTAS
    )
    requests: dict[str, Message] = {
        "WhoAmI": WhoAmIRequest(),
        "CreatePrincipal": CreatePrincipalRequest(principal=new),
        "UpdatePrincipal": UpdatePrincipalRequest(
            principal_id=NAME, display_name="F", quotas=_QUOTAS, disabled=True
        ),
        "GetPrincipal": GetPrincipalRequest(principal_id=NAME),
        "ListPrincipals": ListPrincipalsRequest(after_principal_id="a", page_size=3),
        "CreateApiKey": CreateApiKeyRequest(
            principal_id=NAME, expires_time_us=1 << 52, ip_ranges=["192.0.2.0/24"], note="n"
        ),
        "RotateApiKey": RotateApiKeyRequest(key_id=_fresh_key(), overlap_us=1000),
        "RevokeApiKey": RevokeApiKeyRequest(key_id=_fresh_key()),
        "ListApiKeys": ListApiKeysRequest(principal_id=NAME, after_key_id="a", page_size=3),
        "ListAuditEvents": ListAuditEventsRequest(after_sequence=1, page_size=3),
        "IssueToken": IssueTokenRequest(),
        "AddCertificateName": AddCertificateNameRequest(certificate_name=_added_name()),
        "RemoveCertificateName": RemoveCertificateNameRequest(name=_added_name().name),
        "ListCertificateNames": ListCertificateNamesRequest(principal_id=NAME, after_name="d"),
    }
    return requests[method]
