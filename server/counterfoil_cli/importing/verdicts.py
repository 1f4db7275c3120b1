"""What became of every row: the counts, the errors file, and on request a line and the receipts for all of them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TextIO

from counterfoil.v1.usage_service_pb2 import OUTCOME_CONFLICT, OUTCOME_DUPLICATE, EventResult
from counterfoil_cli.importing.rows import FileError, Row, RowError

if TYPE_CHECKING:
    from counterfoil_client.evidence import UsageResult

ACCEPTED: Final = "accepted"
DUPLICATE: Final = "duplicate"
CONFLICT: Final = "conflict"
REJECTED: Final = "rejected"


@dataclass(slots=True)
class Batch:
    """Rows on their way to the ledger, in the order of the file.

    Attributes:
        rows, ids, bodies: those that became events.
        refused: those that did not.
    """

    rows: list[Row] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    refused: list[tuple[Row, RowError]] = field(default_factory=list)
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one row. `index` is where the event is in the log: its own, or its original's."""

    row: Row
    outcome: str
    event_id: str = ""
    index: int | None = None
    reason: str = ""
    field: str = ""
    message: str = ""

    def as_json(self) -> dict[str, Any]:
        """Without what does not apply."""
        answer: dict[str, Any] = {"line": self.row.line}
        if self.row.last_line != self.row.line:
            answer["last_line"] = self.row.last_line
        for name in ("event_id", "outcome", "index", "reason", "field", "message"):
            value = getattr(self, name)
            if value not in {"", None}:
                answer[name] = value
        return answer


class Verdicts:
    """Counts and writes verdicts; a context manager that closes the files."""

    def __init__(
        self, errors: Path, results: Path | None, receipts: Path | None, *, keep_rows: bool = True
    ) -> None:
        """Say where things go; a file is made when the first line for it comes.

        Args:
            errors: the rows that were not logged, a JSON object each.
            results: all rows, a JSON object each.
            receipts: a directory for the receipts, with their records inside.
            keep_rows: whether a refused row is repeated in the errors file; not when it may name a consumer.
        """
        self.accepted = 0
        self.duplicates = 0
        self.rejected = 0
        self.errors_file: Path | None = None
        self._errors_path = errors
        self._errors: TextIO | None = None
        self._results_path = results
        self._results: TextIO | None = None
        self._receipts = receipts
        self._keep_rows = keep_rows

    def __enter__(self) -> Self:
        """Itself."""
        return self

    @property
    def answered(self) -> int:
        """How many rows have a verdict."""
        return self.accepted + self.duplicates + self.rejected

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the files."""
        for file in (self._errors, self._results):
            if file is not None:
                file.close()

    def take(self, batch: Batch, result: "UsageResult | None") -> None:
        """Count and write a batch that was answered; without a result when none of its rows became an event."""
        verdicts = [_refused(row, error) for row, error in batch.refused]
        if result is not None:
            verdicts += _answered(batch, result)
            if self._receipts is not None:
                _keep_receipts(self._receipts, result)
        verdicts.sort(key=lambda verdict: verdict.row.line)
        for verdict in verdicts:
            self._count(verdict)
        if self._errors is not None:
            # What was refused is on disk before more is sent, whatever happens to this process.
            self._errors.flush()

    def _count(self, verdict: Verdict) -> None:
        if verdict.outcome == ACCEPTED:
            self.accepted += 1
        elif verdict.outcome == DUPLICATE:
            self.duplicates += 1
        else:
            self.rejected += 1
            if self._errors is None:
                self._errors = _create(self._errors_path)
                self.errors_file = self._errors_path
            row = {"row": dict(verdict.row.values)} if self._keep_rows else {}
            _write(self._errors, {**verdict.as_json(), **row})
        if self._results_path is not None:
            if self._results is None:
                self._results = _create(self._results_path)
            _write(self._results, verdict.as_json())


def _keep_receipts(directory: Path, result: "UsageResult") -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for verified, data in zip(result.receipts, result.kept_receipts(), strict=True):
            last = verified.first_index + verified.count - 1
            (directory / f"{verified.first_index}-{last}.receipt").write_bytes(data)
    except OSError as error:
        raise FileError(
            f"cannot keep receipts in {directory}: {error.strerror or error}"
        ) from error


def _refused(row: Row, error: RowError) -> Verdict:
    return Verdict(row, REJECTED, reason=error.reason, field=error.field, message=error.message)


def _answered(batch: Batch, result: "UsageResult") -> Iterable[Verdict]:
    """A verdict for each event: those that the results do not mention were logged, in order."""
    told: Mapping[int, EventResult] = {each.position: each for each in result.results}
    index = result.first_index
    for position, (row, event_id) in enumerate(zip(batch.rows, batch.ids, strict=True)):
        answer = told.get(position)
        if answer is None:
            yield Verdict(row, ACCEPTED, event_id, index)
            index += 1
        elif answer.outcome == OUTCOME_DUPLICATE:
            yield Verdict(row, DUPLICATE, event_id, answer.original_index)
        else:
            conflict = answer.outcome == OUTCOME_CONFLICT
            yield Verdict(
                row,
                CONFLICT if conflict else REJECTED,
                event_id,
                answer.original_index if conflict else None,
                answer.reason,
                answer.field,
                answer.message,
            )


def _create(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error


def _write(file: TextIO, answer: Mapping[str, Any]) -> None:
    # ASCII, so that even half a character from a broken row can be written; decimals in their digits.
    file.write(json.dumps(answer, default=str) + "\n")
