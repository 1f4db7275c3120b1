"""Is a use covered, by which licence and at what price; if not, which term fails.

A pure function of what the registry knows and of the moment of the use. Faults are looked for in the order of
CoverageFault: the asset, its creator, the creator's consents, then the licences. Among licences that cover, one for the
asset goes before one for the catalogue, one for the buyer before one for anybody, then the newest version. Among those that
do not, the one whose fault comes last in that order is named, then the one whose id sorts first. So the order in which
licences are given never matters.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from counterfoil.licensing.decision import NO_FAULT, Decision, Known, Question
from counterfoil.licensing.terms import first_fault, format_time, tell
from counterfoil.licensing.uses import CONSENT_OF_USE, consent_word, use_word
from counterfoil.record.history import History, Version
from counterfoil.v1 import record_pb2
from counterfoil.v1 import registry_service_pb2 as service

FindKnown = Callable[[Question], Known]
"""What the registry has about a question."""


def evaluate(question: Question, time_us: int, known: Known) -> Decision:
    """Whether a use at a moment is covered.

    Args:
        question: the use. time_us: its moment, microseconds since 1970.
        known: what the registry has about it; licences for others may be among it, and change nothing.
    """
    asset = known.asset.at(time_us) if known.asset else None
    if known.asset is None or asset is None:
        told = f"no asset {question.asset_id} is registered"
        return Decision(service.COVERAGE_FAULT_ASSET_UNKNOWN, told)
    if known.asset.has_ended(time_us):
        told = f"asset {question.asset_id} ended at {_end_of(known.asset)}"
        return Decision(service.COVERAGE_FAULT_ASSET_ENDED, told)
    return (
        _check_creator(question, asset.body.creator_id, known.creator, time_us)
        or _pick_license(question, asset.body, known, time_us)
        or _no_license(question, asset.body)
    )


def evaluate_many(
    uses: Sequence[tuple[Question, int]],
    find_known: FindKnown,
    timelines: dict[Question, "Timeline"] | None = None,
) -> Sequence[Decision]:
    """:func:`evaluate` for many uses, given as (question, time_us), in their order.

    Each distinct question is looked up once, and decided once for each stretch of time in which nothing changes.

    Args:
        uses: the uses. find_known: what the registry has about a question.
        timelines: what earlier calls found out, and where this one leaves what it finds out; good for as long as the
            registry stays what it was.
    """
    timelines = {} if timelines is None else timelines
    # What was decided last for each question. Events of a batch lie close together: nearly all find it here.
    newest: dict[Question, _Span] = {}
    decisions = []
    for question, time_us in uses:
        span = newest.get(question)
        if span is None or not span[0] <= time_us < span[1]:
            if question not in timelines:
                timelines[question] = Timeline(question, find_known(question))
            span = newest[question] = timelines[question].at(time_us)
        decisions.append(span[2])
    return decisions


_Span = tuple[int, int, Decision]
"""The first moment of a decision, the first moment after it, and the decision."""


class Timeline:
    """The decisions about one question, each good from one change of the registry to the next, made when asked for."""

    def __init__(self, question: Question, known: Known) -> None:
        self._question = question
        self._known = known
        self._spans: dict[int, _Span] = {}

    def at(self, time_us: int) -> _Span:
        """The decision at a moment, and the moments from which on and up to which it is the same."""
        moments = self._known.moments_us
        number = bisect_right(moments, time_us)
        span = self._spans.get(number)
        if span is None:
            # Moments are 64-bit numbers; nothing changes at the ends.
            begin_us = moments[number - 1] if number else -1 << 63
            end_us = moments[number] if number < len(moments) else 1 << 63
            span = begin_us, end_us, evaluate(self._question, time_us, self._known)
            self._spans[number] = span
        return span


def _check_creator(
    question: Question, creator_id: str, history: History | None, time_us: int
) -> Decision | None:
    creator = history.at(time_us) if history else None
    if history is None or creator is None:
        return Decision(
            service.COVERAGE_FAULT_CREATOR_ENDED, f"no creator {creator_id} is registered"
        )
    if history.has_ended(time_us):
        told = f"creator {creator_id} ended at {_end_of(history)}"
        return Decision(service.COVERAGE_FAULT_CREATOR_ENDED, told)
    told = _missing_consent(question, creator.body)
    return Decision(service.COVERAGE_FAULT_CONSENT, told) if told else None


def _missing_consent(question: Question, creator: Any) -> str:
    """The consent that a use needs and the creator does not give, in words; empty when there is none."""
    needed = CONSENT_OF_USE.get(question.use)
    if needed is None:
        return f"nobody can consent to {use_word(question.use)}"
    if needed not in creator.consents:
        asked = f"{consent_word(needed)}, which {use_word(question.use)} needs"
    elif question.commercial and record_pb2.CONSENT_COMMERCIAL not in creator.consents:
        asked = "commercial use"
    else:
        return ""
    return f"creator {creator.creator_id} does not consent to {asked}"


def _pick_license(question: Question, asset: Any, known: Known, time_us: int) -> Decision | None:
    """What the licences say: the most specific that covers, or the nearest that does not; None without any."""
    covering: list[Version] = []
    failing: list[tuple[int, Version, History]] = []
    for history, version in _candidates(question, asset, known.licenses, time_us):
        fault = first_fault(question, version.body, time_us)
        if fault == NO_FAULT and history.has_ended(time_us):
            fault = service.COVERAGE_FAULT_REVOKED
        if fault == NO_FAULT:
            covering.append(version)
        else:
            failing.append((fault, version, history))
    if covering:
        return _covered(max(covering, key=_specificity), known, time_us)
    if failing:
        nearest = min(failing, key=lambda each: (-each[0], each[1].body.license_id))
        return _not_covered(question, *nearest)
    return None


def _candidates(
    question: Question, asset: Any, licenses: Iterable[History], time_us: int
) -> Iterator[tuple[History, Version]]:
    """The licences that are about the asset at all, as they are at the moment."""
    for history in licenses:
        version = history.at(time_us)
        if (
            version is not None
            and version.body.creator_id == asset.creator_id
            and version.body.asset_id in {"", asset.asset_id}
            and question.license_id in {"", version.body.license_id}
        ):
            yield history, version


def _not_covered(question: Question, fault: int, version: Version, history: History) -> Decision:
    if fault == service.COVERAGE_FAULT_REVOKED:
        told = f"licence {version.body.license_id} was revoked with effect from {_end_of(history)}"
    else:
        told = tell(fault, question, version.body)
    return Decision(fault, told, version)


def _specificity(version: Version) -> tuple[bool, bool, int]:
    return bool(version.body.asset_id), bool(version.body.buyer), version.index


def _covered(version: Version, known: Known, time_us: int) -> Decision:
    license_ = version.body
    # A price that has ended goes on for the licences that named it: what was agreed is not undone by one side.
    prices = known.prices.get(license_.price_id)
    return Decision(
        NO_FAULT,
        f"covered by licence {license_.license_id}",
        version,
        license_.price_id,
        prices.at(time_us) if prices else None,
    )


def _no_license(question: Question, asset: Any) -> Decision:
    asked = question.license_id
    which = f"licence {asked} is not one" if asked else "there is no licence"
    told = f"{which} for asset {asset.asset_id} or for all works of creator {asset.creator_id}"
    return Decision(service.COVERAGE_FAULT_NO_LICENSE, told)


def _end_of(history: History) -> str:
    return format_time(history.end_time_us or 0)
