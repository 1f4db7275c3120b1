"""Who sees what of the registry. What a caller does not see is not there for it: one answer for both.

Operators, platforms and auditors see everything. Of the others each sees

    creators    itself; of all others id and display name
    assets      a creator its own, a host those that it holds or held a licence for; both also those that are listed
    licences    a creator those for its own works, a host those for itself or for anybody
    prices      a creator its own and those that the platform offers to all, a host those that its licences name

and older versions of the same, but of assets that are merely listed: they may not always have been. A licence that has
ended leaves its asset in sight, because the buyer goes on being asked about what it did under it.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from heapq import merge
from itertools import islice
from typing import Any, Final

from counterfoil.errors import NotFound, PermissionDenied
from counterfoil.limits import TIME_US_MAX
from counterfoil.log.registry import ObjectState, list_objects, read_newest
from counterfoil.log.registry.history import read_over_time
from counterfoil.record import ASSET, CREATOR, LICENSE, PRICE, Kind
from counterfoil.record.agreed import license_scope
from counterfoil.store import Snapshot
from counterfoil.v1.access_service_pb2 import ROLE_CREATOR, ROLE_HOST, Role
from counterfoil.v1.registry_pb2 import VISIBILITY_LISTED
from counterfoil_server.access.caller import NOT_YOURS, Caller

LOOKED_AT_MAX: Final = 2_000
"""How many objects are looked at for one answer: some hundred milliseconds."""


class Sight:
    """What one caller sees of one snapshot; good for as long as that is open."""

    def __init__(self, snapshot: Snapshot, caller: Caller) -> None:
        """Look at a snapshot with a caller's eyes."""
        self.snapshot = snapshot
        self.caller = caller
        self.tenant = caller.tenant or ""

    @property
    def sees_all(self) -> bool:
        """Whether the caller is bound to nothing."""
        return self.caller.tenant is None

    def owns(self, kind: Kind, body: Any) -> bool:
        """Whether an object is the caller's own, or the caller sees all as if it were."""
        return self.sees_all or (self.caller.creator is not None and _is_own(self, kind, body))

    def sees(self, kind: Kind, body: Any) -> bool:
        """Whether the caller sees an object whose newest version says this."""
        return self.sees_all or _SEEN[self.caller.identity.role][kind.number](self, kind, body)

    def sees_history(self, kind: Kind, body: Any) -> bool:
        """Whether the caller sees what it said before, too."""
        return self.sees_all or _REMEMBERED[self.caller.identity.role][kind.number](
            self, kind, body
        )

    def find(self, kind: Kind, object_id: str, *, history: bool = False) -> ObjectState:
        """An object's newest version, and its end if there is one.

        Args:
            history: whether the caller asks for what it said before, too.

        Raises:
            NotFound: there is no such object, and the caller sees all.
            PermissionDenied: there is none, or none that the caller may see.
        """
        try:
            state = read_newest(self.snapshot, kind, object_id)
        except NotFound:
            if self.sees_all:
                raise
            raise PermissionDenied(NOT_YOURS) from None
        body = kind.message.FromString(state.version.entry.body)
        if not (self.sees_history if history else self.sees)(kind, body):
            raise PermissionDenied(NOT_YOURS)
        return state

    def list_licenses(self, first_number: int = 0) -> Iterator[tuple[int, str]]:
        """Number and id of a host's licences, and those for anybody, in the order of registration."""
        lists = (
            list_objects(self.snapshot, LICENSE, ("buyer", buyer), first_number)
            for buyer in dict.fromkeys((self.tenant, ""))
        )
        return merge(*lists)

    def holds(self, creator_id: str, asset_id: str) -> bool:
        """Whether a host holds a licence for an asset, or held one: for itself or for anybody, or for the whole catalogue."""
        return any(
            next(
                list_objects(self.snapshot, LICENSE, license_scope(creator_id, asset, buyer)), None
            )
            for asset in (asset_id, "")
            for buyer in (self.tenant, "")
        )

    @cached_property
    def named_prices(self) -> frozenset[str]:
        """The prices that a host's licences name, or named before; of the first 2,000 licences."""
        named: set[str] = set()
        for _, license_id in islice(self.list_licenses(), LOOKED_AT_MAX):
            history = read_over_time(self.snapshot, LICENSE, license_id, 0, TIME_US_MAX)
            if history is not None:
                named |= {version.body.price_id for version in history.versions}
        return frozenset(named - {""})


_Rule = Callable[[Sight, Kind, Any], bool]


def _anybody(_sight: Sight, _kind: Kind, _body: Any) -> bool:
    return True


def _nobody(_sight: Sight, _kind: Kind, _body: Any) -> bool:
    return False


def _is_own(sight: Sight, _kind: Kind, body: Any) -> bool:
    return bool(body.creator_id == sight.tenant)


def _is_own_or_listed(sight: Sight, kind: Kind, body: Any) -> bool:
    return _is_own(sight, kind, body) or body.visibility == VISIBILITY_LISTED


def _is_own_or_offered(sight: Sight, kind: Kind, body: Any) -> bool:
    return _is_own(sight, kind, body) or not body.creator_id


def _is_held(sight: Sight, _kind: Kind, body: Any) -> bool:
    return sight.holds(body.creator_id, body.asset_id)


def _is_held_or_listed(sight: Sight, kind: Kind, body: Any) -> bool:
    return body.visibility == VISIBILITY_LISTED or _is_held(sight, kind, body)


def _is_for_buyer(sight: Sight, _kind: Kind, body: Any) -> bool:
    return body.buyer in (sight.tenant, "")


def _is_named(sight: Sight, _kind: Kind, body: Any) -> bool:
    return body.price_id in sight.named_prices


_Rules = Mapping[Role, Mapping[int, _Rule]]
_SEEN: Final[_Rules] = {
    ROLE_CREATOR: {
        CREATOR.number: _anybody,
        ASSET.number: _is_own_or_listed,
        LICENSE.number: _is_own,
        PRICE.number: _is_own_or_offered,
    },
    ROLE_HOST: {
        CREATOR.number: _anybody,
        ASSET.number: _is_held_or_listed,
        LICENSE.number: _is_for_buyer,
        PRICE.number: _is_named,
    },
}
_REMEMBERED: Final[_Rules] = {
    ROLE_CREATOR: {
        **_SEEN[ROLE_CREATOR],
        CREATOR.number: _is_own,
        ASSET.number: _is_own,
    },
    ROLE_HOST: {
        **_SEEN[ROLE_HOST],
        CREATOR.number: _nobody,
        ASSET.number: _is_held,
    },
}
