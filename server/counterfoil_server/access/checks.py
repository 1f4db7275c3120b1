"""What principals and keys must hold; pure."""

from collections.abc import Iterable

from counterfoil.errors import InvalidInput
from counterfoil.limits import KEY_NETWORKS_MAX, QUOTA_MAX, TIME_US_MAX
from counterfoil.record import problem
from counterfoil.record.problem import Problem
from counterfoil.record.text import check_id, check_text
from counterfoil.v1.access_service_pb2 import ApiKey, Principal, Quotas, UpdatePrincipalRequest
from counterfoil_server.access.caller import parse_network
from counterfoil_server.access.table import ROLES, TENANT_ROLES


def check_principal(principal: Principal) -> None:
    """Check a new principal.

    Raises:
        InvalidInput: a field is not acceptable.
    """
    _refuse(check_id(principal.principal_id, "principal.principal_id"))
    if principal.role not in ROLES:
        told = (
            "a principal has one of the roles operator, platform, host, creator, auditor and mirror"
        )
        raise InvalidInput(told, field="principal.role", reason=problem.MISSING)
    # Who stands for somebody in the records must say for whom: an empty tenant would be nobody's.
    required = principal.role in TENANT_ROLES
    _refuse(check_id(principal.tenant, "principal.tenant", required=required))
    if principal.tenant and not required:
        told = (
            "only hosts and creators have a tenant: the other roles are bound to nobody's records"
        )
        raise InvalidInput(told, field="principal.tenant", reason=problem.MALFORMED)
    _refuse(check_text(principal.display_name, "principal.display_name"))
    _check_quotas(principal.quotas, "principal.quotas")


def check_update(request: UpdatePrincipalRequest) -> None:
    """Check a change of a principal.

    Raises:
        InvalidInput: a field is not acceptable.
    """
    _refuse(check_id(request.principal_id, "principal_id"))
    _refuse(check_text(request.display_name, "display_name"))
    _check_quotas(request.quotas, "quotas")


def check_key(key: ApiKey) -> None:
    """Check a new key.

    Raises:
        InvalidInput: a field is not acceptable.
    """
    _refuse(check_id(key.principal_id, "principal_id"))
    _refuse(check_text(key.note, "note"))
    if key.expires_time_us and not key.created_time_us < key.expires_time_us < TIME_US_MAX:
        told = "a key ends after its beginning and before the year 10000"
        raise InvalidInput(told, field="expires_time_us", reason=problem.OUTSIDE_WINDOW)
    if len(key.ip_ranges) > KEY_NETWORKS_MAX:
        told = f"a key has at most {KEY_NETWORKS_MAX} ranges of addresses"
        raise InvalidInput(told, field="ip_ranges", reason=problem.TOO_MANY)
    for text in key.ip_ranges:
        try:
            parse_network(text)
        except ValueError as error:
            told = f"{text[:64]!r} is no range of addresses such as 192.0.2.0/24"
            raise InvalidInput(told, field="ip_ranges", reason=problem.MALFORMED) from error


def _check_quotas(quotas: Quotas, field: str) -> None:
    for name, value in (
        ("requests_per_s", quotas.requests_per_s),
        ("records_per_s", quotas.records_per_s),
        ("tokens_per_day", quotas.tokens_per_day),
    ):
        if value < 0:
            told = "a quota is not negative; zero means no bound"
            raise InvalidInput(told, field=f"{field}.{name}", reason=problem.NEGATIVE)
        if value > QUOTA_MAX:
            told = f"a quota is at most {QUOTA_MAX}; zero means no bound"
            raise InvalidInput(told, field=f"{field}.{name}", reason=problem.ABSURD)


def _refuse(problems: Iterable[Problem]) -> None:
    for item in problems:
        raise InvalidInput(item.message, field=item.field, reason=item.reason)
