"""What a crash, a full store, rot or a lost secret leave of a change of keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.errors import (
    IntegrityError,
    OutcomeUnknown,
    StartupError,
    StoreFull,
)
from counterfoil.keys import Signer
from counterfoil.log import Anchor
from counterfoil.log.keys import make_history
from counterfoil.log.layout import CHECKPOINT, META, RUN, RUNS_KEY, SECRET_KEY, index_key, seal
from counterfoil.log.runs import Runs, format_runs
from counterfoil.note import Policy, sign_checkpoint

from ..log.bench import ORIGIN, flipped
from .keyed import (
    FIRST,
    K1,
    K2,
    SECOND,
    THIRD,
    KeyedBench,
    forge,
    signed_by,
)


def test_the_secret_of_the_catalog_survives_every_change(log: KeyedBench) -> None:
    """After two changes, and with the first key gone, a duplicate from before them is still found."""
    secret = log.log.secret
    log.rotate(SECOND)
    log.rotate(THIRD)
    log.signer, log.others = SECOND, [THIRD]
    log.restart()

    assert log.log.secret == secret
    again = log.add(log.usage("before"))
    assert again.head is None
    assert [item.index for item in again.existing] == [1]


def test_a_log_from_before_the_secret_was_kept_goes_on(log: KeyedBench) -> None:
    """A store without the secret is served with that of its first key, and its first change keeps it."""
    secret = log.log.secret
    log.delete(META, SECRET_KEY)
    log.restart()
    assert log.log.secret == secret
    assert (
        log.fsck(anchor=False).problems != []
    )  # without the key there is nothing to compare the catalog with

    log.rotate(SECOND)
    log.restart()

    assert log.log.secret == secret
    assert log.fsck().problems == []


def test_a_log_that_lost_its_secret_after_a_change_does_not_start(log: KeyedBench) -> None:
    """With the wrong secret duplicates would be missed: the log cannot find its own changes, and refuses."""
    log.rotate(SECOND)
    log.delete(META, SECRET_KEY)
    log.signer, log.others = SECOND, []

    with pytest.raises(StartupError, match="not signed by the key of this directory"):
        log.restart()


@pytest.mark.parametrize("missing", [FIRST, SECOND])
def test_fsck_and_start_notice_a_missing_signature(log: KeyedBench, missing: Signer) -> None:
    """A checkpoint of the overlap that one of the two keys did not sign is a fault, and no tree to start on."""
    log.rotate(SECOND, overlap=5)
    log.add(log.usage("a"))
    note = log.note(4)
    other = SECOND if missing is FIRST else FIRST
    root = Policy.trust(other.verifier.vkey).check(note).root_hash
    log.put(CHECKPOINT, index_key(4), seal(sign_checkpoint(ORIGIN, 4, root, other)))

    told = [fault.detail for fault in log.fsck().problems]

    assert told
    assert all("does not verify" in detail for detail in told)
    with pytest.raises(StartupError):
        log.start()


def test_fsck_notices_a_retired_key_that_signed_on(log: KeyedBench) -> None:
    """A checkpoint beyond the cut-off under the old key is a fault, though its tree is right."""
    log.rotate(SECOND)
    log.add(log.usage("a"))
    root = log.log.keys.check(log.note(4)).root_hash
    log.put(CHECKPOINT, index_key(4), seal(sign_checkpoint(ORIGIN, 4, root, FIRST)))

    assert any("good for sizes" in fault.detail for fault in log.fsck().problems)
    with pytest.raises(StartupError, match="good for sizes"):
        log.start()


def test_fsck_notices_that_the_catalog_lost_the_change(log: KeyedBench) -> None:
    """When the catalog names no change any more, the log does not start, and fsck says what is missing."""
    log.rotate(SECOND)
    log.add(log.usage("a"))
    with log.store.snapshot() as snapshot:
        runs = [(bytes(key), bytes(value)) for key, value in snapshot.scan(RUN)]
    for key, value in runs:
        log.put(RUN, key, bytes(len(value)))

    with pytest.raises((StartupError, IntegrityError)):
        log.start()
    assert any(fault.what == "catalog" for fault in log.fsck().problems)


def test_fsck_does_not_believe_the_catalog_about_keys(log: KeyedBench) -> None:
    """Without its runs the catalog knows of no change: what was believed then is not what the entries say."""
    log.rotate(SECOND)
    log.add(log.usage("a"))
    log.put(META, RUNS_KEY, format_runs(Runs(2, ())))

    assert {fault.what for fault in log.fsck().problems} >= {"keys", "catalog", "checkpoint"}


@pytest.mark.parametrize("what", ["genesis", "change", "order"])
def test_entries_that_tell_no_history_are_damage(log: KeyedBench, what: str) -> None:
    """A genesis record without a key, a change that is none, and changes out of their order."""
    log.rotate(SECOND)
    genesis, change = log.entries()[0].body, log.entries()[2].body
    told = {
        "genesis": [(0, b"")],
        "change": [(0, genesis), (2, change[:-1])],
        "order": [(0, genesis), (2, change), (3, change)],
    }[what]

    assert make_history([(0, genesis), (2, change)]) == log.log.keys
    with pytest.raises(IntegrityError, match="makes no sense"):
        make_history(told)


def test_a_secret_of_another_size_is_damage(log: KeyedBench) -> None:
    """A kept secret that is no secret stops the start."""
    log.put(META, SECRET_KEY, seal(b"short"))
    with pytest.raises(IntegrityError, match="secret"):
        log.start()


def test_a_flipped_secret_is_noticed(log: KeyedBench) -> None:
    """Each changed bit of the kept secret stops the start, and is a fault to fsck."""
    good = log.get(META, SECRET_KEY)
    for bit in range(0, 8 * len(good), 37):
        log.put(META, SECRET_KEY, flipped(good, bit))
        with pytest.raises(IntegrityError, match="secret"):
            log.start()
        assert any(fault.what == "secret" for fault in log.fsck().problems)


@pytest.mark.parametrize("point", ["anchor", "commit lost", "commit stored"])
def test_a_crash_in_a_change_leaves_a_log_that_starts(log: KeyedBench, point: str) -> None:
    """Whatever came of the commit, with both keys at hand the log starts, and the change is made whole or not at all."""
    transact, advance = log.store.transact, log.anchor.advance
    calls: list[str] = []

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    def strike(function: object) -> object:
        calls.append(point)
        if point == "commit lost":
            raise KeyboardInterrupt
        transact(function)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    if point == "anchor":
        log.anchor.advance = fail  # type: ignore[method-assign, assignment]
    else:
        log.store.transact = strike  # type: ignore[method-assign, assignment]
    with pytest.raises((OutcomeUnknown, KeyboardInterrupt)):
        log.rotate(SECOND, overlap=1)
    log.store.transact = transact  # type: ignore[method-assign]
    log.anchor.advance = advance  # type: ignore[method-assign]

    log.restart()

    done = point != "commit lost"
    assert [key.verifier.vkey for key in log.log.keys.keys] == ([K1, K2] if done else [K1])
    log.add(log.usage("after"))
    assert signed_by(log.note()) == ([FIRST, SECOND] if done else [FIRST])
    assert log.fsck().problems == []


def test_a_store_without_room_leaves_the_old_key(
    log: KeyedBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that the full store refuses is none, and the log goes on with the key that it has."""
    with monkeypatch.context() as patch:
        patch.setattr(log.store, "room", lambda: 0)
        with pytest.raises(StoreFull):
            log.rotate(SECOND)
    log.add(log.usage("a"))

    assert signed_by(log.note()) == [FIRST]


def test_a_checkpoint_that_does_not_fit_the_anchor_is_refused(log: KeyedBench) -> None:
    """A note beyond the size of a slot would be written over its neighbour."""
    with pytest.raises(OSError, match="does not fit"):
        log.anchor.advance(b"x" * 1025, 9)


def test_the_anchor_of_a_retired_key_counts_up_to_its_cut_off(
    log: KeyedBench, tmp_path: Path
) -> None:
    """An anchor that a thief of the old key wrote beyond the cut-off is no anchor of this log."""
    log.rotate(SECOND)
    log.add(log.usage("a"))
    policy = log.log.keys.policy
    forged = Anchor.create(tmp_path / "forged", policy)
    forged.advance(forge(log, FIRST, 9), 9)
    again = Anchor(tmp_path / "forged", policy)

    with pytest.raises(StartupError, match="no checkpoint signed by the key of this log"):
        again.read()
    forged.close()
    again.close()
