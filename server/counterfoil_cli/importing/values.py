"""One cell becomes one value of a usage event. Pure; every refusal names the target and says what was expected.

Cells of a CSV file are text; cells of a JSON file are JSON values, with decimals as `Decimal`. None and, in a CSV file,
the empty cell mean "not stated" and never reach these functions.
"""

import re
from datetime import date
from decimal import Decimal
from functools import lru_cache

from counterfoil.limits import PARTS_PER_MILLION
from counterfoil.record.problem import MALFORMED
from counterfoil_cli.importing.rows import RowError

CONSENTS = {"TRAINING": 1, "INFERENCE": 2, "COMMERCIAL": 3, "DISPLAY": 4}

INT64_MAX = (1 << 63) - 1
_SECOND_US = 1_000_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()

# RFC 3339 section 5.6, with what real files do: a space for the T, no zone (read as UTC), " UTC" for Z.
_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,18}))?"
    r" ?(?:[Zz]|UTC|([+-])(\d\d):?(\d\d))?",
    re.ASCII,
)
_NUMBER = re.compile(r"[+-]?\d{1,30}(?:\.\d{1,18})?", re.ASCII)
_WHOLE = re.compile(r"([+-]?\d{1,30})(?:\.0{1,18})?", re.ASCII)

# Up to which magnitude an epoch number counts in which unit. Seconds reach the year 5138; milliseconds,
# microseconds and nanoseconds are unambiguous for every time since March 1973.
_EPOCH_UNITS = ((10**11, Decimal(1)), (10**14, Decimal(10) ** 3), (10**17, Decimal(10) ** 6))
_NANOSECONDS = Decimal(10) ** 9


def parse_time_us(target: str, value: object) -> int:
    """Microseconds since 1970 from an RFC 3339 time or an epoch number; finer fractions are cut off, not rounded.

    Raises:
        RowError: FIELD_MALFORMED.
    """
    if isinstance(value, str):
        text = value.strip()
        match = _TIMESTAMP.fullmatch(text)
        if match:
            return _timestamp_us(target, text, match)
        if _NUMBER.fullmatch(text):
            return _epoch_us(target, Decimal(text))
    elif isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return _epoch_us(target, Decimal(value))
    raise RowError(MALFORMED, target, f"{show(value)} is not an RFC 3339 time or an epoch number")


def _timestamp_us(target: str, text: str, match: re.Match[str]) -> int:
    day, hour, minute, second, fraction, sign, zone_hour, zone_minute = match.groups()
    days = _days(day)
    # Second 60 is a leap second (RFC 3339 section 5.7): the same instant as the next second's zero.
    if days is None or int(hour) > 23 or int(minute) > 59 or int(second) > 60:
        raise RowError(MALFORMED, target, f"{text!r} is not a time that exists")
    seconds = ((days * 24 + int(hour)) * 60 + int(minute)) * 60 + int(second)
    if sign:
        if int(zone_hour) > 23 or int(zone_minute) > 59:
            raise RowError(MALFORMED, target, f"{text!r} has a zone that does not exist")
        offset = (int(zone_hour) * 60 + int(zone_minute)) * 60
        seconds += -offset if sign == "+" else offset
    return seconds * _SECOND_US + (int(fraction[:6].ljust(6, "0")) if fraction else 0)


@lru_cache(maxsize=4096)
def _days(day: str) -> int | None:
    """Days since 1970; None when there is no such day. Cached, because neighbours share their day."""
    try:
        return date.fromisoformat(day).toordinal() - _EPOCH_DAY
    except ValueError:
        return None


def _epoch_us(target: str, number: Decimal) -> int:
    if not number.is_finite() or number < 0 or number >= 10**20:
        raise RowError(MALFORMED, target, f"{number} is not a time since 1970")
    unit = next((unit for bound, unit in _EPOCH_UNITS if number < bound), _NANOSECONDS)
    return int(number * _SECOND_US / unit)


def parse_whole(target: str, value: object) -> int:
    """A whole number; "44.0", as data frames print whole numbers, is 44. Signs are the ledger's to refuse.

    Raises:
        RowError: FIELD_MALFORMED.
    """
    number: int | None = None
    if isinstance(value, str):
        match = _WHOLE.fullmatch(value.strip())
        number = int(match[1]) if match else None
    elif isinstance(value, Decimal):
        number = (
            int(value)
            # Compared, not rounded: arithmetic overflows on exponents that a file may well hold.
            if value.is_finite() and -(10**30) < value < 10**30 and value == int(value)
            else None
        )
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    if number is None:
        raise RowError(MALFORMED, target, f"{show(value)} is not a whole number")
    if not -INT64_MAX <= number <= INT64_MAX:
        raise RowError(MALFORMED, target, f"{show(value)} does not fit 64 bits")
    return number


def parse_text(target: str, value: object) -> str:
    """Text as it is; whole numbers, which many systems use as ids, in digits.

    Raises:
        RowError: FIELD_MALFORMED, INVALID_UTF8.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) <= INT64_MAX else _not_text(target, value)
    if not isinstance(value, str):
        return _not_text(target, value)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise RowError(
            "INVALID_UTF8", target, f"{target} holds half a character (a lone surrogate)"
        ) from None
    return value


def parse_consumer(target: str, value: object) -> str:
    """Text as it is; what is none is not quoted, because it may name somebody.

    Raises:
        RowError: FIELD_MALFORMED, INVALID_UTF8.
    """
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise RowError(MALFORMED, target, f"{target} is not text")
    return parse_text(target, value)


def _not_text(target: str, value: object) -> str:
    raise RowError(MALFORMED, target, f"{show(value)} is not text")


def parse_metadata_value(target: str, value: object) -> str:
    """A metadata value: text, a number or a truth value, each in its JSON spelling.

    Raises:
        RowError: FIELD_MALFORMED, INVALID_UTF8.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)
    return parse_text(target, value)


def parse_metadata(target: str, value: object) -> dict[str, str]:
    """A JSON object of facts; null values are left out.

    Raises:
        RowError: FIELD_MALFORMED or a reason of one of the values.
    """
    if not isinstance(value, dict):
        raise RowError(
            MALFORMED, target, f"{show(value)} is not an object; map metadata.KEY instead"
        )
    return {
        parse_text(target, key): parse_metadata_value(f"{target}.{key}", item)
        for key, item in value.items()
        if item is not None
    }


def parse_yes_no(target: str, value: object) -> bool:
    """Yes or no: a JSON boolean, or true, yes or 1, and false, no or 0, in any case.

    Raises:
        RowError: FIELD_MALFORMED.
    """
    known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    told = known.get(str(value).strip().lower()) if isinstance(value, str | bool | int) else None
    if told is None:
        raise RowError(MALFORMED, target, f"{show(value)} is neither true nor false")
    return told


def parse_consents(target: str, value: object) -> list[int]:
    """Consent flags: names in a JSON list, or in text between commas, semicolons, bars or spaces.

    Raises:
        RowError: FIELD_MALFORMED.
    """
    names = (
        [name for name in re.split(r"[,;|\s]+", value) if name] if isinstance(value, str) else value
    )
    if not isinstance(names, list):
        raise RowError(MALFORMED, target, f"{show(value)} is not a list of consents")
    numbers = []
    for name in names:
        number = (
            CONSENTS.get(name.upper().removeprefix("CONSENT_")) if isinstance(name, str) else None
        )
        if number is None:
            known = ", ".join(CONSENTS).lower()
            raise RowError(MALFORMED, target, f"{show(name)} is not one of {known}")
        numbers.append(number)
    return numbers


def parse_attributions(target: str, value: object) -> list[tuple[str, int]]:
    """Shares of assets in parts per million: 'asset:ppm,asset:ppm', or a list of objects as in the API.

    Raises:
        RowError: FIELD_MALFORMED.
    """
    if isinstance(value, str):
        items: list[object] = [item.strip() for item in value.split(",") if item.strip()]
    elif isinstance(value, list):
        items = value
    else:
        raise RowError(MALFORMED, target, f"{show(value)} is not a list of asset:ppm")
    return [_attribution(target, item) for item in items]


def _attribution(target: str, item: object) -> tuple[str, int]:
    asset: object = None
    share: object = None
    if isinstance(item, str):
        # The last colon, because an asset may be a URN.
        asset, _, share = item.rpartition(":")
    elif isinstance(item, dict):
        asset, share = item.get("asset_id"), item.get("parts_per_million")
    if not asset or share is None:
        raise RowError(MALFORMED, target, f"{show(item)} is not asset:ppm")
    parts = parse_whole(target, share)
    if not 0 <= parts <= PARTS_PER_MILLION:
        raise RowError(MALFORMED, target, f"{show(item)} is not within 0 to {PARTS_PER_MILLION}")
    return parse_text(target, asset), parts


def show(value: object) -> str:
    """A value as it may stand in a message: short, on one line, and printable."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
