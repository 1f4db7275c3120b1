"""Rows become events by --map, --set and names; the same row gives the same bytes for ever."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from counterfoil.limits import EVENT_SIZE_BYTES_MAX
from counterfoil.v1.record_pb2 import CONSENT_TRAINING, UsageEvent
from counterfoil_cli.importing.mapping import TARGETS, EventBuilder, parse_field_map
from counterfoil_cli.importing.rows import FileError, Row, RowError


def build(
    values: Mapping[str, object],
    maps: Sequence[str] = (),
    sets: Sequence[str] = (),
    header: Sequence[str] | None = None,
) -> UsageEvent:
    """The event of a row at line 7 of a file whose ids begin with `file:`."""
    builder = EventBuilder(parse_field_map(maps, sets), header, "file:")
    event_id, body = builder.build(Row(7, 7, "7", values))
    event = UsageEvent.FromString(body)
    assert event.event_id == event_id
    return event


def test_every_field_of_an_event_is_a_target() -> None:
    """No field of UsageEvent was forgotten, and no target is without a field."""
    fields = {field.name for field in UsageEvent.DESCRIPTOR.fields}

    assert set(TARGETS) - {"event_time"} == fields


def test_a_row_of_the_public_trace_becomes_an_event() -> None:
    """Mapped columns and constants fill the event; the id comes from file and line."""
    event = build(
        {
            "TIMESTAMP": "2023-11-16 18:15:46.6805900",
            "ContextTokens": "374",
            "GeneratedTokens": "44",
        },
        ["event_time=TIMESTAMP", "input_tokens=ContextTokens", "output_tokens=GeneratedTokens"],
        ["model_id=llm", "metadata.trace=azure-2023"],
        ["TIMESTAMP", "ContextTokens", "GeneratedTokens"],
    )

    assert event == UsageEvent(
        event_id="file:7",
        event_time_us=1_700_158_546_680_590,
        model_id="llm",
        input_tokens=374,
        output_tokens=44,
        metadata={"trace": "azure-2023"},
    )


def test_columns_named_like_fields_map_by_themselves() -> None:
    """All fields of a JSON row arrive without any --map."""
    event = build(
        {
            "event_id": "e1",
            "event_time_us": 5,
            "model_id": "m",
            "tokens": 9,
            "receipt_ref": "pt_1_00000000",
            "asset_id": "a",
            "license_id": "l",
            "consumer_id": 42,
            "action": "x",
            "attributions": [{"asset_id": "a", "parts_per_million": 10}],
            "consents": ["training"],
            "metadata": {"k": "v"},
            "metadata.j": "w",
        }
    )

    assert event == UsageEvent(
        event_id="e1",
        event_time_us=5,
        model_id="m",
        tokens=9,
        receipt_ref="pt_1_00000000",
        asset_id="a",
        license_id="l",
        consumer_id="42",
        action="x",
        attributions=[{"asset_id": "a", "parts_per_million": 10}],
        consents=[CONSENT_TRAINING],
        metadata={"k": "v", "j": "w"},
    )


def test_what_the_command_line_says_outranks_names() -> None:
    """--map and --set take the place of the column that is named like the target."""
    event = build(
        {"model_id": "row", "asset_id": "row", "asset": "mapped", "metadata": {"k": "row"}},
        ["asset_id=asset"],
        ["model_id=set", "metadata.k=set"],
    )

    assert (event.model_id, event.asset_id, dict(event.metadata)) == ("set", "mapped", {"k": "set"})


def test_empty_cells_and_nulls_are_not_stated() -> None:
    """An empty cell leaves the field empty, and a row without an id gets its own."""
    event = build({"event_id": "", "tokens": None, "t": ""}, ["action=t"], header=None)

    assert event == UsageEvent(event_id="file:7")


def test_a_dotted_column_reaches_into_objects() -> None:
    """a.b means b inside a, unless a column has that very name."""
    nested = {"usage": {"prompt": 3, "none": None}, "usage.flat": 4, "gone": None}

    event = build(
        nested,
        [
            "input_tokens=usage.prompt",
            "output_tokens=usage.flat",
            "tokens=usage.none",
            "action=gone.x",
        ],
    )

    assert (event.input_tokens, event.output_tokens, event.tokens, event.action) == (3, 4, 0, "")


def test_columns_that_nothing_maps_are_remembered_once() -> None:
    """A misspelt column is told at the end instead of being lost in silence."""
    builder = EventBuilder(parse_field_map(["tokens=usage.n"], []), None, "")

    for values in (
        {"input_token": 1, "usage": {"n": 1}},
        {"input_token": 2, "usage": {"n": 1}, "metadata.": 3},
    ):
        builder.build(Row(1, 1, "1", values))

    assert builder.ignored == {"input_token", "metadata."}


def test_the_same_row_gives_the_same_bytes_in_any_order_of_its_keys() -> None:
    """Bytes do not depend on the order of columns or metadata, on which duplicates are told apart."""
    seed = 20
    rng = random.Random(seed)
    items: list[tuple[str, Any]] = [
        ("event_id", "e"),
        ("tokens", 1),
        ("metadata", {f"k{n}": str(n) for n in range(20)}),
        ("action", "x"),
    ]
    builder = EventBuilder(parse_field_map([], []), None, "")
    bodies = set()
    for _ in range(50):
        rng.shuffle(items)
        metadata = list(items[[name for name, _ in items].index("metadata")][1].items())
        rng.shuffle(metadata)
        bodies.add(builder.build(Row(1, 1, "1", {**dict(items), "metadata": dict(metadata)}))[1])

    assert len(bodies) == 1, f"seed {seed}"


@pytest.mark.parametrize(
    ("maps", "sets", "told"),
    [
        (["input_tokens"], [], "not target=COLUMN"),
        (["input_tokens="], [], "not target=COLUMN"),
        (["=x"], [], "no target ''"),
        (["input_token=x"], [], "no target 'input_token'; choose event_id, "),
        (["metadata.=x"], [], "no target"),
        (["timestamp=x"], [], "no target"),
        (["tokens=a", "tokens=b"], [], "given twice"),
        (["tokens=a"], ["tokens=1"], "by --map and by --set"),
        (["event_time=a", "event_time_us=b"], [], "one field"),
        (["event_time=a"], ["event_time_us=5"], "one field"),
        ([], ["model_id"], "not target=VALUE"),
        ([], ["model=m"], "no target 'model'"),
        ([], ["metadata=x"], "metadata.KEY=VALUE"),
        ([], ["tokens=many"], "not a whole number"),
        ([], ["event_time=noon"], "not an RFC 3339 time"),
        ([], ["consents=all"], "not one of"),
    ],
)
def test_a_bad_option_is_refused_before_the_file_is_touched(
    maps: list[str], sets: list[str], told: str
) -> None:
    """Each mistake on the command line is told with what would be right."""
    with pytest.raises(FileError, match=told):
        EventBuilder(parse_field_map(maps, sets), None, "")


def test_a_column_that_the_header_lacks_is_refused_with_those_that_it_has() -> None:
    """A misspelt column of a CSV file stops the import at once."""
    with pytest.raises(
        FileError, match=r"--map tokens=Token: no such column; the file has 'Tokens', 'Time'"
    ):
        EventBuilder(parse_field_map(["tokens=Token"], []), ["Tokens", "Time"], "")


@pytest.mark.parametrize(
    ("values", "maps", "reason", "field"),
    [
        ({}, ["tokens=n"], "MISSING_COLUMN", "tokens"),
        ({"a": {}}, ["tokens=a.n"], "MISSING_COLUMN", "tokens"),
        ({"a": 1}, ["tokens=a.n"], "MISSING_COLUMN", "tokens"),
        ({"tokens": "x"}, [], "FIELD_MALFORMED", "tokens"),
        ({"n": "x"}, ["tokens=n"], "FIELD_MALFORMED", "tokens"),
        ({"event_time": 1_700_000_000, "event_time_us": 5}, [], "FIELD_MALFORMED", "event_time_us"),
        ({"model_id": {"name": "m"}}, [], "FIELD_MALFORMED", "model_id"),
        ({"metadata": "k=v"}, [], "FIELD_MALFORMED", "metadata"),
        ({"metadata.k": []}, [], "FIELD_MALFORMED", "metadata.k"),
        ({"model_id": "\udcff"}, [], "INVALID_UTF8", "model_id"),
        ({"metadata.\ud800": "x"}, [], "INVALID_UTF8", "metadata.\ud800"),
        ({"metadata": {"\ud800": "x"}}, [], "INVALID_UTF8", "metadata"),
        ({"metadata": {"k": "x" * EVENT_SIZE_BYTES_MAX}}, [], "TOO_LARGE", ""),
    ],
)
def test_a_bad_row_is_refused_by_field(
    values: dict[str, object], maps: list[str], reason: str, field: str
) -> None:
    """What cannot become an event is refused here, with the field at fault."""
    with pytest.raises(RowError) as refused:
        build(values, maps)

    assert (refused.value.reason, refused.value.field) == (reason, field)


def test_two_times_that_agree_are_one() -> None:
    """A row may state its time in both spellings, when they are the same instant."""
    assert (
        build({"event_time": "1970-01-01T00:00:00.000005Z", "event_time_us": 5}).event_time_us == 5
    )
