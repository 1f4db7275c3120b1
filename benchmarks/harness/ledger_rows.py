"""The ledger's rows of the table: what is measured at each size of the log, with each number of workers."""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from harness import calls, ingest, ledger, storage
from harness.child import run_json
from harness.ledger import Directory
from harness.plan import PLAIN, VARIANTS, Plan, Variant
from harness.rows import BATCH_ROWS
from harness.step import Sample, Step

_FILL_S = 120.0
_FSCK_S = 120.0
# Generous: a busy machine fills and checks at a tenth of the usual rate.
_SLOWEST_PER_S = 10_000


class LedgerRows:
    """Steps on fresh ledgers and on filled ones; the filled ones grow with each measurement, and are checked last."""

    def __init__(self, plan: Plan, folder: Path, logs: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._logs = logs
        self._filled: dict[int, Directory] = {}

    def first(self) -> Iterator[Step]:
        """What has to be done once before the rounds: fill a ledger for each size, and check it."""
        for size in filter(None, self._plan.sizes):
            yield Step(f"fill/{size}", partial(self._fill, size))
            if size in self._filled:
                yield Step(f"fsck/{size}", partial(_check, self._filled[size]))

    def each_round(self) -> Iterator[Step]:
        """What is measured in each round."""
        for size in self._plan.sizes:
            if size and size not in self._filled:
                continue  # Filling failed, and has said so.
            for workers in self._plan.workers:
                yield Step(f"ingest/{size}/{workers}", partial(self._ingest, size, workers, PLAIN))
                for how in ("verified", "parsed"):
                    key = f"training/{size}/{workers}/{how}"
                    yield Step(key, partial(self._training, size, workers, how))

        for workers in self._plan.ingest_workers:
            yield Step(f"ingest/0/{workers}", partial(self._ingest, 0, workers, PLAIN))
        for name, variant in VARIANTS.items():
            workers = max(self._plan.workers)
            yield Step(f"{name}/0/{workers}", partial(self._ingest, 0, workers, variant))

    def last(self) -> Iterator[Step]:
        """What is done once after the rounds: check the filled ledgers, with all that was added."""
        for size, directory in self._filled.items():
            yield Step(f"fsck-grown/{size}", partial(_check, directory))

    def _fill(self, size: int, _number: int) -> Sample:
        directory = ledger.init(self._folder / f"filled-{size}")
        task = {"directory": str(directory.path), "seed": -size, "batches": size // BATCH_ROWS}
        command = [sys.executable, "-m", "harness.prefill", json.dumps(task)]
        answer = run_json(command, _FILL_S + size / _SLOWEST_PER_S)
        self._filled[size] = directory
        rate = size / answer["seconds"]
        return {"records_per_s": rate, **_stored(directory, size, answer["raw_bytes"])}

    def _ingest(self, size: int, workers: int, variant: Variant, number: int) -> Sample:
        # A fresh ledger gets the rows that PostgreSQL gets; a filled one must never get the same rows twice.
        seed = 1_000 * size + 10 * number + workers if size else number
        with self._directory(size) as directory:
            measured = ingest.measure(
                directory,
                self._logs,
                workers=workers,
                batches=self._plan.batches,
                seed=seed,
                variant=variant,
            )
            if size:
                return measured
            checked = _check(directory)
            stored = _stored(directory, measured["records"], measured["raw_bytes"])
            return {**measured, **stored, "fsck_records_per_s": checked["records_per_s"]}

    def _training(self, size: int, workers: int, how: str, number: int) -> Sample:
        verify = how == "verified"
        seed = 100 * number + 10 * workers + int(verify)
        with self._directory(size) as directory:
            return calls.measure(
                directory, self._logs, self._plan, workers=workers, seed=seed, verify=verify
            )

    def _directory(self, size: int) -> AbstractContextManager[Directory]:
        return nullcontext(self._filled[size]) if size else fresh(self._folder)


@contextmanager
def fresh(folder: Path) -> Iterator[Directory]:
    """A new ledger, removed afterwards."""
    place = Path(tempfile.mkdtemp(prefix="fresh-", dir=folder))
    try:
        yield ledger.init(place / "ledger")
    finally:
        shutil.rmtree(place)


def _check(directory: Directory, _number: int = 0) -> Sample:
    size_bytes = directory.data_file.stat().st_size
    slowest_s = _FSCK_S + size_bytes / (100 * _SLOWEST_PER_S)
    return {"records_per_s": ledger.fsck(directory, slowest_s)}


def _stored(directory: Directory, records: int, raw_bytes: int) -> dict[str, Any]:
    used = storage.used(directory.data_file)
    return {
        "raw_bytes_per_record": raw_bytes / records,
        "stored_bytes_per_record": used.pages_bytes / records,
        "file_bytes_per_record": used.file_bytes / records,
    }
