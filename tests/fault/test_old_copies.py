"""Old copies of a ledger, put back at random: none of them signs a second history."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from counterfoil.log import Anchor, Log

from .old_copies import WAYS, Drill
from .results import write_result

SEED = 1147
QUICK, LONG = 100, 1000
IS_LONG = bool(os.environ.get("COUNTERFOIL_FAULTS_LONG"))


@pytest.mark.timeout(7200 if IS_LONG else 300)
def test_random_old_copies_never_sign_a_second_history(tmp_path: Path) -> None:
    """Of many copies put back in every way, the newest ones alone start, and all checkpoints are of one history."""
    tries = LONG if IS_LONG else QUICK
    drill, began_s = Drill(tmp_path, random.Random(SEED)), time.monotonic()

    drill.run(tries)

    assert drill.wrong == [], f"seed {SEED}"
    assert drill.journal.forks == [], f"seed {SEED}"
    assert sum(drill.refused.values()) + sum(drill.started.values()) == tries
    assert all(drill.refused[way] for way in WAYS), drill.refused
    assert all(drill.started[way] for way, (may_start, *_) in WAYS.items() if may_start)
    if IS_LONG:
        write_result(
            "old-copies",
            {
                "seed": SEED,
                "copies_put_back": tries,
                "refused": dict(drill.refused),
                "started_as_the_newest": dict(drill.started),
                "checkpoints_seen": len(drill.journal.roots),
                "second_histories": len(drill.journal.forks),
                "seconds": round(time.monotonic() - began_s, 1),
            },
            not_covered=[
                "copies of a whole disk or virtual machine, which have the same inodes",
                "a tree that a client read between its commit and the advance of the anchor, when the machine died just then",
            ],
        )


def ignore_the_anchor(patch: pytest.MonkeyPatch) -> None:
    """Nothing is compared with the anchor."""
    for module in ("counterfoil.log.log", "counterfoil_server.backup.restore"):
        patch.setattr(f"{module}.check_anchor", lambda *_: None)
    patch.setattr("counterfoil_server.backup.restore._refuse_newer", lambda *_: None)
    patch.setattr(Anchor, "newest_size", lambda _: -1)
    patch.setattr(Log, "_check_overtaken", lambda *_: None)


def ignore_the_place(patch: pytest.MonkeyPatch) -> None:
    """A copy of an anchor passes for the anchor."""
    patch.setattr(Anchor, "is_in_place", lambda _: True)


def ignore_the_size(patch: pytest.MonkeyPatch) -> None:
    """A decision need not name the size."""
    patch.setattr("counterfoil_server.decide._newest", _whatever_is_newest)


def _whatever_is_newest(store: object, signer: object, _size: int) -> object:
    from counterfoil.log.log import check_right_edge

    with store.snapshot() as snapshot:  # type: ignore[attr-defined]
        return check_right_edge(snapshot, signer)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("way", "broken"),
    [
        ("only the store", ignore_the_anchor),
        ("restored", ignore_the_anchor),
        ("everything", ignore_the_place),
        ("decided wrongly", ignore_the_size),
    ],
)
def test_without_one_of_the_guards_a_second_history_is_seen(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    broken: Callable[[pytest.MonkeyPatch], None],
) -> None:
    """Negative control: each guard taken away lets an old copy start, and the journal sees what it signs."""
    broken(monkeypatch)
    drill = Drill(tmp_path, random.Random(SEED))

    drill.run(12, (way,))

    assert drill.wrong
    assert drill.journal.forks
