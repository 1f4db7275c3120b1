"""What one run measures: the sizes, the contenders, and how long each is looked at."""

from dataclasses import dataclass, replace
from typing import Final

# Streams of the one client process. Connections find their worker by a hash of their port numbers: with four, all of
# them meet at the same one of two workers in one run of eight.
STREAMS: Final = {1: 1, 2: 4, 4: 8}


@dataclass(frozen=True)
class Variant:
    """Another way to measure stream ingest than the one that all sizes are measured with.

    Attributes:
        label: what the table says of it. rich: events carry consents, attributions and metadata as well.
        agreed: the works are registered and licensed, so that each event is judged when it comes in.
        batches_before: of so many batches that are sent before, the time does not count.
        twin: server and client use the compiled functions, where they are installed.
    """

    label: str = ""
    rich: bool = False
    agreed: bool = False
    batches_before: int = 0
    twin: bool = True


PLAIN: Final = Variant()
VARIANTS: Final = {
    "rich": Variant("events with consents, attributions, metadata", rich=True),
    "agreed": Variant("works registered, each event judged", agreed=True, batches_before=150),
    "agreed-anew": Variant("the same from the first event on", agreed=True),
    "python": Variant("without the compiled twin", twin=False),
}


@dataclass(frozen=True)
class Plan:
    """Settings of a run.

    Attributes:
        sizes: records in the log before a measurement; 0 is a fresh ledger each time.
        workers: server processes, one row each. ingest_workers: of more rows, for streams into an empty log alone.
        rounds: how often everything but latency is measured, in another order each time; 0 for latency alone.
        batches: batches of 1,000 for each ingest measurement.
        callers, call_s, warm_up_s: who calls RecordTraining, and for how long.
        connections: of PostgreSQL, one backend each.
        rival_batches, rival_s, rival_rounds: for what is slow, or only stands beside: no more batches, seconds and
            rounds than these.
        latencies: a method, how many callers, and the part of their capacity that they offer; each for latency_s, after
            a closed loop of capacity_s has shown the capacity; latency_rounds times, in turn.
        overload_s, after_s: how long ten times the capacity is offered, and half of it afterwards.
        judged: the numbers are held against the targets.
        budget_s: no further round begins when it would probably end later than this.
    """

    sizes: tuple[int, ...] = (0, 1_000_000)
    workers: tuple[int, ...] = (1, 2)
    ingest_workers: tuple[int, ...] = (4,)
    rounds: int = 5
    batches: int = 300
    callers: int = 64
    call_s: float = 3.0
    warm_up_s: float = 0.5
    connections: tuple[int, ...] = (1, 2)
    rival_batches: int = 160
    rival_s: float = 2.5
    rival_rounds: int = 3
    latencies: tuple[tuple[str, int, float], ...] = (
        ("training", 64, 0.5),
        ("training", 64, 0.9),
        ("usage", 64, 0.5),
    )
    latency_rounds: int = 1
    capacity_s: float = 3.0
    latency_s: float = 4.0
    overload_s: float = 5.0
    after_s: float = 11.0
    judged: bool = True
    budget_s: float = 480.0


DEFAULT: Final = Plan()
LONG: Final = Plan(
    sizes=(0, 1_000_000, 10_000_000),
    call_s=8.0,
    rival_s=10.0,
    latencies=tuple(
        (method, callers, part)
        for method, callers in (
            ("training", 1),
            ("training", 64),
            ("training", 1024),
            ("usage", 64),
        )
        for part in (0.5, 0.9)
    ),
    latency_s=10.0,
    overload_s=10.0,
    budget_s=3600.0,
)
# Latency and overload alone.
LATENCY: Final = replace(LONG, sizes=(0,), rounds=0, latency_rounds=3, latency_s=6.0)
# Shows that the harness works; its numbers mean nothing.
TINY: Final = Plan(
    sizes=(2_000,),
    workers=(1,),
    ingest_workers=(),
    rounds=1,
    batches=4,
    callers=4,
    call_s=0.3,
    warm_up_s=0.05,
    connections=(1,),
    rival_batches=3,
    rival_s=60.0,
    rival_rounds=1,
    latencies=(("training", 4, 0.5), ("usage", 2, 0.5)),
    capacity_s=0.5,
    latency_s=0.5,
    overload_s=0.5,
    after_s=1.0,
    judged=False,
)
