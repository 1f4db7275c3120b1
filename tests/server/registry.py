"""Objects of the registry, registered over a real connection."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from google.protobuf.message import Message

from counterfoil.v1 import (
    record_pb2,
    registry_pb2,
    registry_service_pb2,
    registry_service_pb2_grpc,
)

from .edge import PATIENCE_S, Edge, fresh


def creator(creator_id: str | None = None, **fields: Any) -> registry_pb2.Creator:
    """An acceptable creator; keywords replace its fields."""
    given: dict[str, Any] = {
        "creator_id": creator_id or fresh("creator"),
        "display_name": "Ada",
        "consents": [record_pb2.CONSENT_TRAINING, record_pb2.CONSENT_COMMERCIAL],
    }
    return registry_pb2.Creator(**(given | fields))


def asset(creator_id: str, asset_id: str | None = None, **fields: Any) -> registry_pb2.Asset:
    """An acceptable asset with content of its own; keywords replace its fields."""
    name = asset_id or fresh("asset")
    given: dict[str, Any] = {
        "asset_id": name,
        "creator_id": creator_id,
        "title": "A work",
        "contents": [content(name)],
        "visibility": registry_pb2.VISIBILITY_LISTED,
    }
    return registry_pb2.Asset(**(given | fields))


def content(text: str) -> record_pb2.Artifact:
    """The fingerprint of a text."""
    digest = sha256(text.encode()).digest()
    return record_pb2.Artifact(name="part-1", size_bytes=len(text), sha256=digest)


def licence(creator_id: str, **fields: Any) -> registry_pb2.License:
    """An acceptable licence for the whole catalogue and anybody; keywords replace its fields."""
    given: dict[str, Any] = {
        "license_id": fresh("licence"),
        "creator_id": creator_id,
        "terms": {"allowed_uses": [registry_pb2.USE_TRAINING]},
    }
    return registry_pb2.License(**(given | fields))


def price(creator_id: str = "", **fields: Any) -> registry_pb2.Price:
    """An acceptable price; keywords replace its fields."""
    given: dict[str, Any] = {
        "price_id": fresh("price"),
        "creator_id": creator_id,
        "currency": "EUR",
        "per_call": {"rate": "0.001"},
    }
    return registry_pb2.Price(**(given | fields))


def use(asset_id: str, buyer: str = "acme", **fields: Any) -> registry_service_pb2.UseQuery:
    """A question about training; keywords replace its fields."""
    given: dict[str, Any] = {"asset_id": asset_id, "buyer": buyer, "use": registry_pb2.USE_TRAINING}
    return registry_service_pb2.UseQuery(**(given | fields))


class RegistryEdge:
    """RegistryService by the names of its methods."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self._stub = registry_service_pb2_grpc.RegistryServiceStub(edge.channel)

    def call(self, method: str, **fields: Any) -> Any:
        """One method with these fields."""
        request = getattr(registry_service_pb2, f"{method}Request")(**fields)
        return getattr(self._stub, method)(request, timeout=PATIENCE_S)

    def create(self, body: Message, **fields: Any) -> Any:
        """The first version of an object, by the method for its type."""
        return self._write("Create", body, fields)

    def update(self, body: Message, **fields: Any) -> Any:
        """A later version of an object, by the method for its type."""
        return self._write("Update", body, fields)

    def _write(self, verb: str, body: Message, fields: dict[str, Any]) -> Any:
        name = str(body.DESCRIPTOR.name)
        return self.call(
            f"{verb}{name}", **({name.lower(): body, "submitter": "platform"} | fields)
        )

    def etag(self, body: Message) -> str:
        """The etag of an object that is created here."""
        return str(self.create(body).recorded.version.etag)

    def get(self, body: Message) -> Any:
        """The state of an object of which any version is at hand."""
        name = str(body.DESCRIPTOR.name)
        field = f"{name.lower()}_id"
        answer = self.call(f"Get{name}", **{field: getattr(body, field)})
        return getattr(answer, name.lower())

    def revoke(self, kind: int, object_id: str, etag: str, **fields: Any) -> Any:
        """End an object."""
        body = registry_pb2.Revocation(kind=kind, object_id=object_id, replaces=etag, **fields)
        return self.call("Revoke", submitter="platform", revocation=body)

    def covers(self, query: registry_service_pb2.UseQuery) -> Any:
        """CheckCoverage."""
        return self.call("CheckCoverage", query=query).coverage
