"""A system call fails, or does half of what was asked: the server stops signing, says so, and the next start reconciles.

Here is a seeded sample; ``make syscall-faults`` runs every one (syscalls.py).
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from .shim import Call, Calls
from .spawning import Spawner
from .sweep import BATCHES, EXIT_OK, Bench, Fault, list_faults, wrong_with

SEED = 20260817
SAMPLE = 20
# One of each kind is always among them.
CHOSEN = [
    Fault(Calls.SYNC, "store/data.mdb", 1, "EIO"),
    Fault(Calls.SYNC, "store/data.mdb", 1, "EINTR"),
    Fault(Calls.SYNC, "store/data.mdb", 3, "EIO"),
    Fault(Calls.SYNC, "store/data.mdb", 3, "EINTR"),
    Fault(Calls.SYNC, "store/data.mdb", 3, "ENOSPC"),
    Fault(Calls.META, "store/data.mdb", 2, "EIO"),
    Fault(Calls.META, "store/data.mdb", 2, "ENOSPC"),
    Fault(Calls.META, "store/data.mdb", 2, "short"),
    Fault(Calls.WRITE, "store/data.mdb", 5, "ENOSPC"),
    Fault(Calls.WRITE, "store/data.mdb", 5, "short"),
    Fault(Calls.WRITE, "anchor", 2, "short"),
    Fault(Calls.SYNC, "anchor", 2, "EIO"),
]


@pytest.fixture(scope="module")
def bench(spawner: Spawner, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """One ledger for all faults of this module."""
    return Bench(spawner, tmp_path_factory.mktemp("sweep"))


@pytest.fixture(scope="module")
def calls(bench: Bench) -> list[Call]:
    """The calls of a run in which nothing fails."""
    outcome = bench.run(None)
    assert (outcome.code, outcome.answered) == (EXIT_OK, BATCHES), outcome
    assert outcome.hit is None
    bench.reconcile()
    return outcome.trace


def test_the_calls_of_a_commit_are_seen(calls: list[Call]) -> None:
    """Each batch costs one flush of pages, one meta page, one write and one flush of the anchor; a start flushes once."""
    names = [(call.name, call.file) for call in calls if call.file in ("store/data.mdb", "anchor")]
    assert names.count(("fdatasync", "store/data.mdb")) == BATCHES + 1
    assert names.count(("pwrite/meta", "store/data.mdb")) == BATCHES
    assert names.count(("pwrite", "anchor")) == names.count(("fdatasync", "anchor")) == BATCHES
    assert names[0] == ("fdatasync", "store/data.mdb")
    last = [name for name in names if name[0] != "pwritev"][-4:]
    assert last == [
        ("fdatasync", "store/data.mdb"),
        ("pwrite/meta", "store/data.mdb"),
        ("pwrite", "anchor"),
        ("fdatasync", "anchor"),
    ]


def test_a_failed_call_stops_the_server_and_the_next_start_reconciles(
    bench: Bench, calls: list[Call]
) -> None:
    """Whichever call fails, nothing is signed after it, one line says what to do, and the journal holds after a restart."""
    faults = list(list_faults(calls))
    assert set(CHOSEN) <= set(faults)
    hits = 0
    for fault in [*CHOSEN, *random.Random(SEED).sample(faults, SAMPLE)]:
        outcome = bench.run(fault)
        assert not wrong_with(fault, outcome), f"{fault}: {wrong_with(fault, outcome)}\n{outcome}"
        bench.reconcile()
        assert bench.judge.clean, f"{fault}: {bench.judge.faults}"
        hits += outcome.hit is not None
    assert hits >= len(CHOSEN) + SAMPLE // 2, f"seed {SEED}"


@pytest.mark.parametrize("calls_of", [Calls.SYNC, Calls.META, Calls.WRITE])
def test_a_server_that_goes_on_after_a_failed_commit_is_found_out(
    spawner: Spawner, tmp_path: Path, calls_of: Calls
) -> None:
    """The negative control: taking a failed commit for a good one is seen at once, and later by the judge or by the anchor."""
    bench = Bench(spawner, tmp_path, sabotage="ignore_failed_commits")
    fault = Fault(calls_of, "store/data.mdb", 3, "EIO")
    # Left alone it would serve for ever; the script ends it as one that survives.
    outcome = bench.run(fault, stop=True)
    assert outcome.hit is not None
    assert wrong_with(fault, outcome)
    bench.sabotage = ""
    refused = ""
    try:
        bench.reconcile()
    except AssertionError as error:
        refused = str(error)
    # The log ends before what the anchor says was signed; or else what was acknowledged is missing.
    assert "have been signed" in refused or bench.judge.lost, bench.judge
