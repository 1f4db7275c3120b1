"""kill -9 under load, again and again: what was acknowledged stays, and what is sent again is logged once."""

from __future__ import annotations

import random
import time

from ..support.ledger_process import LedgerProcess
from .edge import connected
from .load import Journal, Load, expect_fsck_sound, expect_sound

SEED = 4711
CYCLES = 10
# Fewer cycles on a slow machine; each one is a whole test.
CYCLES_S_MAX = 20.0


def test_kill_9_under_load_loses_nothing_that_was_acknowledged(ledger: LedgerProcess) -> None:
    """After each crash the log holds every acknowledged batch, nothing twice, and takes the rest when it is sent again."""
    chance, journal = random.Random(SEED), Journal()
    began_s, cycles = time.monotonic(), 0
    while cycles < CYCLES and time.monotonic() - began_s < CYCLES_S_MAX:
        with Load(ledger, journal, clients=4, size=chance.randrange(1, 60)):
            journal.wait_for(len(journal.answered) + chance.randrange(1, 25))
            ledger.kill()
        ledger.start()
        with connected(ledger) as edge:
            expect_sound(edge, journal)
            journal.resend(edge)
        cycles += 1
    assert cycles > 1, f"seed {SEED}"
    with connected(ledger) as edge:
        expect_sound(edge, journal)
    assert ledger.stop() == 0
    expect_fsck_sound(ledger)
