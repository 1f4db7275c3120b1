"""Whether uses are covered, for whoever asks: the pure rules of ``counterfoil.licensing`` over one snapshot."""

import re
from collections.abc import Sequence
from typing import Any, Final

from counterfoil.errors import InvalidInput
from counterfoil.licensing import Question, evaluate_many
from counterfoil.limits import COVERAGE_QUERIES_MAX, TIME_US_MAX
from counterfoil.log.state import read_state
from counterfoil.record import problem
from counterfoil.record.text import check_id
from counterfoil.v1 import registry_pb2, registry_service_pb2
from counterfoil_server.clock import now_us
from counterfoil_server.ledger import Ledger
from counterfoil_server.registry.finder import Finder

_TERRITORY: Final = re.compile(r"[A-Z]{2}")


def check_coverages(
    ledger: Ledger, queries: Sequence[Any], field: str = "queries[{}]"
) -> list[registry_service_pb2.Coverage]:
    """Judge uses, all as of one size of the log, in their order.

    Args:
        field: what the request calls a query, with a place for its number.

    Raises:
        InvalidInput: there are too many, or one is not acceptable.
    """
    if len(queries) > COVERAGE_QUERIES_MAX:
        told = f"{len(queries)} queries; at most {COVERAGE_QUERIES_MAX} are allowed"
        raise InvalidInput(told, field="queries", reason=problem.TOO_MANY)
    for at, query in enumerate(queries):
        _check(query, field.format(at))
    present_us = now_us()
    uses = [(Question.of(query), query.time_us or present_us) for query in queries]
    with ledger.log.store.snapshot() as snapshot:
        size = read_state(snapshot).size
        finder = Finder(snapshot, [time_us for _, time_us in uses])
        decisions = evaluate_many(uses, finder.find)
    return [decision.to_message(size) for decision in decisions]


def _check(query: Any, field: str) -> None:
    ids = (("asset_id", True), ("buyer", True), ("model_id", False), ("license_id", False))
    for name, required in ids:
        for item in check_id(getattr(query, name), f"{field}.{name}", required=required):
            raise InvalidInput(item.message, field=item.field, reason=item.reason)
    if query.use not in registry_pb2.Use.values() or not query.use:
        told = f"{field}.use must say what is done with the work"
        raise InvalidInput(told, field=f"{field}.use", reason=problem.MISSING)
    if query.territory and not _TERRITORY.fullmatch(query.territory):
        told = f"{field}.territory must be two capital letters (ISO 3166-1 alpha-2), or empty"
        raise InvalidInput(told, field=f"{field}.territory", reason=problem.MALFORMED)
    if not 0 <= query.time_us <= TIME_US_MAX:
        told = f"{field}.time_us is microseconds since 1970, up to the year 9999"
        raise InvalidInput(told, field=f"{field}.time_us", reason=problem.ABSURD)
