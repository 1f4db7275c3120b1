"""The judge of the fault tests sees what is wrong: losses, repetitions, bad receipts, and journals that end in half a line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from counterfoil.v1.usage_service_pb2 import AppendUsageResponse
from counterfoil_client import LedgerClient

from ..support.ledger_process import ORIGIN, LedgerProcess
from .journal import Acknowledged, JournalReader, JournalWriter, SentBatch, read_ids
from .judge import HOST, Judge

BATCH = 20


def send(client: LedgerClient, number: int) -> Acknowledged:
    """One batch, sent and answered."""
    batch = SentBatch(client.submitter, number, time.time_ns() // 1000, BATCH)
    result = client.append_usage(batch.bodies())
    answer = AppendUsageResponse(
        accepted=result.accepted, first_index=result.first_index, receipts=list(result._raw)
    )
    return Acknowledged(batch, answer.SerializeToString())


@pytest.fixture
def judge(ledger: LedgerProcess) -> Judge:
    """A judge who has seen nothing yet."""
    return Judge(ledger.vkey, ORIGIN)


@pytest.fixture
def sent(ledger: LedgerProcess) -> list[Acknowledged]:
    """Three batches in the log, by two submitters."""
    with LedgerClient(ledger.address, trust=ledger.vkey, submitter="one") as client:
        answers = [send(client, 1), send(client, 2)]
    with LedgerClient(ledger.address, trust=ledger.vkey, submitter=HOST) as client:
        return [*answers, send(client, 1)]


def logged(ledger: LedgerProcess) -> list[tuple[int, bytes]]:
    """All entries as the judge takes them."""
    with LedgerClient(ledger.address, trust=ledger.vkey) as client:
        return [(entry.index, entry.record) for entry in client.entries()]


def test_a_good_log_is_acquitted(
    ledger: LedgerProcess, judge: Judge, sent: list[Acknowledged]
) -> None:
    """Nothing is found where nothing is wrong, and all of it was looked at."""
    judge.take(sent[:1])
    judge.look(ledger.address)
    judge.take(sent)
    judge.look(ledger.address)
    judge.expect_hosted([f"1-{at}" for at in range(BATCH)])
    assert judge.clean, judge.faults
    assert (judge.entries, judge.receipts) == (3 * BATCH + 1, 4)


def test_an_entry_that_is_missing_at_the_end_is_a_loss(
    ledger: LedgerProcess, judge: Judge, sent: list[Acknowledged]
) -> None:
    """A log that ends before an entry that a receipt vouches for has lost it."""
    judge.take(sent)
    judge._claimed_end += 1
    judge.look(ledger.address)
    assert (judge.lost, judge.duplicates, judge.invalid) == (1, 0, 0)


@pytest.mark.parametrize("late", [False, True], ids=["receipt first", "log first"])
def test_another_entry_in_its_place_is_a_loss(
    ledger: LedgerProcess, judge: Judge, sent: list[Acknowledged], late: bool
) -> None:
    """The entry at the place that the receipt names must be the very one, whichever is looked at first."""
    entries = logged(ledger)
    entries[5] = (5, entries[5][1] + b"x")
    if not late:
        judge.take(sent)
    judge.see(entries)
    if late:
        judge.take(sent)
    assert (judge.lost, judge.duplicates, judge.invalid) == (1, 0, 0)


def test_an_event_that_is_logged_twice_is_a_duplicate(
    ledger: LedgerProcess, judge: Judge, sent: list[Acknowledged]
) -> None:
    """The same record at two places is reported, of a journal's client and of the host with the spool."""
    judge.take(sent)
    entries = logged(ledger)
    judge.see(entries)
    judge.see([(len(entries), entries[3][1]), (len(entries) + 1, entries[-1][1])])
    assert (judge.lost, judge.duplicates, judge.invalid) == (0, 2, 0)
    judge.expect_hosted([])
    assert judge.duplicates == 3


def test_an_event_of_the_spool_that_is_not_logged_is_a_loss(
    ledger: LedgerProcess, judge: Judge, sent: list[Acknowledged]
) -> None:
    """What the host noted as taken must be found."""
    judge.take(sent)
    judge.see(logged(ledger))
    judge.expect_hosted(["1-0", "never-sent"])
    assert (judge.lost, judge.duplicates, judge.invalid) == (1, 0, 0)


def test_a_receipt_with_a_flipped_bit_is_invalid(judge: Judge, sent: list[Acknowledged]) -> None:
    """A receipt that does not verify counts, and so does one for another batch."""
    answer = AppendUsageResponse.FromString(sent[0].answer)
    flipped = bytearray(answer.receipts[0])
    flipped[len(flipped) // 2] ^= 1
    answer.receipts[0] = bytes(flipped)
    judge.take([Acknowledged(sent[0].batch, answer.SerializeToString())])
    judge.take([Acknowledged(sent[0].batch, sent[1].answer)])
    judge.take_receipt(bytes(flipped))
    assert (judge.lost, judge.duplicates, judge.invalid) == (0, 0, 3)


def test_a_smaller_log_than_before_is_found_out(
    ledger: LedgerProcess, judge: Judge, sent: list[Acknowledged], tmp_path: Path
) -> None:
    """A log of the same name and key that does not extend the one seen before contradicts itself."""
    judge.take(sent)
    judge.look(ledger.address)
    other = Judge(ledger.vkey, ORIGIN)
    other._last = judge._last
    assert other._last is not None
    object.__setattr__(other._last, "root_hash", bytes(32))
    other.look(ledger.address)
    assert other.invalid == 1


def test_a_journal_gives_back_what_was_noted_and_not_half_a_frame(
    tmp_path: Path,
) -> None:
    """A reader takes up where it ended; what a killed writer left unfinished is not there."""
    path = tmp_path / "me.journal"
    writer, reader = JournalWriter(path), JournalReader(path)
    assert list(reader.read()) == []
    batches = [SentBatch("me", at, 1000 + at, 3) for at in range(3)]
    for batch in batches[:2]:
        writer.note(batch, b"answer")
    assert [each.batch for each in reader.read()] == batches[:2]
    whole = path.read_bytes()
    writer.note(batches[2], b"another")
    torn = path.read_bytes()
    for size in range(len(whole), len(torn)):
        path.write_bytes(torn[:size])
        assert list(reader.read()) == []
    path.write_bytes(torn)
    assert list(reader.read()) == [Acknowledged(batches[2], b"another")]
    assert len(list(reader.again().read())) == 3
    path.write_text("a\nb\nhalf")
    assert read_ids(path) == ["a", "b"]
