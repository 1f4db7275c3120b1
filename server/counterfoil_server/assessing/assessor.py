"""Verdicts on what comes in, from one snapshot of the log, with what is known about references kept between batches."""

from collections.abc import Sequence
from typing import Any, Final

from counterfoil.errors import NotFound
from counterfoil.licensing.assess import (
    Assessed,
    Judge,
    Limits,
    Resolver,
    TrainingFacts,
    assess_training,
)
from counterfoil.limits import TIME_US_MAX
from counterfoil.log import Log
from counterfoil.log.read import resolve_id
from counterfoil.log.registry.rows import read_newest_index
from counterfoil.log.state import read_state
from counterfoil.packed import Packed
from counterfoil.record import TRAINING, Verdicts
from counterfoil.store import Snapshot
from counterfoil.v1 import record_pb2
from counterfoil.v1.assessment_pb2 import Flag
from counterfoil_server.assessing.pace import Pace
from counterfoil_server.clock import now_us
from counterfoil_server.directory import Settings
from counterfoil_server.registry.finder import Finder, Memory

# Distinct questions and proofs of training: models in service times works, not events.
_REMEMBERED_MAX: Final = 100_000


class Assessor:
    """Judges for one process. A ledger whose registry is empty says nothing: there is nothing that could be agreed upon."""

    def __init__(self, log: Log, settings: Settings) -> None:
        """Begin without any memory."""
        self._log = log
        self._event_tokens = settings.event_tokens_cap
        self.pace = Pace(settings.day_tokens_cap)
        # Which entry changed the registry last when what is remembered was read.
        self._newest = 0
        self._judges: dict[str, Judge] = {}
        self._memory = Memory()
        self._trainings: dict[str, TrainingFacts] = {}

    def assess_usage(self, bodies: Packed, submitter: str, *, backfill: bool) -> Assessed | None:
        """Judge acceptable events; None when the registry is empty.

        Backfill says nothing about how fast somebody sends.
        """
        present_us = now_us()

        def flag(tokens: int) -> Sequence[Flag]:
            return () if backfill else self.pace.look(submitter, tokens, present_us)

        with self._log.store.snapshot() as snapshot:
            resolver = self._resolver(snapshot)
            if resolver is None:
                return None
            limits = Limits(self._event_tokens, present_us)
            judge = self._judges.setdefault(submitter, Judge(submitter))
            return judge.assess(bodies, resolver, limits, flag)

    def assess_training(self, training: Any, submitter: str) -> Verdicts | None:
        """The verdict on an acceptable proof of training; None when the registry is empty."""
        with self._log.store.snapshot() as snapshot:
            resolver = self._resolver(snapshot)
            return resolver and assess_training(training, submitter, resolver, now_us())

    def count(self, submitter: str, tokens: int) -> None:
        """Count tokens that were logged."""
        if tokens:
            self.pace.count(submitter, tokens, now_us())

    def _resolver(self, snapshot: Snapshot) -> Resolver | None:
        newest = read_newest_index(snapshot)
        if not newest:
            return None
        remembered = len(self._memory) + sum(each.remembered for each in self._judges.values())
        if newest != self._newest or remembered > _REMEMBERED_MAX:
            self._newest, self._judges, self._memory = newest, {}, Memory()
        # What is found is remembered for events of any time.
        finder = Finder(snapshot, (0, TIME_US_MAX), memory=self._memory)

        def find_training(name: str) -> TrainingFacts | None:
            facts = self._trainings.get(name)
            if facts is None:
                facts = _read_training(snapshot, name)
                # What was found once stays true: nothing is ever removed.
                if facts is not None and len(self._trainings) < _REMEMBERED_MAX:
                    self._trainings[name] = facts
            return facts

        return Resolver(finder.find, find_training, read_state(snapshot).size)


def _read_training(snapshot: Snapshot, name: str) -> TrainingFacts | None:
    try:
        entry = resolve_id(snapshot, name)
    except NotFound:
        return None
    if entry.kind is not TRAINING:
        return None
    body = record_pb2.ProofOfTraining.FromString(entry.body)
    return TrainingFacts(body.dataset_id, body.creator_id, body.training_time_us)
