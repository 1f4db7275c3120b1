"""Whatever is said in whatever order: the registry is what a model of dictionaries is, and what fsck makes of the log."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.log import Appended
from counterfoil.log.registry import (
    find_contesting,
    list_contested,
    list_objects,
    read_newest,
    read_state_at,
)
from counterfoil.log.registry.history import read_over_time
from counterfoil.record import KIND_BY_NUMBER
from counterfoil.store import Snapshot

from .bench import START_US, Bench, bench
from .registering import asset, batch_of, creator, licence, price, revocation
from .registry_model import Model, Name

_names = st.sampled_from(["ada", "bob"])
_ids = st.sampled_from(["x", "y", "z"])
_bodies = st.one_of(
    st.builds(creator, _names, display_name=_ids),
    st.builds(asset, _ids, _names, contents=st.text("123", max_size=2)),
    st.builds(
        licence,
        _ids,
        _names,
        notice_s=st.sampled_from([0, 1, 100]),
        irrevocable=st.booleans(),
        asset_id=st.sampled_from(["", "x"]),
        buyer=st.sampled_from(["", "", "acme"]),
        price_id=st.sampled_from(["", "", "x"]),
    ),
    st.builds(price, _ids, st.sampled_from(["", "ada"])),
)
_ends = st.tuples(
    st.sampled_from([(5, "ada"), (5, "bob"), (6, "x"), (7, "x"), (7, "y"), (9, "x")]),
    st.sampled_from([0, START_US + 3_000_000, START_US + 60_000_000]),
)
# Nearly always with the etag that is right, for otherwise everything is refused.
_steps = st.tuples(st.one_of(_bodies, _bodies, _bodies, _ends), st.integers(0, 9))


@given(steps=st.lists(_steps, max_size=40))
@settings(max_examples=25, deadline=None)
def test_the_registry_is_what_the_model_is(steps: list[tuple[Any, int]]) -> None:
    """Each record is accepted or refused as the model says; so is each answer; and a replay gives the rows to the byte."""
    with TemporaryDirectory() as folder, bench("memory:", Path(folder)) as log:
        model = Model()
        for step, luck in steps:
            body = _make(model, step, luck)
            (outcome,) = log.append(batch_of(log, body))
            assert isinstance(outcome, Appended) == model.allows(body, log.now_us), (body, outcome)
            if isinstance(outcome, Appended):
                assert outcome.head is not None
                model.add(body, log.entries()[outcome.head.first].id, outcome.head.time_us)
        _compare(log, model)
        assert log.fsck().problems == []


def _make(model: Model, step: Any, luck: int) -> Any:
    if isinstance(step, tuple):
        (kind, object_id), effective_us = step
        body: Any = revocation(KIND_BY_NUMBER[kind], object_id, "", effective_time_us=effective_us)
    else:
        body = type(step)()
        body.CopyFrom(step)
    said = model.said.get(model.name_of(body))
    if said and luck:
        body.replaces = said[-1].etag if luck > 1 else said[0].etag
    return body


def _compare(log: Bench, model: Model) -> None:
    times = sorted(
        {START_US, log.now_us, log.now_us + 10**9}
        | {each.time_us + more for said in model.said.values() for each in said for more in (-1, 0)}
    )
    with log.store.snapshot() as snapshot:
        for name, said in model.said.items():
            if said:
                _compare_object(snapshot, model, name, times)
        for number in (5, 6, 7, 9):
            wanted = [name for (kind, name), said in model.said.items() if said and kind == number]
            found = [each for _, each in list_objects(snapshot, KIND_BY_NUMBER[number], ())]
            assert found == wanted
        contested = model.contested()
        assert {each for _, each in list_contested(snapshot)} == set(contested)
        for asset_id, others in contested.items():
            state = read_newest(snapshot, KIND_BY_NUMBER[6], asset_id)
            assert set(find_contesting(snapshot, state, 100)) == others


def _compare_object(snapshot: Snapshot, model: Model, name: Name, times: list[int]) -> None:
    kind = KIND_BY_NUMBER[name[0]]
    end_us = model.end_us(name)
    newest = read_newest(snapshot, kind, name[1])
    assert (newest.end.effective_time_us if newest.end else None) == end_us
    for time_us in times:
        state = read_state_at(snapshot, kind, name[1], time_us)
        assert state is not None
        assert kind.message.FromString(state.version.entry.body) == model.at(name, time_us)
        assert (state.end is not None) == (end_us is not None and end_us <= time_us)
        for last_us in (time_us, times[-1]):
            history = read_over_time(snapshot, kind, name[1], time_us, last_us)
            assert history is not None
            assert history.end_time_us == end_us
            for moment_us in (time_us, last_us):
                counted = history.at(moment_us)
                assert counted is not None
                assert counted.body == model.at(name, moment_us)
