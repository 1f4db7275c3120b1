"""Creating, updating and revoking objects."""

from typing import Any

from counterfoil.errors import AlreadyExists, FailedPrecondition, InvalidInput, VersionMismatch
from counterfoil.log.registry import Version, read_newest
from counterfoil.log.registry.read import read_version_at
from counterfoil.receipt import format_receipt
from counterfoil.record import KIND_BY_NUMBER, REVOCATION, parse_message, problem
from counterfoil.store import Snapshot
from counterfoil.v1 import registry_service_pb2
from counterfoil_server.access.caller import Caller
from counterfoil_server.ledger import Ledger
from counterfoil_server.registry.answers import add_contesting, to_version
from counterfoil_server.registry.objects import Objects
from counterfoil_server.registry.ownership import (
    require_own,
    require_own_body,
    require_untold,
    tell_bound,
)
from counterfoil_server.rpc.records import Recorded, record_one


async def create(ledger: Ledger, caller: Caller, objects: Objects, data: bytes) -> Any:
    """Log the first version of an object; ``data`` is the request as it came.

    Raises:
        InvalidInput: it replaces something; and what :func:`record_one` raises.
        PermissionDenied: the caller is bound to its own, and this is not.
    """
    request_class = objects.message("Create{}Request")
    request: Any = parse_message(request_class, data, "request")
    body = getattr(request, objects.field)
    caller.require_submitter(request.submitter)
    require_own_body(caller, objects, body)
    if body.replaces:
        told = f"the first version of a {objects.kind.name} replaces nothing; update it instead"
        raise InvalidInput(told, field=f"{objects.field}.replaces", reason=problem.MALFORMED)
    return await _write(ledger, caller, objects, "Create{}", data)


async def update(ledger: Ledger, caller: Caller, objects: Objects, data: bytes) -> Any:
    """Log a later version of an object; ``data`` is the request as it came.

    Raises:
        NotFound: there is no such object. VersionMismatch: it does not say which version it replaces.
        PermissionDenied: the caller is bound to its own, and this is not, or not there, or it sets what the platform tells.
        And what :func:`record_one` raises.
    """
    request: Any = parse_message(objects.message("Update{}Request"), data, "request")
    body = getattr(request, objects.field)
    object_id = getattr(body, objects.id_field)
    caller.require_submitter(request.submitter)
    require_own_body(caller, objects, body)
    with ledger.log.store.snapshot() as snapshot:
        require_own(snapshot, caller, objects.kind, object_id)
        if object_id and not body.replaces:
            etag = read_newest(snapshot, objects.kind, object_id).version.entry.id
            told = f"say which version of {object_id} this one replaces; the newest is {etag}"
            raise VersionMismatch(told, etag=etag)
        require_untold(snapshot, caller, objects, body)
    return await _write(ledger, caller, objects, "Update{}", data)


async def revoke(
    ledger: Ledger, caller: Caller, data: bytes
) -> registry_service_pb2.RevokeResponse:
    """Log the end of an object; ``data`` is the request as it came.

    Raises:
        PermissionDenied: the caller is bound to its own, and the object is not, or not there.
        And what :func:`record_one` raises.
    """
    request_class = registry_service_pb2.RevokeRequest
    request: Any = parse_message(request_class, data, "request")
    caller.require_submitter(request.submitter)
    kind = KIND_BY_NUMBER.get(request.revocation.kind)
    if kind is not None:
        with ledger.log.store.snapshot() as snapshot:
            require_own(snapshot, caller, kind, request.revocation.object_id)
    recorded = await record_one(ledger, caller, REVOCATION, request_class, data, "revocation")
    response = registry_service_pb2.RevokeResponse()
    with ledger.log.store.snapshot() as snapshot:
        _fill(snapshot, recorded, response)
    return response


async def _write(ledger: Ledger, caller: Caller, objects: Objects, form: str, data: bytes) -> Any:
    exclusive = ledger.settings.same_content == "refuse"
    request_class = objects.message(form + "Request")
    try:
        recorded = await record_one(
            ledger, caller, objects.kind, request_class, data, objects.field, exclusive=exclusive
        )
    except (AlreadyExists, FailedPrecondition) as error:
        raise tell_bound(caller, objects.kind, error) from None
    response: Any = objects.message(form + "Response")()
    with ledger.log.store.snapshot() as snapshot:
        version = _fill(snapshot, recorded, response)
        add_contesting(
            snapshot, read_newest(snapshot, objects.kind, version.change.object_id), response
        )
    return response


def _fill(snapshot: Snapshot, recorded: Recorded, response: Any) -> Version:
    version = read_version_at(snapshot, recorded.receipt.index)
    response.recorded.version.CopyFrom(to_version(version))
    response.recorded.receipt = format_receipt(recorded.receipt)
    response.recorded.duplicate = recorded.duplicate
    return version
