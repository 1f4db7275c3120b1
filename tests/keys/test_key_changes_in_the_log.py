"""A change of keys is an entry of the log, and every checkpoint is signed by the keys that its size asks for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from counterfoil.errors import (
    Conflict,
    InvalidInput,
    StartupError,
    UnverifiableError,
    VerificationError,
)
from counterfoil.keys import Signer
from counterfoil.log import rotate as rotate_module
from counterfoil.log.keys import read_changes
from counterfoil.log.rotate import change_key, plan_change, plan_other_change
from counterfoil.note import Policy, sign_checkpoint
from counterfoil.receipt import (
    follow_key_change,
    format_jwt,
    format_receipt,
    learn_keys,
    parse_receipt,
    verify_receipt,
)
from counterfoil.record import KEY_CHANGE
from counterfoil.v1 import key_change_pb2

from ..log.bench import ORIGIN
from .keyed import (
    FIRST,
    K1,
    K2,
    K3,
    SECOND,
    STRANGER,
    THIRD,
    KeyedBench,
    forge,
    keyed,
    signed_by,
)


def test_without_an_overlap_the_change_alone_has_both_signatures(log: KeyedBench) -> None:
    """The old key signs up to the entry of the change, the new one from there on, and no third checkpoint has both."""
    log.rotate(SECOND)
    log.add(log.usage("after"))

    assert [signed_by(log.note(size)) for size in (1, 2, 3, 4)] == [
        [FIRST],
        [FIRST],
        [FIRST, SECOND],
        [SECOND],
    ]


def test_during_the_overlap_both_keys_sign(log: KeyedBench) -> None:
    """With an overlap of two entries the checkpoints of the change and of the two entries behind it have both."""
    log.rotate(SECOND, overlap=2)
    for name in "abc":
        log.add(log.usage(name))

    assert [signed_by(log.note(size)) for size in (3, 4, 5, 6)] == [
        [FIRST, SECOND],
        [FIRST, SECOND],
        [FIRST, SECOND],
        [SECOND],
    ]


def test_a_commit_that_jumps_over_the_cut_off_is_signed_by_the_new_key_alone(
    log: KeyedBench,
) -> None:
    """The size of the checkpoint counts, not that of the entries in it."""
    log.rotate(SECOND, overlap=2)
    log.add(log.usage("a", "b", "c"))

    assert signed_by(log.note(6)) == [SECOND]


def test_old_receipts_stay_as_they_are_and_verify(log: KeyedBench) -> None:
    """A receipt from before the change has the same bytes after it, and verifies with the old key alone."""
    before = log.receipt(1)
    log.rotate(SECOND, overlap=1)
    log.add(log.usage("a"))
    log.add(log.usage("b"))

    assert log.receipt(1) == before
    assert verify_receipt(before, K1).index == 1
    with pytest.raises(UnverifiableError):
        verify_receipt(log.receipt(4), K1)
    assert verify_receipt(log.receipt(4), K2).index == 4


@pytest.mark.parametrize("trusted", [K1, K2, K3])
def test_any_key_leads_to_all_others(log: KeyedBench, trusted: str) -> None:
    """Two changes are followed from the first key, from the second and from the last, in any order of the receipts."""
    log.rotate(SECOND, overlap=1)
    log.add(log.usage("a"))
    log.add(log.usage("b"))
    log.rotate(THIRD)
    log.add(log.usage("c"))
    changes = [log.receipt(2), log.receipt(5)]

    for given in (changes, changes[::-1]):
        policy, unreached = learn_keys(trusted, given)
        assert not unreached
        assert {log_.vkey for log_ in policy.logs} == {K1, K2, K3}
        for index in range(7):
            assert verify_receipt(log.receipt(index), policy).index == index
        with pytest.raises(VerificationError, match="good for sizes"):
            policy.check(forge(log, FIRST, 5))


def test_a_retired_key_is_refused_beyond_its_cut_off(log: KeyedBench) -> None:
    """Whoever knows of the change refuses a larger tree of the old key; whoever does not cannot know."""
    change = log.rotate(SECOND, overlap=3)
    assert change.head is not None
    policy, _ = learn_keys(K1, [log.receipt(2)])

    assert (
        policy.check(forge(log, FIRST, 6)).size == 6
    )  # within the overlap: a fork, and for consistency proofs to find
    for size in (7, 8, 1 << 40):
        with pytest.raises(VerificationError, match="good for sizes 0-6"):
            policy.check(forge(log, FIRST, size))
        assert Policy.trust(K1).check(forge(log, FIRST, size)).size == size


def test_a_new_key_is_refused_before_it_began(log: KeyedBench) -> None:
    """The new key cannot speak for trees from before the change."""
    log.rotate(SECOND)
    policy, _ = learn_keys(K2, [log.receipt(2)])

    with pytest.raises(VerificationError, match="good for sizes 3-"):
        policy.check(forge(log, SECOND, 2))


def test_a_line_of_a_retired_key_beside_a_good_one_is_refused(log: KeyedBench) -> None:
    """A note that the new key signed is bad if the old one signed it beyond its cut-off."""
    log.rotate(SECOND)
    log.add(log.usage("a"))
    policy = log.log.keys.policy
    text = log.note(4).partition(b"\n\n")[0].decode().split("\n")
    both = sign_checkpoint(ORIGIN, 4, policy.check(log.note(4)).root_hash, SECOND, FIRST)

    assert text[1] == "4"
    with pytest.raises(VerificationError, match="good for sizes"):
        policy.check(both)


def test_a_jwt_is_signed_by_a_key_of_the_tree_inside(log: KeyedBench) -> None:
    """A retired key cannot sign a JWT around a receipt of the new key, nor the new key one around an old receipt."""
    log.rotate(SECOND)
    log.add(log.usage("a"))
    policy = log.log.keys.policy
    for index, signer in ((3, FIRST), (1, SECOND)):
        receipt = parse_receipt(log.receipt(index))
        verified = verify_receipt(log.receipt(index), policy)
        subject = f"ev_{index}_{verified.leaf_hashes[0][:4].hex()}"
        with pytest.raises(VerificationError, match="another key"):
            verify_receipt(format_jwt(receipt, signer, subject, verified.time_us, {}), policy)
        right = SECOND if signer is FIRST else FIRST
        good = format_jwt(receipt, right, subject, verified.time_us, {})
        assert verify_receipt(good, policy).index == index


def test_the_receipt_of_another_entry_is_no_change(log: KeyedBench) -> None:
    """A receipt of usage teaches no keys."""
    with pytest.raises(VerificationError, match="not the receipt of a change"):
        learn_keys(K1, [log.receipt(1)])


def test_a_change_that_somebody_else_submitted_teaches_nothing(log: KeyedBench) -> None:
    """Were a record of kind 11 ever logged for another submitter, it would not count."""
    body = key_change_pb2.KeyChange(
        purpose=key_change_pb2.KEY_PURPOSE_CHECKPOINT,
        retired_vkey=K1,
        new_vkey=STRANGER.verifier.vkey,
    )
    log.add(log.batch(KEY_CHANGE, [body.SerializeToString()], submitter="host"))
    verified = verify_receipt(log.receipt(2), K1)

    with pytest.raises(VerificationError, match="not one of this log's own"):
        follow_key_change(Policy.trust(K1), verified)


@pytest.mark.parametrize(
    ("new", "overlap", "told"),
    [
        (FIRST, 0, "from one key to another"),
        (Signer.from_seed("example.com/other", b"2" * 32), 0, "same name"),
        (SECOND, -1, "overlap_entries"),
    ],
)
def test_a_key_that_cannot_follow_is_refused(
    log: KeyedBench, new: Signer, overlap: int, told: str
) -> None:
    """The same key, one of another log, and a negative overlap are refused, and nothing is logged."""
    with pytest.raises(InvalidInput, match=told):
        log.rotate(new, overlap=overlap)
    assert log.state().size == 2


def test_a_retired_key_does_not_come_back(log: KeyedBench) -> None:
    """Rotating back to a key that was retired is refused."""
    log.rotate(SECOND)
    with pytest.raises(InvalidInput, match="does not come back"):
        log.rotate(FIRST)
    assert log.state().size == 3


def test_more_keys_than_the_anchor_holds_are_refused(tmp_path: Path) -> None:
    """Overlaps may overlap, as long as a checkpoint with all signatures fits the anchor."""
    with keyed(tmp_path) as log:
        for number in range(7):
            log.rotate(Signer.from_seed(ORIGIN, bytes([number]) * 32), overlap=1000)
        with pytest.raises(InvalidInput, match="too many keys would sign"):
            log.rotate(Signer.from_seed(ORIGIN, b"9" * 32), overlap=1000)
        log.restart()
        assert log.fsck().problems == []


@pytest.mark.parametrize("at_hand", [[FIRST], [SECOND], [STRANGER]])
def test_during_the_overlap_both_keys_have_to_be_there(
    log: KeyedBench, at_hand: list[Signer]
) -> None:
    """A log that cannot sign with both of its keys does not start."""
    log.rotate(SECOND, overlap=5)
    log.signer, log.others = at_hand[0], at_hand[1:]

    with pytest.raises(StartupError):
        log.restart()


def test_after_the_overlap_the_new_key_is_enough(log: KeyedBench) -> None:
    """The retired private key can be destroyed when its cut-off has passed."""
    log.rotate(SECOND, overlap=1)
    log.add(log.usage("a"))
    log.signer, log.others = SECOND, []
    log.restart()
    log.add(log.usage("b"))

    assert signed_by(log.note()) == [SECOND]
    assert log.fsck().problems == []


def test_a_change_that_is_logged_already_is_a_conflict(log: KeyedBench) -> None:
    """The same new key with another reason is refused by the log itself, though the plan was made before."""
    body = plan_change(log.log, SECOND, 0, "one")
    other = plan_change(log.log, SECOND, 0, "another")
    change_key(log.log, body, bytes(32))  # logged, and nobody signs with it
    with pytest.raises(Conflict):
        change_key(log.log, other, bytes(32))


def test_a_log_changes_its_key_only_so_often(
    log: KeyedBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All changes are read at each start, so that there is a bound."""
    monkeypatch.setattr(rotate_module, "KEY_CHANGES_MAX", 2)
    log.rotate(SECOND)
    with pytest.raises(InvalidInput, match="too many changes"):
        log.rotate(THIRD)


def test_a_key_for_something_else_changes_beside_them(log: KeyedBench) -> None:
    """A change of the key of tokens is logged and found by its purpose, and says nothing of checkpoints."""
    first, second = (Signer.from_seed(f"{ORIGIN}/token", bytes([n]) * 32) for n in (4, 5))
    token = key_change_pb2.KEY_PURPOSE_TOKEN
    body = plan_other_change(token, first.verifier, second.verifier, 60_000_000, "drill")
    change_key(log.log, body, bytes(32))
    log.rotate(SECOND)
    log.restart()

    with log.store.snapshot() as snapshot:
        (entry,) = read_changes(snapshot, log.log.secret, token)
    assert (entry.index, entry.body, entry.kind) == (2, body, KEY_CHANGE)
    assert [key.verifier.vkey for key in log.log.keys.keys] == [K1, K2]
    assert log.fsck().problems == []
    with pytest.raises(UnverifiableError, match="sign no checkpoints"):
        follow_key_change(Policy.trust(K1), verify_receipt(log.receipt(2), K1))
    for purpose, new in ((key_change_pb2.KEY_PURPOSE_CHECKPOINT, second), (token, first)):
        with pytest.raises(InvalidInput):
            plan_other_change(purpose, first.verifier, new.verifier, 0, "")


def test_a_change_that_was_redacted_teaches_nothing(log: KeyedBench) -> None:
    """A receipt without its record verifies, and names no key."""
    log.rotate(SECOND)
    receipt = replace(parse_receipt(log.receipt(2)), salt=b"", record=b"")
    verified = verify_receipt(format_receipt(receipt), K1)

    with pytest.raises(UnverifiableError, match="redacted"):
        follow_key_change(Policy.trust(K1), verified)
