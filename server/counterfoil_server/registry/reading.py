"""Getting and listing objects, and their history. Each answer is read from one snapshot."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from counterfoil.limits import PAGE_SIZE_BYTES_MAX
from counterfoil.log.registry import (
    ObjectState,
    list_contested,
    list_objects,
    read_history,
    read_newest,
)
from counterfoil.log.state import read_state
from counterfoil.store import Snapshot
from counterfoil_server.ledger import Ledger, require_id
from counterfoil_server.pages import fitting, page_size
from counterfoil_server.registry.answers import to_object_version, to_state
from counterfoil_server.registry.objects import ASSETS, Objects, objects_of

# How many objects of the narrowest list are looked at for a page, when others filter too: some hundred milliseconds.
_LOOKED_AT_MAX: Final = 2_000

Numbered = Callable[[Snapshot, int], Iterator[tuple[int, str]]]
"""The objects to look at, from one number on: number and id."""


def get(ledger: Ledger, objects: Objects, request: Any) -> Any:
    """An object as it is now.

    Raises:
        InvalidInput: that is no id. NotFound: there is no such object.
    """
    object_id = getattr(request, objects.id_field)
    require_id(object_id, objects.id_field)
    response: Any = objects.message("Get{}Response")()
    with ledger.log.store.snapshot() as snapshot:
        state = read_newest(snapshot, objects.kind, object_id)
        getattr(response, objects.field).CopyFrom(to_state(snapshot, objects, state))
    return response


def list_page(ledger: Ledger, objects: Objects, request: Any) -> Any:
    """A page of the objects that all filters fit, in the order of registration."""
    wanted = {name: value for name in objects.filters if (value := str(getattr(request, name)))}
    narrowest = next(iter(wanted.items()), ())

    def numbered(snapshot: Snapshot, first: int) -> Iterator[tuple[int, str]]:
        return list_objects(snapshot, objects.kind, narrowest, first)

    def fits(state: ObjectState) -> bool:
        return wanted.items() <= dict(state.version.change.fixed).items()

    return _fill_page(ledger, objects, "List{}sResponse", request, wanted, numbered, fits)


def list_contested_page(ledger: Ledger, request: Any) -> Any:
    """A page of the assets, of one creator or of all, that have content in common with another creator's."""
    owner = str(request.creator_id)

    def numbered(snapshot: Snapshot, first: int) -> Iterator[tuple[int, str]]:
        return list_contested(snapshot, owner, first)

    form = "ListContested{}sResponse"
    return _fill_page(
        ledger, ASSETS, form, request, {"creator_id": owner}, numbered, lambda _state: True
    )


def list_versions(ledger: Ledger, request: Any, response: Any) -> Any:
    """A page of an object's versions, oldest first.

    Raises:
        InvalidInput: that is no kind of object, or no id. NotFound: there is no such object.
    """
    objects = objects_of(request.kind)
    require_id(request.object_id, "object_id")
    bound = ("ListVersions", request.kind, request.object_id)
    first = ledger.pages.open(request.page_token, bound) if request.page_token else 1
    size = page_size(request.page_size)
    with ledger.log.store.snapshot() as snapshot:
        versions, more = read_history(snapshot, objects.kind, request.object_id, first, size)
        response.tree_size = read_state(snapshot).size
    shown = versions[: fitting([version.entry for version in versions])]
    response.versions.extend(map(to_object_version, shown))
    response.has_more = more or len(shown) < len(versions)
    if response.has_more:
        response.next_page_token = ledger.pages.seal(shown[-1].number + 1, bound)
    return response


def _fill_page(
    ledger: Ledger,
    objects: Objects,
    form: str,
    request: Any,
    filters: dict[str, str],
    numbered: Numbered,
    fits: Callable[[ObjectState], bool],
) -> Any:
    bound = (type(request).__name__, sorted(filters.items()))
    start = ledger.pages.open(request.page_token, bound) if request.page_token else 0
    size = page_size(request.page_size)
    response: Any = objects.message(form)()
    items = getattr(response, objects.plural)
    filled = 0
    with ledger.log.store.snapshot() as snapshot:
        response.tree_size = read_state(snapshot).size
        for looked, (number, object_id) in enumerate(numbered(snapshot, start)):
            if len(items) == size or looked == _LOOKED_AT_MAX or filled > PAGE_SIZE_BYTES_MAX:
                response.has_more = True
                response.next_page_token = ledger.pages.seal(number, bound)
                break
            state = read_newest(snapshot, objects.kind, object_id)
            if fits(state):
                items.append(to_state(snapshot, objects, state))
                filled += len(state.version.entry.record)
    return response
