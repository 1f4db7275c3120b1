"""A whole log whose catalog is compacted at random moments."""

from __future__ import annotations

import random

import pytest

from counterfoil.log.compact import compact

from .bench import Bench, check_all

SEED = 20260814


pytestmark = pytest.mark.usefixtures("small_merges")


def test_a_log_is_merged_while_it_grows(subject: Bench) -> None:
    """Over a real log, compaction at random moments leaves duplicates, proofs and fsck as they were."""
    chance = random.Random(SEED)
    for round_ in range(40):
        ids = [f"e{chance.randrange(300)}" for _ in range(chance.randrange(1, 14))]
        subject.append(subject.usage(*ids), subject.training(chance.randrange(9)))
        while chance.randrange(2) and compact(subject.store):
            pass
        if round_ % 13 == 12:
            subject.restart()
    known = [entry for entry in subject.entries() if entry.kind.name == "usage"]
    names = [entry.kind.identity("", entry.kind.message.FromString(entry.body)) for entry in known]

    assert len(set(names)) == len(names), SEED
    again = subject.add(subject.usage(*names))
    assert [item.index for item in again.existing] == [entry.index for entry in known]
    check_all(subject)
    assert subject.fsck().sound
