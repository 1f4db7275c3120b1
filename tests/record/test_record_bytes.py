"""Bodies as bytes: nothing unknown, cut or badly encoded is read, and differences are named."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.errors import InvalidInput
from counterfoil.record import (
    ASSESSMENT,
    ASSET,
    CREATOR,
    GENESIS,
    KEY_CHANGE,
    KINDS,
    LICENSE,
    PAYOUT,
    PRICE,
    REVOCATION,
    TRAINING,
    USAGE,
    Kind,
    parse_message,
    problem,
)
from counterfoil.record.difference import first_difference
from counterfoil.wire import element_bytes, field_bytes, field_varint

from .samples import GOOD, good, serialize

KIND_NAMES = [kind.name for kind in KINDS]
UNKNOWN = (
    field_varint(99, 1),
    field_bytes(99, b"x"),
    b"\x9d\x06" + bytes(4),
    b"\x99\x06" + bytes(8),
)


def first_text(kind: Kind) -> tuple[int, str]:
    """Number and name of the first field of a kind that is a text."""
    fields = kind.message.DESCRIPTOR.fields
    return next((f.number, f.name) for f in fields if f.type == f.TYPE_STRING)


@pytest.mark.parametrize("unknown", UNKNOWN, ids=["varint", "bytes", "fixed32", "fixed64"])
@pytest.mark.parametrize("kind", KINDS, ids=KIND_NAMES)
def test_unknown_fields_of_a_body_are_refused(kind: Kind, unknown: bytes) -> None:
    """A field that the kind does not have is refused before, behind and between the others."""
    raw = serialize(good(kind))

    for data in (raw + unknown, unknown + raw):
        with pytest.raises(InvalidInput) as caught:
            parse_message(kind.message, data, "training")
        assert (caught.value.field, caught.value.reason) == ("training", problem.UNKNOWN_FIELD)
        # The control: protobuf itself would have let it pass.
        assert kind.message.FromString(data) is not None


NESTED = (
    (TRAINING, 5, field_bytes(3, b"s" * 32)),
    (TRAINING, 6, field_bytes(1, b"k") + field_bytes(2, b"v")),
    (TRAINING, 10, field_bytes(1, b"k") + field_bytes(2, b"v")),
    (TRAINING, 15, field_varint(1, 1)),
    (USAGE, 12, field_bytes(1, b"a")),
    (USAGE, 14, field_bytes(1, b"k") + field_bytes(2, b"v")),
    (PAYOUT, 8, field_bytes(1, b"k") + field_bytes(2, b"v")),
)


@pytest.mark.parametrize("unknown", UNKNOWN[:2], ids=["varint", "bytes"])
@pytest.mark.parametrize(("kind", "number", "content"), NESTED)
def test_unknown_fields_inside_a_field_are_refused(
    kind: Kind, number: int, content: bytes, unknown: bytes
) -> None:
    """A field that an inner message or a map entry does not have is refused as well."""
    raw = serialize(good(kind))
    assert parse_message(kind.message, raw + element_bytes(number, content), "b") is not None

    with pytest.raises(InvalidInput) as caught:
        parse_message(kind.message, raw + element_bytes(number, content + unknown), "b")
    assert caught.value.reason == problem.UNKNOWN_FIELD


@pytest.mark.parametrize("kind", KINDS, ids=KIND_NAMES)
def test_truncated_bodies_are_refused(kind: Kind) -> None:
    """A body cut anywhere is malformed, or another body that lacks something; nothing else is raised."""
    raw = serialize(good(kind))
    malformed = 0
    for size in range(len(raw)):
        try:
            assert parse_message(kind.message, raw[:size], "body") != good(kind)
        except InvalidInput:
            malformed += 1

    assert malformed > len(raw) // 2


# Assessments are the server's own: nobody sends one, and their first field is no text.
SENT = [kind for kind in KINDS if kind is not ASSESSMENT]


@pytest.mark.parametrize("kind", SENT, ids=lambda kind: str(kind.name))
def test_text_that_is_not_utf8_is_refused(kind: Kind) -> None:
    """Text fields hold UTF-8, without surrogates and overlong forms."""
    number = first_text(kind)[0]
    for bad in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"a\x80"):
        with pytest.raises(InvalidInput) as caught:
            parse_message(kind.message, field_bytes(number, bad), "body")
        assert caught.value.reason == problem.MALFORMED


CHANGES: dict[int, dict[str, Any]] = {
    GENESIS.number: {"origin": "x", "vkeys": [], "leaf_version": 2, "created_time_us": 1},
    TRAINING.number: {
        "dataset_id": "x",
        "artifacts": [],
        "evidence": {"slice": "other"},
        "portion_used_ppm": 1,
        "notes": None,
        "signatures": [{"role": 1}],
    },
    USAGE.number: {
        "event_time_us": 1,
        "output_tokens": None,
        "attributions": [],
        "consents": [1],
        "metadata": {"region": "us"},
    },
    PAYOUT.number: {"amount": "1.5", "status": 1, "metadata": {}},
    CREATOR.number: {"replaces": None, "display_name": "x", "consents": [], "metadata": {}},
    ASSET.number: {"creator_id": "x", "contents": [], "tags": ["x"], "visibility": 1},
    LICENSE.number: {"buyer": None, "terms": {"commercial_use": True}, "price_id": "x"},
    REVOCATION.number: {"kind": 6, "object_id": "x", "reason": None, "effective_time_us": 1},
    PRICE.number: {"creator_id": None, "currency": "USD", "per_token": None, "monthly_cap": "1"},
    KEY_CHANGE.number: {
        "purpose": 2,
        "retired_vkey": "x",
        "new_vkey": "x",
        "overlap_entries": 1,
        "overlap_us": 1,
        "reason": "x",
    },
}


@pytest.mark.parametrize("kind", SENT, ids=lambda kind: str(kind.name))
def test_the_first_differing_field_is_named(kind: Kind) -> None:
    """A difference is told by the field with the lowest number; the same fields in other bytes are no difference."""
    logged = serialize(good(kind))
    later: dict[str, Any] = {}
    for name, value in reversed(CHANGES[kind.number].items()):
        later[name] = value
        assert first_difference(kind, logged, serialize(good(kind, **later))) == name

    starts = serialize(kind.message())
    assert first_difference(kind, logged, logged + starts) is None
    number, first = first_text(kind)
    repeated = field_bytes(number, GOOD[kind.number][first].encode()) + logged
    assert repeated != logged
    assert first_difference(kind, logged, repeated) is None
