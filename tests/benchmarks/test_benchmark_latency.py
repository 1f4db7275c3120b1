"""Latency is counted from when a call was due, so that a server that stands still shows; and overload from its calls."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from ..support.ledger_process import LedgerProcess, run_json
from ..support.virtual_time import run_virtually

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SERVICE_S = 0.001
STALL_S = 1.0


@pytest.fixture(scope="module", autouse=True)
def harness() -> Iterator[None]:
    """The harness is no installed package: its folder has to be on the path."""
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))


class Stalling:
    """A server that answers one call after the other in a millisecond, and stands still once, for a second."""

    def __init__(self, stall_at_s: float = float("inf")) -> None:
        self._free_s, self._stall_at_s = 0.0, stall_at_s
        self.under_way = self.most = 0

    async def send(self, _number: int) -> str:
        """Wait for those before, and to be served."""
        loop = asyncio.get_running_loop()
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        begin_s = max(loop.time(), self._free_s)
        if self._stall_at_s <= begin_s < self._stall_at_s + STALL_S:
            begin_s = self._stall_at_s + STALL_S
        self._free_s = begin_s + SERVICE_S
        await asyncio.sleep(self._free_s - loop.time())
        self.under_way -= 1
        return "accepted"


def offer(server: Stalling, due_s: list[float], callers: int, *, patient: bool = True) -> list[Any]:
    """Call on a schedule, on virtual time."""
    from harness.arrivals import run_schedule

    async def run() -> list[Any]:
        clock = asyncio.get_running_loop().time
        return await run_schedule(due_s, callers, server.send, clock, patient=patient)

    return run_virtually(run())


def p99_s(values: list[float]) -> float:
    """The 99th percentile as the harness takes it."""
    from harness.callers import percentiles_ms

    return percentiles_ms(values)["p99_ms"] / 1e3


def call(due_s: float, took_s: float = 0.01, outcome: str = "accepted") -> Any:
    """A call that was sent when it was due."""
    from harness.arrivals import Call

    return Call(due_s, due_s, due_s + took_s, outcome)


def test_arrivals_are_drawn_from_a_seed() -> None:
    """The same seed gives the same times and another seed other ones, all within their phase and in order."""
    from harness.arrivals import poisson

    drawn = poisson(500.0, 2.0, 6.0, "a")

    assert drawn == poisson(500.0, 2.0, 6.0, "a") != poisson(500.0, 2.0, 6.0, "b")
    assert all(before < after for before, after in pairwise([2.0, *drawn, 6.0]))
    # 2,000 are expected; four standard deviations are 179.
    assert abs(len(drawn) - 2000) < 179


def test_the_distances_of_arrivals_are_those_of_a_poisson_process() -> None:
    """About one distance in e is longer than the mean; evenly spaced arrivals, which spare a server, are told apart."""
    from harness.arrivals import poisson

    def longer(times: list[float]) -> float:
        return sum(after - before > 0.01 for before, after in pairwise(times)) / len(times)

    assert longer(poisson(100.0, 0.0, 100.0, "distances")) == pytest.approx(0.368, abs=0.02)
    assert longer([0.0099 * at for at in range(10_000)]) == 0


def test_every_call_is_made_once_and_on_time() -> None:
    """With callers to spare each call is sent when it is due, and none twice."""
    due_s = [0.01 * at for at in range(100)]

    calls = offer(Stalling(), due_s, 10)

    assert sorted(one.due_s for one in calls) == due_s
    assert all(one.sent_s == pytest.approx(one.due_s) for one in calls)
    assert all(one.done_s - one.due_s == pytest.approx(SERVICE_S) for one in calls)


def test_a_server_that_stands_still_shows_in_the_percentiles() -> None:
    """All calls that came due in a second of silence count as slow, also those that found no caller free."""
    due_s = [0.01 * at for at in range(1000)]

    calls = offer(Stalling(stall_at_s=5.0), due_s, 4)

    assert p99_s([one.done_s - one.due_s for one in calls]) > 0.8 * STALL_S
    slow = [one for one in calls if one.done_s - one.due_s > 0.1]
    assert len(slow) >= 90


def test_counted_from_when_they_were_sent_the_same_calls_hide_it() -> None:
    """The negative control: with the usual fault, counting from the sending, four callers show four slow calls."""
    due_s = [0.01 * at for at in range(1000)]

    calls = offer(Stalling(stall_at_s=5.0), due_s, 4)

    assert sum(one.done_s - one.sent_s > 0.1 for one in calls) == 4
    assert p99_s([one.done_s - one.sent_s for one in calls]) < 0.1


def test_a_closed_loop_hides_it_too() -> None:
    """The negative control: calls that are made when the one before is answered miss most of the silence."""
    calls = offer(Stalling(stall_at_s=5.0), [0.0] * 10_000, 4)

    assert p99_s([one.done_s - one.sent_s for one in calls]) < 0.1


def test_no_more_calls_are_under_way_than_there_are_callers() -> None:
    """However late the server is, the callers are as many as was said; the other calls wait for them."""
    server = Stalling(stall_at_s=0.0)

    calls = offer(server, [0.0] * 50, 7)

    assert server.most == 7
    assert len(calls) == 50


def test_who_does_not_wait_is_held_back() -> None:
    """Without patience a call that finds all callers busy is not sent, and is told apart from those that were."""
    server = Stalling(stall_at_s=0.0)

    calls = offer(server, [0.0] * 50, 7, patient=False)

    assert Counter(one.outcome for one in calls) == {"accepted": 7, "held back": 43}


def status(*details: Any) -> bytes:
    """The details of a failed call as they travel."""
    packed = []
    for detail in details:
        envelope = any_pb2.Any()
        envelope.Pack(detail)
        packed.append(envelope)
    return bytes(status_pb2.Status(code=8, details=packed).SerializeToString())


def test_a_refusal_counts_when_it_says_why_and_when_to_come_again() -> None:
    """RESOURCE_EXHAUSTED with both details is a refusal; with one missing, or another code, it is named for that."""
    from harness.open_loop import explain

    info, retry = error_details_pb2.ErrorInfo(reason="BUSY"), error_details_pb2.RetryInfo()
    exhausted = grpc.StatusCode.RESOURCE_EXHAUSTED

    assert explain(exhausted, status(info, retry)) == "refused"
    for details, missing in (((), "ErrorInfo"), ((info,), "RetryInfo"), ((retry,), "ErrorInfo")):
        assert missing in explain(exhausted, status(*details))
    assert explain(grpc.StatusCode.UNAVAILABLE, status(info, retry)) == "UNAVAILABLE"


def test_what_became_of_an_overload() -> None:
    """Rates count each outcome apart; latency is that of what was accepted, from when it was sent."""
    from harness.overload import ends

    calls = [call(0.1, 0.2), call(0.2, 0.4), call(0.3, 9.0, "refused"), call(0.4, 0, "held back")]

    found = ends(calls, 2.0)

    assert (found["records_per_s"], found["refused_per_s"], found["held_back_per_s"]) == (
        1,
        0.5,
        0.5,
    )
    assert found["max_ms"] == pytest.approx(400)
    assert found["refused_p99_ms"] == pytest.approx(9000)


def test_an_overload_in_which_nothing_is_accepted_is_no_measurement() -> None:
    """A server that refuses everything is fast, and fails."""
    from harness.child import Failed
    from harness.overload import ends

    with pytest.raises(Failed, match="nothing was accepted"):
        ends([call(0.1, 0.001, "refused")], 1.0)


@pytest.mark.parametrize(
    ("bad", "recovered_s"),
    [
        ([], 0.0),
        ([(5.5, 0.01, "refused")], 1.0),
        ([(5.5, 0.01, "held back")], 1.0),
        ([(7.5, 0.3, "accepted")], 3.0),
        ([(5.5, 0.3, "accepted"), (9.5, 0.01, "refused")], 5.0),
    ],
)
def test_recovery_lasts_until_the_last_second_that_was_not_good(
    bad: list[tuple[float, float, str]], recovered_s: float
) -> None:
    """A second in which more than a twentieth was refused, held back or slow is not at full speed, nor are those before."""
    from harness.overload import recovery_s

    good = [call(5.0 + 0.1 * at) for at in range(50)]
    calls = good + [call(*one) for one in bad]

    assert recovery_s(calls, 5.0, 5.0) == recovered_s


def test_each_second_after_an_overload_counts_its_receipts() -> None:
    """Receipts count in the second in which they came, not in that in which they were due; others do not count."""
    from harness.overload import each_second

    calls = [call(4.9, 0.2), call(5.5, 1.0), call(5.6, 0.1, "refused"), call(4.0, 0.5)]

    assert each_second(calls, 5.0, 2.0) == {"after_0_per_s": 1.0, "after_1_per_s": 1.0}


def test_an_open_loop_with_receipts_of_another_key_gives_no_number(
    shared_ledger: LedgerProcess, tmp_path: Path
) -> None:
    """The client verifies what it kept, and ends with an error when the receipts are not of the log that it trusts."""
    from harness.child import Failed
    from harness.ledger import Directory
    from harness.scheduled import Bench, Load

    key = str(run_json("init", tmp_path / "other", "--origin", shared_ledger.origin)["vkey"])
    load = Load("training", [(50.0, 0.2)], callers=4)
    server: Any = type("Running", (), {"address": shared_ledger.address, "cpu_s": lambda _: 0.0})()
    logs = tmp_path / "logs"
    logs.mkdir()

    def calls(vkey: str, seed: int) -> int:
        bench = Bench(Directory(shared_ledger.directory, vkey), 1, logs)
        return len(bench.call(server, load, seed).calls)

    assert calls(shared_ledger.vkey, 1) > 0
    with pytest.raises(Failed, match=r"VerificationError|UnverifiableError"):
        calls(key, 2)


def test_the_answers_of_a_closed_loop_count_once_it_has_got_going() -> None:
    """The rate leaves out the first fifth, what came after the end, and all that was not accepted; nothing is no rate."""
    from harness.child import Failed
    from harness.scheduled import rate_per_s

    calls = [call(0.1 * at) for at in range(110)]

    assert rate_per_s([*calls, call(5.0, 0.1, "refused")], 10.0) == pytest.approx(10.0, rel=0.02)
    with pytest.raises(Failed, match="nothing was answered"):
        rate_per_s([call(5.0, 0.1, "refused")], 10.0)


def test_a_schedule_has_its_phases_one_after_the_other() -> None:
    """Each phase has its own rate; a closed loop has all calls due at once."""
    from harness.open_loop import schedule

    due_s = schedule({"phases": [[1000, 1.0], [100, 2.0]], "seed": 3})

    assert due_s == sorted(due_s)
    assert sum(at < 1.0 for at in due_s) == pytest.approx(1000, rel=0.15)
    assert sum(1.0 <= at < 3.0 for at in due_s) == pytest.approx(200, rel=0.3)
    assert schedule({"phases": [[None, 1.0]], "most": 3, "seed": 3}) == [0.0] * 3


def test_calls_travel_from_the_client_program_as_they_are() -> None:
    """What a client prints about a call is read back as the same call."""
    from harness.arrivals import Call

    made = Call(0.125, 0.25, 0.5, "refused")

    assert Call(*json.loads(json.dumps([made]))[0]) == made
