"""What is wrong with one usage event, asked field by field: slow, and written from the rules alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from counterfoil import limits
from counterfoil.record.usage import Window

Fault = tuple[str, str]
LETTERS = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/@+=~-")


def event_faults(event: Any, raw: bytes, window: Window, known: Collection[str]) -> Iterator[Fault]:
    """(field, reason) of everything that is wrong with an event by itself."""
    yield from _identifier("event_id", event.event_id, required=True)
    yield from _identifier("model_id", event.model_id, required=True)
    for name in ("receipt_ref", "asset_id", "license_id", "action", "consumer_id"):
        yield from _identifier(name, getattr(event, name), required=False)
    if event.receipt_ref and event.receipt_ref not in known:
        yield "receipt_ref", "REFERENCE_UNKNOWN"
    yield from _time(event.event_time_us, window)
    for name in ("input_tokens", "output_tokens", "tokens"):
        if getattr(event, name) < 0:
            yield name, "QUANTITY_NEGATIVE"
        if getattr(event, name) > limits.TOKENS_MAX:
            yield name, "QUANTITY_ABSURD"
    if len(raw) > limits.EVENT_SIZE_BYTES_MAX:
        yield "events", "TOO_LARGE"
    yield from _attributions(event.attributions)
    consents = list(event.consents)
    if any(consents.count(consent) > 1 or consent not in (1, 2, 3, 4) for consent in consents):
        yield "consents", "FIELD_MALFORMED"
    yield from _metadata(event.metadata)


def _identifier(name: str, value: str, *, required: bool) -> Iterator[Fault]:
    if value == "":
        if required:
            yield name, "FIELD_MISSING"
    elif len(value) > limits.ID_LENGTH_MAX:
        yield name, "FIELD_TOO_LONG"
    elif not set(value) <= LETTERS:
        yield name, "ID_CHARACTERS"


def _time(time_us: int, window: Window) -> Iterator[Fault]:
    if time_us == 0:
        yield "event_time_us", "FIELD_MISSING"
    elif time_us < 0 or time_us > limits.TIME_US_MAX:
        yield "event_time_us", "QUANTITY_ABSURD"
    elif time_us < window.first_us or time_us > window.last_us:
        yield "event_time_us", "TIME_OUTSIDE_WINDOW"


def _attributions(shares: Any) -> Iterator[Fault]:
    if len(shares) > limits.ATTRIBUTIONS_MAX:
        yield "attributions", "TOO_MANY"
        return
    assets = []
    total = 0
    for at, share in enumerate(shares):
        yield from _identifier(f"attributions[{at}].asset_id", share.asset_id, required=True)
        assets.append(share.asset_id)
        total += share.parts_per_million
    if any(assets.count(asset) > 1 for asset in assets):
        yield "attributions", "FIELD_MALFORMED"
    if total > 1_000_000:
        yield "attributions", "QUANTITY_ABSURD"


def _metadata(metadata: Mapping[str, str]) -> Iterator[Fault]:
    if len(metadata) > limits.METADATA_ENTRIES_MAX:
        yield "metadata", "TOO_MANY"
        return
    for key, text in metadata.items():
        if not 1 <= len(key) <= limits.METADATA_KEY_LENGTH_MAX or not set(key) <= LETTERS:
            yield "metadata", "FIELD_MALFORMED"
        where = f"metadata[{key[: limits.METADATA_KEY_LENGTH_MAX]}]"
        if len(text) > limits.METADATA_VALUE_LENGTH_MAX:
            yield where, "FIELD_TOO_LONG"
        elif any(not c.isprintable() and c not in "\t\n" for c in text):
            yield where, "FIELD_MALFORMED"
