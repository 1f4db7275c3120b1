"""Events that are made a batch at a time are those that are made one by one."""

from __future__ import annotations

import pytest
from harness.rows import make_events, make_rows, serialize

_NOW_US = 1_760_000_000_000_000


@pytest.mark.parametrize("seed", [0, 7, -1_000_000])
@pytest.mark.parametrize("batch", [0, 49_999])
def test_a_batch_is_what_its_rows_give(seed: int, batch: int) -> None:
    """Ids and serialized events, byte for byte as protobuf writes them."""
    rows = make_rows(seed, batch, _NOW_US)

    events = make_events(seed, batch, _NOW_US)

    assert events.ids == [row.event_id for row in rows]
    assert events.bodies == serialize(rows)


def test_a_batch_of_another_length_is_what_its_rows_give() -> None:
    """One event is made as a thousand are."""
    assert make_events(3, 1, _NOW_US, 1).bodies == serialize(make_rows(3, 1, _NOW_US, 1))


def test_no_two_batches_share_an_event_id() -> None:
    """Neither batches of one seed, nor those of a seed and its neighbours and negative."""
    numbers = [(seed, batch) for seed in (1, 2, -1, 11) for batch in (0, 1, 10, 11)]

    ids = [name for seed, batch in numbers for name in make_events(seed, batch, _NOW_US).ids]

    assert len(set(ids)) == len(ids) == 16_000
