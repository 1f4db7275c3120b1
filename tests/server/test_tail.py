"""TailEntries: what is there, then what comes; resumed, filtered, ended and cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from counterfoil.note import parse_checkpoint
from counterfoil.tlog import leaf_hash, root_hash
from counterfoil.v1 import log_service_pb2

from .edge import PATIENCE_S, Edge, event, expect_invalid

TRAINING, USAGE = 2, 3


@contextmanager
def tailing(edge: Edge, **fields: Any) -> Iterator[Any]:
    """A TailEntries call that is cancelled at the end."""
    request = log_service_pb2.TailEntriesRequest(**fields)
    call = edge.log.TailEntries(request, timeout=PATIENCE_S)
    try:
        yield call
    finally:
        call.cancel()


def take(call: Any, count: int) -> list[Any]:
    """Entries of a tail until there are so many."""
    found: list[Any] = []
    while len(found) < count:
        found += next(call).entries
    return found


def test_an_entry_that_comes_after_the_tail_began_arrives(edge: Edge) -> None:
    """A tail gives what is there, and each later commit as it happens."""
    start = edge.size()
    edge.append([event()])
    with tailing(edge, start_index=start) as call:
        assert [entry.index for entry in take(call, 1)] == [start]
        for round_ in range(3):
            edge.append([event(), event()])
            expected = [start + 1 + 2 * round_, start + 2 + 2 * round_]
            assert [entry.index for entry in take(call, 2)] == expected
        training = edge.train()
        assert take(call, 1)[0].id == training.training_id


def test_a_tail_may_begin_before_its_first_entry_exists(edge: Edge) -> None:
    """A start index beyond the end waits for that entry and gives none of those before it."""
    start = edge.size() + 2
    with tailing(edge, start_index=start) as call:
        edge.append([event() for _ in range(5)])
        assert [entry.index for entry in take(call, 3)] == [start, start + 1, start + 2]


def test_every_message_has_a_checkpoint_that_covers_it(own: Edge) -> None:
    """The checkpoint in a message is signed for a tree that holds all entries up to next_index."""
    own.append([event() for _ in range(30)])
    own.train()
    leaves: list[bytes] = []
    with tailing(own, stop_at_end=True) as call:
        for message in call:
            leaves += [leaf_hash(entry.leaf) for entry in message.entries]
            checkpoint = parse_checkpoint(message.checkpoint, [own.vkey])
            assert len(leaves) == message.next_index <= checkpoint.size
            if checkpoint.size == len(leaves):
                assert checkpoint.root_hash == root_hash(leaves)
    assert len(leaves) == own.size()


def test_a_tail_resumes_where_its_cursor_says(edge: Edge) -> None:
    """Going on from next_index of any message gives the rest, without a gap or a repetition."""
    start = edge.size()
    edge.append([event() for _ in range(700)])
    edge.append([event() for _ in range(700)])
    with tailing(edge, start_index=start, stop_at_end=True) as call:
        first = next(call)
    assert [entry.index for entry in first.entries] == list(range(start, first.next_index))
    with tailing(edge, start_index=first.next_index, stop_at_end=True) as call:
        rest = [entry.index for message in call for entry in message.entries]
    assert rest == list(range(first.next_index, edge.size()))
    assert rest, "the first message did not hold everything"


@pytest.mark.parametrize("kind", [TRAINING, USAGE])
def test_a_tail_of_one_kind_has_only_that_kind_and_its_cursor_moves_on(
    edge: Edge, kind: int
) -> None:
    """With a kind only its entries come, live too, and next_index passes over the others."""
    start = edge.size()
    edge.append([event()])
    edge.train()
    with tailing(edge, start_index=start, kind=kind) as call:
        first = take(call, 1)
        edge.pay()
        edge.append([event()])
        edge.train()
        second = take(call, 1)
    assert [entry.kind for entry in first + second] == [kind, kind]
    with tailing(edge, start_index=start, kind=4, stop_at_end=True) as call:
        messages = list(call)
    assert [entry.kind for message in messages for entry in message.entries] == [4]
    assert messages[-1].next_index == edge.size()


def test_a_tail_that_stops_at_the_end_ends(edge: Edge) -> None:
    """With stop_at_end the call ends by itself, also when there is nothing."""
    with tailing(edge, start_index=edge.size(), stop_at_end=True) as call:
        assert list(call) == []
        assert call.code() is grpc.StatusCode.OK
    with tailing(edge, start_index=2**63 - 1, stop_at_end=True) as call:
        assert list(call) == []


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"start_index": -1}, "start_index", "QUANTITY_NEGATIVE"),
        ({"kind": 77}, "kind", "FIELD_MALFORMED"),
    ],
)
def test_a_bad_tail_request_is_refused_by_its_field(
    edge: Edge, fields: dict[str, int], field: str, reason: str
) -> None:
    """A negative start and an unknown kind are named."""
    request = log_service_pb2.TailEntriesRequest(**fields)  # type: ignore[arg-type]
    expect_invalid(lambda: list(edge.log.TailEntries(request)), field, reason)


def test_a_cancelled_tail_leaves_the_server_as_it_was(edge: Edge) -> None:
    """A hundred tails that are cancelled, read or unread, keep nobody else from reading and writing."""
    start = edge.size()
    edge.append([event()])
    for number in range(100):
        with tailing(edge, start_index=start) as call:
            if number % 2:
                assert take(call, 1)
        assert call.code() is grpc.StatusCode.CANCELLED
    assert edge.append([event()]).accepted == 1
    assert edge.entries(start)[0].index == start


def test_fifty_idle_tails_see_the_same_new_entry(edge: Edge) -> None:
    """Tails do not take entries from each other."""
    start = edge.size()
    calls = [
        edge.log.TailEntries(
            log_service_pb2.TailEntriesRequest(start_index=start), timeout=PATIENCE_S
        )
        for _ in range(50)
    ]
    try:
        training = edge.train()
        assert {take(call, 1)[0].id for call in calls} == {training.training_id}
    finally:
        for call in calls:
            call.cancel()
