"""Taking in a batch of usage events, and answering for it."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from counterfoil.errors import InvalidInput
from counterfoil.limits import BATCH_EVENTS_MAX, BATCH_SIZE_BYTES_MAX
from counterfoil.log import Appended, Batch, Existing, prepare_batch
from counterfoil.log.read import read_batch_receipts
from counterfoil.log.receipts import make_batch_receipt
from counterfoil.packed import Packed
from counterfoil.receipt import format_batch_receipt
from counterfoil.record import USAGE, Problem, ReceivedBatch, problem
from counterfoil.record.assessment import format_assessment
from counterfoil.record.usage import Window, accept_batch, check_batch
from counterfoil.v1 import usage_service_pb2
from counterfoil_server.assessing.policy import find_uncovered
from counterfoil_server.entropy import fresh_seed
from counterfoil_server.ledger import Ledger, require_id


class Intake(NamedTuple):
    """A checked batch: what goes to the log, each event's place in the request, and what was refused.

    ``tokens`` is how many there are in all events that go to the log; 0 where nobody counts.
    """

    batch: Batch
    positions: Sequence[int]
    problems: Sequence[Problem]
    tokens: int


def check_received(
    ledger: Ledger,
    received: ReceivedBatch,
    submitter: str,
    *,
    size_bytes: int,
    atomic: bool = False,
    stream_id: str = "",
    sequence: int = 0,
) -> Intake:
    """Check a batch and commit to what is acceptable of it.

    Raises:
        InvalidInput: the batch as a whole is refused.
    """
    require_id(submitter, "submitter")
    _check_limits(len(received.bodies), size_bytes)
    backfill = bool(received.request.backfill)
    identities, problems = _check(ledger, received, ledger.window(backfill=backfill))
    _refuse_all(problems, atomic=atomic)
    kept = _Kept(received.bodies, identities, range(len(received.bodies)))
    if problems:
        kept = kept.at(_left(len(kept.bodies), problems))
    assessed = ledger.assessor.assess_usage(kept.bodies, submitter, backfill=backfill)
    verdicts = assessed.verdicts if assessed else None
    if verdicts and ledger.settings.uncovered == "refuse":
        uncovered = find_uncovered(verdicts)
        if uncovered:
            more = [item._replace(position=kept.positions[item.position]) for item in uncovered]
            _refuse_all(more, atomic=atomic)
            problems = sorted([*problems, *more])
            left = _left(len(kept.bodies), uncovered)
            kept, verdicts = kept.at(left), verdicts.at(left)
    salt_seed = fresh_seed()
    batch = prepare_batch(
        USAGE,
        submitter,
        kept.bodies,
        kept.identities,
        secret=ledger.log.secret,
        environment=ledger.log.environment,
        salt_seed=salt_seed,
        backfill=backfill,
        atomic=atomic,
        stream_id=stream_id,
        sequence=sequence,
        assessment=ledger.prepare_assessment(verdicts, salt_seed),
    )
    # Backfill says nothing about how fast somebody sends.
    tokens = assessed.tokens if assessed and not backfill else 0
    return Intake(batch, kept.positions, problems, tokens)


class _Kept(NamedTuple):
    """Events that go on: their bodies and identities, and their places in the request."""

    bodies: Packed
    identities: Sequence[str]
    positions: Sequence[int]

    def at(self, places: Sequence[int]) -> "_Kept":
        """Those of them at some places."""
        return _Kept(
            Packed.of([self.bodies[place] for place in places]),
            [self.identities[place] for place in places],
            [self.positions[place] for place in places],
        )


def _left(count: int, problems: Sequence[Problem]) -> Sequence[int]:
    refused = {item.position for item in problems}
    return [place for place in range(count) if place not in refused]


def _refuse_all(problems: Sequence[Problem], *, atomic: bool) -> None:
    if problems and atomic:
        first = problems[0]
        raise InvalidInput(
            first.message, field=first.field, reason=first.reason, position=first.position
        )


def _check(
    ledger: Ledger, received: ReceivedBatch, window: Window
) -> tuple[Sequence[str], list[Problem]]:
    pseudonyms_only = ledger.settings.consumer_ids == "pseudonyms"
    identities = accept_batch(
        received.bodies, window, ledger.find_unknown, pseudonyms_only=pseudonyms_only
    )
    if identities is not None:
        return identities, []
    identities, found = check_batch(
        received.events,
        received.bodies,
        window,
        ledger.find_unknown,
        pseudonyms_only=pseudonyms_only,
    )
    return identities, _first_of_each(received.problems, found)


def _check_limits(count: int, size_bytes: int) -> None:
    if not count:
        raise InvalidInput("the batch has no events", field="events", reason=problem.MISSING)
    if count > BATCH_EVENTS_MAX:
        told = f"the batch has {count} events; at most {BATCH_EVENTS_MAX} are allowed"
        raise InvalidInput(told, field="events", reason=problem.TOO_MANY)
    if size_bytes > BATCH_SIZE_BYTES_MAX:
        told = f"the batch has {size_bytes} bytes; at most {BATCH_SIZE_BYTES_MAX} are allowed"
        raise InvalidInput(told, field="events", reason=problem.TOO_LARGE)


def _first_of_each(unreadable: Sequence[Problem], found: Sequence[Problem]) -> list[Problem]:
    """One problem for each position: that it cannot be read, or else the first that was found."""
    first: dict[int, Problem] = {}
    for item in (*unreadable, *found):
        first.setdefault(item.position, item)
    return [first[position] for position in sorted(first)]


def count_tokens(received: ReceivedBatch) -> int:
    """The tokens that a batch reports; it is parsed for that. Events that cannot be read, and nonsense, count nothing."""
    return sum(
        max(0, event.tokens or event.input_tokens + event.output_tokens)
        for event in received.events
    )


async def answer(
    ledger: Ledger, intake: Intake, appended: Appended
) -> usage_service_pb2.AppendUsageResponse:
    """The answer to a batch: counts, what became of each event that is not new, and the receipts.

    Originals of duplicates may lie anywhere in the log; reading them must not hold up the other callers.
    """
    if appended.existing:
        return await asyncio.to_thread(_answer, ledger, intake, appended)
    return _answer(ledger, intake, appended)


def _answer(
    ledger: Ledger, intake: Intake, appended: Appended
) -> usage_service_pb2.AppendUsageResponse:
    response = usage_service_pb2.AppendUsageResponse(
        accepted=len(appended.positions), rejected=len(intake.problems)
    )
    if appended.head is not None:
        response.first_index = appended.head.first
        receipt = make_batch_receipt(appended, appended.head)
        response.receipts.append(format_batch_receipt(receipt))
        _add_assessment(ledger, intake, appended, response)
    if not intake.problems and not appended.existing:
        return response
    results = [_refused(item) for item in intake.problems]
    results += [_existing(intake, item) for item in appended.existing]
    response.results.extend(sorted(results, key=lambda result: result.position))
    same = sorted({item.index for item in appended.existing if item.field is None})
    response.duplicates = sum(1 for item in appended.existing if item.field is None)
    response.rejected += len(appended.existing) - response.duplicates
    with ledger.log.store.snapshot() as snapshot:
        for original in read_batch_receipts(snapshot, same):
            response.receipts.append(format_batch_receipt(original))
    return response


def _add_assessment(
    ledger: Ledger,
    intake: Intake,
    appended: Appended,
    response: usage_service_pb2.AppendUsageResponse,
) -> None:
    """Say what was logged behind the batch, and count what was sent."""
    said = intake.batch.assessment
    if said is None or appended.head is None:
        return
    new, all_of_it = len(appended.positions), len(intake.batch.bodies)
    ledger.assessor.count(intake.batch.submitter, intake.tokens * new // all_of_it)
    whole = new == all_of_it
    body = (
        said.entry.bodies[0] if whole else format_assessment(said.verdicts.at(appended.positions))
    )
    response.assessment.MergeFromString(body)
    response.assessment_index = appended.head.first + appended.head.count


def _refused(item: Problem) -> usage_service_pb2.EventResult:
    return usage_service_pb2.EventResult(
        position=item.position,
        outcome=usage_service_pb2.OUTCOME_REJECTED,
        reason=item.reason,
        field=item.field,
        message=item.message,
    )


def _existing(intake: Intake, item: Existing) -> usage_service_pb2.EventResult:
    result = usage_service_pb2.EventResult(
        position=intake.positions[item.position], original_index=item.index
    )
    if item.field is None:
        result.outcome = usage_service_pb2.OUTCOME_DUPLICATE
        result.reason = "DUPLICATE"
    else:
        identity = intake.batch.identities[item.position]
        result.outcome = usage_service_pb2.OUTCOME_CONFLICT
        result.reason = "CONFLICT"
        result.field = item.field
        result.message = f"event {identity} is entry {item.index} with another {item.field}"
    return result
