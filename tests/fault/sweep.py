"""One system call of a server fails, at every place where there is one; then the server starts again and the judge looks.

A scripted load makes the server do the same calls each time. All runs use one ledger, one after the other: what one of them
broke, a later one would show.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from counterfoil_client.requests import format_append_usage
from counterfoil_server.access.door import open_ops
from counterfoil_server.directory import create, load_signer

from .journal import JournalReader, JournalWriter, SentBatch
from .judge import Judge
from .shim import Action, Call, Calls, Plan, Rule, read_trace
from .spawning import PATIENCE_S, Server, Spawner

ORIGIN = "test.example/ledger"
EXIT_OK, EXIT_REFUSED, EXIT_OUTCOME_UNKNOWN = 0, 2, 70
BATCHES = 4
_SIZE = 25
_APPEND = "/counterfoil.v1.UsageService/AppendUsage"
# What a write of a commit is called in a trace.
_DURABLE = ("pwrite", "pwritev", "writev", "fdatasync", "fsync", "msync")
_CALLS = {
    "pwrite": Calls.WRITE,
    "pwritev": Calls.WRITE,
    "writev": Calls.WRITE,
    "write": Calls.WRITE,
    "pwrite/meta": Calls.META,
    "fdatasync": Calls.SYNC,
    "fsync": Calls.SYNC,
    "msync": Calls.SYNC,
    "rename": Calls.RENAME,
    "ftruncate": Calls.TRUNCATE,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """The ``when``-th call of a kind on a file fails in some way."""

    calls: Calls
    file: str
    when: int
    how: str

    def rule(self) -> Rule:
        """The rule for the shim."""
        if self.how == "short":
            return Rule(self.calls, self.when, Action.SHORT, file=self.file)
        error = getattr(errno, self.how)
        return Rule(self.calls, self.when, Action.ERROR, file=self.file, error=error)

    @property
    def survivable(self) -> bool:
        """Whether the server goes on: an interruption is nothing, and a full disk refuses one group."""
        full = (
            self.how == "ENOSPC" and self.file == "store/data.mdb" and self.calls is not Calls.META
        )
        return self.how == "EINTR" or full

    def __str__(self) -> str:
        """For the name of a test and for a report."""
        return f"{self.calls.name} {self.file} {self.when} {self.how}"


def list_faults(calls: list[Call]) -> Iterator[Fault]:
    """Every fault that a run with these calls can meet."""
    counts: dict[tuple[Calls, str], int] = {}
    for call in calls:
        key = _CALLS[call.name], call.file
        counts[key] = counts.get(key, 0) + 1
    for (kind, file), count in sorted(counts.items()):
        ways = ["EIO", "ENOSPC", "EINTR"]
        if kind in (Calls.WRITE, Calls.META):
            ways.append("short")
        for when in range(1, count + 1):
            yield from (Fault(kind, file, when, how) for how in ways)


@dataclass
class Outcome:
    """What a run was.

    Attributes:
        ready: whether the server came so far. code: its exit code. said: what it wrote to standard error.
        answered: how many batches were acknowledged. after_failure: how many of them after one that was not.
        trace: its calls.
        end_s: from the first failure that a caller saw to the end of the server, seconds; None without one.
    """

    ready: bool
    code: int
    said: str
    answered: int = 0
    after_failure: int = 0
    trace: list[Call] = field(default_factory=list)
    end_s: float | None = None

    @property
    def hit(self) -> int | None:
        """The place of the injected call in the trace; None when it did not come."""
        return next((at for at, call in enumerate(self.trace) if call.action), None)

    def writes_after_hit(self) -> list[Call]:
        """What was still written or flushed behind the fault.

        LMDB answers a failed write of its meta page by writing the old page back, without a flush; that is left out.
        """
        if self.hit is None:
            return []
        rest = self.trace[self.hit + 1 :]
        if self.trace[self.hit].name == "pwrite/meta" and rest and rest[0].name == "pwrite":
            rest = rest[1:]
        return [call for call in rest if call.name.partition("/")[0] in _DURABLE]


def wrong_with(fault: Fault, outcome: Outcome) -> str:
    """What a server did that it must not do; empty when all was well."""
    if outcome.hit is None:
        # The script does not make quite as many calls each time.
        return "" if outcome.answered == BATCHES and outcome.code == EXIT_OK else "it ended early"
    if "Traceback" in outcome.said:
        return "it ended with a traceback"
    if not outcome.ready:
        lines = outcome.said.splitlines()
        good = outcome.code == EXIT_REFUSED and len(lines) == 1 and fault.how != "EINTR"
        return "" if good else f"it did not start, code {outcome.code}: {lines}"
    if fault.survivable:
        least = BATCHES if fault.how == "EINTR" else BATCHES - 1
        good = outcome.code == EXIT_OK and outcome.answered >= least
        return "" if good else f"code {outcome.code} after {outcome.answered} batches"
    if outcome.code != EXIT_OUTCOME_UNKNOWN:
        return f"it ended with {outcome.code}"
    if outcome.after_failure:
        return "it answered after a failed commit"
    if outcome.writes_after_hit():
        return f"it went on to write: {outcome.writes_after_hit()[0]}"
    return "" if "start again to reconcile" in outcome.said else "it did not say what to do"


class Bench:
    """A small ledger, and a script that makes its server commit some batches."""

    def __init__(self, spawner: Spawner, folder: Path, *, sabotage: str = "") -> None:
        self.folder, self.sabotage = folder, sabotage
        settings = create(folder / "ledger", ORIGIN)
        # As `counterfoil init` does: otherwise the first start makes more calls than the others.
        open_ops(settings).close()
        vkey = load_signer(settings).verifier.vkey
        self.judge = Judge(vkey, ORIGIN)
        self._server = Server(spawner, folder / "ledger")
        self._writer = JournalWriter(folder / "script.journal")
        self._reader = JournalReader(folder / "script.journal")
        self._unanswered: list[SentBatch] = []
        self._number = self._runs = 0

    def run(self, fault: Fault | None, *, stop: bool = False) -> Outcome:
        """Serve with a fault, write, and wait for the end; with ``stop`` ask for it."""
        self._runs += 1
        trace = self.folder / f"{self._runs}.trace"
        log = self.folder / f"{self._runs}.log"
        rules = () if fault is None else (fault.rule(),)
        plan = Plan(self.folder / "ledger", rules, trace).format()
        child = self._server.launch(plan=plan, log=log, sabotage=self.sabotage)
        if not self._server.wait_ready(child):
            return Outcome(False, child.wait(), child.said(), trace=list(read_trace(trace)))
        outcome = Outcome(True, 0, "")
        failed_s = self._write(outcome)
        if failed_s is None or stop or (fault is not None and fault.survivable):
            outcome.code = self._server.stop()
        else:
            outcome.code = child.wait()
            outcome.end_s = time.monotonic() - failed_s
        outcome.said = child.said()
        outcome.trace = list(read_trace(trace))
        return outcome

    def reconcile(self) -> None:
        """Serve without a fault, send again what was not answered, and let the judge look."""
        self._server.start(log=self.folder / "clean.log")
        again, self._unanswered = self._unanswered, []
        with grpc.insecure_channel(self._server.address) as channel:
            for batch in again:
                assert self._send(channel, batch), batch
        self.judge.take(self._reader.read())
        self.judge.look(self._server.address)
        assert self._server.stop() == EXIT_OK

    def _write(self, outcome: Outcome) -> float | None:
        """Send the script's batches; when a first one failed, or None."""
        failed_s: float | None = None
        with grpc.insecure_channel(self._server.address) as channel:
            for _ in range(BATCHES):
                self._number += 1
                batch = SentBatch("script", self._number, time.time_ns() // 1000, _SIZE)
                if self._send(channel, batch):
                    outcome.answered += 1
                    outcome.after_failure += failed_s is not None
                else:
                    failed_s = time.monotonic() if failed_s is None else failed_s
        return failed_s

    def _send(self, channel: grpc.Channel, batch: SentBatch) -> bool:
        request = format_append_usage(
            batch.submitter, batch.bodies(), backfill=False, atomic=False, request_id=""
        )
        try:
            append: Any = channel.unary_unary(_APPEND)
            answer: bytes = append(request, timeout=PATIENCE_S)
        except grpc.RpcError:
            self._unanswered.append(batch)
            return False
        self._writer.note(batch, answer)
        return True
