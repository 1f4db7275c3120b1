"""The check of a whole batch of usage events against a check of each event by itself."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil import limits
from counterfoil.record import USAGE, Problem, problem
from counterfoil.record.usage import Window, accept_batch, check_batch
from counterfoil.v1 import record_pb2

from .samples import TIME_US, good, serialize
from .usage_reference import event_faults

SEED = 20260808
WINDOW = Window(TIME_US - 1000, TIME_US + 1000)
KNOWN = ("pt_42_9f8e7d6c", "pt_1_00000000")
LONG = "x" * (limits.ID_LENGTH_MAX + 1)

# Mostly good values, so that a batch has few faults, as in life.
IDENTIFIERS = st.sampled_from(["a", "b-1", "x" * limits.ID_LENGTH_MAX] * 5 + ["", LONG, "a b", "ä"])
TIMES = st.sampled_from(
    [TIME_US] * 8
    + [WINDOW.first_us, WINDOW.last_us, WINDOW.first_us - 1, WINDOW.last_us + 1]
    + [0, -1, 1, limits.TIME_US_MAX, limits.TIME_US_MAX + 1, 2**63 - 1, -(2**63)]
)
QUANTITIES = st.sampled_from(
    [0, 1, 500] * 4 + [limits.TOKENS_MAX, limits.TOKENS_MAX + 1, -1, 2**63 - 1, -(2**63)]
)
SHARES = st.lists(
    st.builds(
        record_pb2.Attribution,
        asset_id=st.sampled_from(["a", "b", "c", "d", "", "e f"]),
        parts_per_million=st.sampled_from([0, 1, 400_000, 1_000_000]),
    ),
    max_size=3,
) | st.just([record_pb2.Attribution(asset_id=f"a{n}") for n in range(65)])
METADATA = st.dictionaries(
    st.sampled_from(["k", "key.2", "", "a b", "k" * 65]),
    st.sampled_from(["v", "", "line\nline", "\x00", "v" * 513]),
    max_size=2,
) | st.just({f"k{n}": "v" for n in range(limits.METADATA_ENTRIES_MAX + 1)})
RARELY = st.integers(0, 9).map(lambda number: number == 0)


@st.composite
def events(draw: st.DrawFn) -> record_pb2.UsageEvent:
    """A usage event, most of whose fields are good or left out."""
    fields: dict[str, Any] = {
        "event_id": draw(IDENTIFIERS),
        "event_time_us": draw(TIMES),
        "model_id": draw(IDENTIFIERS),
    }
    for name in ("input_tokens", "output_tokens", "tokens"):
        fields[name] = draw(QUANTITIES)
    for name in ("asset_id", "license_id", "consumer_id", "action"):
        if draw(RARELY):
            fields[name] = draw(IDENTIFIERS)
    if draw(RARELY):
        fields["receipt_ref"] = draw(st.sampled_from([*KNOWN * 3, "pt_9_00000000", "a b", LONG]))
    if draw(RARELY):
        fields["attributions"] = draw(SHARES)
    if draw(RARELY):
        fields["consents"] = draw(st.lists(st.sampled_from([1, 2, 3, 4, 0, 9]), max_size=4))
    if draw(RARELY):
        fields["metadata"] = draw(METADATA)
    return record_pb2.UsageEvent(**fields)


def find_unknown(references: Collection[str]) -> Collection[str]:
    """The references that are no known proof of training."""
    return [reference for reference in references if reference not in KNOWN]


def run(
    batch: Sequence[Any], window: Window = WINDOW, bodies: Sequence[bytes] | None = None
) -> list[Problem]:
    """The problems of a batch, as the batch check finds them."""
    raw = [serialize(event) for event in batch] if bodies is None else bodies
    ids, found = check_batch(batch, raw, window, find_unknown)
    assert list(ids) == [event.event_id for event in batch]
    assert found == sorted(found)
    return found


def reference(batch: Sequence[Any], window: Window = WINDOW) -> list[tuple[int, str, str]]:
    """The same, one event at a time."""
    return sorted(
        (position, field, reason)
        for position, event in enumerate(batch)
        for field, reason in event_faults(event, serialize(event), window, KNOWN)
    )


def plain(found: Sequence[Problem]) -> list[tuple[int, str, str]]:
    """Problems without their words for people."""
    return sorted((item.position, item.field, item.reason) for item in found)


@given(st.lists(events(), max_size=12))
@settings(derandomize=True, deadline=None, max_examples=400)
def test_a_batch_is_judged_as_its_events_are(batch: list[record_pb2.UsageEvent]) -> None:
    """The check by columns finds at each position what a check of that event alone finds, and nothing else."""
    found = run(batch)

    assert plain(found) == reference(batch)
    assert all(item.message and item.reason in problem.REASONS for item in found)


@given(events())
@settings(derandomize=True, deadline=None, max_examples=200)
def test_a_batch_of_one_is_judged_as_its_event_is(event: record_pb2.UsageEvent) -> None:
    """The same holds for a lone event, where no other makes the check walk the column."""
    assert plain(run([event])) == reference([event])


@given(st.lists(events(), min_size=1, max_size=4))
@settings(derandomize=True, deadline=None, max_examples=400)
def test_what_is_accepted_at_a_glance_is_good(batch: list[record_pb2.UsageEvent]) -> None:
    """The shortcut that parses nothing accepts no event in which the check finds a problem, and tells its ids."""
    ids = accept_batch([serialize(event) for event in batch], WINDOW, find_unknown)

    if ids is not None:
        assert reference(batch) == []
        assert list(ids) == [event.event_id for event in batch]


WINDOWS = (
    WINDOW,
    Window(0, limits.TIME_US_MAX),
    Window(1, TIME_US),
    Window(-(10**15), TIME_US),
    Window(0, 2**63 - 1),
    Window(TIME_US, TIME_US),
    Window(TIME_US + 1, TIME_US),
)


@pytest.mark.parametrize("window", WINDOWS, ids=range(len(WINDOWS)))
def test_the_fast_answer_is_the_slow_one(window: Window) -> None:
    """Whether an event is good does not depend on its neighbours, for any window and time."""
    times = sorted(
        {
            base + offset
            for base in (0, 1, TIME_US, limits.TIME_US_MAX, window.first_us, window.last_us)
            for offset in (-1, 0, 1)
            if -(2**63) <= base + offset < 2**63
        }
    )
    bad_neighbour = good(USAGE, event_time_us=-(2**63))
    for time_us in times:
        event = good(USAGE, event_time_us=time_us)
        alone = plain(run([event], window))
        beside = plain(run([event, bad_neighbour], window))
        assert alone == [item for item in beside if item[0] == 0], time_us
        assert alone == reference([event], window), time_us
        glance = accept_batch([serialize(event)], window, find_unknown)
        assert glance is None or not alone, time_us


def test_both_edges_of_the_window_belong_to_it() -> None:
    """The first and the last microsecond are accepted, the ones beside them are not."""
    assert run([good(USAGE, event_time_us=WINDOW.first_us)]) == []
    assert run([good(USAGE, event_time_us=WINDOW.last_us)]) == []
    for time_us in (WINDOW.first_us - 1, WINDOW.last_us + 1):
        wanted = [(0, "event_time_us", problem.OUTSIDE_WINDOW)]
        assert plain(run([good(USAGE, event_time_us=time_us)])) == wanted


BAD_FIELDS: tuple[dict[str, Any], ...] = (
    {"event_id": ""},
    {"event_id": LONG},
    {"event_time_us": WINDOW.last_us + 1},
    {"model_id": ""},
    {"input_tokens": -1},
    {"output_tokens": limits.TOKENS_MAX + 1},
    {"tokens": -1},
    {"receipt_ref": "pt_9_00000000"},
    {"asset_id": "a b"},
    {"license_id": LONG},
    {"consumer_id": "ä"},
    {"action": "\n"},
    {"attributions": [{"asset_id": ""}]},
    {"consents": [1, 1]},
    {"metadata": {"": ""}},
)


@pytest.mark.parametrize("changes", BAD_FIELDS, ids=[next(iter(c)) for c in BAD_FIELDS])
def test_neighbours_of_a_bad_event_are_not_affected(changes: dict[str, Any]) -> None:
    """One bad event in a batch of good ones is named by its position, wherever it stands."""
    chance = random.Random(SEED)
    size = 50
    for at in (0, size - 1, *chance.sample(range(1, size - 1), 3)):
        batch = [good(USAGE, event_id=f"e{n}") for n in range(size)]
        batch[at] = good(USAGE, **changes)
        found = run(batch)
        assert {item.position for item in found} == {at}, (SEED, at)
        assert len(found) == 1
        assert accept_batch([serialize(event) for event in batch], WINDOW, find_unknown) is None


def test_every_bad_event_of_a_batch_is_named() -> None:
    """Many faults at once keep their positions, in order."""
    batch = [good(USAGE, **changes) for changes in BAD_FIELDS for _ in range(2)]
    found = run(batch)

    assert [item.position for item in found] == list(range(2 * len(BAD_FIELDS)))


def test_references_are_asked_for_once() -> None:
    """The distinct references of a batch are looked up in one question, and only when there are any."""
    asked: list[Collection[str]] = []

    def ask(references: Collection[str]) -> Collection[str]:
        asked.append(set(references))
        return ["pt_1_00000000"]

    batch = [good(USAGE, receipt_ref=ref) for ref in ("", *KNOWN, "", *KNOWN)]
    _, found = check_batch(batch, [serialize(event) for event in batch], WINDOW, ask)
    check_batch([good(USAGE, receipt_ref="")], [b""], WINDOW, ask)

    assert asked == [set(KNOWN)]
    assert [item.position for item in found] == [2, 5]


def test_an_empty_batch_has_no_problems() -> None:
    """No events are no faults; that a batch must have some is said elsewhere."""
    assert check_batch([], [], WINDOW, find_unknown) == ((), [])


def test_the_exact_bytes_are_what_is_measured() -> None:
    """An event is too large by the bytes that were sent, not by those that it would be written as."""
    batch = [good(USAGE, event_id=f"e{n}") for n in range(3)]
    bodies = [serialize(event) for event in batch]
    bodies[1] = bodies[1] + bytes(limits.EVENT_SIZE_BYTES_MAX)

    assert plain(run(batch, bodies=bodies)) == [(1, "events", problem.TOO_LARGE)]
