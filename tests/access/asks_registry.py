"""For each method of RegistryService a request about what belongs to one side, ``a`` or ``b``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.message import Message

from counterfoil.v1 import registry_pb2
from counterfoil.v1 import registry_service_pb2 as pb2

from ..server import registry
from .world import PEOPLE, World, fresh

Ask = Callable[[World, str, str], Sequence[Message]]
_LICENSE = 7
_ASSET = 6


def write(verb: str, body: Message, submitter: str) -> Message:
    """A request to write a body."""
    name = str(body.DESCRIPTOR.name)
    request: Message = getattr(pb2, f"{verb}{name}Request")(
        submitter=submitter, **{name.lower(): body}
    )
    return request


def newest(world: World, name: str, object_id: str) -> Any:
    """The newest version of an object, as the operator sees it, and its etag in ``replaces``."""
    field = name.lower()
    request = getattr(pb2, f"Get{name}Request")(**{f"{field}_id": object_id})
    outcome = world.lines["operator"].call(f"RegistryService.Get{name}", request)
    state = getattr(outcome.answers[0], field)
    body = getattr(state, field)
    body.replaces = state.version.etag
    return body


def _create(make: Callable[[str, str], Message]) -> Ask:
    return lambda _world, _name, side: [
        write("Create", make(f"creator_{side}", side), f"creator_{side}")
    ]


def _update(name: str, prefix: str, field: str) -> Ask:
    def ask(world: World, _name: str, side: str) -> Sequence[Message]:
        body = newest(world, name, f"{prefix}_{side}")
        if field == "metadata":
            body.metadata["n"] = fresh("n")
        else:
            body.per_call.rate = f"0.{len(fresh('n'))}{body.replaces.split('_')[1]}"
        return [write("Update", body, f"creator_{side}")]

    return ask


def _one(make: Callable[[str, str], Message]) -> Ask:
    return lambda _world, name, side: [make(name, side)]


def _list_licenses(name: str, side: str) -> Message:
    if PEOPLE[name][0] == "host":
        return pb2.ListLicensesRequest(buyer=f"host_{side}")
    return pb2.ListLicensesRequest(creator_id=f"creator_{side}")


def _revoke(world: World, _name: str, side: str) -> Sequence[Message]:
    made = registry.licence(f"creator_{side}", license_id=fresh("ended"), buyer=f"host_{side}")
    outcome = world.lines["operator"].call(
        "RegistryService.CreateLicense", write("Create", made, "platform")
    )
    ended = registry_pb2.Revocation(
        kind=_LICENSE,
        object_id=made.license_id,
        replaces=outcome.answers[0].recorded.version.etag,
    )
    return [pb2.RevokeRequest(submitter=f"creator_{side}", revocation=ended)]


def _query(side: str) -> pb2.UseQuery:
    return registry.use(f"hidden_{side}", f"host_{side}")


_ASKS: dict[str, Ask] = {
    "CreateCreator": _create(lambda _creator, _side: registry.creator(fresh("person"))),
    "UpdateCreator": _update("Creator", "creator", "metadata"),
    "GetCreator": _one(lambda _, side: pb2.GetCreatorRequest(creator_id=f"creator_{side}")),
    "ListCreators": _one(lambda *_: pb2.ListCreatorsRequest()),
    "CreateAsset": _create(lambda creator, _side: registry.asset(creator, fresh("work"))),
    "UpdateAsset": _update("Asset", "shown", "metadata"),
    "GetAsset": _one(lambda _, side: pb2.GetAssetRequest(asset_id=f"hidden_{side}")),
    "ListAssets": _one(lambda _, side: pb2.ListAssetsRequest(creator_id=f"creator_{side}")),
    "ListContestedAssets": _one(
        lambda _, side: pb2.ListContestedAssetsRequest(creator_id=f"creator_{side}")
    ),
    "CreateLicense": _create(
        lambda creator, side: registry.licence(
            creator, license_id=fresh("deal"), buyer=f"host_{side}"
        )
    ),
    "UpdateLicense": _update("License", "deal", "metadata"),
    "GetLicense": _one(lambda _, side: pb2.GetLicenseRequest(license_id=f"deal_{side}")),
    "ListLicenses": _one(_list_licenses),
    "ExportLicense": _one(
        lambda _, side: pb2.ExportLicenseRequest(
            license_id=f"deal_{side}", format=pb2.LICENSE_FORMAT_RSL
        )
    ),
    "ListLicenseTemplates": _one(lambda *_: pb2.ListLicenseTemplatesRequest()),
    "CreatePrice": _create(lambda creator, _side: registry.price(creator, price_id=fresh("cost"))),
    "UpdatePrice": _update("Price", "cost", "per_call"),
    "GetPrice": _one(lambda _, side: pb2.GetPriceRequest(price_id=f"cost_{side}")),
    "ListPrices": _one(lambda _, side: pb2.ListPricesRequest(creator_id=f"creator_{side}")),
    "Revoke": _revoke,
    "ListVersions": _one(
        lambda _, side: pb2.ListVersionsRequest(kind=_ASSET, object_id=f"hidden_{side}")
    ),
    "CheckCoverage": _one(lambda _, side: pb2.CheckCoverageRequest(query=_query(side))),
    "CheckCoverages": _one(lambda _, side: pb2.CheckCoveragesRequest(queries=[_query(side)] * 2)),
}
REGISTRY_ASKS = {f"RegistryService.{name}": ask for name, ask in _ASKS.items()}
