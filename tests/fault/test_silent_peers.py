"""Peers that vanish, that read slowly, or that are away for an hour: nobody waits for them, and nothing is lost or doubled."""

from __future__ import annotations

import random
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from counterfoil_client import LedgerClient, SpoolFull, UsageReporter, clock
from counterfoil_server.directory import create, load_signer

from .cycles import ORIGIN, Arena
from .judge import HOST
from .link import Link
from .spawning import PATIENCE_S, Server, Spawner

SEED = 20261126
SILENT = 10
HOUR_S = 3600.0
SPOOL_BYTES = 60_000
EVENTS = 3000
ACKNOWLEDGED = 3000


def connections(server: Server) -> int:
    """How many clients a server believes in."""
    assert server.child is not None
    found = psutil.Process(server.child.pid).net_connections("tcp")
    return sum(each.status == psutil.CONN_ESTABLISHED for each in found)


def wait_until_alone(server: Server) -> None:
    """Wait until it believes in nobody any more."""
    for _ in range(6000):
        if not connections(server):
            return
        threading.Event().wait(0.01)
    pytest.fail("it holds connections to peers that are gone")


def test_peers_that_vanish_are_found_out(spawner: Spawner, tmp_path: Path) -> None:
    """Connections whose other end says nothing more are closed; a server that does not ask keeps them (the control)."""
    servers = []
    with ExitStack() as stack:
        for sabotage in ("believe_silent_peers", "find_out_silent_peers_soon"):
            vkey = load_signer(create(tmp_path / sabotage, ORIGIN)).verifier.vkey
            server = Server(spawner, tmp_path / sabotage)
            server.start(sabotage=sabotage)
            servers.append(server)
            link = stack.enter_context(Link(server.address))
            for _ in range(SILENT):
                client = LedgerClient(link.address, trust=vkey)
                stack.callback(client.close)
                client.log_info()
            assert connections(server) == SILENT
            link.hold()
        believing, asking = servers
        wait_until_alone(asking)
        assert connections(believing) == SILENT
        for server in servers:
            assert server.stop() == 0


def test_an_outage_of_an_hour_with_a_full_spool_is_made_up_for(
    spawner: Spawner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour without the ledger, by the host's clocks: what the spool took is logged once and proven, what it did not was told."""
    arena = Arena(spawner, tmp_path, random.Random(SEED))
    arena.begin_without_kills()
    # The outage began an hour ago, so that it ends at the present of the ledger.
    passed_s = 0.0
    monotonic_s, now_us = clock.monotonic_s, clock.now_us
    monkeypatch.setattr(clock, "monotonic_s", lambda: monotonic_s() + passed_s)
    monkeypatch.setattr(clock, "now_us", lambda: now_us() + int((passed_s - HOUR_S) * 1e6))
    taken: list[str] = []
    refused = 0
    options: Any = {"trust": arena.vkey, "batch_age_s": 0.01, "seed": 1, "batch_events": 100}
    with (
        Link(arena.server.address) as link,
        UsageReporter(
            link.address,
            tmp_path / "spool",
            submitter=HOST,
            spool_size_bytes_max=SPOOL_BYTES,
            **options,
        ) as reporter,
    ):
        taken.append(reporter.report(model_id="m1"))
        reporter.flush(PATIENCE_S).result()
        link.refuse = True
        link.cut()
        for _ in range(EVENTS):
            passed_s += HOUR_S / EVENTS
            try:
                taken.append(reporter.report(model_id="m1"))
            except SpoolFull:
                refused += 1
        link.pass_on()
        reporter.flush(PATIENCE_S + HOUR_S).result()
        taken.append(reporter.report(model_id="m1"))
        reporter.flush(PATIENCE_S + HOUR_S).result()
    assert refused > 0
    assert len(taken) + refused == EVENTS + 2
    judge = arena.judge_spool(taken)
    assert judge.clean, judge.faults
    assert judge.entries == len(taken) + 1
    judge.expect_hosted(["an event that nobody took"])
    assert judge.lost == 1
    arena.abandon()


def test_slow_readers_read_everything_and_hold_nobody_up(spawner: Spawner, tmp_path: Path) -> None:
    """Tails over a slow line get every entry in order, verified, while others write; what was acknowledged is there, once."""
    arena = Arena(spawner, tmp_path, random.Random(SEED))
    arena.begin_without_kills()
    with Link(arena.server.address) as link, ExitStack() as stack:
        link.delay_s = 0.01
        readers = [LedgerClient(link.address, trust=arena.vkey) for _ in range(4)]
        for reader in readers:
            stack.callback(reader.close)
        tails = [reader.tail() for reader in readers]
        firsts = [next(tail) for tail in tails]
        arena.begin_clients()
        read = {number: first.index + 1 for number, first in enumerate(firsts)}
        while arena.judge.acknowledged < ACKNOWLEDGED:
            arena.look()
        for child in arena.clients.values():
            child.end()
        arena.look()
        for number, tail in enumerate(tails):
            while read[number] < arena.judge.entries:
                entry = next(tail)
                assert entry.index == read[number]
                read[number] += 1
    assert arena.finish().sound
    assert arena.judge.clean, arena.judge.faults
