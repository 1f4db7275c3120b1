"""What a submitter sends is compared with what it sends otherwise, by all processes of a ledger together."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.errors import StoreFull
from counterfoil.v1 import assessment_pb2
from counterfoil_server.access.ops import OpsStore
from counterfoil_server.assessing.pace import HOUR_US, HOURS_KEPT, Pace, usual_limit
from counterfoil_server.assessing.pacing import Pacing
from counterfoil_server.clock import now_us as server_now_us

from ..support.ledger_process import LedgerProcess
from .edge import connected
from .test_assessed_usage import Agreed

ORIGIN = "test.example/ledger"
SEED = 20261126
DAY = assessment_pb2.FLAG_KIND_DAY_TOKENS
VELOCITY = assessment_pb2.FLAG_KIND_VELOCITY


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[OpsStore]:
    """An operational store."""
    made = OpsStore(tmp_path / "ops", ORIGIN, create=True)
    yield made
    made.close()


def sent(pace: Pace, hours: list[int], submitter: str = "host") -> int:
    """Count tokens in hours that follow each other; the hour after them."""
    for hour, tokens in enumerate(hours, 1000):
        pace.count(submitter, tokens, hour * HOUR_US)
    return 1000 + len(hours)


def flags_at(pace: Pace, hour: int, tokens: int, submitter: str = "host") -> list[int]:
    """The kinds of flags that more tokens in an hour deserve."""
    return [flag.kind for flag in pace.look(submitter, tokens, hour * HOUR_US)]


@pytest.mark.parametrize("count", [0, 1, 23])
def test_a_stranger_has_nothing_that_is_usual(count: int) -> None:
    """With fewer than 24 busy hours no amount is called unusual."""
    pace = Pace()
    assert usual_limit([100] * count) is None
    assert flags_at(pace, sent(pace, [100] * count), 10**12) == []


def test_idle_hours_are_no_history() -> None:
    """Hours in which nothing came do not make a history."""
    pace = Pace()
    assert flags_at(pace, sent(pace, [0, 100] * 23), 10**12) == []
    assert flags_at(pace, sent(pace, [0, 100] * 24), 10**12) == [VELOCITY]


def test_five_times_the_usual_is_odd_and_no_less() -> None:
    """With a steady history the bound is five times its median, exactly."""
    pace = Pace()
    hour = sent(pace, [100] * 24)
    assert flags_at(pace, hour, 500) == []
    (flag,) = pace.look("host", 501, hour * HOUR_US)
    assert (flag.kind, flag.seen, flag.limit) == (VELOCITY, 501, 500)


def test_what_came_before_in_the_hour_counts() -> None:
    """The bound is for the hour, not for a batch; looking counts nothing."""
    pace = Pace()
    hour = sent(pace, [100] * 24)
    pace.count("host", 400, hour * HOUR_US)
    assert flags_at(pace, hour, 100) == flags_at(pace, hour, 100) == []
    assert flags_at(pace, hour, 101) == [VELOCITY]


def test_who_varies_may_vary() -> None:
    """Hours that differ much give room: ten deviations beyond the median."""
    print(f"seed {SEED}")
    draw = random.Random(SEED)
    hours = [draw.randrange(100, 10_000) for _ in range(200)]
    median, steady = sorted(hours)[100], usual_limit([5_000] * 200)
    limit = usual_limit(hours)
    assert limit is not None
    assert steady is not None
    assert limit > max(median * 5, steady)


def test_a_wild_day_teaches_no_new_normal() -> None:
    """A day of a hundred times the usual among two weeks moves the bound by little: the median does not follow."""
    quiet = [100 + number % 7 for number in range(300)]
    wild = [*quiet, *[10_000] * 24]
    before, after = usual_limit(quiet), usual_limit(wild)
    assert before is not None
    assert after is not None
    assert after <= before * 1.1
    # A mean, which is what people take first, would have followed.
    assert sum(wild) / len(wild) > 5 * sum(quiet) / len(quiet)


def test_submitters_do_not_share_a_history() -> None:
    """What one sends is not usual for another."""
    pace = Pace()
    hour = sent(pace, [100] * 24)
    assert flags_at(pace, hour, 10_000, "other") == []
    assert flags_at(pace, hour, 10_000) == [VELOCITY]


def test_old_hours_are_forgotten() -> None:
    """After two weeks of silence nothing is known."""
    pace = Pace()
    hour = sent(pace, [100] * 24)
    assert flags_at(pace, hour + HOURS_KEPT - 24, 10_000) == [VELOCITY]
    assert flags_at(pace, hour + HOURS_KEPT, 10_000) == []


def test_the_cap_of_a_day_ends_at_midnight() -> None:
    """Tokens of one day (UTC) are summed over its hours; the next day begins at nothing."""
    pace = Pace(day_tokens_cap=1000)
    pace.count("host", 600, 24 * HOUR_US)
    pace.count("host", 400, 47 * HOUR_US)
    assert flags_at(pace, 47, 0) == []
    assert flags_at(pace, 47, 1) == [DAY]
    assert flags_at(pace, 47, 1, "other") == []
    assert flags_at(pace, 48, 1000) == []


def test_processes_count_together(ops: OpsStore) -> None:
    """What one process stored the others know when they look next, and each adds what it has not stored yet."""
    present_us = server_now_us()

    async def run() -> None:
        one, two = Pace(day_tokens_cap=1000), Pace(day_tokens_cap=1000)
        first, second = Pacing(ops, one), Pacing(ops, two)
        one.count("host", 600, present_us)
        two.count("host", 300, present_us)
        assert not two.look("host", 500, present_us)
        await first.flush()
        await second.flush()
        two.count("host", 50, present_us)
        await second.flush()
        await first.flush()
        for each in (one, two):
            (flag,) = each.look("host", 51, present_us)
            assert (flag.kind, flag.seen) == (DAY, 1001)
            assert not each.look("host", 50, present_us)
        await first.close()
        await second.close()

    asyncio.run(run())


def test_a_restart_remembers(ops: OpsStore) -> None:
    """What was counted is stored at the end, and known at the next beginning, but for what is older than two weeks."""
    hour = server_now_us() // HOUR_US

    async def run(pace: Pace) -> None:
        pacing = Pacing(ops, pace)
        await pacing.close()

    before, after = Pace(), Pace()
    for each in range(hour - 24, hour):
        before.count("host", 100, each * HOUR_US)
    before.count("old", 100, (hour - HOURS_KEPT - 1) * HOUR_US)
    asyncio.run(run(before))
    asyncio.run(run(after))

    assert flags_at(after, hour, 501) == [VELOCITY]
    assert {name for _, name, _ in ops.read_hours(0)} == {"host", "old"}
    after.count("host", 1, hour * HOUR_US)
    asyncio.run(run(after))
    assert {name for _, name, _ in ops.read_hours(0)} == {"host"}


def test_what_cannot_be_stored_is_stored_later(
    ops: OpsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store without room costs no count: it counts in the process, once, and is stored when there is room."""
    present_us = server_now_us()
    pace = Pace(day_tokens_cap=1000)

    def refuse(*_: object) -> None:
        raise StoreFull("no room")

    async def run() -> None:
        pacing = Pacing(ops, pace)
        pace.count("host", 600, present_us)
        with monkeypatch.context() as patch:
            patch.setattr(ops, "add_hours", refuse)
            await pacing.flush()
        assert ops.read_hours(0) == []
        assert not pace.look("host", 400, present_us)
        await pacing.flush()
        await pacing.close()

    asyncio.run(run())
    assert [(name, tokens) for _, name, tokens in ops.read_hours(0)] == [("host", 600)]
    assert pace.look("host", 401, present_us)


def test_the_cap_of_a_day_outlives_the_server(ledger: LedgerProcess) -> None:
    """A host that has used up its day is flagged by the server that starts anew, and by none when there is no cap."""
    settings = ledger.directory / "counterfoil.toml"
    kinds = []
    for cap in (10_000, 10_000, 0):
        ledger.stop()
        told = [line for line in settings.read_text().splitlines() if "day_tokens_cap" not in line]
        settings.write_text("\n".join([*told, f"day_tokens_cap = {cap}", ""]))
        ledger.start()
        with connected(ledger) as edge:
            agreed = Agreed(edge)
            answer = edge.append([agreed.use(tokens=9_000)], submitter="host_pace")
            kinds.append([flag.kind for each in agreed.verdicts(answer) for flag in each.flags])
    assert kinds == [[], [DAY], []]
