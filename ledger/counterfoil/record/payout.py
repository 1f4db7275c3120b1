"""Kind 4: a payout: money owed or sent to a creator for a period."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from counterfoil.entry import KIND_PAYOUT
from counterfoil.record import problem
from counterfoil.record.kind import Kind, by_request_id
from counterfoil.record.money import check_amount, check_currency
from counterfoil.record.problem import Problem
from counterfoil.record.text import check_id, check_metadata, check_text
from counterfoil.v1 import record_pb2

_MONTH = r"(0[1-9]|1[0-2])"
_PERIOD = re.compile(rf"[0-9]{{4}}(-{_MONTH}(-(0[1-9]|[12][0-9]|3[01]))?)?")


def _check(body: Any, _raw: bytes) -> Iterator[Problem]:
    yield from check_id(body.creator_id, "creator_id")
    yield from check_id(body.tx_ref, "tx_ref", required=False)
    yield from check_text(body.method, "method", length_max=64)
    yield from check_metadata(body.metadata, "metadata")
    yield from check_amount(body.amount, "amount")
    yield from check_currency(body.currency, "currency")
    if not _PERIOD.fullmatch(body.period):
        told = 'period must be "YYYY", "YYYY-MM" or "YYYY-MM-DD"'
        yield Problem(0, "period", problem.MALFORMED, told)
    if body.status not in record_pb2.PayoutStatus.values() or not body.status:
        yield Problem(0, "status", problem.MISSING, "status must say where the payout stands")


def _terms(body: Any) -> Mapping[str, str]:
    return {"creator_id": body.creator_id, "period": body.period}


PAYOUT = Kind(
    number=KIND_PAYOUT,
    name="payout",
    id_prefix="pay",
    message=record_pb2.Payout,
    check=_check,
    terms=_terms,
    identity=by_request_id,
)
