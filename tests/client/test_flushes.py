"""Futures of those who wait for a position: each is answered, and answered once."""

from __future__ import annotations

import threading

import pytest

from counterfoil_client.flushes import Flushes


def test_a_flush_is_done_when_its_position_is_settled() -> None:
    """Positions up to what is settled are answered, others wait."""
    flushes = Flushes()
    early, late = flushes.add(10, None), flushes.add(20, None)

    flushes.answer(10, 0.0, "")

    assert early.done()
    assert not late.done()
    assert flushes
    flushes.answer(25, 0.0, "")
    assert late.result(0) is None
    assert not flushes


def test_a_flush_fails_when_its_time_is_over() -> None:
    """Past its deadline it fails with TimeoutError and says what the trouble is."""
    flushes = Flushes()
    patient, hasty = flushes.add(10, None), flushes.add(10, 5.0)

    flushes.answer(9, 4.9, "no ledger")
    assert not hasty.done()
    flushes.answer(9, 5.0, "no ledger")

    with pytest.raises(TimeoutError, match="no ledger"):
        hasty.result(0)
    assert not patient.done()
    assert flushes.deadlines_s == []


def test_settled_wins_over_too_late() -> None:
    """What is settled when it is looked at is a success, however late that is."""
    flushes = Flushes()
    future = flushes.add(10, 5.0)

    flushes.answer(10, 99.0, "")

    assert future.result(0) is None


def test_closing_answers_everybody() -> None:
    """Those who wait and those who come later hear the reason."""
    flushes = Flushes()
    before = flushes.add(10, None)
    reason = RuntimeError("closed")

    flushes.close(reason)
    after = flushes.add(0, None)

    assert before.exception(0) is reason
    assert after.exception(0) is reason


def test_a_flush_cannot_be_cancelled() -> None:
    """Cancelling changes nothing, so that the answer always finds a future that can take it."""
    flushes = Flushes()
    future = flushes.add(10, None)

    assert not future.cancel()
    flushes.answer(10, 0.0, "")
    assert future.result(0) is None


def test_flushes_from_many_threads_are_all_answered() -> None:
    """No future that was added while others were answered is lost."""
    flushes = Flushes()
    futures = []
    lock = threading.Lock()

    def add() -> None:
        for _ in range(200):
            future = flushes.add(1, None)
            with lock:
                futures.append(future)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        flushes.answer(1, 0.0, "")
    flushes.answer(1, 0.0, "")

    assert len(futures) == 800
    assert all(future.done() for future in futures)
