"""The spool against a list in memory, through any order of writes, reads, releases and crashes."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from counterfoil_client.spool import Spool

EVENTS = st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=5)


class SpoolMachine(RuleBasedStateMachine):
    """What must hold: everything taken and not settled can be read, in order, whatever happened in between."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="spool-"))
        self.spool = self.open()
        # Every event with the position behind it, and where the cursor is.
        self.taken: list[tuple[int, bytes]] = []
        self.released = 0

    def open(self) -> Spool:
        """The spool in small segments, so that they change often."""
        return Spool(self.folder, size_bytes_max=1 << 20, segment_size_bytes=150)

    @rule(events=EVENTS)
    def append(self, events: list[bytes]) -> None:
        """Take some events."""
        for event in events:
            self.taken.append((self.spool.append([event]), event))

    @rule(share=st.floats(0, 1))
    def release(self, share: float) -> None:
        """Settle everything up to some event."""
        if self.taken:
            position = self.taken[int(share * (len(self.taken) - 1))][0]
            self.released = max(self.released, position)
            self.spool.release(self.released)

    @rule()
    def sync(self) -> None:
        """Bring everything to the disk."""
        assert self.spool.sync() == self.spool.end

    @rule(torn=st.binary(max_size=30))
    def crash(self, torn: bytes) -> None:
        """Open the folder as a crash left it, with half a write at the end."""
        self.spool.close()
        with max(self.folder.glob("*.seg")).open("ab") as file:
            file.write(torn)
        self.spool = self.open()

    @rule(bytes_lost=st.integers(1, 80))
    def lose_power(self, bytes_lost: int) -> None:
        """Lose the end of the newest segment, as if it had never reached the disk."""
        self.spool.close()
        newest = max(self.folder.glob("*.seg"))
        left = max(0, newest.stat().st_size - bytes_lost)
        os.truncate(newest, left)
        end = int(newest.stem) + left
        self.taken = [each for each in self.taken if each[0] <= end]
        self.spool = self.open()
        # A cursor behind the end was lost with it: then everything that is left is given again.
        self.released = self.spool.begin

    @invariant()
    def everything_is_there(self) -> None:
        """What was taken and is not settled is read in order."""
        expected = [event for end, event in self.taken if end > self.spool.begin]
        found: list[bytes] = []
        at = self.spool.begin
        while True:
            payloads, at = self.spool.read(at, 3, 100)
            if not payloads:
                break
            found += payloads
        assert found == expected

    def teardown(self) -> None:
        """Remove the folder."""
        self.spool.close()
        shutil.rmtree(self.folder)


TestSpool = SpoolMachine.TestCase
TestSpool.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
