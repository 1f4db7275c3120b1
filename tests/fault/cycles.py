"""kill -9 under load, again and again: one arena with a ledger, its clients, and the judge who has read their journals."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from counterfoil.log.fsck import Report
from counterfoil_client import UsageReporter
from counterfoil_server.directory import create, fsck, load_signer

from .journal import JournalReader, read_ids
from .judge import HOST, Judge
from .shim import Plan
from .spawning import PATIENCE_S, Child, Server, Spawner
from .steps import STEPS, at_occurrence

ORIGIN = "test.example/ledger"
BATCH = 100
# Kills come up to so long after the server is ready, and steps are taken from so many commits.
RANDOM_KILL_S_MAX = 0.08
OCCURRENCES_MAX = 8
# A step that does not come (the server was idle, or died of something else) is no reason to wait for ever.
STEP_S_MAX = 60.0
# In this share of the cycles clients do not see the server go away before it is back.
STILL_SHARE = 0.75


@dataclass
class Tally:
    """What the cycles were, and how long things took (seconds)."""

    kills: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    ready_s: list[float] = field(default_factory=list)
    up_s: float = 0.0
    acknowledged: int = 0
    unreached: int = 0
    fscks: int = 0


class Arena:
    """A fresh ledger under load.

    Args:
        folder: an empty folder for everything. chance: the seeded source of all decisions.
        sabotage: what is wrong with the server, in a negative control.
    """

    def __init__(
        self, spawner: Spawner, folder: Path, chance: random.Random, *, sabotage: str = ""
    ) -> None:
        self.spawner, self.folder, self.chance, self.sabotage = spawner, folder, chance, sabotage
        self.tally = Tally()
        # Steps are counted while this file is there.
        self._armed = folder / "armed"
        self.vkey = load_signer(create(folder / "ledger", ORIGIN)).verifier.vkey
        self.judge = Judge(self.vkey, ORIGIN)
        self.server = Server(spawner, folder / "ledger")
        # Where clients look for it, when that is not where it is.
        self.front = ""
        self.clients: dict[str, Child] = {}
        self.journals: list[JournalReader] = []
        self._fate = ""

    def begin(self) -> None:
        """Start server and clients: one that calls, one that streams, and a host with a spool."""
        self._start_next()
        self.begin_clients()

    def begin_without_kills(self) -> None:
        """Start a server that nobody is going to kill; clients come later."""
        self._fate = ""
        self._start()

    def begin_clients(self) -> None:
        """Start the clients."""
        for what in ("call", "stream"):
            self._produce(what)
        self._report()

    def cycle(self) -> None:
        """Kill something under load, start what is missing, and let the judge look.

        The clients stand still while the judge works, so that there is an end to what he has to read; some of the time
        already while the server is down.
        """
        before = self.judge.acknowledged
        victim = self._fate
        if victim == "server":
            (victim,) = self.chance.choices(("server", "client", "host"), weights=(75, 10, 15))
        self.tally.kills[victim] += 1
        began_s = time.monotonic()
        self._armed.touch()
        self._signal_clients(signal.SIGCONT)
        if victim == "step":
            self._await_step()
        else:
            time.sleep(self.chance.uniform(0, RANDOM_KILL_S_MAX))
        if victim in ("server", "start"):
            self._end_server()
        self.tally.up_s += time.monotonic() - began_s
        self._armed.unlink()
        if self.chance.random() < STILL_SHARE:
            self._signal_clients(signal.SIGSTOP)
        if victim == "start":
            plan = Plan(self.folder / "ledger", STEPS["before the flush"])
            doomed = self.server.launch(plan=plan.format())
            assert not self.server.wait_ready(doomed)
        if victim == "client":
            self._kill_client()
        elif victim == "host":
            self._report()
        else:
            self._start_next()
        self._signal_clients(signal.SIGSTOP)
        self.look()
        self.tally.acknowledged += self.judge.acknowledged - before

    def crew_cycle(self, workers: int = 2) -> None:
        """The same with several processes: kill the parent, one worker, or all of them at once, then start anew."""
        self._end_server()
        self._start(workers=workers)
        self._signal_clients(signal.SIGCONT)
        parent = psutil.Process(self._running.pid)
        crew = parent.children()
        victim = self.chance.choice(["parent", "worker", "all of the crew"])
        self.tally.kills[victim] += 1
        time.sleep(self.chance.uniform(0, 4 * RANDOM_KILL_S_MAX))
        if victim == "worker":
            self.chance.choice(crew).kill()
        else:
            self._running.kill(group=victim != "parent")
        self._running.wait()
        _, alive = psutil.wait_procs(crew, PATIENCE_S)
        assert not alive, "a worker outlives its parent"
        self._start_next()
        self._signal_clients(signal.SIGSTOP)
        self.look()

    def look(self) -> None:
        """Let the judge take what the journals have, and read the log on."""
        for journal in self.journals:
            self.judge.take(journal.read())
        self.judge.look(self.server.address)

    def finish(self) -> Report:
        """Stop everything, judge everything once more from the beginning, and check the store offline."""
        for child in self.clients.values():
            child.end()
        self._settle_host()
        self.look()
        second = self.judge.again()
        for journal in self.journals:
            second.take(journal.again().read())
        second.look(self.server.address)
        self._expect_spool(second)
        assert second.clean, second.faults
        for journal in self.journals:
            assert not list(journal.read())
        assert self.server.stop() == 0
        return self.check_store()

    def abandon(self) -> None:
        """Kill everything, where there is nothing left to find out."""
        for child in self.clients.values():
            child.end()
        self._end_server()

    def check_store(self) -> Report:
        """The operator's own check of the store."""
        self.tally.fscks += 1
        return fsck(self.folder / "ledger", lambda *_: None)

    @property
    def _running(self) -> Child:
        assert self.server.child is not None
        return self.server.child

    def _start(self, *, workers: int = 1, plan: str = "") -> None:
        self.server.start(workers=workers, plan=plan, sabotage=self.sabotage)
        self.tally.ready_s.append(self.server.ready_s)

    def _start_next(self) -> None:
        """Draw how this server will end, and start it."""
        (self._fate,) = self.chance.choices(("step", "server", "start"), weights=(55, 35, 10))
        plan = ""
        if self._fate == "step":
            step = self.chance.choice(list(STEPS))
            self.tally.steps[step] += 1
            rules = at_occurrence(step, self.chance.randrange(1, OCCURRENCES_MAX), self._armed)
            plan = Plan(self.folder / "ledger", rules).format()
        self._start(plan=plan)

    def _end_server(self) -> None:
        self._running.end()

    def _await_step(self) -> None:
        if not self._running.ended.wait(STEP_S_MAX):
            self.tally.unreached += 1
            self._end_server()

    def _signal_clients(self, number: signal.Signals) -> None:
        for client in self.clients.values():
            assert not client.ended.is_set(), f"a client ended by itself\n{client.said()}"
            os.kill(client.pid, number)

    def _produce(self, what: str) -> None:
        journal = self.folder / f"{what}-{len(self.journals)}.journal"
        self.journals.append(JournalReader(journal))
        self.clients[what] = self.spawner.spawn(
            what,
            self.folder / "clients.log",
            address=self.front or self.server.address,
            journal=journal,
            size=BATCH,
        )

    def _kill_client(self) -> None:
        """Kill a client; another one takes its place. What it wrote down still counts."""
        what = self.chance.choice(["call", "stream"])
        self.clients[what].end()
        self._produce(what)

    def _report(self) -> None:
        """Kill the host if it runs, and start it on the spool that it left."""
        if HOST in self.clients:
            self.clients[HOST].end()
        self.clients[HOST] = self.spawner.spawn(
            "report",
            self.folder / "clients.log",
            address=self.front or self.server.address,
            vkey=self.vkey,
            folder=self.folder / "spool",
            journal=self.folder / f"{HOST}.ids",
        )

    def _settle_host(self) -> None:
        """Deliver what is left in the spool of the killed host."""
        options: Any = {"submitter": HOST, "trust": self.vkey, "batch_age_s": 0.01}
        with UsageReporter(self.server.address, self.folder / "spool", **options) as reporter:
            reporter.flush(PATIENCE_S).result()

    def judge_spool(self, taken: Sequence[str]) -> Judge:
        """A judge of its own for the log, of the receipts in the host's folder, and of the events that the host noted."""
        judge = Judge(self.vkey, ORIGIN)
        judge.take_receipts(self.folder / "spool")
        judge.look(self.server.address)
        judge.expect_hosted(taken)
        judge.expect_proven(taken)
        return judge

    def _expect_spool(self, judge: Judge) -> None:
        """Every event that the host noted is logged once, and the receipts in its folder are good and cover it."""
        judge.take_receipts(self.folder / "spool")
        taken = read_ids(self.folder / f"{HOST}.ids")
        judge.expect_hosted(taken)
        judge.expect_proven(taken)
