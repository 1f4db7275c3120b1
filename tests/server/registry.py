"""Objects of the registry, registered over a real connection."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from counterfoil.v1 import record_pb2, registry_pb2, registry_service_pb2, registry_service_pb2_grpc

from .edge import PATIENCE_S, Edge, fresh

SHA256 = b"s" * 32


def creator(creator_id: str | None = None, **fields: Any) -> registry_pb2.Creator:
    """An acceptable creator; keywords replace its fields."""
    given: dict[str, Any] = {"creator_id": creator_id or fresh("creator"), "display_name": "Ada"}
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
    from hashlib import sha256

    return record_pb2.Artifact(
        name="part-1", size_bytes=len(text), sha256=sha256(text.encode()).digest()
    )


def license(creator_id: str, **fields: Any) -> registry_pb2.License:  # noqa: A001 - its name
    """An acceptable licence for the whole catalogue; keywords replace its fields."""
    given: dict[str, Any] = {
        "license_id": fresh("license"),
        "creator_id": creator_id,
        "terms": registry_pb2.LicenseTerms(allowed_uses=[registry_pb2.USE_TRAINING]),
    }
    return registry_pb2.License(**(given | fields))


def price(creator_id: str = "", **fields: Any) -> registry_pb2.Price:
    """An acceptable price; keywords replace its fields."""
    given: dict[str, Any] = {
        "price_id": fresh("price"),
        "creator_id": creator_id,
        "currency": "EUR",
        "per_call": registry_pb2.PerCall(rate="0.001"),
    }
    return registry_pb2.Price(**(given | fields))


class RegistryEdge:
    """RegistryService by the names of its methods."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.stub = registry_service_pb2_grpc.RegistryServiceStub(edge.channel)

    def call(self, method: str, request: Message | None = None, **fields: Any) -> Any:
        """One method with these fields."""
        message = getattr(registry_service_pb2, f"{method}Request")
        return getattr(self.stub, method)(
            message(**fields) if request is None else request, timeout=PATIENCE_S
        )

    def create(self, body: Message, request_id: str = "", submitter: str = "platform") -> Any:
        """The first version of an object, by the method for its type."""
        return self._write("Create", body, request_id, submitter)

    def update(self, body: Message, request_id: str = "", submitter: str = "platform") -> Any:
        """A later version of an object, by the method for its type."""
        return self._write("Update", body, request_id, submitter)

    def _write(self, verb: str, body: Message, request_id: str, submitter: str) -> Any:
        name = body.DESCRIPTOR.name
        fields: dict[str, Any] = {
            name.lower(): body,
            "request_id": request_id,
            "submitter": submitter,
        }
        return self.call(f"{verb}{name}", **fields)

    def get(self, body: Message) -> Any:
        """The state of an object of which any version is at hand."""
        name = body.DESCRIPTOR.name
        field = f"{name.lower()}_id"
        answer = self.call(f"Get{name}", **{field: getattr(body, field)})
        return getattr(answer, name.lower())

    def revoke(self, kind: int, object_id: str, etag: str, **fields: Any) -> Any:
        """End an object."""
        body = registry_pb2.Revocation(kind=kind, object_id=object_id, replaces=etag, **fields)
        return self.call("Revoke", submitter="platform", revocation=body)
