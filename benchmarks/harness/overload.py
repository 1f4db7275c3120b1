"""One measurement of overload: ten times what the server can do, then half of it."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from harness.arrivals import ACCEPTED, HELD_BACK, Call
from harness.callers import percentiles_ms
from harness.child import Failed
from harness.open_loop import REFUSED
from harness.scheduled import Bench, Load
from harness.step import Sample

TIMES: Final = 10
AFTERWARDS: Final = 0.5
# Each process keeps at most so many calls under way; what comes due beyond that is held back and not sent.
PROCESSES: Final = 2
PROCESS_CALLS: Final = 1024
# A second is one at full speed when this share of the calls that were due in it was answered within this time.
_FULL_SHARE: Final = 0.95
_FULL_SPEED_S: Final = 0.25


def measure(
    bench: Bench, seed: int, *, callers: int, capacity_s: float, seconds: float, after_s: float
) -> Sample:
    """Overload RecordTraining for some seconds, and look at the time afterwards.

    Raises:
        Failed: nothing was accepted, a receipt did not verify, or a call ended in another way than with a receipt or
            with a refusal that says when to come again.
    """
    with bench.serve() as (server, memory):
        capacity = bench.capacity_per_s(server, "training", 2 * seed, callers, capacity_s)
        phases = [(TIMES * capacity, seconds), (AFTERWARDS * capacity, after_s)]
        load = Load("training", phases, PROCESS_CALLS, PROCESSES, patient=False)
        # The seeds of several processes follow each other, behind that of the closed loop.
        calls = bench.call(server, load, 2 * seed + 1).calls
    unclear = Counter(call.outcome for call in calls)
    for clear in (ACCEPTED, REFUSED, HELD_BACK):
        del unclear[clear]
    if unclear:
        raise Failed(f"calls ended in other ways than they should: {dict(unclear)}")
    during = [call for call in calls if call.due_s < seconds]
    return {
        "capacity_per_s": capacity,
        "offered_per_s": len(during) / seconds,
        **ends(during, seconds),
        "recovery_s": recovery_s(calls, seconds, after_s),
        **each_second(calls, seconds, after_s),
        "rss_anon_bytes": memory.peak_bytes,
    }


def ends(during: Sequence[Call], seconds: float) -> dict[str, float]:
    """How the calls of an overload ended. Latency counts from when a call was sent: before, it was the caller's own.

    Raises:
        Failed: nothing was accepted.
    """
    taken_s: dict[str, list[float]] = {ACCEPTED: [], REFUSED: [], HELD_BACK: []}
    for call in during:
        taken_s[call.outcome].append(call.done_s - call.sent_s)
    if not taken_s[ACCEPTED]:
        raise Failed("nothing was accepted under overload")
    return {
        "records_per_s": len(taken_s[ACCEPTED]) / seconds,
        "refused_per_s": len(taken_s[REFUSED]) / seconds,
        "held_back_per_s": len(taken_s[HELD_BACK]) / seconds,
        **percentiles_ms(taken_s[ACCEPTED]),
        "refused_p99_ms": percentiles_ms(taken_s[REFUSED] or [0.0])["p99_ms"],
    }


def recovery_s(calls: Sequence[Call], begin_s: float, seconds: float) -> float:
    """Whole seconds from the end of an overload until the server is at full speed and stays there."""
    recovered_s = 0.0
    for second in range(int(seconds)):
        due = [call for call in calls if second <= call.due_s - begin_s < second + 1]
        full = sum(
            call.outcome == ACCEPTED and call.done_s - call.due_s <= _FULL_SPEED_S for call in due
        )
        if full < _FULL_SHARE * len(due):
            recovered_s = second + 1.0
    return recovered_s


def each_second(calls: Sequence[Call], begin_s: float, seconds: float) -> dict[str, float]:
    """The receipts that came in each second after an overload, by ``after_N_per_s``."""
    done = Counter(
        int(call.done_s - begin_s)
        for call in calls
        if call.outcome == ACCEPTED and call.done_s >= begin_s
    )
    return {f"after_{second}_per_s": float(done[second]) for second in range(int(seconds))}
