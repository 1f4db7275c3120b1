"""Good licences and prices, and ways to change them."""

from __future__ import annotations

from typing import Any

from counterfoil.v1 import registry_pb2

from .samples import TIME_US, serialize

TERMS: dict[str, Any] = {
    "commercial_use": True,
    "allowed_uses": [registry_pb2.USE_TRAINING, registry_pb2.USE_RETRIEVAL],
    "territories": ["DE", "FR"],
    "start_time_us": TIME_US,
    "end_time_us": TIME_US + 1,
    "models_allowed": ["model_xyz", "family-*"],
    "models_excluded": ["family-1"],
    "revocation": {"notice_s": 30 * 24 * 3600},
}
LICENSE_FIELDS: dict[str, Any] = {
    "license_id": "lic:1",
    "replaces": "li_42_9f8e7d6c",
    "creator_id": "creator_42",
    "asset_id": "asset/1",
    "buyer": "host_1",
    "terms": TERMS,
    "price_id": "price:1",
    "template": "training-nonexclusive@1",
    "terms_uri": "https://example.com/terms/7?lang=en#top",
    "terms_sha256": b"t" * 32,
    "metadata": {"contract": "2026-7"},
}
PRICE_FIELDS: dict[str, Any] = {
    "price_id": "price:1",
    "replaces": "pr_42_9f8e7d6c",
    "creator_id": "creator_42",
    "currency": "EUR",
    "per_token": {"input_rate": "0.00012", "output_rate": "0.0005"},
    "monthly_cap": "1000",
    "minimum_payout": "10.00",
}


def license_with(**changes: Any) -> Any:
    """The good licence with other values in some fields; None leaves a field out."""
    return registry_pb2.License(**_changed(LICENSE_FIELDS, changes))


def terms_with(**changes: Any) -> Any:
    """The good licence with other values in some of its terms."""
    return license_with(terms=_changed(TERMS, changes))


def price_with(**changes: Any) -> Any:
    """The good price with other values in some fields."""
    return registry_pb2.Price(**_changed(PRICE_FIELDS, changes))


def price_of(model: str, fields: dict[str, Any]) -> Any:
    """The good price with another model."""
    return price_with(**{"per_token": None, model: fields})


def told(kind: Any, body: Any) -> list[tuple[str, str]]:
    """(field, reason) of each problem that the kind's check finds."""
    return [(found.field, found.reason) for found in kind.check(body, serialize(body))]


def _changed(fields: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}
