"""RegistryService: creators, assets, licences and prices."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from counterfoil.v1 import registry_service_pb2
from counterfoil_server.access.caller import Caller
from counterfoil_server.ledger import Ledger
from counterfoil_server.registry import ASSETS, CREATORS, LICENSES, OBJECTS, PRICES, Objects
from counterfoil_server.registry.coverage import check_coverages
from counterfoil_server.registry.documents import export_license, list_templates
from counterfoil_server.registry.reading import get, list_contested_page, list_page, list_versions
from counterfoil_server.registry.writing import create, revoke, update
from counterfoil_server.rpc.assemble import Servicer

_Method = Callable[["RegistryService", Any, Caller], Awaitable[Any]]


def _four(objects: Objects) -> tuple[_Method, _Method, _Method, _Method]:
    """What there is for every kind of object: create, update, get and list."""

    async def create_one(self: "RegistryService", data: bytes, caller: Caller) -> Any:
        return await create(self.ledger, caller, objects, data)

    async def update_one(self: "RegistryService", data: bytes, caller: Caller) -> Any:
        return await update(self.ledger, caller, objects, data)

    async def get_one(self: "RegistryService", request: Any, caller: Caller) -> Any:
        return get(self.ledger, caller, objects, request)

    async def list_some(self: "RegistryService", request: Any, caller: Caller) -> Any:
        return list_page(self.ledger, caller, objects, request)

    return create_one, update_one, get_one, list_some


class RegistryService(Servicer):
    """What was agreed upon, now and at any time before."""

    DESCRIPTOR = registry_service_pb2.DESCRIPTOR.services_by_name["RegistryService"]
    WRITES = frozenset({"Revoke"}) | {
        f"{verb}{objects.kind.message.DESCRIPTOR.name}"
        for objects in OBJECTS
        for verb in ("Create", "Update")
    }
    RARE = WRITES

    def __init__(self, ledger: Ledger) -> None:
        """Serve one ledger."""
        self.ledger = ledger

    create_creator, update_creator, get_creator, list_creators = _four(CREATORS)
    create_asset, update_asset, get_asset, list_assets = _four(ASSETS)
    create_license, update_license, get_license, list_licenses = _four(LICENSES)
    create_price, update_price, get_price, list_prices = _four(PRICES)

    async def list_contested_assets(
        self, request: registry_service_pb2.ListContestedAssetsRequest, caller: Caller
    ) -> registry_service_pb2.ListContestedAssetsResponse:
        """Those with content that another creator has registered too."""
        response: registry_service_pb2.ListContestedAssetsResponse
        response = list_contested_page(self.ledger, caller, request)
        return response

    async def revoke(self, data: bytes, caller: Caller) -> registry_service_pb2.RevokeResponse:
        """End an object; the answer with its receipt leaves after it is durable."""
        return await revoke(self.ledger, caller, data)

    async def list_versions(
        self, request: registry_service_pb2.ListVersionsRequest, caller: Caller
    ) -> registry_service_pb2.ListVersionsResponse:
        """Everything that an object ever said."""
        response = registry_service_pb2.ListVersionsResponse()
        list_versions(self.ledger, caller, request, response)
        return response

    async def check_coverage(
        self, request: registry_service_pb2.CheckCoverageRequest, caller: Caller
    ) -> registry_service_pb2.CheckCoverageResponse:
        """One use."""
        (coverage,) = check_coverages(self.ledger, caller, [request.query], "query")
        return registry_service_pb2.CheckCoverageResponse(coverage=coverage)

    async def check_coverages(
        self, request: registry_service_pb2.CheckCoveragesRequest, caller: Caller
    ) -> registry_service_pb2.CheckCoveragesResponse:
        """Many uses, as of one size of the log."""
        # A thousand distinct references take as long as some hundred other calls: these go on beside them.
        found = await asyncio.to_thread(check_coverages, self.ledger, caller, request.queries)
        return registry_service_pb2.CheckCoveragesResponse(coverages=found)

    async def export_license(
        self, request: registry_service_pb2.ExportLicenseRequest, caller: Caller
    ) -> registry_service_pb2.ExportLicenseResponse:
        """A licence for other programs."""
        return export_license(self.ledger, caller, request)

    async def list_license_templates(
        self, _request: registry_service_pb2.ListLicenseTemplatesRequest, _caller: Caller
    ) -> registry_service_pb2.ListLicenseTemplatesResponse:
        """Standard clauses by name and version."""
        return list_templates()
