"""Receipts of single writes: an honest one is believed, and every way to spoil it is seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from counterfoil.entry import KIND_PAYOUT, KIND_TRAINING
from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.receipt import (
    format_receipt,
    parse_receipt,
)
from counterfoil.v1.record_pb2 import Payout, ProofOfTraining
from counterfoil_client.evidence import check_write

from .toy_log import SUBMITTER, ToyLog


@pytest.fixture
def log() -> ToyLog:
    """A log with three entries of somebody else."""
    made = ToyLog()
    made.append([b"one", b"two", b"three"], submitter="other")
    return made


def training_receipt(log: ToyLog, body: bytes, **change: object) -> bytes:
    """Log one proof of training; its receipt."""
    settings: dict[str, object] = {"kind": KIND_TRAINING, "request_id": "r", **change}
    return log.receipt(log.append([body], **settings))  # type: ignore[arg-type]


TRAINING = ProofOfTraining(dataset_id="d", evidence={"a": "1", "b": "2"}).SerializeToString(
    deterministic=True
)


def test_a_single_write_is_believed(log: ToyLog) -> None:
    """A receipt for the record that the client builds is good."""
    receipt = training_receipt(log, TRAINING)

    verified = check_write(log.writer, receipt, KIND_TRAINING, ProofOfTraining, "r", TRAINING)

    assert verified.index == 3


@pytest.mark.parametrize(
    "change",
    [
        {"submitter": "other"},
        {"environment": 2},
        {"request_id": ""},
        {"request_id": "r2"},
        {"kind": KIND_PAYOUT},
    ],
    ids=str,
)
def test_a_single_write_in_another_name_is_seen(log: ToyLog, change: dict[str, object]) -> None:
    """Submitter, environment, request and kind of the record are those of the client."""
    receipt = training_receipt(log, TRAINING, **change)

    with pytest.raises(VerificationError):
        check_write(log.writer, receipt, KIND_TRAINING, ProofOfTraining, "r", TRAINING)


def test_a_single_write_that_was_changed_is_seen(log: ToyLog) -> None:
    """Another body in the record is not what was sent; the same meaning in other bytes is."""
    other = ProofOfTraining(dataset_id="d2").SerializeToString()
    swapped = (
        ProofOfTraining(evidence={"b": "2", "a": "1"}).SerializeToString()
        + ProofOfTraining(dataset_id="d").SerializeToString()
    )

    receipt = training_receipt(log, other)
    with pytest.raises(VerificationError, match="not the one"):
        check_write(log.writer, receipt, KIND_TRAINING, ProofOfTraining, "r", TRAINING)
    receipt = training_receipt(log, swapped)
    check_write(log.writer, receipt, KIND_TRAINING, ProofOfTraining, "r", TRAINING)


@pytest.mark.parametrize("at", range(0, 400, 7))
def test_a_single_receipt_with_a_flipped_bit_is_refused(log: ToyLog, at: int) -> None:
    """No bit of a receipt can change."""
    data = bytearray(training_receipt(log, TRAINING))
    data[at % len(data)] ^= 1

    with pytest.raises(VerificationError):
        check_write(log.writer, bytes(data), KIND_TRAINING, ProofOfTraining, "r", TRAINING)


def test_a_redacted_original_cannot_be_compared(log: ToyLog) -> None:
    """A receipt without its record verifies, and still says nothing about what was sent."""
    receipt = parse_receipt(training_receipt(log, TRAINING))
    redacted = format_receipt(replace(receipt, salt=b"", record=b""))

    with pytest.raises(UnverifiableError, match="redacted"):
        check_write(log.writer, redacted, KIND_TRAINING, ProofOfTraining, "r", TRAINING)


def test_a_batch_receipt_is_no_answer_to_a_single_write(log: ToyLog) -> None:
    """The form of the receipt is the one that was promised."""
    log.append([TRAINING], kind=KIND_TRAINING, request_id="r")
    receipt = log.batch_receipt(3, 1)

    with pytest.raises(VerificationError):
        check_write(log.writer, receipt, KIND_TRAINING, ProofOfTraining, "r", TRAINING)


def test_a_record_that_is_no_message_is_refused(log: ToyLog) -> None:
    """A logged body that does not parse is malformed evidence and no stray error."""
    receipt = training_receipt(log, b"\xff\xff\xff")

    with pytest.raises(VerificationError, match="malformed"):
        check_write(log.writer, receipt, KIND_TRAINING, ProofOfTraining, "r", TRAINING)


def test_writes_of_other_kinds_use_the_same_check(log: ToyLog) -> None:
    """A payout is checked by its own kind and message."""
    body = Payout(amount="1.50", currency="EUR").SerializeToString()
    first = log.append([body], kind=KIND_PAYOUT, request_id="p", submitter=SUBMITTER)

    verified = check_write(log.writer, log.receipt(first), KIND_PAYOUT, Payout, "p", body)

    assert verified.kind == KIND_PAYOUT
