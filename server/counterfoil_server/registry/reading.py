"""Getting and listing objects, and their history. Each answer is read from one snapshot."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from counterfoil.errors import PermissionDenied
from counterfoil.limits import PAGE_SIZE_BYTES_MAX
from counterfoil.log.registry import (
    ObjectState,
    list_contested,
    list_objects,
    read_history,
    read_newest,
)
from counterfoil.log.state import read_state
from counterfoil.record import LICENSE, PRICE
from counterfoil.v1.access_service_pb2 import ROLE_CREATOR, ROLE_HOST
from counterfoil_server.access.caller import NOT_YOURS, Caller
from counterfoil_server.ledger import Ledger, require_id
from counterfoil_server.pages import fitting, page_size
from counterfoil_server.registry.answers import to_object_version, to_state
from counterfoil_server.registry.objects import ASSETS, LICENSES, Objects, objects_of
from counterfoil_server.registry.sight import LOOKED_AT_MAX, Sight

Numbered = Callable[[Sight, int], Iterator[tuple[int, str]]]
"""The objects to look at, from one number on: number and id."""


# What a bound caller can ask for in a list is its own. (In other lists it is shown what it may see of what it asks for.)
_OWN_FILTERS: Final = {
    (ROLE_CREATOR, LICENSE.number): "creator_id",
    (ROLE_CREATOR, PRICE.number): "creator_id",
    (ROLE_HOST, LICENSE.number): "buyer",
}


def get(ledger: Ledger, caller: Caller, objects: Objects, request: Any) -> Any:
    """An object as it is now.

    Raises:
        InvalidInput: that is no id. NotFound: there is no such object.
        PermissionDenied: there is none, or none that the caller may see.
    """
    object_id = getattr(request, objects.id_field)
    require_id(object_id, objects.id_field)
    response: Any = objects.message("Get{}Response")()
    with ledger.log.store.snapshot() as snapshot:
        sight = Sight(snapshot, caller)
        state = sight.find(objects.kind, object_id)
        getattr(response, objects.field).CopyFrom(to_state(sight, objects, state))
    return response


def list_page(ledger: Ledger, caller: Caller, objects: Objects, request: Any) -> Any:
    """A page of the objects that all filters fit and the caller may see, in the order of registration.

    Raises:
        PermissionDenied: the caller is bound to its own, and asks for somebody else's.
    """
    wanted = {name: value for name in objects.filters if (value := str(getattr(request, name)))}
    _require_own_filter(caller, objects, wanted)
    if caller.creator is not None and objects is LICENSES:
        wanted["creator_id"] = caller.creator
    narrowest = next(iter(wanted.items()), ())

    def numbered(sight: Sight, first: int) -> Iterator[tuple[int, str]]:
        if caller.submitter is not None and objects is LICENSES and not wanted:
            return sight.list_licenses(first)
        return list_objects(sight.snapshot, objects.kind, narrowest, first)

    def fits(state: ObjectState) -> bool:
        return wanted.items() <= dict(state.version.change.fixed).items()

    return _fill_page(ledger, caller, objects, "List{}sResponse", request, wanted, numbered, fits)


def _require_own_filter(caller: Caller, objects: Objects, wanted: dict[str, str]) -> None:
    if caller.tenant is None:
        return
    name = _OWN_FILTERS.get((caller.identity.role, objects.kind.number))
    if name is not None and wanted.get(name, caller.tenant) != caller.tenant:
        raise PermissionDenied(NOT_YOURS)


def list_contested_page(ledger: Ledger, caller: Caller, request: Any) -> Any:
    """A page of the assets, of one creator or of all, that have content in common with another creator's.

    Raises:
        PermissionDenied: a creator asks for another creator's.
    """
    owner = str(request.creator_id)
    if caller.creator is not None:
        if owner not in ("", caller.creator):
            raise PermissionDenied(NOT_YOURS)
        owner = caller.creator

    def numbered(sight: Sight, first: int) -> Iterator[tuple[int, str]]:
        return list_contested(sight.snapshot, owner, first)

    form, filters = "ListContested{}sResponse", {"creator_id": owner}
    return _fill_page(ledger, caller, ASSETS, form, request, filters, numbered, lambda _state: True)


def list_versions(ledger: Ledger, caller: Caller, request: Any, response: Any) -> Any:
    """A page of an object's versions, oldest first.

    Raises:
        InvalidInput: that is no kind of object, or no id. NotFound: there is no such object.
        PermissionDenied: there is none, or none whose past the caller may see.
    """
    objects = objects_of(request.kind)
    require_id(request.object_id, "object_id")
    bound = ("ListVersions", request.kind, request.object_id, _bounds(caller))
    first = ledger.pages.open(request.page_token, bound) if request.page_token else 1
    size = page_size(request.page_size)
    with ledger.log.store.snapshot() as snapshot:
        Sight(snapshot, caller).find(objects.kind, request.object_id, history=True)
        versions, more = read_history(snapshot, objects.kind, request.object_id, first, size)
        response.tree_size = read_state(snapshot).size
    shown = versions[: fitting([version.entry for version in versions])]
    response.versions.extend(map(to_object_version, shown))
    response.has_more = more or len(shown) < len(versions)
    if response.has_more:
        response.next_page_token = ledger.pages.seal(shown[-1].number + 1, bound)
    return response


def _bounds(caller: Caller) -> tuple[str | None, ...]:
    """What makes the page tokens of one tenant useless to all others."""
    return (caller.creator, caller.submitter)


def _fill_page(
    ledger: Ledger,
    caller: Caller,
    objects: Objects,
    form: str,
    request: Any,
    filters: dict[str, str],
    numbered: Numbered,
    fits: Callable[[ObjectState], bool],
) -> Any:
    bound = (type(request).__name__, sorted(filters.items()), _bounds(caller))
    start = ledger.pages.open(request.page_token, bound) if request.page_token else 0
    size = page_size(request.page_size)
    response: Any = objects.message(form)()
    items = getattr(response, objects.plural)
    filled = 0
    with ledger.log.store.snapshot() as snapshot:
        response.tree_size = read_state(snapshot).size
        sight = Sight(snapshot, caller)
        for looked, (number, object_id) in enumerate(numbered(sight, start)):
            if len(items) == size or looked == LOOKED_AT_MAX or filled > PAGE_SIZE_BYTES_MAX:
                response.has_more = True
                response.next_page_token = ledger.pages.seal(number, bound)
                break
            state = read_newest(snapshot, objects.kind, object_id)
            body = objects.kind.message.FromString(state.version.entry.body)
            if fits(state) and sight.sees(objects.kind, body):
                items.append(to_state(sight, objects, state))
                filled += len(state.version.entry.record)
    return response
