"""What the services of one process share: the log, the queue before it, who may call, and the rules for what comes in."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.log import Log
from counterfoil.log.batch import Assessment, prepare_assessment
from counterfoil.log.read import resolve_id
from counterfoil.record import TRAINING, Verdicts
from counterfoil.record.text import check_id
from counterfoil.record.usage import Window
from counterfoil_server.access.ops import OpsStore
from counterfoil_server.access.sign_in import TokenDesk
from counterfoil_server.assessing import Assessor
from counterfoil_server.clock import now_us
from counterfoil_server.directory import Settings
from counterfoil_server.pages import Pages
from counterfoil_server.sequencer import Sequencer

# Distinct proofs of training that usage refers to: models in service, not events.
_KNOWN_REFERENCES_MAX: Final = 100_000


@dataclass(slots=True)
class Ledger:
    """One process's view of the ledger that it serves."""

    settings: Settings
    log: Log
    sequencer: Sequencer
    pages: Pages
    assessor: Assessor
    ops: OpsStore
    tokens: TokenDesk
    _known: set[str] = field(default_factory=set)

    def window(self, *, backfill: bool) -> Window:
        """The event times that are accepted now; backfill may be of any age."""
        present_us = now_us()
        first_us = 1 if backfill else present_us - self.settings.window_past_s * 1_000_000
        return Window(first_us, present_us + self.settings.window_future_s * 1_000_000)

    def find_unknown(self, references: Collection[str]) -> Collection[str]:
        """Those that are no proof of training in this log. What was found once stays true: nothing is ever removed."""
        unasked = [reference for reference in references if reference not in self._known]
        if not unasked:
            return ()
        unknown = []
        with self.log.store.snapshot() as snapshot:
            for reference in unasked:
                try:
                    found = resolve_id(snapshot, reference)
                except NotFound:
                    unknown.append(reference)
                    continue
                if found.kind is not TRAINING or found.id != reference:
                    unknown.append(reference)
                elif len(self._known) < _KNOWN_REFERENCES_MAX:
                    self._known.add(reference)
        return unknown

    def prepare_assessment(self, verdicts: Verdicts | None, salt_seed: bytes) -> Assessment | None:
        """What is logged behind a batch, if anything is; ``salt_seed`` is that of the batch."""
        if verdicts is None:
            return None
        return prepare_assessment(
            verdicts,
            origin=self.log.origin,
            secret=self.log.secret,
            environment=self.log.environment,
            salt_seed=salt_seed,
        )


def require_id(value: str, field_name: str) -> None:
    """Refuse a request whose identifier is not acceptable.

    Raises:
        InvalidInput: it is empty, too long, or has other characters.
    """
    for problem in check_id(value, field_name):
        raise InvalidInput(problem.message, field=problem.field, reason=problem.reason)
