"""Kind 7: a licence: what a buyer may do with an asset, or with all works of a creator.

What is checked here is what the record says by itself. Whether creator, asset and price are registered is for the log,
and what follows from the terms is for ``counterfoil.licensing``.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from counterfoil.entry import KIND_LICENSE
from counterfoil.limits import (
    MODEL_PATTERNS_MAX,
    NOTICE_S_MAX,
    TERRITORIES_MAX,
    TIME_US_MAX,
    URI_LENGTH_MAX,
)
from counterfoil.record import problem
from counterfoil.record.agreed import license_change
from counterfoil.record.kind import Kind, by_request_id
from counterfoil.record.problem import Problem
from counterfoil.record.text import check_id, check_metadata
from counterfoil.v1 import registry_pb2

_SHA256_SIZE = 32
# ISO 3166-1 alpha-2: the form, not the list, because countries come and go.
_TERRITORY = re.compile(r"[A-Z]{2}")
_TEMPLATE = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?@[1-9][0-9]{0,5}")
# RFC 3986, with a host name and without a user: an address that people can be sent to.
_URI = re.compile(
    r"https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?"
    r"([/?#][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?"
)


def check_template(value: str, field: str) -> Iterator[Problem]:
    """Problems of the name of a template: not "name@version"; empty is allowed."""
    if value and not _TEMPLATE.fullmatch(value):
        told = f'{field} must be "name@version", such as "training-nonexclusive@1"'
        yield Problem(0, field, problem.MALFORMED, told)


def is_address(value: str) -> bool:
    """Whether a text is an address on the web that people can be sent to: over https, with a host, without a user."""
    return len(value) <= URI_LENGTH_MAX and _URI.fullmatch(value) is not None


def _check(body: Any, _raw: bytes) -> Iterator[Problem]:
    yield from check_id(body.license_id, "license_id")
    yield from check_id(body.creator_id, "creator_id")
    for field in ("replaces", "asset_id", "buyer", "price_id"):
        yield from check_id(getattr(body, field), field, required=False)
    yield from _check_terms(body.terms)
    yield from check_template(body.template, "template")
    yield from _check_agreement(body.terms_uri, body.terms_sha256)
    yield from check_metadata(body.metadata, "metadata")


def _check_agreement(uri: str, sha256: bytes) -> Iterator[Problem]:
    if len(uri) > URI_LENGTH_MAX:
        told = f"terms_uri has {len(uri)} characters; at most {URI_LENGTH_MAX} are allowed"
        yield Problem(0, "terms_uri", problem.TOO_LONG, told)
    elif uri and not is_address(uri):
        told = "terms_uri must be an address that begins with https:// and has a host"
        yield Problem(0, "terms_uri", problem.MALFORMED, told)
    if sha256 and len(sha256) != _SHA256_SIZE:
        told = f"terms_sha256 has {len(sha256)} bytes; a fingerprint has {_SHA256_SIZE}"
        yield Problem(0, "terms_sha256", problem.MALFORMED, told)


def _check_terms(terms: Any) -> Iterator[Problem]:
    yield from _check_uses(terms.allowed_uses)
    yield from _check_list(terms.territories, "terms.territories", TERRITORIES_MAX)
    if not all(map(_TERRITORY.fullmatch, terms.territories)):
        told = "a territory must be two capital letters (ISO 3166-1 alpha-2)"
        yield Problem(0, "terms.territories", problem.MALFORMED, told)
    yield from _check_times(terms.start_time_us, terms.end_time_us)
    for field in ("models_allowed", "models_excluded"):
        yield from _check_models(getattr(terms, field), f"terms.{field}")
    yield from _check_revocation(terms.revocation)


def _check_uses(uses: Sequence[int]) -> Iterator[Problem]:
    field = "terms.allowed_uses"
    if not uses:
        told = "a licence allows at least one use; what it does not name is not allowed"
        yield Problem(0, field, problem.MISSING, told)
    elif not set(uses) <= set(registry_pb2.Use.values()) - {registry_pb2.USE_UNSPECIFIED}:
        yield Problem(0, field, problem.MALFORMED, "a use is not one of those known")
    elif len(set(uses)) != len(uses):
        yield Problem(0, field, problem.MALFORMED, "a use is listed twice")


def _check_list(values: Collection[str], field: str, count_max: int) -> Iterator[Problem]:
    if len(values) > count_max:
        told = f"{field} has {len(values)} entries; at most {count_max} are allowed"
        yield Problem(0, field, problem.TOO_MANY, told)
    elif len(set(values)) != len(values):
        yield Problem(0, field, problem.MALFORMED, f"an entry of {field} is listed twice")


def _check_times(start_us: int, end_us: int) -> Iterator[Problem]:
    for field, time_us in (("start_time_us", start_us), ("end_time_us", end_us)):
        if not 0 <= time_us <= TIME_US_MAX:
            told = f"terms.{field} is microseconds since 1970, up to the year 9999"
            yield Problem(0, f"terms.{field}", problem.ABSURD, told)
    if end_us and start_us >= end_us:
        told = f"terms.end_time_us {end_us} is not after terms.start_time_us {start_us}"
        yield Problem(0, "terms.end_time_us", problem.MALFORMED, told)


def _check_models(patterns: Collection[str], field: str) -> Iterator[Problem]:
    yield from _check_list(patterns, field, MODEL_PATTERNS_MAX)
    for at, pattern in enumerate(patterns):
        if pattern == "*":
            told = f"{field}[{at}] is every model: leave the list empty"
            yield Problem(0, f"{field}[{at}]", problem.MALFORMED, told)
        else:
            yield from check_id(pattern.removesuffix("*"), f"{field}[{at}]")


def _check_revocation(policy: Any) -> Iterator[Problem]:
    field = "terms.revocation.notice_s"
    if policy.notice_s < 0:
        yield Problem(0, field, problem.NEGATIVE, f"{field} must not be negative")
    elif policy.notice_s > NOTICE_S_MAX:
        told = f"{field} is {policy.notice_s}; at most {NOTICE_S_MAX} are allowed"
        yield Problem(0, field, problem.ABSURD, told)
    elif policy.irrevocable and policy.notice_s:
        told = f"{field} is for licences that can be revoked, and this one is irrevocable"
        yield Problem(0, field, problem.MALFORMED, told)


def _terms(body: Any) -> Mapping[str, str]:
    return {name: getattr(body, name) for name in ("license_id", "creator_id", "asset_id", "buyer")}


LICENSE = Kind(
    number=KIND_LICENSE,
    name="license",
    id_prefix="li",
    message=registry_pb2.License,
    check=_check,
    terms=_terms,
    identity=by_request_id,
    change=license_change,
)
