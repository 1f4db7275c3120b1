"""Licences for other programs, and the templates that they name."""

from typing import Any

from counterfoil.errors import FailedPrecondition, InvalidInput, NotFound
from counterfoil.licensing import EXPORTS, Agreement, load_templates
from counterfoil.log.registry import read_state_at
from counterfoil.record import ASSET, CREATOR, LICENSE, PRICE, Kind, problem
from counterfoil.store import Snapshot
from counterfoil.v1 import registry_service_pb2
from counterfoil_server.access.caller import Caller
from counterfoil_server.clock import now_us
from counterfoil_server.ledger import Ledger, require_id
from counterfoil_server.registry.sight import Sight


def export_license(
    ledger: Ledger, caller: Caller, request: registry_service_pb2.ExportLicenseRequest
) -> registry_service_pb2.ExportLicenseResponse:
    """A licence as it is now, with its price, in another format.

    Raises:
        InvalidInput: that is no format, or no id. NotFound: there is no such licence.
        PermissionDenied: there is none, or none that the caller may see.
        FailedPrecondition: it has ended; a document would go on offering it.
    """
    require_id(request.license_id, "license_id")
    if request.format not in EXPORTS:
        told = "format must be RSL or TDMRep"
        raise InvalidInput(told, field="format", reason=problem.MALFORMED)
    present_us = now_us()
    with ledger.log.store.snapshot() as snapshot:
        Sight(snapshot, caller).find(LICENSE, request.license_id)
        state = read_state_at(snapshot, LICENSE, request.license_id, present_us)
        if state is None:
            raise NotFound(f"there is no license {request.license_id!r}")
        if state.end is not None:
            told = f"license {request.license_id} has ended; a document would go on offering it"
            raise FailedPrecondition(told, reason="ENDED", field="license_id")
        body: Any = LICENSE.message.FromString(state.version.entry.body)
        agreement = Agreement(
            body,
            _body(snapshot, PRICE, body.price_id, present_us),
            _body(snapshot, CREATOR, body.creator_id, present_us),
            _body(snapshot, ASSET, body.asset_id, present_us),
        )
    exported = EXPORTS[request.format](agreement)
    return registry_service_pb2.ExportLicenseResponse(
        media_type=exported.media_type,
        document=exported.document,
        left_out=exported.left_out,
        widens=exported.widens,
    )


def list_templates() -> registry_service_pb2.ListLicenseTemplatesResponse:
    """The templates that come with this version."""
    return registry_service_pb2.ListLicenseTemplatesResponse(templates=load_templates())


def _body(snapshot: Snapshot, kind: Kind, object_id: str, time_us: int) -> Any:
    """What an object says; None for no object."""
    state = read_state_at(snapshot, kind, object_id, time_us) if object_id else None
    return None if state is None else kind.message.FromString(state.version.entry.body)
