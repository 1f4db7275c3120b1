"""Answers to batches of usage: an honest one is believed, and every way to spoil it is seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from counterfoil.entry import KIND_PAYOUT
from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.keys import Signer
from counterfoil.note import Policy
from counterfoil.receipt import (
    format_batch_receipt,
    parse_batch_receipt,
    verify_receipt,
)
from counterfoil.v1.record_pb2 import UsageEvent
from counterfoil.v1.usage_service_pb2 import (
    OUTCOME_CONFLICT,
    OUTCOME_DUPLICATE,
    OUTCOME_REJECTED,
    AppendUsageResponse,
    EventResult,
)
from counterfoil_client.evidence import UsageResult, Writer, check_usage

from .toy_log import ToyLog

Spoil = Callable[[AppendUsageResponse], object]


def event(number: int, tokens: int = 7) -> bytes:
    """The bytes of one event."""
    return UsageEvent(event_id=f"e{number}", model_id="m", tokens=tokens).SerializeToString()


def reordered(number: int, tokens: int = 7) -> bytes:
    """The same event in other bytes: its fields in another order."""
    rest = UsageEvent(model_id="m", tokens=tokens).SerializeToString()
    return rest + UsageEvent(event_id=f"e{number}").SerializeToString()


def never(_first: int, _count: int) -> list[bytes]:
    """Nobody needs to ask the log for records here."""
    raise AssertionError("records were fetched")


def check(
    log: ToyLog,
    answer: AppendUsageResponse,
    bodies: Sequence[bytes],
    *,
    backfill: bool = False,
    writer: Writer | None = None,
    fetch: Callable[[int, int], list[bytes]] = never,
) -> UsageResult:
    """Check an answer of the toy log."""
    return check_usage(writer or log.writer, answer, bodies, backfill=backfill, fetch_records=fetch)


def duplicate(position: int, index: int) -> EventResult:
    """What the ledger says of an event that it has at an index."""
    return EventResult(position=position, outcome=OUTCOME_DUPLICATE, original_index=index)


@pytest.fixture
def log() -> ToyLog:
    """A log with three entries of somebody else."""
    made = ToyLog()
    made.append([event(900), event(901), event(902)], submitter="other")
    return made


BODIES = [event(number) for number in range(5)]


@pytest.mark.parametrize("backfill", [False, True])
def test_an_accepted_batch_is_believed(log: ToyLog, backfill: bool) -> None:
    """The receipt verifies for the records that the client builds, and a kept one verifies by itself."""
    answer = log.accept(BODIES, backfill=backfill)

    result = check(log, answer, BODIES, backfill=backfill)

    assert (result.accepted, result.first_index, result.duplicates, result.rejected) == (5, 3, 0, 0)
    assert list(result.receipts[0].records) == log.records[3:]
    (kept,) = result.kept_receipts()
    assert verify_receipt(kept, log.policy).records == result.receipts[0].records


def receipt_of(log: ToyLog, first: int, count: int) -> Spoil:
    """Replace the receipt."""

    def spoil(answer: AppendUsageResponse) -> None:
        answer.receipts[0] = log.batch_receipt(first, count)

    return spoil


def flip(at: int) -> Spoil:
    """Change one bit of the receipt."""

    def spoil(answer: AppendUsageResponse) -> None:
        data = bytearray(answer.receipts[0])
        data[at] ^= 1
        answer.receipts[0] = bytes(data)

    return spoil


def set_field(name: str, value: int) -> Spoil:
    """Change a number of the answer."""
    return lambda answer: setattr(answer, name, value)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda answer: answer.ClearField("receipts"),
        lambda answer: answer.receipts.append(answer.receipts[0]),
        set_field("accepted", 4),
        set_field("accepted", 6),
        set_field("duplicates", 1),
        set_field("rejected", 1),
        set_field("first_index", 4),
        set_field("first_index", 0),
        lambda answer: answer.results.append(duplicate(0, 3)),
        lambda answer: answer.results.append(duplicate(5, 3)),
        lambda answer: answer.results.append(duplicate(-1, 3)),
        lambda answer: answer.results.append(EventResult(position=0)),
        lambda answer: answer.results.extend([duplicate(1, 3), duplicate(1, 3)]),
    ],
)
def test_an_answer_that_contradicts_itself_is_refused(log: ToyLog, spoil: Spoil) -> None:
    """Counts, places and receipts have to fit the batch that was sent."""
    answer = log.accept(BODIES)
    spoil(answer)

    with pytest.raises(VerificationError):
        check(log, answer, BODIES)


@pytest.mark.parametrize(("first", "count"), [(3, 4), (4, 4), (2, 5), (0, 3), (3, 1)])
def test_a_receipt_for_other_entries_is_refused(log: ToyLog, first: int, count: int) -> None:
    """A good receipt of the same log for another run is no receipt for this batch."""
    answer = log.accept(BODIES)
    receipt_of(log, first, count)(answer)

    with pytest.raises(VerificationError):
        check(log, answer, BODIES)


@pytest.mark.parametrize("at", range(0, 700, 11))
def test_a_receipt_with_a_flipped_bit_is_refused(log: ToyLog, at: int) -> None:
    """No bit of a batch receipt can change."""
    answer = log.accept(BODIES)
    size = len(answer.receipts[0])
    flip(at % size)(answer)

    with pytest.raises(VerificationError):
        check(log, answer, BODIES)


@pytest.mark.parametrize("position", range(5))
def test_an_event_that_was_changed_on_the_way_is_seen(log: ToyLog, position: int) -> None:
    """When the ledger logs another event than the one that was sent, its own receipt convicts it."""
    logged = list(BODIES)
    logged[position] = event(position, tokens=8)
    answer = log.accept(logged)

    with pytest.raises(VerificationError):
        check(log, answer, BODIES)
    assert check(log, answer, logged).accepted == 5


@pytest.mark.parametrize("marked", [True, False])
def test_a_wrong_backfill_mark_is_seen(log: ToyLog, marked: bool) -> None:
    """An accepted batch has the mark that was asked for."""
    answer = log.accept(BODIES, backfill=marked)

    with pytest.raises(VerificationError):
        check(log, answer, BODIES, backfill=not marked)


@pytest.mark.parametrize(
    "change",
    [{"submitter": "other"}, {"environment": 2}, {"request_id": "r"}, {"kind": KIND_PAYOUT}],
    ids=lambda change: next(iter(change)),
)
def test_a_record_in_another_name_is_seen(log: ToyLog, change: dict[str, object]) -> None:
    """Submitter, environment, request and kind of the logged record are those of the client."""
    first = log.append(BODIES, **change)  # type: ignore[arg-type]
    answer = AppendUsageResponse(
        accepted=5, first_index=first, receipts=[log.batch_receipt(first, 5)]
    )

    with pytest.raises(VerificationError):
        check(log, answer, BODIES)


def test_another_log_of_the_same_policy_is_seen(log: ToyLog) -> None:
    """A receipt by another trusted log is not the receipt of this one."""
    other = ToyLog(seed=2, origin="toy.example/other")
    keys = [each.signer.verifier.vkey for each in (log, other)]
    writer = replace(log.writer, policy=Policy.trust(*keys))

    with pytest.raises(VerificationError, match="other"):
        check(other, other.accept(BODIES), BODIES, writer=writer)


def test_an_unknown_key_is_unverifiable(log: ToyLog) -> None:
    """A log whose key is not trusted can say what it likes."""
    stranger = Signer.from_seed(log.origin, bytes(32)).verifier.vkey
    writer = replace(log.writer, policy=Policy.trust(stranger))

    with pytest.raises(UnverifiableError):
        check(log, log.accept(BODIES), BODIES, writer=writer)


@pytest.mark.parametrize("first_mark", [False, True])
@pytest.mark.parametrize("second_mark", [False, True])
def test_duplicates_are_proven_by_their_originals(
    log: ToyLog, first_mark: bool, second_mark: bool
) -> None:
    """The originals' receipts verify for the bytes sent now, whatever mark the events had then."""
    log.append(BODIES[:2], backfill=first_mark)
    log.append([event(50)], submitter="other")
    log.append(BODIES[2:4], backfill=first_mark)
    answer = log.accept(BODIES[4:], backfill=second_mark)
    answer.receipts.extend([log.batch_receipt(3, 2), log.batch_receipt(6, 2)])
    answer.duplicates = 4
    answer.results.extend(duplicate(at, index) for at, index in enumerate((3, 4, 6, 7)))

    result = check(log, answer, BODIES, backfill=second_mark)

    assert [(each.first_index, each.count) for each in result.receipts] == [(8, 1), (3, 2), (6, 2)]


def all_duplicates(log: ToyLog) -> AppendUsageResponse:
    """The answer to a batch that is in the log already, at entries 3 to 7."""
    log.append(BODIES)
    return AppendUsageResponse(
        duplicates=5,
        receipts=[log.batch_receipt(3, 5)],
        results=[duplicate(at, 3 + at) for at in range(5)],
    )


@pytest.mark.parametrize(
    "spoil",
    [
        lambda answer: answer.ClearField("receipts"),
        lambda answer: setattr(answer.results[2], "original_index", 0),
        lambda answer: setattr(answer.results[2], "original_index", 6),
        lambda answer: setattr(answer.results[2], "outcome", OUTCOME_CONFLICT),
        lambda answer: setattr(answer, "duplicates", 4),
    ],
)
def test_duplicates_without_proof_are_refused(log: ToyLog, spoil: Spoil) -> None:
    """Every duplicate's original has to be covered by a receipt that verifies."""
    answer = all_duplicates(log)
    assert check(log, answer, BODIES).duplicates == 5
    spoil(answer)

    with pytest.raises(VerificationError):
        check(log, answer, BODIES, fetch=lambda first, count: log.records[first : first + count])


@pytest.mark.parametrize(("first", "count"), [(3, 4), (4, 4), (2, 5)])
def test_receipts_that_cover_other_originals_are_refused(
    log: ToyLog, first: int, count: int
) -> None:
    """A receipt for a part, or for more than the originals, is not enough."""
    answer = all_duplicates(log)
    receipt_of(log, first, count)(answer)

    with pytest.raises(VerificationError):
        check(log, answer, BODIES)


def test_a_receipt_that_claims_many_events_is_refused_before_any_work(log: ToyLog) -> None:
    """A count beyond what was sent cannot make the client work for it."""
    answer = all_duplicates(log)
    receipt = parse_batch_receipt(answer.receipts[0])
    spoiled = replace(receipt, count=1 << 40)
    answer.receipts[0] = format_batch_receipt(spoiled)

    with pytest.raises(VerificationError, match="not all were sent"):
        check(log, answer, BODIES)


def test_an_original_in_other_bytes_is_looked_up(log: ToyLog) -> None:
    """An original whose fields came in another order is fetched, compared by meaning, and proven by its receipt."""
    log.append([reordered(number) for number in range(5)])
    answer = AppendUsageResponse(
        duplicates=5,
        receipts=[log.batch_receipt(3, 5)],
        results=[duplicate(at, 3 + at) for at in range(5)],
    )

    result = check(
        log, answer, BODIES, fetch=lambda first, count: log.records[first : first + count]
    )

    assert list(result.receipts[0].records) == log.records[3:]


def test_an_original_with_another_meaning_is_no_duplicate(log: ToyLog) -> None:
    """A ledger that calls another event a duplicate is found out by the record that it shows."""
    log.append([event(number, tokens=8) for number in range(5)])
    answer = AppendUsageResponse(
        duplicates=5,
        receipts=[log.batch_receipt(3, 5)],
        results=[duplicate(at, 3 + at) for at in range(5)],
    )

    with pytest.raises(VerificationError, match="not the one that was sent"):
        check(log, answer, BODIES, fetch=lambda first, count: log.records[first : first + count])


def test_the_same_event_twice_in_a_batch_is_proven_by_the_first(log: ToyLog) -> None:
    """A duplicate of an event in the same batch needs no receipt beside that of the batch."""
    answer = log.accept(BODIES)
    answer.duplicates = 1
    answer.results.append(duplicate(5, 4))

    assert check(log, answer, [*BODIES, event(1)]).duplicates == 1
    with pytest.raises(VerificationError, match="not the one"):
        check(log, answer, [*BODIES, event(2)])


def test_refused_events_are_left_out_of_the_receipt(log: ToyLog) -> None:
    """Only what was accepted is in the receipt; refusals are the ledger's word."""
    answer = log.accept([BODIES[0], BODIES[3]])
    answer.rejected = 3
    answer.results.extend(
        EventResult(position=at, outcome=outcome, reason="R")
        for at, outcome in ((4, OUTCOME_REJECTED), (1, OUTCOME_CONFLICT), (2, OUTCOME_REJECTED))
    )

    result = check(log, answer, BODIES)

    assert (result.accepted, result.rejected) == (2, 3)
