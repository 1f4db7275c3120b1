"""What a creator may write: what is its own, in its own name. Everybody else who may write at all may write everything."""

from typing import Any

from counterfoil.errors import (
    AlreadyExists,
    CounterfoilError,
    FailedPrecondition,
    NotFound,
    OutOfRange,
    PermissionDenied,
    VersionMismatch,
)
from counterfoil.log.read import resolve_id
from counterfoil.log.registry import ObjectState, read_newest
from counterfoil.record import Kind
from counterfoil.store import Snapshot
from counterfoil_server.access.caller import NOT_YOURS, Caller
from counterfoil_server.registry.objects import Objects


def require_own_body(caller: Caller, objects: Objects, body: Any) -> None:
    """Refuse a version that says it is somebody else's.

    Raises:
        PermissionDenied: it does.
    """
    if caller.tenant is not None and body.creator_id != caller.tenant:
        field = f"{objects.field}.creator_id"
        raise PermissionDenied(f"{field} must be yours: {caller.tenant}", field=field)


def require_own(snapshot: Snapshot, caller: Caller, kind: Kind, object_id: str) -> None:
    """Refuse to change or to end an object that is somebody else's, or that is not there.

    Raises:
        PermissionDenied: it is, and the caller is bound to its own.
    """
    if caller.tenant is None:
        return
    try:
        state = read_newest(snapshot, kind, object_id)
    except NotFound:
        raise PermissionDenied(NOT_YOURS) from None
    if state.version.change.owner != caller.tenant:
        raise PermissionDenied(NOT_YOURS)


def require_untold(snapshot: Snapshot, caller: Caller, objects: Objects, body: Any) -> None:
    """Refuse a version in which its owner changes what the platform tells of it.

    It is compared with the version that it replaces: only against that one can it be logged, now or when it was first sent.

    Raises:
        PermissionDenied: it changes a field that is the platform's.
        VersionMismatch: it replaces none of the object's versions.
    """
    if caller.tenant is None or not objects.platform_fields:
        return
    state = read_newest(snapshot, objects.kind, getattr(body, objects.id_field))
    before = _find_replaced(snapshot, objects, state, body.replaces)
    for name in objects.platform_fields:
        if getattr(body, name) != getattr(before, name):
            field = f"{objects.field}.{name}"
            raise PermissionDenied(f"{field} is what the platform tells of you", field=field)


def _find_replaced(snapshot: Snapshot, objects: Objects, state: ObjectState, replaces: str) -> Any:
    newest = state.version.entry.id
    mismatch = VersionMismatch(f"the newest version is {newest}, not {replaces}", etag=newest)
    try:
        entry = resolve_id(snapshot, replaces)
    except (NotFound, OutOfRange):
        raise mismatch from None
    body: Any = entry.kind.message.FromString(entry.body)
    change = None if entry.kind.change is None else entry.kind.change(body)
    if entry.kind is not objects.kind or change is None:
        raise mismatch
    if (change.object_id, entry.id) != (state.version.change.object_id, replaces):
        raise mismatch
    return body


def tell_bound(caller: Caller, kind: Kind, error: CounterfoilError) -> CounterfoilError:
    """A refusal of the registry, as a caller who is bound to its own may hear it: without what it says of others.

    That an id is taken cannot be kept from whoever wants to use it; by which version is.
    """
    if caller.tenant is None:
        return error
    if isinstance(error, FailedPrecondition) and error.reason == "REFERENCE_MISSING":
        told = f"{error.field} names nothing of yours that is in force"
        return FailedPrecondition(told, reason=error.reason, field=error.field)
    if isinstance(error, AlreadyExists) and error.reason == "EXISTS":
        told = f"there is such a {kind.name}; if it is yours, update it"
        return AlreadyExists(told, reason=error.reason, field=error.field)
    return error
