"""Microseconds a record, step by step: the functions of the hot path, with a stopwatch around each.

The batches go the way that they go in client and server, but in one process: what is left out is gRPC, the sockets and
the event loop, whose price is the difference to the processor time that the benchmark shows for the whole.
"""

import argparse
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from harness import ledger
from harness.child import HERE
from harness.clock import cpu_s, now_us, stopwatch_s
from harness.rows import BATCH_ROWS, make_bodies

from counterfoil import entry, twin
from counterfoil.log import Appended, Log, append, batch, log, prepare_batch
from counterfoil.log.anchor import Anchor
from counterfoil.log.receipts import make_batch_receipt
from counterfoil.packed import Packed
from counterfoil.receipt import format_batch_receipt, verify_batch
from counterfoil.record import USAGE, parse_stream_batch
from counterfoil.record.usage import Window, accept_batch, check_batch
from counterfoil.store import lmdb_transaction
from counterfoil.tlog import Frontier
from counterfoil_client.requests import format_stream_batch
from counterfoil_server.directory import hold_lock, load, open_log

# Who, what, and which function it is: (where it is looked up, its name).
_INSIDE: Final[tuple[tuple[str, Any, str], ...]] = (
    ("commit to the records", batch, "commit_batch"),
    ("fingerprints", batch, "fingerprints"),
    ("look for duplicates", append, "find_suspects"),
    ("chain the leaves", append, "chain_batch"),
    ("put the batch together", append, "format_part"),
    ("extend the tree", Frontier, "append_many"),
    ("tiles", append, "write_tiles"),
    ("list in the catalog, and merge", append, "add_entries"),
    ("sign", append, "sign_checkpoint"),
    ("check the own signature, twice", append, "parse_checkpoint"),
    ("check the own signature, twice", log, "parse_checkpoint"),
    ("commit: write and flush", lmdb_transaction.LmdbTransaction, "commit"),
    ("anchor: write and flush", Anchor, "advance"),
)


class Stopwatches:
    """Wall and processor seconds by step; a step inside another one counts for itself alone."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._stack: list[str] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count what happens inside for a step, and no longer for the step around it."""
        began = (stopwatch_s(), cpu_s())
        self._stack.append(name)
        try:
            yield
        finally:
            self._stack.pop()
            for at, spent in enumerate((stopwatch_s() - began[0], cpu_s() - began[1])):
                self.seconds[name][at] += spent
                if self._stack:
                    self.seconds[self._stack[-1]][at] -= spent

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, counted for a step."""

        def timed(*arguments: Any, **options: Any) -> Any:
            with self.step(name):
                return function(*arguments, **options)

        return timed


def main() -> int:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(prog="steps.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batches", type=int, default=400, help="of 1,000 records, in a round")
    parser.add_argument("--group", type=int, default=8, help="batches in a group commit")
    parser.add_argument("--rounds", type=int, default=3, help="each on a fresh ledger")
    parser.add_argument(
        "--workdir", type=Path, default=HERE, help="a folder on the disk to measure"
    )
    asked = parser.parse_args()
    rounds = [measure(asked.batches, asked.group, asked.workdir) for _ in range(asked.rounds)]
    print(format_steps(rounds))
    return 0


def measure(batches: int, group: int, workdir: Path) -> dict[str, tuple[float, float]]:
    """One round on a fresh ledger: step to wall and processor microseconds a record."""
    watches = Stopwatches()
    with tempfile.TemporaryDirectory(dir=workdir) as folder:
        directory = ledger.init(Path(folder) / "ledger")
        settings = load(directory.path)
        with hold_lock(settings):
            opened = open_log(settings)
            made = [make_bodies(len(folder), at, now_us()) for at in range(batches)]
            patches = [
                patch.object(owner, name, watches.around(step, getattr(owner, name)))
                for step, owner, name in _INSIDE
            ]
            for each in patches:
                each.start()
            try:
                for first in range(0, batches, group):
                    _follow(watches, opened, directory.vkey, made[first : first + group])
            finally:
                for each in patches:
                    each.stop()
                opened.store.close()
    scale = 1e6 / (batches * BATCH_ROWS)
    return {name: (wall * scale, cpu * scale) for name, (wall, cpu) in watches.seconds.items()}


def _follow(watches: Stopwatches, opened: Log, vkey: str, made: Sequence[Sequence[bytes]]) -> None:
    """Some batches from the client through the log and back: one group commit."""
    step = watches.step
    with step("client: pack and frame"):
        sent = [Packed.of(bodies) for bodies in made]
        requests = [
            format_stream_batch(at + 1, bodies, backfill=False) for at, bodies in enumerate(sent)
        ]
    with step("cut the events out"):
        received = [parse_stream_batch(request) for request in requests]
    window = Window(1, now_us() + 10**9)
    batches = []
    for each in received:
        with step("check every field"):
            ids = accept_batch(each.bodies, window, lambda _references: ())
            if ids is None:
                ids, problems = check_batch(each.events, each.bodies, window, lambda _ids: ())
                assert not problems
        with step("prepare: the rest"):
            prepared = prepare_batch(
                USAGE,
                "bench",
                each.bodies,
                ids,
                secret=opened.secret,
                environment=opened.environment,
                salt_seed=bytes(entry.SEED_SIZE),
            )
        batches.append(prepared)
    with step("append: the rest"):
        outcomes = opened.append(batches)
    for bodies, outcome in zip(sent, outcomes, strict=True):
        assert isinstance(outcome, Appended)
        assert outcome.head is not None
        with step("make the receipt"):
            receipt = format_batch_receipt(make_batch_receipt(outcome, outcome.head))
        with step("client: verify the receipt"):
            prefix = entry.record_prefix("bench", opened.environment)
            verify_batch(receipt, vkey, entry.frame_records(prefix, bodies))


def format_steps(rounds: Sequence[dict[str, tuple[float, float]]]) -> str:
    """The table: medians of the rounds, in the order in which the steps come."""
    order = (
        "client: pack and frame",
        "cut the events out",
        "check every field",
        *dict.fromkeys(name for name, _, _ in _INSIDE[:2]),
        "prepare: the rest",
        *dict.fromkeys(name for name, _, _ in _INSIDE[2:]),
        "append: the rest",
        "make the receipt",
        "client: verify the receipt",
    )
    how = "with the compiled twin" if twin.native is not None else "without the compiled twin"
    lines = [f"µs a record, {how}{'':10}  wall    cpu"]
    totals = [0.0, 0.0]
    for name in order:
        wall, cpu = (statistics.median(each[name][at] for each in rounds) for at in (0, 1))
        totals = [totals[0] + wall, totals[1] + cpu]
        lines.append(f"{name:42} {wall:6.3f} {cpu:6.3f}")
    return "\n".join([*lines, f"{'all':42} {totals[0]:6.3f} {totals[1]:6.3f}"])
