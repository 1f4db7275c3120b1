"""One measurement of latency: a part of what the server can do, offered by an open loop."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from harness.arrivals import ACCEPTED, Call
from harness.callers import percentiles_ms
from harness.child import Failed
from harness.open_loop import REFUSED
from harness.rows import BATCH_ROWS
from harness.scheduled import Bench, Load
from harness.step import Sample

_RECORDS: Final = {"training": 1, "usage": BATCH_ROWS}


def measure(
    bench: Bench,
    seed: int,
    *,
    work: str,
    callers: int,
    part: float,
    capacity_s: float,
    seconds: float,
) -> Sample:
    """Find out what so many callers get in a closed loop, then offer a part of that.

    Raises:
        Failed: a call got another answer than a receipt or push-back, or a receipt did not verify.
    """
    with bench.serve() as (server, memory):
        capacity = bench.capacity_per_s(server, work, 2 * seed, callers, capacity_s)
        load = Load(work, [(part * capacity, seconds)], callers)
        called = bench.call(server, load, 2 * seed + 1)
    outcomes = Counter(call.outcome for call in called.calls)
    if set(outcomes) - {ACCEPTED, REFUSED} or not outcomes[ACCEPTED]:
        raise Failed(f"calls were not answered as they should be: {dict(outcomes)}")
    records = outcomes[ACCEPTED] * _RECORDS[work]
    return {
        "records_per_s": records / seconds,
        "capacity_per_s": capacity * _RECORDS[work],
        "calls": outcomes[ACCEPTED],
        "refused": outcomes[REFUSED],
        "server_cpu_us": called.server_s / records * 1e6,
        "client_cpu_us": called.client_s / records * 1e6,
        "rss_anon_bytes": memory.peak_bytes,
        **latencies_ms([call for call in called.calls if call.outcome == ACCEPTED]),
    }


def latencies_ms(calls: Sequence[Call]) -> dict[str, float]:
    """Percentiles counted from when calls were due; and how late the client sent them, which is part of that."""
    late = percentiles_ms([call.sent_s - call.due_s for call in calls])
    total = percentiles_ms([call.done_s - call.due_s for call in calls])
    return {**total, "late_p50_ms": late["p50_ms"], "late_p99_ms": late["p99_ms"]}
