"""Kind 8: a revocation, the end of an object of the registry. It takes effect when it is logged, or later."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from counterfoil.entry import (
    KIND_ASSET,
    KIND_CREATOR,
    KIND_LICENSE,
    KIND_PRICE,
    KIND_REVOCATION,
)
from counterfoil.limits import TIME_US_MAX
from counterfoil.record import problem
from counterfoil.record.change import Change
from counterfoil.record.kind import Kind, by_request_id
from counterfoil.record.problem import Problem
from counterfoil.record.text import check_id, check_text
from counterfoil.v1 import registry_pb2

REVOCABLE: Final = (KIND_CREATOR, KIND_ASSET, KIND_LICENSE, KIND_PRICE)


def _check(body: Any, _raw: bytes) -> Iterator[Problem]:
    if body.kind not in REVOCABLE:
        told = "kind must be 5 (creator), 6 (asset), 7 (licence) or 9 (price)"
        yield Problem(0, "kind", problem.MALFORMED, told)
    yield from check_id(body.object_id, "object_id")
    yield from check_id(body.replaces, "replaces", required=False)
    yield from check_text(body.reason, "reason")
    if not 0 <= body.effective_time_us <= TIME_US_MAX:
        told = "effective_time_us is microseconds since 1970, up to the year 9999"
        yield Problem(0, "effective_time_us", problem.ABSURD, told)


def _terms(body: Any) -> Mapping[str, str]:
    return {"object_id": body.object_id}


def _change(body: Any) -> Change:
    return Change(
        kind=body.kind,
        object_id=body.object_id,
        id_field="object_id",
        replaces=body.replaces,
        ends=True,
        effective_time_us=body.effective_time_us,
    )


REVOCATION = Kind(
    number=KIND_REVOCATION,
    name="revocation",
    id_prefix="rv",
    message=registry_pb2.Revocation,
    check=_check,
    terms=_terms,
    identity=by_request_id,
    change=_change,
)
