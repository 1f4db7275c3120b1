"""Real directories of small ledgers that are opened, written to and closed inside the test's process."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from counterfoil.log import Appended, Log, prepare_batch
from counterfoil.log.read import read_checkpoint
from counterfoil.record import USAGE
from counterfoil.store import Snapshot
from counterfoil_server.directory import create, hold_lock, load, load_signer, open_log, open_store

from ..log.bench import seed, usage_body
from .history import Journal

ORIGIN = "test.example/ledger"
_numbers = itertools.count()


def make(directory: Path, anchor: Path | None = None) -> Journal:
    """A new ledger, and a journal that has seen its first checkpoint."""
    settings = create(directory, ORIGIN, "sandbox", anchor)
    journal = Journal(load_signer(settings).verifier.vkey)
    with running(directory) as log:
        look(log, journal)
    return journal


@contextmanager
def running(directory: Path) -> Iterator[Log]:
    """The log of a directory as a server has it: locked and open for writing."""
    settings = load(directory)
    with hold_lock(settings):
        log = open_log(settings)
        try:
            yield log
        finally:
            log.close()


def write(log: Log, journal: Journal, count: int = 1) -> Appended:
    """Append a batch of events that nobody sent before, and show the client what was signed."""
    ids = [f"event-{next(_numbers)}" for _ in range(count)]
    bodies = [usage_body(event_id) for event_id in ids]
    batch = prepare_batch(
        USAGE,
        "host",
        bodies,
        ids,
        secret=log.secret,
        environment=log.environment,
        salt_seed=seed(next(_numbers)),
    )
    (outcome,) = log.append([batch])
    assert isinstance(outcome, Appended), outcome
    journal.saw(outcome.checkpoint)
    return outcome


def look(log: Log, journal: Journal) -> int:
    """Show the client the newest checkpoint and let it ask for proofs; the log's size."""
    with log.store.snapshot() as snapshot:
        return look_at(snapshot, journal)


def look_at(snapshot: Snapshot, journal: Journal) -> int:
    """The same for a snapshot of a store that nobody serves."""
    size, note = read_checkpoint(snapshot)
    journal.saw(note)
    journal.compare(snapshot)
    return size


def grow(directory: Path, journal: Journal, commits: int, count: int = 1) -> None:
    """Start a ledger, write to it and stop it."""
    with running(directory) as log:
        for _ in range(commits):
            write(log, journal, count)


def size_of(directory: Path) -> int:
    """How many entries a ledger has."""
    with (
        closing(open_store(load(directory), read_only=True)) as store,
        store.snapshot() as snapshot,
    ):
        return read_checkpoint(snapshot)[0]


def put_back(directory: Path, store: Path) -> None:
    """Replace the store of a ledger by a copy of another."""
    shutil.rmtree(directory / "store")
    shutil.copytree(store, directory / "store")


def quiet(_done: int, _total: int) -> None:
    """Nobody looks at the progress."""
