"""A soak of some seconds, and that the figures of a long one would tell what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from .soak import Sample, descriptor_drift, p99_drift, slope_mib_per_h, soak
from .spawning import Spawner


def test_seconds_of_load_and_faults_lose_nothing(tmp_path: Path) -> None:
    """Under each fault in turn what was acknowledged is in the log, once, and the store is sound in the end."""
    with Spawner() as spawner:
        told = soak(spawner, tmp_path, 12.0, every_s=1.5, life_s=8.0)
    assert told["records_acknowledged"] > 100
    assert set(told["faults"]) >= {"kill", "cut", "delay", "stop_and_go"}, told["faults"]
    assert told["records_lost"] == told["records_double"] == 0
    assert told["invalid_receipts_or_entries"] == 0, told["what_was_wrong"]
    assert told["ended_well_with_a_sound_store"]


def lives(memory: float, files: float) -> list[Sample]:
    """Two lives of an hour whose memory and descriptors grow so much in it; the second begins higher."""
    return [
        Sample(
            life * 3600 + at,
            life,
            80 + 40 * life + memory * at / 3600,
            round(20 + files * at / 3600),
        )
        for life in (0, 1)
        for at in range(0, 3600, 60)
    ]


@pytest.mark.parametrize("memory", [0.0, 0.5, 30.0])
def test_a_leak_of_memory_shows_as_its_slope(memory: float) -> None:
    """The negative control: what is planted is measured, and where a life begins makes no difference."""
    assert slope_mib_per_h(lives(memory, 0)) == pytest.approx(memory)


def test_leaked_descriptors_and_late_calls_show() -> None:
    """The negative controls: descriptors that are not closed, and calls that become slower, are seen."""
    assert descriptor_drift(lives(0, 0)) == 0
    assert descriptor_drift(lives(0, 40)) == pytest.approx(30, abs=3)
    calm = [(float(at), 10.0) for at in range(1000)]
    late = [(at, 20.0 if at >= 750 else ms) for at, ms in calm]
    assert p99_drift(calm, 1000) == 0
    assert p99_drift(late, 1000) == pytest.approx(1.0)
