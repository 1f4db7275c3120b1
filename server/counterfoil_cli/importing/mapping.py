"""Which column becomes which field of a usage event: --map, --set and the columns that are named like fields.

    --map input_tokens=ContextTokens     this target from that column; a.b reaches into a JSON object
    --set model_id=gpt-x                 the same value in every row
    a column named like a target         maps by itself, unless --map or --set speaks of that target

The targets are the fields of `UsageEvent`, with `event_time` (any time of `parse_time_us`) for `event_time_us` and
`metadata.KEY` for one fact. An empty cell and a JSON null mean "not stated".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.limits import EVENT_SIZE_BYTES_MAX
from counterfoil.record.problem import MALFORMED, TOO_LARGE
from counterfoil.v1.record_pb2 import Attribution, UsageEvent
from counterfoil_cli.importing.consumers import ConsumerIds
from counterfoil_cli.importing.rows import FileError, Row, RowError
from counterfoil_cli.importing.values import (
    parse_attributions,
    parse_consents,
    parse_consumer,
    parse_metadata,
    parse_metadata_value,
    parse_text,
    parse_time_us,
    parse_whole,
    parse_yes_no,
)

Parser = Callable[[str, object], Any]

# Every field of UsageEvent and how its cell is read, in the order of the proto file.
TARGETS: Final[Mapping[str, Parser]] = {
    "event_id": parse_text,
    "event_time": parse_time_us,
    "event_time_us": parse_whole,
    "model_id": parse_text,
    "input_tokens": parse_whole,
    "output_tokens": parse_whole,
    "tokens": parse_whole,
    "receipt_ref": parse_text,
    "asset_id": parse_text,
    "license_id": parse_text,
    "consumer_id": parse_consumer,
    "action": parse_text,
    "attributions": parse_attributions,
    "consents": parse_consents,
    "metadata": parse_metadata,
    "territory": parse_text,
    "non_commercial": parse_yes_no,
}
METADATA_PREFIX: Final = "metadata."
_TIMES: Final = frozenset({"event_time", "event_time_us"})
_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class FieldMap:
    """What the command line asks for.

    Attributes:
        columns: target to column.
        constants: target to the text that every row gets.
    """

    columns: Mapping[str, str]
    constants: Mapping[str, str]


def parse_field_map(maps: Iterable[str], sets: Iterable[str]) -> FieldMap:
    """Read the --map and --set options.

    Raises:
        FileError: not target=..., an unknown target, or a field that is given twice.
    """
    columns = _pairs("--map", "COLUMN", maps)
    constants = _pairs("--set", "VALUE", sets)
    for target in constants:
        if target in columns:
            raise FileError(f"{target} is given by --map and by --set; keep one of them")
    if columns.keys() | constants.keys() >= _TIMES:
        raise FileError("event_time and event_time_us are one field; keep one of them")
    if "metadata" in constants:
        raise FileError("--set metadata=... is not possible; use --set metadata.KEY=VALUE")
    return FieldMap(columns, constants)


def _pairs(option: str, right: str, texts: Iterable[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        target, equals, value = text.partition("=")
        if not equals or not value:
            raise FileError(f"{option} {text} is not target={right}")
        if target not in TARGETS and not _names_metadata(target):
            raise FileError(
                f"{option} {text}: no target {target!r}; choose {', '.join(TARGETS)} or metadata.KEY"
            )
        if target in pairs:
            raise FileError(f"{option} {target} is given twice; keep one of them")
        pairs[target] = value
    return pairs


def _names_metadata(target: str) -> bool:
    return target.startswith(METADATA_PREFIX) and target != METADATA_PREFIX


class EventBuilder:
    """Turns rows into the bytes of usage events by one field map.

    Attributes:
        ignored: the columns met so far that nothing maps; said once, so that a misspelt one is not lost in silence.
    """

    def __init__(
        self,
        field_map: FieldMap,
        header: Sequence[str] | None,
        id_prefix: str,
        consumer_ids: ConsumerIds | None = None,
    ) -> None:
        """Prepare for one file.

        Args:
            field_map: what the command line asks for.
            header: the columns of a CSV file; None for JSON, whose rows name their own.
            id_prefix: a row without an event_id gets this and its key.
            consumer_ids: what becomes of them; None lets all pass.

        Raises:
            FileError: a mapped column is not in the header, or a constant is not fit for its target.
        """
        self.ignored: set[str] = set()
        self._id_prefix = id_prefix
        self._consumer_ids = consumer_ids or ConsumerIds()
        self._spoken = {*field_map.columns, *field_map.constants}
        if self._spoken & _TIMES:
            self._spoken |= _TIMES
        self._explicit = [
            (target, column, _parser(target)) for target, column in field_map.columns.items()
        ]
        self._parsers: dict[str, Parser | None] = {}
        self._constants = _Fields()
        for target, text in field_map.constants.items():
            try:
                self._constants.put(target, _parser(target)(target, text))
            except RowError as error:
                raise FileError(f"--set {target}={text}: {error.message}") from None
        for target, column in field_map.columns.items():
            if header is not None and column not in header:
                has = ", ".join(map(repr, header))
                raise FileError(f"--map {target}={column}: no such column; the file has {has}")

    def build(self, row: Row) -> tuple[str, bytes]:
        """The event_id and the body of a row. The same row gives the same bytes, for ever.

        Raises:
            RowError: the row cannot become an event.
            LedgerError: a consumer's pseudonym needs a look into the registry, and that failed.
        """
        if row.error is not None:
            raise row.error
        fields = self._constants.copy()
        for column, value in row.values.items():
            if column not in self._parsers:
                self._parsers[column] = self._choose(column)
            parser = self._parsers[column]
            if parser is not None and value is not None and value != "":
                fields.put(column, parser(column, value))
        for target, column, parser in self._explicit:
            value = _reach(row.values, column)
            if value is _MISSING:
                raise RowError(
                    "MISSING_COLUMN",
                    target,
                    f"the row has no {column!r}, which {target} is mapped from",
                )
            if value is not None and value != "":
                fields.put(target, parser(target, value))
        self._consumer_ids.take(fields.values)
        event_id: str = fields.values.setdefault("event_id", f"{self._id_prefix}{row.key}")
        return event_id, fields.serialize()

    def _choose(self, column: str) -> Parser | None:
        """How a column maps by its own name; None when nothing wants it under that name."""
        if column not in self._spoken:
            if column in TARGETS:
                return TARGETS[column]
            if _names_metadata(column):
                return parse_metadata_value
        if not any(
            wanted == column or wanted.startswith(f"{column}.") for _, wanted, _ in self._explicit
        ):
            self.ignored.add(column)
        return None


class _Fields:
    """The fields of one event on their way into the message."""

    __slots__ = ("metadata", "values")

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.metadata: dict[str, str] = {}

    def copy(self) -> "_Fields":
        twin = _Fields()
        twin.values = self.values.copy()
        twin.metadata = self.metadata.copy()
        return twin

    def put(self, target: str, value: Any) -> None:
        """Set one target.

        Raises:
            RowError: the row states two different times, or names a fact in half a character.
        """
        if target in _TIMES:
            if self.values.setdefault("event_time_us", value) != value:
                raise RowError(MALFORMED, target, "event_time and event_time_us of the row differ")
        elif target == "metadata":
            # A key that the command line or a column of its own speaks of outranks the one in the object.
            self.metadata = {**value, **self.metadata}
        elif target.startswith(METADATA_PREFIX):
            self.metadata[parse_text(target, target.removeprefix(METADATA_PREFIX))] = value
        elif target == "attributions":
            self.values[target] = [
                Attribution(asset_id=asset, parts_per_million=parts) for asset, parts in value
            ]
        else:
            self.values[target] = value

    def serialize(self) -> bytes:
        """The body. Deterministic, because map entries otherwise come in any order.

        Raises:
            RowError: larger than one event may be.
        """
        body: bytes = UsageEvent(**self.values, metadata=self.metadata).SerializeToString(
            deterministic=True
        )
        if len(body) > EVENT_SIZE_BYTES_MAX:
            message = (
                f"the event has {len(body)} bytes, and at most {EVENT_SIZE_BYTES_MAX} are allowed"
            )
            raise RowError(TOO_LARGE, "", message)
        return body


def _parser(target: str) -> Parser:
    return TARGETS.get(target, parse_metadata_value)


def _reach(values: Mapping[str, object], column: str) -> object:
    """The value of a column; "a.b" also means b inside the object a, unless a column has that very name."""
    if column in values or "." not in column:
        return values.get(column, _MISSING)
    value: object = values
    for part in column.split("."):
        if value is None:
            return None
        value = value.get(part, _MISSING) if isinstance(value, Mapping) else _MISSING
        if value is _MISSING:
            return _MISSING
    return value
