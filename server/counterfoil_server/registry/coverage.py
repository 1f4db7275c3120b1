"""Whether uses are covered, for whoever asks: the pure rules of ``counterfoil.licensing`` over one snapshot."""

import re
from collections.abc import Sequence
from typing import Any, Final

from counterfoil.errors import InvalidInput, PermissionDenied
from counterfoil.licensing import Question, evaluate_many
from counterfoil.limits import COVERAGE_QUERIES_MAX, TIME_US_MAX
from counterfoil.log.state import read_state
from counterfoil.record import ASSET, problem
from counterfoil.record.text import check_id
from counterfoil.v1 import registry_pb2, registry_service_pb2
from counterfoil_server.access.caller import Caller
from counterfoil_server.clock import now_us
from counterfoil_server.ledger import Ledger
from counterfoil_server.registry.finder import Finder
from counterfoil_server.registry.ownership import require_own
from counterfoil_server.registry.sight import Sight

_TERRITORY: Final = re.compile(r"[A-Z]{2}")


def check_coverages(
    ledger: Ledger, caller: Caller, queries: Sequence[Any], field: str = "queries[{}]"
) -> list[registry_service_pb2.Coverage]:
    """Judge uses, all as of one size of the log, in their order.

    Args:
        field: what the request calls a query, with a place for its number.

    Raises:
        InvalidInput: there are too many, or one is not acceptable.
        PermissionDenied: a host asks for another buyer, or a creator about an asset that is not there or not its own.
    """
    if len(queries) > COVERAGE_QUERIES_MAX:
        told = f"{len(queries)} queries; at most {COVERAGE_QUERIES_MAX} are allowed"
        raise InvalidInput(told, field="queries", reason=problem.TOO_MANY)
    for at, query in enumerate(queries):
        where = field.format(at)
        if caller.submitter is not None and query.buyer != caller.submitter:
            told = f"{where}.buyer must be yours: {caller.submitter}"
            raise PermissionDenied(told, field=f"{where}.buyer")
        _check(query, where)
    present_us = now_us()
    uses = [(Question.of(query), query.time_us or present_us) for query in queries]
    with ledger.log.store.snapshot() as snapshot:
        size = read_state(snapshot).size
        for asset_id in dict.fromkeys(query.asset_id for query in queries):
            if caller.creator is not None:
                require_own(snapshot, caller, ASSET, asset_id)
        times_us = [time_us for _, time_us in uses]
        finder = Finder(snapshot, times_us, Sight(snapshot, caller).sees)
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
