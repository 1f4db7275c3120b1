"""A bad line between clients and ledger: late, cut, silent, one-sided, or doubled. Nothing is lost, and nothing is there twice."""

from __future__ import annotations

import random
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from counterfoil_client import LedgerClient, SpoolFull, UsageReporter

from .cycles import Arena
from .judge import HOST
from .link import Link
from .spawning import PATIENCE_S, Spawner

SEED = 20260819
ROUNDS = 3
KINDS = ("delay", "cut", "cut inside", "swallow answers", "hold", "repeat", "refuse")
# Reports that a spool of this size does not hold.
SPOOL_BYTES = 40_000
HALF_OPEN = 40


def trouble(link: Link, what: str, chance: random.Random) -> None:
    """Let the line be bad in one way."""
    if what == "delay":
        link.delay_s = chance.uniform(0.001, 0.05)
    elif what == "cut":
        link.cut()
    elif what == "cut inside":
        link.cut_after = chance.randrange(1, 20_000)
    elif what == "swallow answers":
        link.swallow_answers = True
    elif what == "hold":
        link.hold()
    elif what == "repeat":
        link.repeat()
    else:
        link.refuse = True
        link.cut()


def test_a_bad_line_loses_nothing_and_doubles_nothing(spawner: Spawner, tmp_path: Path) -> None:
    """Under every trouble in turn, calls, streams and a spool get all they wrote into the log, once, with good receipts."""
    chance = random.Random(SEED)
    arena = Arena(spawner, tmp_path, chance)
    arena.begin_without_kills()
    with Link(arena.server.address) as link:
        arena.front = link.address
        arena.begin_clients()
        for _ in range(ROUNDS):
            wait_for_news(arena)
            for what in chance.sample(KINDS, len(KINDS)):
                trouble(link, what, chance)
                pause(chance.uniform(0.02, 0.15))
                link.pass_on()
                if what in ("swallow answers", "hold"):
                    # Whoever missed something on a connection cannot go on with it.
                    link.cut()
        link.cut()
        wait_for_news(arena)
        assert link.cuts > ROUNDS
        assert link.repeats >= ROUNDS
    assert arena.finish().sound
    assert arena.judge.clean, f"seed {SEED}: {arena.judge.faults}"
    assert arena.judge.resent > 0


def pause(seconds: float) -> None:
    """Let the present trouble last for a while; nothing is waited for."""
    threading.Event().wait(seconds)


def wait_for_news(arena: Arena) -> None:
    """Wait until another batch is acknowledged: the line carries something."""
    known = arena.judge.acknowledged
    for _ in range(6000):
        for journal in arena.journals:
            arena.judge.take(journal.read())
        if arena.judge.acknowledged > known:
            return
        pause(0.01)
    pytest.fail("nothing comes through any more")


def test_requests_that_come_twice_would_be_found_out(spawner: Spawner, tmp_path: Path) -> None:
    """The negative control: behind a line that repeats, a ledger that knows no duplicates logs events twice."""
    arena = Arena(spawner, tmp_path, random.Random(SEED), sabotage="forget_duplicates")
    arena.begin_without_kills()
    with Link(arena.server.address) as link:
        arena.front = link.address
        arena.begin_clients()
        wait_for_news(arena)
        link.repeat()
        for client in arena.clients.values():
            client.end()
        for _ in range(600):
            arena.look()
            if arena.judge.duplicates:
                break
            pause(0.1)
    arena.abandon()
    assert arena.judge.duplicates


def test_an_outage_that_fills_the_spool_is_told_and_made_up_for(
    spawner: Spawner, tmp_path: Path
) -> None:
    """While the line is dead the spool fills and says so; what it took is delivered by the same reporter when the line is back."""
    arena = Arena(spawner, tmp_path, random.Random(SEED))
    arena.begin_without_kills()
    with Link(arena.server.address) as link:
        link.refuse = True
        options: Any = {"trust": arena.vkey, "batch_age_s": 0.01, "seed": 1, "batch_events": 50}
        taken: list[str] = []
        with UsageReporter(
            link.address,
            tmp_path / "spool",
            submitter=HOST,
            spool_size_bytes_max=SPOOL_BYTES,
            **options,
        ) as reporter:
            with pytest.raises(SpoolFull):
                taken.extend(iter(lambda: reporter.report(model_id="m1"), ""))
            with pytest.raises(SpoolFull):
                reporter.report(model_id="m1")
            assert reporter.status().accepted == 0
            link.pass_on()
            reporter.flush(PATIENCE_S).result()
            taken.append(reporter.report(model_id="m1"))
            reporter.flush(PATIENCE_S).result()
    judge = arena.judge_spool(taken)
    assert judge.clean, judge.faults
    assert judge.entries == len(taken) + 1
    arena.abandon()


def test_half_open_streams_keep_nobody_from_writing(spawner: Spawner, tmp_path: Path) -> None:
    """Streams whose clients fell silent in the middle of a batch cost others nothing, and a stop comes to its end."""
    arena = Arena(spawner, tmp_path, random.Random(SEED))
    arena.begin_without_kills()
    event = b"\n\x021-\x10\x01\x1a\x01m"
    with Link(arena.server.address) as link, ExitStack() as stack:
        for number in range(HALF_OPEN):
            client = stack.enter_context(
                LedgerClient(link.address, trust=arena.vkey, submitter=f"silent-{number}")
            )
            stream = client.open_stream("s")
            stack.callback(stream.cancel)
            # An event of the year 1970 is refused: this is about the stream, not about what is in it.
            stream.send([event])
        link.hold()
        arena.begin_clients()
        wait_for_news(arena)
        for client_process in arena.clients.values():
            client_process.end()
        arena.look()
        assert arena.judge.clean, arena.judge.faults
        assert arena.server.stop() == 0
        link.cut()
