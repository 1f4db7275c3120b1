"""What else keeps the same rows: beside PostgreSQL, everything that the ledger is compared with."""

import importlib.util
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from harness import embedded, immudb, tessera
from harness.plan import Plan
from harness.programs import Programs
from harness.step import Sample, Step


@dataclass(frozen=True)
class Place:
    """Where and how a rival is measured."""

    plan: Plan
    folder: Path
    logs: Path
    programs: Programs


@dataclass(frozen=True)
class Rival:
    """One row.

    Attributes:
        lacks: what the ledger has and this one has not.
        missing: why it cannot be measured here; empty when it can.
        measure: takes the place, a folder that it may make there, and the number of the round.
    """

    key: str
    label: str
    lacks: str
    missing: Callable[[Programs], str]
    measure: Callable[[Place, Path, int], Sample]


def missing(programs: Programs) -> dict[str, str]:
    """The keys of those that cannot be measured here, and why."""
    return {rival.key: why for rival in RIVALS if (why := rival.missing(programs))}


def each_round(place: Place, number: int) -> Iterator[Step]:
    """What is measured in the round of a number."""
    absent = missing(place.programs)
    for rival in RIVALS:
        if rival.key not in absent and number < place.plan.rival_rounds:
            yield Step(rival.key, partial(_measure, rival, place))


def _measure(rival: Rival, place: Place, number: int) -> Sample:
    folder = Path(tempfile.mkdtemp(prefix="rival-", dir=place.folder))
    try:
        return rival.measure(place, folder / "data", number)
    finally:
        shutil.rmtree(folder)


def _embedded(module: str, way: str, place: Place, folder: Path, number: int) -> Sample:
    plan = place.plan
    task = {"seed": number, "batches": plan.batches, "limit_s": plan.rival_s, "way": way}
    return embedded.measure(module, task, folder, place.logs)


def _immudb(place: Place, folder: Path, number: int) -> Sample:
    return immudb.measure(place.plan, folder, place.logs, place.programs, number)


def _tessera(place: Place, folder: Path, number: int) -> Sample:
    return tessera.measure(place.plan, folder, place.logs, place.programs, number)


def _nothing(_programs: Programs) -> str:
    return ""


def _no_pymerkle(_programs: Programs) -> str:
    if importlib.util.find_spec("pymerkle") is None:
        return "pymerkle is not installed: it comes with the extra [bench]"
    return ""


RIVALS: Final = (
    Rival(
        "lmdb/value",
        "LMDB bare, a batch as one value",
        "receipt, proof, chain, dedup, look-up, network",
        _nothing,
        partial(_embedded, "embedded_lmdb", "value"),
    ),
    Rival(
        "lmdb/row",
        "LMDB bare, a value for each event id",
        "receipt, proof, chain, order, network",
        _nothing,
        partial(_embedded, "embedded_lmdb", "row"),
    ),
    Rival(
        "pymerkle",
        "pymerkle, SqliteTree, root after each batch",
        "receipt, dedup, chain, signature, network",
        _no_pymerkle,
        partial(_embedded, "embedded_pymerkle", ""),
    ),
    Rival(
        "immudb",
        "immudb, setAll and verifiedTxById, 8 connections",
        "dedup (a key is written over), signed receipt, salts",
        Programs.no_immudb,
        _immudb,
    ),
    Rival(
        "tessera",
        "Tessera, POSIX driver, 512 writers, one entry each",
        "atomic dedup, receipt, chain, batches, salts",
        Programs.no_tessera,
        _tessera,
    ),
)
