"""A system call of a host with a spool fails, at every place where there is one: what it took is logged once, with receipts."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from counterfoil_client import UsageReporter
from counterfoil_server.directory import create, load_signer

from .cycles import ORIGIN
from .journal import read_ids
from .judge import HOST, Judge
from .shim import Call, Calls, Plan, read_trace
from .spawning import PATIENCE_S, Server, Spawner
from .sweep import Fault, list_faults

SEED = 20260818
SAMPLE = 25


class Hosts:
    """A ledger, and hosts that report to it, each with a spool and a submitter of its own."""

    def __init__(self, spawner: Spawner, folder: Path) -> None:
        self.folder, self._spawner = folder, spawner
        self.vkey = load_signer(create(folder / "ledger", ORIGIN)).verifier.vkey
        self.server = Server(spawner, folder / "ledger")
        self.server.start()
        self._runs = 0

    def run(self, fault: Fault | None) -> tuple[list[Call], list[str], str]:
        """One host with a fault, then a sound one on what it left: the calls, what was taken, what is wrong."""
        self._runs += 1
        folder = self.folder / f"run-{self._runs}"
        folder.mkdir()
        spool, journal, trace = folder / "spool", folder / f"{HOST}-{self._runs}.ids", folder / "t"
        rules = () if fault is None else (fault.rule(),)
        self._spawner.spawn(
            "script",
            folder / "log",
            address=self.server.address,
            vkey=self.vkey,
            folder=spool,
            journal=journal,
            plan=Plan(spool, rules, trace).format(),
        ).wait()
        calls, taken = list(read_trace(trace)), read_ids(journal)
        with UsageReporter(
            self.server.address,
            spool,
            submitter=journal.stem,
            trust=self.vkey,
            batch_age_s=0.01,
        ) as reporter:
            reporter.flush(PATIENCE_S).result()
        return calls, taken, self.judge(journal.stem, spool, taken)

    def judge(self, submitter: str, spool: Path, taken: list[str]) -> str:
        """What is wrong with what a host took, and what became of it."""
        judge = Judge(self.vkey, ORIGIN, host=submitter)
        judge.take_receipts(spool)
        judge.look(self.server.address)
        judge.expect_hosted(taken)
        judge.expect_proven(taken)
        return "; ".join(judge.faults)


@pytest.fixture(scope="module")
def hosts(spawner: Spawner, tmp_path_factory: pytest.TempPathFactory) -> Hosts:
    """A ledger for all faults of this module."""
    return Hosts(spawner, tmp_path_factory.mktemp("hosts"))


@pytest.fixture(scope="module")
def calls(hosts: Hosts) -> list[Call]:
    """The calls of a host to whom nothing happens."""
    calls, taken, wrong = hosts.run(None)
    assert (len(taken), wrong) == (60, "")
    return calls


def test_a_host_makes_calls_of_every_kind(calls: list[Call]) -> None:
    """Events, cursor, receipts: the script writes, flushes and renames."""
    assert {"write", "fsync", "rename"} <= {call.name for call in calls}
    assert {"cursor"} < {call.file for call in calls}


def test_whatever_call_fails_what_was_taken_is_logged_once_and_proven(
    hosts: Hosts, calls: list[Call]
) -> None:
    """With a fault anywhere, the host and the one that follows it deliver every event that was taken, one time, with a receipt."""
    faults = list(list_faults(calls))
    for fault in random.Random(SEED).sample(faults, SAMPLE):
        _, taken, wrong = hosts.run(fault)
        assert not wrong, f"seed {SEED}, {fault}: {wrong}"
        # A host that cannot even begin takes nothing; one that does is told of each event that it cannot take.
        assert len(taken) <= 60


def test_a_torn_end_is_cut_off(hosts: Hosts) -> None:
    """Half an event and a cut that fails: the next host cuts, and nothing that was taken is lost."""
    _, taken, wrong = hosts.run(Fault(Calls.TRUNCATE, "00000000000000000000.seg", 1, "EIO"))
    assert not wrong
    assert len(taken) == 60


def test_a_receipt_whose_flush_failed_is_kept_again_before_the_cursor_moves(
    hosts: Hosts, calls: list[Call]
) -> None:
    """After a failed fsync the kernel may have dropped the file: it is written anew, and only then are its events settled."""
    receipt = next(call.file for call in calls if call.file.endswith(".receipt"))
    assert receipt
    seen, _, wrong = hosts.run(Fault(Calls.SYNC, ".receipt", 1, "EIO"))
    assert not wrong
    (failed,) = [at for at, call in enumerate(seen) if call.action]
    file = seen[failed].file
    rest = [(call.name, call.file) for call in seen[failed + 1 :] if call.result == 0]
    assert (
        rest.index(("rename", file))
        < rest.index(("fsync", file))
        < rest.index(("rename", "cursor"))
    )


def test_losses_of_a_host_are_found_out(hosts: Hosts) -> None:
    """The negative controls: an event that was never sent, a receipt that is gone, and one that was changed are reported."""
    _, taken, wrong = hosts.run(None)
    assert not wrong
    folder = max(hosts.folder.glob("run-*"), key=lambda path: int(path.name.partition("-")[2]))
    submitter = next(folder.glob("*.ids")).stem
    assert "is not logged" in hosts.judge(submitter, folder / "spool", [*taken, "never-sent"])
    receipt = next(folder.rglob("*.receipt"))
    whole = receipt.read_bytes()
    receipt.write_bytes(whole[:-1] + bytes((whole[-1] ^ 1,)))
    assert "invalid" in hosts.judge(submitter, folder / "spool", taken)
    receipt.unlink()
    assert "no kept receipt covers" in hosts.judge(submitter, folder / "spool", taken)
