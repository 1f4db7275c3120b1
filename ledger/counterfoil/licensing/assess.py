"""What the ledger has to say about usage and training: covered or not and why, and what is odd about it.

Pure. Each distinct reference is resolved once for as long as the registry stays what it was
(:mod:`counterfoil.record.references`); the events of a batch are then judged a column at a time. Only those that are odd by
themselves, or lie where the answer about their references is another one, are looked at one by one.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterfoil.licensing.coverage import Timeline
from counterfoil.licensing.decision import Decision, Known, Question
from counterfoil.licensing.uses import use_of
from counterfoil.packed import Packed
from counterfoil.record.assessment import Verdicts
from counterfoil.record.references import read_references
from counterfoil.v1 import assessment_pb2, record_pb2
from counterfoil.v1 import registry_service_pb2 as service
from counterfoil.v1.assessment_pb2 import AssetVerdict, Flag, Verdict

# Times are signed 64-bit numbers.
_ALWAYS_US: Final = -(1 << 63)
_NEVER_US: Final = (1 << 63) - 1
_TRAINING_ACTION: Final = "training"
Column = NDArray[Any]


class TrainingFacts(NamedTuple):
    """What matters of a proof of training to those who use the model.

    Attributes:
        dataset_id: taken for the asset where an event names none. creator_id: whose it is said to be.
        time_us: when the training is said to have been; 0 when it is not said.
    """

    dataset_id: str
    creator_id: str
    time_us: int


class Limits(NamedTuple):
    """From where on an event is odd by itself: more tokens than this, a later time than now (microseconds since 1970)."""

    event_tokens: int
    now_us: int


class Resolver(NamedTuple):
    """How references are resolved at one size of the log.

    Attributes:
        find_known: what the registry has about a question.
        find_training: the facts of a proof of training by its id; None when it is none.
        as_of_size: the size of the log that both look at.
    """

    find_known: Callable[[Question], Known]
    find_training: Callable[[str], TrainingFacts | None]
    as_of_size: int


class Assessed(NamedTuple):
    """The verdicts on a batch, and how many tokens it has in all."""

    verdicts: Verdicts
    tokens: int


class Judge:
    """Judges the usage of one submitter, and remembers what was found out; good for as long as the registry is the same."""

    def __init__(self, submitter: str) -> None:
        """Begin without any memory; the submitter is the tenant who uses the works."""
        self._submitter = submitter
        self._known: dict[bytes, int] = {}
        self._subjects: list[_Subject] = []
        # For each reference from when on and up to when a verdict holds, and its number.
        self._begin_us = np.empty(0, np.int64)
        self._end_us = np.empty(0, np.int64)
        self._verdict = np.empty(0, np.int64)
        self._numbers: dict[_Said, int] = {}
        self._written: list[bytes] = []

    @property
    def remembered(self) -> int:
        """How many references and verdicts are remembered."""
        return len(self._known) + len(self._numbers)

    def assess(
        self,
        bodies: Packed,
        resolver: Resolver,
        limits: Limits,
        flag: Callable[[int], Sequence[Flag]] = lambda _tokens: (),
    ) -> Assessed:
        """Judge a batch of acceptable events.

        Args:
            flag: what is odd about the batch as a whole, given its tokens.
        """
        columns = read_references(bodies, self._known)
        references = np.frombuffer(columns[0], "<u4")
        times, tokens = np.frombuffer(columns[1], "<i8"), np.frombuffer(columns[2], "<i8")
        self._meet(bodies, references, times, resolver)
        odd = self._find_outside(references, times)
        odd |= (times > limits.now_us) | (tokens > limits.event_tokens)
        numbers = self._verdict[references]
        for position in np.flatnonzero(odd).tolist():
            subject = self._subjects[references[position]]
            said = _judge(subject, int(times[position]), int(tokens[position]), limits)
            numbers[position] = self._number(said)
        total = int(tokens.sum())
        verdicts = self._gather(numbers, flag(total), resolver.as_of_size)
        return Assessed(verdicts, total)

    def _meet(self, bodies: Packed, references: Column, times: Column, resolver: Resolver) -> None:
        """Find out about references that were never seen before."""
        met = len(self._subjects)
        if len(self._known) == met:
            return
        seen, first = np.unique(references, return_index=True)
        places = dict(zip(seen.tolist(), first.tolist(), strict=True))
        more = len(self._known) - met
        self._begin_us = np.append(self._begin_us, np.zeros(more, np.int64))
        self._end_us = np.append(self._end_us, np.zeros(more, np.int64))
        self._verdict = np.append(self._verdict, np.zeros(more, np.int64))
        for number in range(met, len(self._known)):
            position = places[number]
            event = record_pb2.UsageEvent.FromString(bodies[position])
            self._subjects.append(subject_of(event, self._submitter, resolver))
            self._renew(number, int(times[position]))

    def _find_outside(self, references: Column, times: Column) -> Column:
        """Which events lie where another verdict holds, after the memory has moved on with the newest events."""
        for again in (True, False):
            outside = (times < self._begin_us[references]) | (times >= self._end_us[references])
            if not again or not outside.any():
                break
            newest: dict[int, int] = {}
            for number, time_us in zip(
                references[outside].tolist(), times[outside].tolist(), strict=True
            ):
                newest[number] = max(time_us, newest.get(number, time_us))
            for number, time_us in newest.items():
                if time_us >= self._end_us[number]:
                    self._renew(number, time_us)
        return outside

    def _renew(self, number: int, time_us: int) -> None:
        begin_us, end_us, said = self._subjects[number].at(time_us)
        self._begin_us[number], self._end_us[number] = begin_us, end_us
        self._verdict[number] = self._number(said)

    def _number(self, said: "_Said") -> int:
        number = self._numbers.setdefault(said, len(self._written))
        if number == len(self._written):
            self._written.append(said.format())
        return number

    def _gather(self, numbers: Column, flags: Sequence[Flag], as_of_size: int) -> Verdicts:
        """The verdicts with these numbers; some flags are added to each."""
        distinct, places = np.unique(numbers, return_inverse=True)
        said = [self._written[number] for number in distinct.tolist()]
        if flags:
            # In wire form one message behind another is both of them together (protobuf's rule for merging).
            added = Verdict(flags=flags).SerializeToString(deterministic=True)
            said = [each + added for each in said]
        packed = places.astype("<u2").tobytes() if len(said) > 1 else b""
        return Verdicts(as_of_size, len(numbers), said, packed)


def assess_training(training: Any, submitter: str, resolver: Resolver, now_us: int) -> Verdicts:
    """The verdict on one proof of training: the dataset is the asset, and who says so uses it.

    Args:
        now_us: taken for the time of a training that states none.
    """
    facts = TrainingFacts(training.dataset_id, training.creator_id, 0)
    event = record_pb2.UsageEvent(model_id=training.model_id, action=_TRAINING_ACTION)
    subject = _Subject(event, submitter, resolver, facts)
    limits = Limits(0, now_us)
    said = _judge(subject, training.training_time_us or now_us, 0, limits)
    return Verdicts(resolver.as_of_size, 1, [said.format()])


class _Said(NamedTuple):
    """A verdict, to be compared with others: few are distinct, and a message costs more than a tuple.

    Attributes:
        assets: the fields of AssetVerdict that are said, in their order. flags: kind and limit of each.
    """

    assets: tuple[tuple[Any, ...], ...]
    flags: tuple[tuple[Any, int], ...]

    def format(self) -> bytes:
        """The Verdict in wire form."""
        verdict = Verdict(
            assets=[
                AssetVerdict(**dict(zip(_ASSET_FIELDS, asset, strict=True)))
                for asset in self.assets
            ],
            flags=[Flag(kind=kind, limit=limit) for kind, limit in self.flags],
        )
        written: bytes = verdict.SerializeToString(deterministic=True)
        return written


_ASSET_FIELDS: Final = tuple(field.name for field in AssetVerdict.DESCRIPTOR.fields)


def _judge(subject: "_Subject", time_us: int, tokens: int, limits: Limits) -> _Said:
    """The verdict on one event."""
    _, _, said = subject.at(time_us)
    flags = []
    if tokens > limits.event_tokens:
        flags.append((assessment_pb2.FLAG_KIND_EVENT_TOKENS, limits.event_tokens))
    if time_us > limits.now_us:
        flags.append((assessment_pb2.FLAG_KIND_CLOCK_AHEAD, limits.now_us))
    return said._replace(flags=(*said.flags, *flags)) if flags else said


def subject_of(event: Any, submitter: str, resolver: Resolver) -> "_Subject":
    """What an event is about."""
    facts = resolver.find_training(event.receipt_ref) if event.receipt_ref else None
    return _Subject(event, submitter, resolver, facts)


class _Subject:
    """What events with the same references are about."""

    def __init__(
        self, event: Any, submitter: str, resolver: Resolver, training: TrainingFacts | None
    ) -> None:
        """Take the references from one of the events; ``training`` is the one that it names."""
        self._training = training
        self._names_license = bool(event.license_id)
        named = [event.asset_id, *(share.asset_id for share in event.attributions)]
        self._names_assets = any(named)
        if not self._names_assets and training:
            named = [training.dataset_id]
        questions = [
            Question(
                asset_id,
                buyer=submitter,
                use=use_of(event.action),
                model_id=event.model_id,
                territory=event.territory,
                commercial=not event.non_commercial,
                license_id=event.license_id,
            )
            for asset_id in list(dict.fromkeys(filter(None, named))) or [""]
        ]
        self._asked: list[tuple[Question, Known, Timeline]] = []
        for question in questions:
            known = resolver.find_known(question)
            self._asked.append((question, known, Timeline(question, known)))

    def at(self, time_us: int) -> tuple[int, int, _Said]:
        """What is said at a moment, from when on, and up to when: the first moment at which something else may be."""
        assets, flags = [], []
        begin_us, end_us = _ALWAYS_US, _NEVER_US
        revoked = False
        for question, known, timeline in self._asked:
            from_us, until_us, decision = timeline.at(time_us)
            begin_us, end_us = max(begin_us, from_us), min(end_us, until_us)
            assets.append(self._about_asset(question, known, decision, time_us))
            revoked |= decision.fault == service.COVERAGE_FAULT_REVOKED
        if revoked and self._names_license:
            flags.append((assessment_pb2.FLAG_KIND_AFTER_REVOCATION, 0))
        trained_us = self._training.time_us if self._training else 0
        if time_us < trained_us:
            end_us = min(end_us, trained_us)
            flags.append((assessment_pb2.FLAG_KIND_BEFORE_TRAINING, trained_us))
        else:
            begin_us = max(begin_us, trained_us)
        return begin_us, end_us, _Said(tuple(assets), tuple(flags))

    def _about_asset(
        self, question: Question, known: Known, decision: Decision, time_us: int
    ) -> tuple[Any, ...]:
        """The fields of AssetVerdict, in their order."""
        asset = known.asset.at(time_us) if known.asset else None
        creator = known.creator.at(time_us) if known.creator else None
        claimed = self._training.creator_id if self._training else ""
        licence = decision.license
        return (
            "" if self._names_assets else question.asset_id,
            asset.body.creator_id if asset else claimed,
            decision.covered,
            licence.body.license_id if licence else "",
            licence.etag if licence else "",
            decision.price_id,
            decision.price.etag if decision.price else "",
            decision.fault,
            tuple(creator.body.consents) if creator else (),
        )
