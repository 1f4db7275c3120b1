"""A small registry by hand: one asset, its creator, licences and prices, with the times of their changes."""

from __future__ import annotations

from typing import Any

from counterfoil.licensing import Known, Question
from counterfoil.record import History, Version
from counterfoil.v1 import record_pb2, registry_pb2

ALL_CONSENTS = [
    record_pb2.CONSENT_TRAINING,
    record_pb2.CONSENT_INFERENCE,
    record_pb2.CONSENT_COMMERCIAL,
    record_pb2.CONSENT_DISPLAY,
]
ALL_USES = [number for number in registry_pb2.Use.values() if number]
DAY_US = 24 * 3600 * 1_000_000
# 2026-01-01T00:00:00Z.
NEW_YEAR_US = 1_767_225_600_000_000


def history(*bodies: Any, changes: tuple[int, ...] = (), end_us: int | None = None) -> History:
    """An object of these versions: the first counts from the beginning, each later one from its change."""
    times = (0, *changes)
    versions = tuple(
        Version(body, f"x_{place}_00000000", place, time_us)
        for place, (body, time_us) in enumerate(zip(bodies, times, strict=True))
    )
    return History(versions, end_us)


def one(body: Any, index: int, end_us: int | None = None) -> History:
    """An object of one version, whose entry is at an index."""
    return History((Version(body, f"x_{index}_00000000", index, 0),), end_us)


def creator(**changes: Any) -> Any:
    """A creator who consents to everything."""
    return registry_pb2.Creator(**{"creator_id": "cr", "consents": ALL_CONSENTS, **changes})


def asset(**changes: Any) -> Any:
    """An asset of the creator's."""
    return registry_pb2.Asset(**{"asset_id": "as", "creator_id": "cr", **changes})


def license_(license_id: str = "li", terms: dict[str, Any] | None = None, **changes: Any) -> Any:
    """A licence for the asset that allows anybody everything, with other values in some fields and terms."""
    whole = {"commercial_use": True, "allowed_uses": ALL_USES, **(terms or {})}
    fields = {"license_id": license_id, "creator_id": "cr", "asset_id": "as", **changes}
    return registry_pb2.License(**fields, terms=whole)


def price(price_id: str, rate: str) -> Any:
    """A price for each call."""
    return registry_pb2.Price(price_id=price_id, currency="EUR", per_call={"rate": rate})


def known(*licenses: History, **changes: Any) -> Known:
    """The asset, its creator and these licences."""
    found = {"asset": history(asset()), "creator": history(creator()), **changes}
    return Known(licenses=licenses, **found)


def with_terms(**terms: Any) -> Known:
    """The asset, its creator and one licence that says this."""
    return known(one(license_(terms=terms), 5))


def question(**changes: Any) -> Question:
    """A host trains a model on the asset."""
    asked = {"asset_id": "as", "buyer": "host", "use": registry_pb2.USE_TRAINING, "model_id": "m-1"}
    return Question(**{**asked, **changes})
