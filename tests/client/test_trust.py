"""The memory of checkpoints: one history passes, two never do."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.note import NO_QUORUM
from counterfoil.receipt import VerifiedReceipt, verify_receipt
from counterfoil_client.errors import ForkDetected, LedgerError
from counterfoil_client.trust import CheckpointMemory, parse_trust

from .toy_log import ORIGIN, ToyLog


def grown(size: int, salt: str = "", seed: int = 1) -> ToyLog:
    """A log of some entries; another salt gives another history from entry 3 on, under the same key."""
    log = ToyLog(seed=seed)
    for number in range(size):
        log.append([f"{number}{salt if number >= 3 else ''}".encode()])
    return log


def memory_of(log: ToyLog) -> CheckpointMemory:
    """A memory that asks this log for proofs."""
    return CheckpointMemory(log.policy, ORIGIN, log.prove_consistency)


def receipt_at(log: ToyLog, index: int) -> VerifiedReceipt:
    """A verified receipt of the present tree."""
    return verify_receipt(log.receipt(index), log.policy)


@pytest.mark.parametrize("sizes", [[1, 5, 20], [20, 5, 1], [7, 7, 7], [3, 12, 8, 20, 2]])
def test_one_history_passes_in_any_order(sizes: list[int]) -> None:
    """Checkpoints of one log go together, and the largest is remembered."""
    log = grown(20)
    memory = memory_of(log)

    for size in sizes:
        assert memory.check(log.checkpoint(size)).size == size

    assert memory.newest is not None
    assert memory.newest.size == max(sizes)


@pytest.mark.parametrize(("first", "second"), [(10, 10), (5, 10), (10, 5), (4, 4)])
def test_two_histories_are_a_fork(first: int, second: int) -> None:
    """A second tree that does not extend the first one is refused, and the error holds both notes."""
    log, fork = grown(20), grown(20, "fork")
    memory = CheckpointMemory(log.policy, ORIGIN, fork.prove_consistency)
    memory.check(log.checkpoint(first))

    with pytest.raises(ForkDetected) as caught:
        memory.check(fork.checkpoint(second))

    assert caught.value.first == log.checkpoint(first)
    assert caught.value.second == fork.checkpoint(second)
    assert memory.newest is not None
    assert memory.newest.note == log.checkpoint(first)


def test_histories_that_only_part_later_are_one_before() -> None:
    """Control: up to where they part, both logs are one history, so the fork test can pass and fail."""
    log, fork = grown(20), grown(20, "fork")
    memory = CheckpointMemory(log.policy, ORIGIN, fork.prove_consistency)
    memory.check(log.checkpoint(3))

    assert memory.check(fork.checkpoint(10)).size == 10


@pytest.mark.parametrize(
    "code", ["OUT_OF_RANGE", "NOT_FOUND", "INVALID_ARGUMENT", "FAILED_PRECONDITION"]
)
def test_a_log_without_a_proof_has_forked(code: str) -> None:
    """A log that was rolled back cannot prove anything about the tree it forgot: that is evidence too."""
    log = grown(20)

    def refuse(_old: int, _new: int) -> Sequence[bytes]:
        raise LedgerError("no", code=code)

    memory = CheckpointMemory(log.policy, ORIGIN, refuse)
    memory.check(log.checkpoint(20))

    with pytest.raises(ForkDetected, match="no proof"):
        memory.check(log.checkpoint(10))


def test_a_log_that_cannot_be_asked_has_not_forked() -> None:
    """A lost connection is no evidence; the same checkpoint passes when the log answers again."""
    log = grown(20)
    answers: list[Exception | None] = [LedgerError("gone", code="UNAVAILABLE"), None]

    def prove(old: int, new: int) -> Sequence[bytes]:
        error = answers.pop(0)
        if error is not None:
            raise error
        return log.prove_consistency(old, new)

    memory = CheckpointMemory(log.policy, ORIGIN, prove)
    memory.check(log.checkpoint(5))

    with pytest.raises(LedgerError):
        memory.check(log.checkpoint(20))
    assert memory.check(log.checkpoint(20)).size == 20


@pytest.mark.parametrize("spoil", ["empty", "longer", "flipped"])
def test_a_bad_proof_is_a_fork(spoil: str) -> None:
    """A proof that does not verify counts as none."""
    log = grown(20)

    def prove(old: int, new: int) -> list[bytes]:
        proof = log.prove_consistency(old, new)
        return {"empty": [], "longer": [*proof, bytes(32)], "flipped": [bytes(32), *proof[1:]]}[
            spoil
        ]

    memory = CheckpointMemory(log.policy, ORIGIN, prove)
    memory.check(log.checkpoint(7))

    with pytest.raises(ForkDetected):
        memory.check(log.checkpoint(20))


def test_a_checkpoint_of_a_stranger_is_refused() -> None:
    """An unknown key, another origin and noise are not checkpoints of this log."""
    log = grown(5)
    memory = memory_of(log)
    other = ToyLog(seed=2, origin="toy.example/other")
    other.append([b"x"])

    with pytest.raises(UnverifiableError):
        memory.check(grown(5, seed=2).checkpoint())
    with pytest.raises(VerificationError):
        memory.check(other.checkpoint())
    with pytest.raises(VerificationError):
        memory.check(b"noise")
    both = parse_trust(
        "\n".join(f"log {each.signer.verifier.vkey}" for each in (log, other)) + "\nquorum none\n"
    )
    with pytest.raises(VerificationError, match="not toy"):
        CheckpointMemory(both, ORIGIN, log.prove_consistency).check(other.checkpoint())
    assert memory.newest is None


def test_receipts_are_compared_with_the_next_checkpoint() -> None:
    """A receipt from one history and a checkpoint from another are a fork."""
    log, fork = grown(12), grown(20, "fork")
    memory = CheckpointMemory(log.policy, ORIGIN, fork.prove_consistency)
    memory.see(receipt_at(log, 11))

    with pytest.raises(ForkDetected):
        memory.check(fork.checkpoint(20))


def test_receipts_of_one_history_pass() -> None:
    """Control: a receipt and a checkpoint of one log go together."""
    log = grown(12)
    memory = memory_of(log)
    memory.see(receipt_at(log, 11))
    memory.see(receipt_at(log, 3))
    log.append([b"more"])

    assert memory.check(log.checkpoint()).size == 13


@pytest.mark.parametrize("after_check", [True, False])
def test_two_receipts_of_one_size_and_two_roots_are_a_fork_at_once(after_check: bool) -> None:
    """No proof is needed to see that two trees of the same size differ."""
    log, fork = grown(9), grown(9, "fork")
    memory = memory_of(log)
    if after_check:
        memory.check(log.checkpoint())
    else:
        memory.see(receipt_at(log, 1))

    with pytest.raises(ForkDetected, match="same size"):
        memory.see(receipt_at(fork, 1))


def test_trust_is_a_key_or_a_policy() -> None:
    """A verifier key stands for that log alone; text with spaces is a policy."""
    log = grown(1)
    vkey = log.signer.verifier.vkey

    assert parse_trust(f" {vkey}\n") == log.policy
    assert parse_trust(f"log {vkey}\nquorum none\n").quorum == NO_QUORUM


@pytest.mark.parametrize("text", ["", "x", "log x\nquorum none", "quorum none extra", "a+b+c"])
def test_trust_that_is_neither_is_refused(text: str) -> None:
    """Text that is no key and no policy is refused when the client is made."""
    with pytest.raises(VerificationError):
        parse_trust(text)
