"""A worker beside us may commit, and advance the anchor, between our commit and our turn at the anchor."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from counterfoil.errors import OutcomeUnknown
from counterfoil.log import Anchor, Log
from counterfoil.note import sign_checkpoint

from .bench import ORIGIN, SANDBOX, SIGNER, START_US, Bench, check_all


def before_the_anchor(
    monkeypatch: pytest.MonkeyPatch, subject: Bench, effect: Callable[[], object]
) -> None:
    """Let something happen once, after the next commit and before the anchor is advanced."""
    advance = subject.anchor.advance
    waiting = [effect]

    def slipped(note: bytes, size: int) -> bytes | None:
        while waiting:
            waiting.pop()()
        return advance(note, size)

    monkeypatch.setattr(subject.anchor, "advance", slipped)


def test_a_worker_that_was_faster_is_no_other_copy(
    memory: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the anchor holds the next checkpoint of this very store already, the append is as good as any."""
    anchor = Anchor(memory.anchor_path, SIGNER.verifier)
    beside = Log(memory.store, SIGNER, anchor, lambda: START_US, SANDBOX)
    theirs = memory.usage("b")
    before_the_anchor(monkeypatch, memory, lambda: beside.append([theirs]))

    memory.add(memory.usage("a"))

    assert memory.anchor.newest_size() == memory.state().size == 3
    memory.add(memory.usage("c"))
    check_all(memory)
    anchor.close()


@pytest.mark.parametrize("size", [2, 3, 900])
def test_another_tree_in_the_anchor_answers_nobody(
    memory: Bench, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """When the anchor holds a checkpoint that is not this store's, at our size or beyond it, the outcome is unknown."""
    other = sign_checkpoint(ORIGIN, size, b"\7" * 32, SIGNER)
    anchor = Anchor(memory.anchor_path, SIGNER.verifier)
    before_the_anchor(monkeypatch, memory, lambda: anchor.advance(other, size))

    for event in ("a", "b"):
        with pytest.raises(OutcomeUnknown):
            memory.append(memory.usage(event))
    assert memory.state().size == 2
    anchor.close()
