"""One cell becomes one value, or a refusal that names the target."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil_cli.importing.rows import RowError
from counterfoil_cli.importing.values import (
    parse_attributions,
    parse_consents,
    parse_metadata,
    parse_metadata_value,
    parse_text,
    parse_time_us,
    parse_whole,
    parse_yes_no,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
INSTANT_US = 1_700_158_546_680_590  # 2023-11-16T18:15:46.68059Z


def refusal(parse: Callable[[str, object], object], cell: object) -> RowError | None:
    """Why a cell is refused; None when it is not."""
    try:
        parse("target", cell)
    except RowError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("cell", "expected_us"),
    [
        ("2023-11-16 18:15:46.6805900", INSTANT_US),
        ("2023-11-16T18:15:46.680590Z", INSTANT_US),
        ("2023-11-16t18:15:46.68059z", INSTANT_US),
        ("2023-11-16T18:15:46,68059Z", INSTANT_US),
        ("2023-11-16 18:15:46.68059 UTC", INSTANT_US),
        ("2023-11-16T19:15:46.68059+01:00", INSTANT_US),
        ("2023-11-16T19:15:46.68059 +0100", INSTANT_US),
        ("2023-11-16T12:45:46.68059-05:30", INSTANT_US),
        ("  2023-11-16 18:15:46.68059  ", INSTANT_US),
        # What is finer than a microsecond is cut off, not rounded up.
        ("2023-11-16T18:15:46.680590999999Z", INSTANT_US),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
        ("2016-12-31T23:59:59.999999Z", 1_483_228_799_999_999),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
        ("1700158546", 1_700_158_546_000_000),
        ("1700158546.68059", INSTANT_US),
        ("1700158546680", 1_700_158_546_680_000),
        ("1700158546680.59", INSTANT_US),
        ("1700158546680590", INSTANT_US),
        ("1700158546680590123", INSTANT_US),
        (1_700_158_546, 1_700_158_546_000_000),
        (1_700_158_546_680_590, INSTANT_US),
        (Decimal("1700158546.68059"), INSTANT_US),
        ("0", 0),
    ],
)
def test_times_of_real_files_are_read(cell: object, expected_us: int) -> None:
    """A time in any usual spelling gives its microseconds since 1970."""
    assert parse_time_us("event_time", cell) == expected_us


@pytest.mark.parametrize(
    "cell",
    [
        "yesterday",
        "2023-11-16",
        "2023-11-16T18:15",
        "2023-11-16T18:15:46.",
        "2023-02-29T00:00:00Z",
        "2023-13-01T00:00:00Z",
        "2023-11-31T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2023-11-16T24:00:00Z",
        "2023-11-16T23:60:00Z",
        "2023-11-16T23:59:61Z",
        "2023-11-16T18:15:46+24:00",
        "2023-11-16T18:15:46+01:60",
        "2023-11-16T18:15:46+1",
        "2023-11-16T18:15:46 CET",
        "16/11/2023 18:15:46",
        "2023-11-16T18:15:46Z, or so",
        "٢٠٢٣-11-16T18:15:46Z",
        "-1700158546",
        "1e9",
        "NaN",
        "Infinity",
        "0x10",
        "1" * 29,
        -1,
        10**20,
        True,
        Decimal("NaN"),
        Decimal("-Infinity"),
        ["2023-11-16T18:15:46Z"],
        {},
    ],
)
def test_what_is_no_time_is_refused(cell: object) -> None:
    """A cell that is not a time that exists is refused by name."""
    with pytest.raises(RowError) as refused:
        parse_time_us("event_time", cell)

    assert (refused.value.reason, refused.value.field) == ("FIELD_MALFORMED", "event_time")


@settings(deadline=None)
@given(
    st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001 - a zone is added below
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    st.sampled_from("T "),
)
def test_every_rfc_3339_time_of_the_standard_library_is_read(
    moment: datetime, zone: timezone, separator: str
) -> None:
    """Whatever zone a time is written in, the instant is that of the standard library."""
    local = moment.replace(tzinfo=UTC).astimezone(zone)

    assert parse_time_us("t", local.isoformat(separator)) == (local - EPOCH) // MICROSECOND


@settings(deadline=None)
@given(st.integers(10**8, 10**10), st.integers(0, 999_999))
def test_one_instant_in_four_units_is_one_instant(seconds: int, micros: int) -> None:
    """Seconds, milliseconds, microseconds and nanoseconds since 1970 are told by magnitude."""
    expected_us = seconds * 10**6 + micros

    assert parse_time_us("t", f"{seconds}.{micros:06d}") == expected_us
    assert parse_time_us("t", Decimal(expected_us) / 1000) == expected_us
    assert parse_time_us("t", expected_us) == expected_us
    assert parse_time_us("t", str(expected_us * 1000 + 999)) == expected_us


@settings(deadline=None)
@given(
    st.text(max_size=40) | st.integers() | st.decimals() | st.booleans() | st.lists(st.integers())
)
def test_no_cell_gets_past_the_one_error(cell: object) -> None:
    """Each parser gives a value or a RowError for any cell; nothing else comes out."""
    parsers = (parse_time_us, parse_whole, parse_text, parse_metadata_value, parse_metadata)
    for parse in (*parsers, parse_consents, parse_attributions):
        error = refusal(parse, cell)

        assert error is None or (error.field.startswith("target") and "\n" not in error.message)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("44", 44),
        (" 44 ", 44),
        ("+44", 44),
        ("-3", -3),
        ("44.0", 44),
        ("0", 0),
        (44, 44),
        (Decimal("44.00"), 44),
        (Decimal("1e3"), 1000),
    ],
)
def test_whole_numbers_are_read_with_their_sign(cell: object, expected: int) -> None:
    """Whole numbers pass with their sign: whether a quantity may be negative is the ledger's to say."""
    assert parse_whole("tokens", cell) == expected


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "",
            "44.5",
            "4 4",
            "4,400",
            "4_4",
            "0x2c",
            "1e3",
            "NaN",
            "--3",
            "٤",
            "forty-four",
            "1" * 31,
        ),
        *(
            True,
            None,
            44.0,
            [44],
            Decimal("44.5"),
            Decimal("NaN"),
            Decimal("Infinity"),
            Decimal("1e400"),
            # Beyond the exponents that decimal arithmetic can round to.
            Decimal("1e9999999"),
            Decimal("-1e9999999"),
        ),
        *(1 << 63, -(1 << 63), "9223372036854775808"),
    ],
)
def test_what_is_no_whole_number_is_refused(cell: object) -> None:
    """Fractions, other spellings, other types and what exceeds 64 bits are refused."""
    with pytest.raises(RowError) as refused:
        parse_whole("tokens", cell)

    assert (refused.value.reason, refused.value.field) == ("FIELD_MALFORMED", "tokens")


def test_half_a_character_is_refused_as_wrong_utf8() -> None:
    """A lone surrogate, which JSON can spell and UTF-8 cannot hold, is refused before protobuf sees it."""
    with pytest.raises(RowError) as refused:
        parse_text("model_id", "model\ud800")

    assert refused.value.reason == "INVALID_UTF8"


@pytest.mark.parametrize("cell", [True, 1.5, None, ["a"], {"a": 1}, Decimal("1.5"), 1 << 70])
def test_what_is_no_text_is_refused(cell: object) -> None:
    """Only text, and whole numbers that serve as ids, become text."""
    with pytest.raises(RowError):
        parse_text("model_id", cell)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("training;inference", [1, 2]),
        ("TRAINING, display", [1, 4]),
        ("CONSENT_COMMERCIAL", [3]),
        ("training|inference", [1, 2]),
        (["inference", "CONSENT_DISPLAY"], [2, 4]),
        ([], []),
    ],
)
def test_consents_are_read_by_name(cell: object, expected: list[int]) -> None:
    """Names in a list or between separators become the numbers of the enum."""
    assert parse_consents("consents", cell) == expected


@pytest.mark.parametrize(
    "cell", ["everything", "training;all", ["training", 2], {"training": True}, 1, ["UNSPECIFIED"]]
)
def test_unknown_consents_are_refused(cell: object) -> None:
    """A consent that does not exist is refused; nothing is guessed."""
    with pytest.raises(RowError):
        parse_consents("consents", cell)


def test_attributions_are_read_in_both_forms() -> None:
    """Text and JSON spell the same shares; the last colon counts, because an asset may be a URN."""
    expected = [("urn:asset:7", 700_000), ("b", 300_000)]

    assert parse_attributions("attributions", "urn:asset:7:700000, b:300000") == expected
    assert (
        parse_attributions(
            "attributions",
            [{"asset_id": "urn:asset:7", "parts_per_million": 700_000}, "b:300000"],
        )
        == expected
    )


@pytest.mark.parametrize(
    "cell",
    [
        *("a", "a:", ":5", "a:x", "a:0.5", "a:-1", "a:1000001", 7, {"asset_id": "a"}),
        *([{"asset_id": "a"}], [{"asset_id": "", "parts_per_million": 1}], [7], [["a", 1]]),
        [{"asset_id": "a", "parts_per_million": True}],
    ],
)
def test_malformed_attributions_are_refused(cell: object) -> None:
    """A share without an asset, without parts, or outside 0 to a million is refused."""
    with pytest.raises(RowError):
        parse_attributions("attributions", cell)


def test_metadata_values_keep_their_json_spelling() -> None:
    """Numbers and truth values become the text that JSON shows; nulls are left out."""
    cell = {"a": "x", "n": 3, "d": Decimal("0.10"), "t": True, "f": False, "gone": None}

    assert parse_metadata("metadata", cell) == {
        "a": "x",
        "n": "3",
        "d": "0.10",
        "t": "true",
        "f": "false",
    }


@pytest.mark.parametrize(
    "cell", ["x", 1, [], {"a": {}}, {"a": []}, {"a": Decimal("NaN")}, {"a": "\ud800"}]
)
def test_malformed_metadata_is_refused(cell: object) -> None:
    """Metadata is one object of small values; anything deeper is refused."""
    with pytest.raises(RowError) as refused:
        parse_metadata("metadata", cell)

    assert refused.value.field.startswith("metadata")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (True, True),
        ("Yes", True),
        ("1", True),
        (1, True),
        (False, False),
        (" no ", False),
        (0, False),
    ],
)
def test_yes_and_no_are_read(value: object, told: bool) -> None:
    """What means yes or no is read as that."""
    assert parse_yes_no("non_commercial", value) is told


@pytest.mark.parametrize("value", ["", "maybe", "2", 2, None, 1.0, ["true"], "ja"])
def test_what_is_neither_yes_nor_no_is_refused(value: object) -> None:
    """Nothing else is taken for either."""
    with pytest.raises(RowError):
        parse_yes_no("non_commercial", value)
