"""Whether uses are covered: the pure rules of ``counterfoil.licensing``, fed from one snapshot of the registry."""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from counterfoil.errors import InvalidInput, PermissionDenied
from counterfoil.licensing import Known, Question, evaluate_many
from counterfoil.limits import COVERAGE_QUERIES_MAX, TIME_US_MAX
from counterfoil.log.registry.history import read_over_time
from counterfoil.log.registry.read import list_objects
from counterfoil.log.state import read_state
from counterfoil.record import ASSET, CREATOR, LICENSE, PRICE, History, Kind, problem
from counterfoil.record.agreed import license_scope
from counterfoil.record.text import check_id
from counterfoil.v1 import registry_pb2, registry_service_pb2
from counterfoil_server.access.caller import Caller
from counterfoil_server.clock import now_us
from counterfoil_server.ledger import Ledger
from counterfoil_server.registry.ownership import require_own
from counterfoil_server.registry.sight import Sight

_TERRITORY: Final = re.compile(r"[A-Z]{2}")


class Finder:
    """What the registry has about uses. Each object is read once, however many uses name it.

    A buyer's uses are judged by that buyer's licences and those for anybody: what others have agreed upon is not told.
    What the caller does not see is not there.
    """

    def __init__(self, sight: Sight, times_us: Collection[int]) -> None:
        """Read what counted at some times, as far as somebody sees it, and no longer than its snapshot is open."""
        self._sight = sight
        self._snapshot = sight.snapshot
        self._first_us, self._last_us = min(times_us, default=0), max(times_us, default=0)
        self._histories: dict[tuple[int, str], History | None] = {}

    def find(self, question: Question) -> Known:
        """What there is about a question."""
        asset = self._see(ASSET, question.asset_id)
        if asset is None:
            return Known()
        creator_id = asset.versions[0].body.creator_id
        ids = [question.license_id] if question.license_id else self._list(question, creator_id)
        licenses = [found for each in ids if (found := self._see(LICENSE, each)) is not None]
        named = {version.body.price_id for found in licenses for version in found.versions}
        prices = {each: found for each in named - {""} if (found := self._read(PRICE, each))}
        return Known(asset, self._read(CREATOR, creator_id), licenses, prices)

    def _list(self, question: Question, creator_id: str) -> Iterator[str]:
        for buyer in dict.fromkeys((question.buyer, "")):
            for asset_id in (question.asset_id, ""):
                texts = license_scope(creator_id, asset_id, buyer)
                for _, license_id in list_objects(self._snapshot, LICENSE, texts):
                    yield license_id

    def _read(self, kind: Kind, object_id: str) -> History | None:
        key = kind.number, object_id
        if key not in self._histories:
            self._histories[key] = read_over_time(
                self._snapshot, kind, object_id, self._first_us, self._last_us
            )
        return self._histories[key]

    def _see(self, kind: Kind, object_id: str) -> History | None:
        found = self._read(kind, object_id)
        if found is None or not self._sight.sees(kind, found.versions[-1].body):
            return None
        return found


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
        finder = Finder(Sight(snapshot, caller), [time_us for _, time_us in uses])
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
