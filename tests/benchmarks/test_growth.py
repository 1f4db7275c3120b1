"""Growth is measured from what verified, its curves and targets are those of the data, and the picture is of the run."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from harness.growth_curves import Panel, format_table, panels, targets
from harness.readers import READS

from ..support.ledger_process import LedgerProcess

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "growth.svg"
_LIMIT_S = 120
_MADE_US = 1_760_000_000_000_000
_BATCHES = 2


def run_program(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the benchmarks."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT / "benchmarks",
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
    )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """The smallest run: its working folder, its result, and what it printed."""
    folder = tmp_path_factory.mktemp("growth")
    work, output = folder / "work", folder / "result.json"
    done = run_program("growth.py", "--tiny", "--workdir", str(work), "--output", str(output))
    assert done.returncode == 0, done.stdout + done.stderr
    return work, json.loads(output.read_text()), done.stdout


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> LedgerProcess:
    """A ledger of two batches with trainings, not serving."""
    process = LedgerProcess(tmp_path_factory.mktemp("filled") / "ledger")
    task = {"directory": str(process.directory), "seed": 1, "batches": _BATCHES, "trainings": 3}
    done = run_program("-m", "harness.prefill", json.dumps({**task, "made_us": _MADE_US}))
    assert done.returncode == 0, done.stderr
    return process


def read(ledger: LedgerProcess, **changed: Any) -> subprocess.CompletedProcess[str]:
    """Serve a ledger for one run of the reading client."""
    fill = {"seed": 1, "batches": _BATCHES, "made_us": _MADE_US}
    task = {"vkey": ledger.vkey, "seed": 3, "calls": 4, "pages": 2, "fill": fill, **changed}
    ledger.start()
    try:
        return run_program("-m", "harness.readers", json.dumps({"address": ledger.address, **task}))
    finally:
        ledger.stop()


def test_each_curve_has_a_point_at_each_size(tiny: tuple[Path, dict[str, Any], str]) -> None:
    """Nothing failed, every curve goes through all sizes, and the table prints it."""
    _, result, printed = tiny

    assert result["failures"] == {}
    for panel in panels(result):
        assert panel.title in printed
        for curve in panel.curves:
            assert list(curve.points) == result["plan"]["sizes"], (panel.title, curve.label)


def test_the_log_has_the_size_that_its_samples_are_under(
    tiny: tuple[Path, dict[str, Any], str],
) -> None:
    """Ingest on a copy adds nothing: the fills alone make the sizes, to less than a batch."""
    _, result, _ = tiny

    for size in result["plan"]["sizes"]:
        records = result["samples"][f"fill/{size}"][0]["records"]
        assert size - 1_005 < records <= size
        assert result["samples"][f"ingest/{size}"][0]["records_before"] == records


def test_nothing_is_left_of_a_growth_run(tiny: tuple[Path, dict[str, Any], str]) -> None:
    """The working folder is empty afterwards."""
    work, _, _ = tiny

    assert list(work.iterdir()) == []


def test_reads_that_verify_are_counted(filled: LedgerProcess) -> None:
    """With the right key and the right events each kind of read has a rate: the control of the next two tests."""
    done = read(filled)

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert set(answer) == set(READS)
    assert all(answer[way]["calls_per_s"] > 0 for way in READS)


def test_reads_of_a_log_with_another_key_count_nothing(
    filled: LedgerProcess, shared_ledger: LedgerProcess
) -> None:
    """A client that trusts another key fails, and prints no rate."""
    done = read(filled, vkey=shared_ledger.vkey)

    assert done.returncode != 0
    assert "UnverifiableError: note is not signed by any known key" in done.stderr
    assert done.stdout == ""


def test_an_event_that_is_not_the_one_written_counts_nothing(filled: LedgerProcess) -> None:
    """The same ids with other times: the client sees that the answer is not what it expects."""
    fill = {"seed": 1, "batches": _BATCHES, "made_us": _MADE_US + 1}

    done = read(filled, fill=fill)

    assert done.returncode != 0
    assert "the event is not the one that was written" in done.stderr
    assert done.stdout == ""


def flat_result() -> dict[str, Any]:
    """A result in which nothing changes from 0.1 M to 50 M."""
    latency = {"p50_ms": 1.0, "p99_ms": 2.0}
    samples: dict[str, list[dict[str, Any]]] = {}
    for size in (100_000, 50_000_000):
        rss = {"rss_anon_bytes": 100 << 20}
        samples[f"ingest/{size}"] = [
            {"records_per_s": rate, **rss} for rate in (90.0, 100.0, 300.0)
        ]
        samples[f"fsck/{size}"] = [{"records_per_s": 100.0, **rss}]
        samples[f"reads/{size}"] = [{"ready_s": 1.0, **dict.fromkeys(READS, latency)}]
        names = ("raw", "stored", "file")
        samples[f"stored/{size}"] = [{f"{name}_bytes_per_record": 134.0 for name in names}]
    plan = {"sizes": [100_000, 50_000_000], "judged": True}
    return {"plan": plan, "samples": samples, "failures": {}}


def panel_of(result: dict[str, Any], title: str) -> Panel:
    """One panel by its title."""
    return next(panel for panel in panels(result) if panel.title == title)


def missed(result: dict[str, Any]) -> list[str]:
    """The targets that a result does not meet."""
    return [target.what for target in targets(result) if not target.met]


def test_a_curve_is_the_medians_of_the_samples() -> None:
    """Median, least, greatest and their number are those of the data; memory is in MiB."""
    curve = panel_of(flat_result(), "Stream ingest, 2 workers").curves[0]
    memory = panel_of(flat_result(), "Memory beyond the page cache").curves[0]

    spread = curve.points[100_000]
    found = (spread.median, spread.least, spread.greatest, spread.count)
    assert found == (100.0, 90.0, 300.0, 3)
    assert memory.points[100_000].median == 100.0


def test_a_size_without_samples_is_left_out_of_its_curve() -> None:
    """No point is made up for what could not be measured, and the table shows a dash."""
    result = flat_result()
    del result["samples"]["fsck/50000000"]

    assert list(panel_of(result, "fsck").curves[0].points) == [100_000]
    assert any(
        row.startswith("fsck") and row.endswith("-") for row in format_table(result).splitlines()
    )


def test_flat_curves_meet_all_targets() -> None:
    """What does not change is as good as it can be: the control of the tests after this one."""
    assert list(targets(flat_result()))
    assert missed(flat_result()) == []


@pytest.mark.parametrize("step", ["ingest", "fsck"])
def test_a_rate_that_falls_misses_its_target(step: str) -> None:
    """A fifth less than at the smallest size is allowed, more is not."""
    result = flat_result()
    for sample in result["samples"][f"{step}/50000000"]:
        sample["records_per_s"] *= 0.79

    assert [what.split(",")[0].lower().endswith(step) for what in missed(result)] == [True]


@pytest.mark.parametrize("way", READS)
def test_a_read_that_grows_with_a_root_of_the_size_misses_its_target(way: str) -> None:
    """The logarithms' ratio and half of it on top is allowed; the fifth root of the size, 3.5-fold, is not."""
    result = flat_result()
    reads = result["samples"]["reads/50000000"][0]
    reads[way] = {"p50_ms": 500**0.2, "p99_ms": 2.0}

    assert len(missed(result)) == 1

    reads[way] = {"p50_ms": 1.5, "p99_ms": 2.0}
    assert missed(result) == []


def test_a_run_that_is_not_judged_has_no_targets() -> None:
    """The numbers of the smallest run mean nothing, and are held against nothing."""
    result = flat_result()
    result["plan"]["judged"] = False

    assert list(targets(result)) == []


def test_the_picture_is_of_the_newest_committed_result() -> None:
    """It names the commit and the day of the data, and has every panel."""
    newest = max((ROOT / "benchmarks" / "results").glob("growth-*.json"))
    result = json.loads(newest.read_text("utf-8"))
    picture = PICTURE.read_text("utf-8")

    assert f"Commit {result['machine']['commit'][:12]}" in picture
    assert result["started"][:10] in picture
    for panel in panels(result):
        assert f"{panel.title}, {panel.unit}" in picture


def test_the_same_result_gives_the_same_picture(
    tiny: tuple[Path, dict[str, Any], str], tmp_path: Path
) -> None:
    """Drawing twice gives the same bytes, and another value gives others."""
    pytest.importorskip("matplotlib", reason="it comes with the extra [bench]")
    from harness.plots import draw

    _, result, _ = tiny
    other = copy.deepcopy(result)
    size = result["plan"]["sizes"][0]
    other["samples"][f"fsck/{size}"][0]["records_per_s"] *= 2

    for name, drawn in (("a", result), ("b", result), ("c", other)):
        draw(drawn, tmp_path / name)
    first, second, third = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == second != third
