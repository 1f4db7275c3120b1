"""Kind 3: usage events, and the check of a whole batch of them.

This is the hot path. The check reads the batch a column at a time and asks one question of each column ("is the
smallest time inside the window?"); only a column with a bad answer is walked to find the events that made it bad. A
batch without faults, which is nearly every batch, never runs Python code per event and field.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from counterfoil.entry import KIND_USAGE
from counterfoil.limits import (
    ATTRIBUTIONS_MAX,
    CONSENTS_MAX,
    EVENT_SIZE_BYTES_MAX,
    ID_LENGTH_MAX,
    PARTS_PER_MILLION,
    TIME_US_MAX,
    TOKENS_MAX,
)
from counterfoil.packed import Packed, Spans
from counterfoil.record import problem
from counterfoil.record.consumer import is_pseudonym
from counterfoil.record.kind import Kind
from counterfoil.record.problem import Problem
from counterfoil.record.text import ID_ALPHABET, check_id, check_metadata, is_id
from counterfoil.twin import native, twin_of
from counterfoil.v1 import record_pb2

QUANTITIES: Final = ("input_tokens", "output_tokens", "tokens")
# Fields whose values repeat within a batch: each distinct value is checked once.
REFERENCES: Final = ("model_id", "receipt_ref", "asset_id", "license_id", "action")
_COLLECTIONS: Final = ("attributions", "consents", "metadata")
_COLUMNS: Final = (
    "event_id",
    "event_time_us",
    *QUANTITIES,
    *REFERENCES,
    "consumer_id",
    "territory",
    *_COLLECTIONS,
)
_TERRITORY: Final = re.compile("[A-Z]{2}")
_READ = attrgetter(*_COLUMNS)
if native is not None:
    native.set_alphabet(ID_ALPHABET)

Column = Sequence[Any]
FindUnknown = Callable[[Collection[str]], Collection[str]]
"""Given distinct receipt_ref values, those that are no known proof of training."""


@dataclass(frozen=True, slots=True)
class Window:
    """The times that are accepted, microseconds since 1970, both ends included."""

    first_us: int
    last_us: int


def accept_batch(
    bodies: Sequence[bytes],
    window: Window,
    find_unknown: FindUnknown,
    *,
    pseudonyms_only: bool = False,
) -> Sequence[str] | None:
    """The event ids of a batch with nothing to object to; None when :func:`check_batch` has to look closer.

    What is accepted here has no problem there: it only saves parsing events that are plainly good. Arguments as there.
    """
    packed = Packed.of(bodies)
    # A window may begin before 1970 or end after 9999, but no event time may.
    looked = accept_usage(
        packed.data,
        packed.ends,
        max(1, window.first_us),
        min(window.last_us, TIME_US_MAX),
        TOKENS_MAX,
        ID_LENGTH_MAX,
        EVENT_SIZE_BYTES_MAX,
        pseudonyms_only,
    )
    if looked is None or (looked[1] and find_unknown(looked[1])):
        return None
    return Spans(packed.data, looked[0])


@twin_of
def accept_usage(
    _data: bytes,
    _ends: bytes,
    _first_us: int,
    _last_us: int,
    _quantity_max: int,
    _id_length_max: int,
    _event_size_max: int,
    _pseudonyms_only: bool,
) -> tuple[bytes, set[str]] | None:
    """Spans of the event ids and distinct references of packed events that are plainly acceptable, or None: not certain.

    Only the compiled twin is ever certain; in Python looking twice would cost more than it saves.
    """
    return None


def check_batch(
    events: Sequence[record_pb2.UsageEvent],
    bodies: Sequence[bytes],
    window: Window,
    find_unknown: FindUnknown,
    *,
    pseudonyms_only: bool = False,
) -> tuple[Sequence[str], list[Problem]]:
    """Check a batch of usage events.

    Args:
        events: the parsed events. bodies: their exact bytes.
        window: the times that are accepted.
        find_unknown: given the distinct receipt_ref values, those that are no known proof of training.
        pseudonyms_only: whether a consumer_id has to have the form of a pseudonym.

    Returns:
        The event ids in order, and all problems ordered by position; an event without one is acceptable.
    """
    if not events:
        return (), []
    columns: dict[str, Column] = dict(
        zip(_COLUMNS, zip(*map(_READ, events), strict=True), strict=True)
    )
    found: list[Problem] = []
    found += _check_ids(columns["event_id"], "event_id", required=True)
    found += _check_times(columns["event_time_us"], window)
    for field in QUANTITIES:
        found += _check_quantity(columns[field], field)
    for field in REFERENCES:
        found += _check_values(columns[field], field)
    if any(columns["consumer_id"]):
        found += _check_ids(columns["consumer_id"], "consumer_id", required=False)
        if pseudonyms_only:
            found += _check_pseudonyms(columns["consumer_id"])
    if any(columns["territory"]):
        found += _check_territories(columns["territory"])
    found += _check_references(columns["receipt_ref"], find_unknown)
    if max(map(len, bodies)) > EVENT_SIZE_BYTES_MAX:
        found += _check_sizes(bodies)
    for field in _COLLECTIONS:
        if any(columns[field]):
            found += _check_collection(columns[field], field)
    found.sort()
    return columns["event_id"], found


def _check_ids(column: Column, field: str, *, required: bool) -> Iterator[Problem]:
    # All ids as one text: one call looks at every character of the batch.
    if (
        (min(map(len, column)) or not required)
        and max(map(len, column)) <= ID_LENGTH_MAX
        and is_id("".join(column))
    ):
        return
    for position, value in enumerate(column):
        yield from check_id(value, field, position=position, required=required)


def _check_values(column: Column, field: str) -> Iterator[Problem]:
    required = field == "model_id"
    bad = {value for value in set(column) if any(check_id(value, field, required=required))}
    if bad:
        for position, value in enumerate(column):
            if value in bad:
                yield from check_id(value, field, position=position, required=required)


def _check_pseudonyms(column: Column) -> Iterator[Problem]:
    for position, value in enumerate(column):
        if value and not is_pseudonym(value):
            # The value is what must not be written down: it is not quoted.
            told = (
                "consumer_id is no pseudonym, and this ledger takes nothing else: report with a consumer key, import with "
                "--consumer-key, or send a keyed hash"
            )
            yield Problem(position, "consumer_id", problem.PLAIN_CONSUMER, told)


def _check_territories(column: Column) -> Iterator[Problem]:
    for position, value in enumerate(column):
        if value and not _TERRITORY.fullmatch(value):
            told = "territory must be two capital letters (ISO 3166-1 alpha-2)"
            yield Problem(position, "territory", problem.MALFORMED, told)


def _check_times(column: Column, window: Window) -> Iterator[Problem]:
    # A window may begin before 1970 or end after 9999, but no event time may.
    if max(1, window.first_us) <= min(column) and max(column) <= min(window.last_us, TIME_US_MAX):
        return
    for position, time_us in enumerate(column):
        if not time_us:
            told = "event_time_us is missing: microseconds since 1970"
            yield Problem(position, "event_time_us", problem.MISSING, told)
        elif not 0 < time_us <= TIME_US_MAX:
            told = f"event_time_us {time_us} is not microseconds since 1970"
            yield Problem(position, "event_time_us", problem.ABSURD, told)
        elif not window.first_us <= time_us <= window.last_us:
            told = (
                f"event_time_us {time_us} is outside the window from {window.first_us} to "
                f"{window.last_us}; older events need backfill"
            )
            yield Problem(position, "event_time_us", problem.OUTSIDE_WINDOW, told)


def _check_quantity(column: Column, field: str) -> Iterator[Problem]:
    if min(column) >= 0 and max(column) <= TOKENS_MAX:
        return
    for position, value in enumerate(column):
        if value < 0:
            told = f"{field} is {value}; a quantity must not be negative"
            yield Problem(position, field, problem.NEGATIVE, told)
        elif value > TOKENS_MAX:
            told = f"{field} is {value}; more than {TOKENS_MAX} is taken for a mistake"
            yield Problem(position, field, problem.ABSURD, told)


def _check_references(column: Column, find_unknown: FindUnknown) -> Iterator[Problem]:
    distinct = set(column) - {""}
    unknown = set(find_unknown(distinct)) if distinct else set()
    if unknown:
        for position, value in enumerate(column):
            if value in unknown:
                told = f"receipt_ref {value[:ID_LENGTH_MAX]} is no proof of training in this log"
                yield Problem(position, "receipt_ref", problem.UNKNOWN_REFERENCE, told)


def _check_sizes(bodies: Sequence[bytes]) -> Iterator[Problem]:
    for position, body in enumerate(bodies):
        if len(body) > EVENT_SIZE_BYTES_MAX:
            told = f"the event has {len(body)} bytes; at most {EVENT_SIZE_BYTES_MAX} are allowed"
            yield Problem(position, "events", problem.TOO_LARGE, told)


def _check_collection(column: Column, field: str) -> Iterator[Problem]:
    checks: Mapping[str, Callable[[Any, int], Iterator[Problem]]] = {
        "attributions": _check_attributions,
        "consents": _check_consents,
        "metadata": lambda value, position: check_metadata(value, "metadata", position=position),
    }
    check = checks[field]
    for position, value in enumerate(column):
        if value:
            yield from check(value, position)


def _check_attributions(value: Any, position: int) -> Iterator[Problem]:
    field = "attributions"
    if len(value) > ATTRIBUTIONS_MAX:
        told = f"{len(value)} attributions; at most {ATTRIBUTIONS_MAX} are allowed"
        yield Problem(position, field, problem.TOO_MANY, told)
        return
    for at, share in enumerate(value):
        yield from check_id(share.asset_id, f"{field}[{at}].asset_id", position=position)
    if len({share.asset_id for share in value}) != len(value):
        yield Problem(position, field, problem.MALFORMED, "an asset is listed twice")
    if sum(share.parts_per_million for share in value) > PARTS_PER_MILLION:
        told = f"attributions sum to more than {PARTS_PER_MILLION} parts per million"
        yield Problem(position, field, problem.ABSURD, told)


def _check_consents(value: Any, position: int) -> Iterator[Problem]:
    if len(value) > CONSENTS_MAX or len(set(value)) != len(value):
        yield Problem(position, "consents", problem.MALFORMED, "a consent is listed twice")
    elif not set(value) <= set(record_pb2.Consent.values()) - {0}:
        yield Problem(
            position, "consents", problem.MALFORMED, "a consent is not one of those known"
        )


def _check_one(body: Any, raw: bytes) -> Iterator[Problem]:
    _ids, found = check_batch([body], [raw], Window(0, TIME_US_MAX), lambda _values: ())
    yield from found


USAGE = Kind(
    number=KIND_USAGE,
    name="usage",
    id_prefix="ev",
    message=record_pb2.UsageEvent,
    check=_check_one,
    terms=lambda _body: {},
    identity=lambda _request_id, body: str(body.event_id),
)
