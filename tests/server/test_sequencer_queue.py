"""The queue before the log's one writer: bounded, and finished before the server goes away."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from counterfoil.errors import Busy, Stopping
from counterfoil.limits import GROUP_BATCHES_MAX, QUEUE_BATCHES_MAX, QUEUE_RECORDS_MAX
from counterfoil.packed import Packed
from counterfoil_server.sequencer import Sequencer

from .edge import PATIENCE_S


class Batch:
    """Stands for a batch: what the sequencer asks of one."""

    def __init__(self, records: int = 1) -> None:
        self.bodies = Packed.of([b"body"] * records)
        self.weight = records


class HeldLog:
    """Stands for the log: appends when a test lets it."""

    def __init__(self) -> None:
        self.groups: list[list[Any]] = []
        self.begun, self.release = threading.Event(), threading.Event()

    def append(self, batches: list[Any]) -> list[Any]:
        """Wait until somebody lets go; then each batch becomes its own outcome."""
        self.groups.append(batches)
        self.begun.set()
        assert self.release.wait(PATIENCE_S)
        return batches


async def begin(log: HeldLog) -> tuple[Sequencer, list[Any]]:
    """A sequencer whose thread has the first batch in hand, and the future of that batch."""
    pretended: Any = log
    sequencer = Sequencer(pretended, on_failure=lambda _error: None)
    first = offer(sequencer)
    await asyncio.to_thread(log.begun.wait, PATIENCE_S)
    return sequencer, [first]


def offer(sequencer: Sequencer, records: int = 1) -> Any:
    """Offer a batch."""
    batch: Any = Batch(records)
    return sequencer.offer(batch)


async def end(log: HeldLog, sequencer: Sequencer) -> None:
    """Stop while the log is busy, let it go on, and wait for the end."""
    stopping = asyncio.create_task(sequencer.stop())
    await sequencer.closing.wait()
    log.release.set()
    await stopping


async def test_a_stop_finishes_what_is_in_the_queue() -> None:
    """What was taken before a stop is appended and answered, in its order; what comes after is refused."""
    log = HeldLog()
    sequencer, answers = await begin(log)
    answers += [offer(sequencer) for _ in range(GROUP_BATCHES_MAX + 1)]
    await end(log, sequencer)

    with pytest.raises(Stopping):
        offer(sequencer)
    assert [len(group) for group in log.groups] == [1, GROUP_BATCHES_MAX, 1]
    assert all(answer.done() for answer in answers)
    assert [answer.result() for answer in answers] == [one for group in log.groups for one in group]


@pytest.mark.parametrize(
    ("records", "taken"), [(1, QUEUE_BATCHES_MAX), (10_000, 1 + QUEUE_RECORDS_MAX // 10_000)]
)
async def test_a_full_queue_takes_no_more(records: int, taken: int) -> None:
    """The bounds on batches and records hold; the queue has room again when the log has taken them."""
    log = HeldLog()
    sequencer, answers = await begin(log)
    while len(answers) < taken:
        assert not sequencer.full
        answers.append(offer(sequencer, records))
    for _ in range(3):
        assert sequencer.full
        with pytest.raises(Busy):
            offer(sequencer, records)
    log.release.set()
    await asyncio.gather(*answers)

    assert not sequencer.full
    assert [len(answer.result().bodies) for answer in answers] == [1] + [records] * (taken - 1)
    await end(log, sequencer)


async def test_without_the_bound_the_queue_would_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: a sequencer that always has room takes more than its bound."""
    log = HeldLog()
    sequencer, answers = await begin(log)
    monkeypatch.setattr(Sequencer, "_has_room", lambda _self, _part: True)
    answers += [offer(sequencer) for _ in range(QUEUE_BATCHES_MAX + 1)]

    assert sequencer.unanswered > QUEUE_BATCHES_MAX
    await end(log, sequencer)
