"""Which role may call which method, and how much of what it asks for that role sees.

One row for each method of each service that is served; `counterfoil_server.rpc.assemble` refuses to serve a method
without one, and `tests/access` calls every method in every role over a real socket. A new service adds its rows here.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from counterfoil.v1.access_service_pb2 import (
    ROLE_AUDITOR,
    ROLE_CREATOR,
    ROLE_HOST,
    ROLE_MIRROR,
    ROLE_OPERATOR,
    ROLE_PLATFORM,
    Role,
)


class Scope(Enum):
    """How much of what a method is about belongs to the caller."""

    ALL = "all"
    """Everything."""
    OWN = "own"
    """Of a host: what it submitted. Of a creator: what touches its works. Of the registry: see ``registry/sight.py``."""
    SELF = "self"
    """The caller's own principal and its keys."""


Row = Mapping[Role, Scope]
ROLES: Final = (
    *(ROLE_OPERATOR, ROLE_PLATFORM, ROLE_HOST),
    *(ROLE_CREATOR, ROLE_AUDITOR, ROLE_MIRROR),
)
TENANT_ROLES: Final = frozenset({ROLE_HOST, ROLE_CREATOR})
"""Roles whose principals stand for somebody in the records."""


def _row(*everything: Role, own: tuple[Role, ...] = (), self: tuple[Role, ...] = ()) -> Row:
    """The operator and ``everything`` unbounded, ``own`` and ``self`` within their scopes."""
    scopes = {
        **dict.fromkeys((ROLE_OPERATOR, *everything), Scope.ALL),
        **dict.fromkeys(own, Scope.OWN),
        **dict.fromkeys(self, Scope.SELF),
    }
    return MappingProxyType(scopes)


_READERS: Final = (ROLE_PLATFORM, ROLE_AUDITOR)
_TENANTS: Final = (ROLE_HOST, ROLE_CREATOR)
_OTHERS: Final = ROLES[1:]
# Of the registry: what platforms and creators agree upon, and what all but mirrors look up.
_AGREED: Final = _row(ROLE_PLATFORM, own=(ROLE_CREATOR,))
_SEEN: Final = _row(*_READERS, own=_TENANTS)

TABLE: Final[Mapping[str, Row]] = MappingProxyType(
    {
        # What anybody needs to check a receipt or to watch the log; no record is in it.
        "LogService.GetLogInfo": _row(*_OTHERS),
        "LogService.GetCheckpoint": _row(*_OTHERS),
        "LogService.GetInclusionProof": _row(*_OTHERS),
        "LogService.GetConsistencyProof": _row(*_OTHERS),
        # The log as a whole.
        "LogService.ListEntries": _row(*_READERS, ROLE_MIRROR),
        "LogService.TailEntries": _row(*_READERS, ROLE_MIRROR),
        # One record of it.
        "LogService.GetEntry": _row(*_READERS, ROLE_MIRROR, own=_TENANTS),
        "LogService.GetReceipt": _row(*_READERS, ROLE_MIRROR, own=_TENANTS),
        "TrainingService.RecordTraining": _row(own=(ROLE_HOST,)),
        "TrainingService.GetTraining": _row(*_READERS, own=_TENANTS),
        "TrainingService.ListTrainings": _row(*_READERS, own=_TENANTS),
        "UsageService.AppendUsage": _row(own=(ROLE_HOST,)),
        "UsageService.StreamUsage": _row(own=(ROLE_HOST,)),
        "UsageService.GetUsageEvent": _row(*_READERS, own=_TENANTS),
        "PayoutService.RecordPayout": _row(ROLE_PLATFORM),
        "PayoutService.GetPayout": _row(*_READERS, own=(ROLE_CREATOR,)),
        "PayoutService.ListPayouts": _row(*_READERS, own=(ROLE_CREATOR,)),
        "RegistryService.CreateCreator": _row(ROLE_PLATFORM),
        "RegistryService.UpdateCreator": _AGREED,
        "RegistryService.GetCreator": _SEEN,
        "RegistryService.ListCreators": _SEEN,
        "RegistryService.CreateAsset": _AGREED,
        "RegistryService.UpdateAsset": _AGREED,
        "RegistryService.GetAsset": _SEEN,
        "RegistryService.ListAssets": _SEEN,
        "RegistryService.ListContestedAssets": _row(*_READERS, own=(ROLE_CREATOR,)),
        "RegistryService.CreateLicense": _AGREED,
        "RegistryService.UpdateLicense": _AGREED,
        "RegistryService.GetLicense": _SEEN,
        "RegistryService.ListLicenses": _SEEN,
        "RegistryService.ExportLicense": _SEEN,
        "RegistryService.ListLicenseTemplates": _row(*_OTHERS),
        "RegistryService.CreatePrice": _AGREED,
        "RegistryService.UpdatePrice": _AGREED,
        "RegistryService.GetPrice": _SEEN,
        "RegistryService.ListPrices": _SEEN,
        "RegistryService.Revoke": _AGREED,
        "RegistryService.ListVersions": _SEEN,
        "RegistryService.CheckCoverage": _SEEN,
        "RegistryService.CheckCoverages": _SEEN,
        "AccessService.WhoAmI": _row(self=_OTHERS),
        "AccessService.CreatePrincipal": _row(),
        "AccessService.UpdatePrincipal": _row(),
        "AccessService.GetPrincipal": _row(ROLE_AUDITOR),
        "AccessService.ListPrincipals": _row(ROLE_AUDITOR),
        "AccessService.CreateApiKey": _row(),
        "AccessService.RotateApiKey": _row(self=_OTHERS),
        "AccessService.RevokeApiKey": _row(self=_OTHERS),
        "AccessService.ListApiKeys": _row(
            ROLE_AUDITOR, self=(ROLE_PLATFORM, *_TENANTS, ROLE_MIRROR)
        ),
        "AccessService.ListAuditEvents": _row(ROLE_AUDITOR),
        "AccessService.IssueToken": _row(self=_OTHERS),
        "AccessService.AddCertificateName": _row(),
        "AccessService.RemoveCertificateName": _row(),
        "AccessService.ListCertificateNames": _row(ROLE_AUDITOR),
    }
)


def find_row(method: str) -> Row:
    """The row of a method such as ``LogService.GetEntry``.

    Raises:
        LookupError: it has none; it must not be served.
    """
    if method not in TABLE:
        raise LookupError(
            f"{method} has no row in the permission table, so that nobody may call it"
        )
    return TABLE[method]
