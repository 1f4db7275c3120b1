"""The rows that every contender is given: the same seed makes the same rows, and no two rows share an event id.

As rows they are made one by one; as serialized events a batch at a time with numpy, in a tenth of the time, because the
filling of large logs waits for them. Both give the same bytes.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterfoil.v1.record_pb2 import CONSENT_COMMERCIAL, CONSENT_INFERENCE, Attribution, UsageEvent

BATCH_ROWS: Final = 1_000

_MODELS: Final = ("atlas-large-2", "atlas-small-2", "sketch-1-turbo")
_ACTIONS: Final = ("chat.completion", "chat.completion", "embedding", "image.generation")
ASSETS: Final = tuple(f"asset_{number:05d}" for number in range(500))
LICENSE: Final = "lic_standard"
_DRAW_BYTES: Final = 32
# Products of two bytes over these: few requests are long and most are short.
_INPUT_SHARE: Final = 16
_OUTPUT_SHARE: Final = 64

Octets = NDArray[np.uint8]


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
    draws = _draw(seed, batch, count)
    return [_row(draws[at : at + _DRAW_BYTES], now_us) for at in range(0, len(draws), _DRAW_BYTES)]


def _draw(seed: int, batch: int, count: int) -> bytes:
    return random.Random(f"{seed}/{batch}").randbytes(count * _DRAW_BYTES)


def _row(draw: bytes, now_us: int) -> Row:
    digits = draw[:16].hex()
    # A version 4 UUID (RFC 9562): what a model host names an event with.
    event_id = f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
    number = int.from_bytes(draw[16:24], "big")
    return Row(
        event_id,
        now_us - number % 1_000_000,
        _MODELS[draw[24] % 3],
        1 + draw[25] * draw[26] // _INPUT_SHARE,
        1 + draw[27] * draw[28] // _OUTPUT_SHARE,
        ASSETS[number % 500],
        LICENSE,
        f"consumer_{digits[:12]}",
        _ACTIONS[draw[29] % 4],
    )


def make_bodies(seed: int, batch: int, now_us: int, count: int = BATCH_ROWS) -> list[bytes]:
    """The rows of one batch as serialized UsageEvents."""
    return make_events(seed, batch, now_us, count).bodies


def make_rich_bodies(seed: int, batch: int, now_us: int, count: int = BATCH_ROWS) -> list[bytes]:
    """The same with what a table needs other tables for: consents, metadata, and a share for each of two assets."""
    shares = [Attribution(asset_id=ASSETS[at], parts_per_million=500_000) for at in (0, 1)]
    rest = UsageEvent(
        attributions=shares,
        consents=[CONSENT_INFERENCE, CONSENT_COMMERCIAL],
        metadata={"region": "eu-central"},
    ).SerializeToString(deterministic=True)
    # These fields have the highest numbers: behind the others they stand as protobuf would write them.
    return [body + rest for body in make_bodies(seed, batch, now_us, count)]


class Events(NamedTuple):
    """One batch of usage events: their ids, and each as a serialized UsageEvent."""

    ids: list[str]
    bodies: list[bytes]


def _tag(field: int, wire_type: int) -> int:
    """What stands before a field (protobuf's encoding); one byte for the fields of a UsageEvent used here."""
    return field << 3 | wire_type


def _text(field: int, value: str) -> bytes:
    return bytes((_tag(field, 2), len(value))) + value.encode()


def _number(field: int, value: int) -> bytes:
    low = bytes((value & 0x7F | 0x80, value >> 7)) if value >> 7 else bytes((value,))
    return bytes((_tag(field, 0),)) + low


def _octets(texts: Sequence[bytes]) -> Octets:
    """Texts of one length as rows of a matrix."""
    return np.frombuffer(b"".join(texts), np.uint8).reshape(len(texts), -1)


# Every value that a field can have, serialized beforehand.
_MODEL_FIELDS: Final = [_text(UsageEvent.MODEL_ID_FIELD_NUMBER, name) for name in _MODELS]
_ACTION_FIELDS: Final = [_text(UsageEvent.ACTION_FIELD_NUMBER, name) for name in _ACTIONS]
_INPUT_FIELDS: Final = [
    _number(UsageEvent.INPUT_TOKENS_FIELD_NUMBER, 1 + at)
    for at in range(255 * 255 // _INPUT_SHARE + 1)
]
_OUTPUT_FIELDS: Final = [
    _number(UsageEvent.OUTPUT_TOKENS_FIELD_NUMBER, 1 + at)
    for at in range(255 * 255 // _OUTPUT_SHARE + 1)
]
_ASSET_FIELDS: Final = _octets([_text(UsageEvent.ASSET_ID_FIELD_NUMBER, name) for name in ASSETS])
_LICENSE_FIELD: Final = _octets([_text(UsageEvent.LICENSE_ID_FIELD_NUMBER, LICENSE)])[0]
_HEX: Final = _octets([f"{octet:02x}".encode() for octet in range(256)])
_ID_SIZE: Final = 36
_TIME_SIZE: Final = 8  # of a time in microseconds as a varint, from 1987 to 4253
_CONSUMER: Final = _octets([_text(UsageEvent.CONSUMER_ID_FIELD_NUMBER, "consumer_" + 12 * "0")])[0]


def make_events(seed: int, batch: int, now_us: int, count: int = BATCH_ROWS) -> Events:
    """The rows of one batch as serialized events: what ``serialize(make_rows(...))`` gives, and the ids."""
    draws = np.frombuffer(_draw(seed, batch, count), np.uint8).reshape(count, _DRAW_BYTES)
    digits = _HEX[draws[:, :16]].reshape(count, 32)
    numbers = draws[:, 16:24].copy().view(">u8")[:, 0].astype(np.uint64)
    ids = _format_ids(digits)
    wide = draws[:, 25:29].astype(np.intp)
    fields = zip(
        _cut_rows(_format_heads(ids, now_us - (numbers % 1_000_000).astype(np.int64))),
        _pick(_MODEL_FIELDS, draws[:, 24] % 3),
        _pick(_INPUT_FIELDS, wide[:, 0] * wide[:, 1] // _INPUT_SHARE),
        _pick(_OUTPUT_FIELDS, wide[:, 2] * wide[:, 3] // _OUTPUT_SHARE),
        _cut_rows(_format_tails(digits, numbers)),
        _pick(_ACTION_FIELDS, draws[:, 29] % 4),
        strict=True,
    )
    texts = ids.tobytes().decode()
    starts = range(0, len(texts), _ID_SIZE)
    return Events([texts[at : at + _ID_SIZE] for at in starts], list(map(b"".join, fields)))


def _format_ids(digits: Octets) -> Octets:
    ids = np.full((len(digits), _ID_SIZE), ord("-"), np.uint8)
    ids[:, :8], ids[:, 9:13], ids[:, 15:18] = digits[:, :8], digits[:, 8:12], digits[:, 13:16]
    ids[:, 20:23], ids[:, 24:] = digits[:, 17:20], digits[:, 20:]
    ids[:, 14], ids[:, 19] = ord("4"), ord("a")
    return ids


def _format_heads(ids: Octets, times_us: NDArray[np.int64]) -> Octets:
    """The fields event_id and event_time_us of each row."""
    heads = np.empty((len(ids), 2 + _ID_SIZE + 1 + _TIME_SIZE), np.uint8)
    heads[:, 0], heads[:, 1] = _tag(UsageEvent.EVENT_ID_FIELD_NUMBER, 2), _ID_SIZE
    heads[:, 2 : 2 + _ID_SIZE] = ids
    heads[:, 2 + _ID_SIZE] = _tag(UsageEvent.EVENT_TIME_US_FIELD_NUMBER, 0)
    for at in range(_TIME_SIZE):
        heads[:, 3 + _ID_SIZE + at] = (times_us >> 7 * at & 0x7F) | 0x80
    heads[:, -1] &= 0x7F
    return heads


def _format_tails(digits: Octets, numbers: NDArray[np.uint64]) -> Octets:
    """The fields asset_id, license_id and consumer_id of each row."""
    license_end = _ASSET_FIELDS.shape[1] + len(_LICENSE_FIELD)
    tails = np.empty((len(digits), license_end + len(_CONSUMER)), np.uint8)
    tails[:, : _ASSET_FIELDS.shape[1]] = _ASSET_FIELDS[numbers % 500]
    tails[:, _ASSET_FIELDS.shape[1] : license_end] = _LICENSE_FIELD
    tails[:, license_end:] = _CONSUMER
    tails[:, -12:] = digits[:, :12]
    return tails


def _cut_rows(matrix: Octets) -> list[bytes]:
    data, width = matrix.tobytes(), matrix.shape[1]
    return [data[at : at + width] for at in range(0, len(data), width)]


def _pick(values: Sequence[bytes], places: NDArray[np.integer]) -> Iterator[bytes]:
    return map(values.__getitem__, places.tolist())


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
