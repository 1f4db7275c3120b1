"""The rows that every contender is given: the same seed makes the same rows, and no two rows share an event id."""

import random
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from counterfoil.v1.record_pb2 import CONSENT_COMMERCIAL, CONSENT_INFERENCE, Attribution, UsageEvent

BATCH_ROWS: Final = 1_000

_MODELS: Final = ("atlas-large-2", "atlas-small-2", "sketch-1-turbo")
_ACTIONS: Final = ("chat.completion", "chat.completion", "embedding", "image.generation")
_ASSETS: Final = tuple(f"asset_{number:05d}" for number in range(500))
_DRAW_BYTES: Final = 32


class Row(NamedTuple):
    """One usage event, in the order of the columns of the compared tables."""

    event_id: str
    event_time_us: int
    model_id: str
    input_tokens: int
    output_tokens: int
    asset_id: str
    license_id: str
    consumer_id: str
    action: str


COLUMNS: Final = Row._fields


def make_rows(seed: int, batch: int, now_us: int, count: int = BATCH_ROWS) -> list[Row]:
    """The rows of one batch; their times lie in the second before ``now_us``."""
    draws = random.Random(f"{seed}/{batch}").randbytes(count * _DRAW_BYTES)
    return [_row(draws[at : at + _DRAW_BYTES], now_us) for at in range(0, len(draws), _DRAW_BYTES)]


def _row(draw: bytes, now_us: int) -> Row:
    digits = draw[:16].hex()
    # A version 4 UUID (RFC 9562): what a model host names an event with.
    event_id = f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
    number = int.from_bytes(draw[16:24], "big")
    return Row(
        event_id,
        now_us - number % 1_000_000,
        _MODELS[draw[24] % 3],
        # Few requests are long and most are short: the product of two even draws has that shape.
        1 + draw[25] * draw[26] // 16,
        1 + draw[27] * draw[28] // 64,
        _ASSETS[number % 500],
        "lic_standard",
        f"consumer_{digits[:12]}",
        _ACTIONS[draw[29] % 4],
    )


def make_bodies(seed: int, batch: int, now_us: int, count: int = BATCH_ROWS) -> list[bytes]:
    """The rows of one batch as serialized UsageEvents."""
    return serialize(make_rows(seed, batch, now_us, count))


def make_rich_bodies(seed: int, batch: int, now_us: int, count: int = BATCH_ROWS) -> list[bytes]:
    """The same with what a table needs other tables for: consents, metadata, and a share for each of two assets."""
    shares = [Attribution(asset_id=_ASSETS[at], parts_per_million=500_000) for at in (0, 1)]
    rest = UsageEvent(
        attributions=shares,
        consents=[CONSENT_INFERENCE, CONSENT_COMMERCIAL],
        metadata={"region": "eu-central"},
    ).SerializeToString(deterministic=True)
    # These fields have the highest numbers: behind the others they stand as protobuf would write them.
    return [body + rest for body in make_bodies(seed, batch, now_us, count)]


def serialize(rows: Sequence[Row]) -> list[bytes]:
    """Each row as the bytes of a UsageEvent."""
    return [
        UsageEvent(
            event_id=row.event_id,
            event_time_us=row.event_time_us,
            model_id=row.model_id,
            input_tokens=row.input_tokens,
            output_tokens=row.output_tokens,
            asset_id=row.asset_id,
            license_id=row.license_id,
            consumer_id=row.consumer_id,
            action=row.action,
        ).SerializeToString(deterministic=True)
        for row in rows
    ]


def copy_text(rows: Sequence[Row]) -> bytes:
    """The rows in PostgreSQL's text format for COPY: no value holds a tab, a newline or a backslash."""
    return "".join("\t".join(map(str, row)) + "\n" for row in rows).encode()


def columns(rows: Sequence[Row]) -> Iterator[list[object]]:
    """The rows turned on their side: one list for each column."""
    return (list(column) for column in zip(*rows, strict=True))
