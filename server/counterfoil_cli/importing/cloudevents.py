"""CloudEvents 1.0 in JSON, structured mode: the envelope becomes columns beside those of its data.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md

    id       event_id          time     event_time, unless the data states one
    subject  consumer_id       type     action           each unless the data states it
    source   metadata.source   the same

A --map that names an attribute of the envelope (--map asset_id=subject) takes it away from this table.
"""

from collections.abc import Mapping
from typing import Any, Final

from counterfoil_cli.importing.rows import Row, RowError

_COLUMNS: Final = {
    "id": "event_id",
    "time": "event_time",
    "subject": "consumer_id",
    "type": "action",
    "source": "metadata.source",
}


def is_cloudevent(row: Row) -> bool:
    """Whether a row has the one attribute that every CloudEvent must have and no usage event has."""
    return "specversion" in row.values


def unwrap(row: Row, mapped: frozenset[str]) -> Row:
    """The row with the columns of the data and of the envelope side by side; its error, when it is no CloudEvent.

    Args:
        row: a structured CloudEvent.
        mapped: the columns that the command line maps by name.
    """
    try:
        return Row(row.line, row.last_line, row.key, _columns(row.values, mapped))
    except RowError as error:
        return Row(row.line, row.last_line, row.key, row.values, error)


def _columns(event: Mapping[str, object], mapped: frozenset[str]) -> dict[str, object]:
    if not str(event["specversion"]).startswith("1."):
        raise RowError(
            "INVALID_CLOUDEVENT", "specversion", f"specversion {event['specversion']!r} is not 1.0"
        )
    for attribute in ("id", "source", "type"):
        if not isinstance(event.get(attribute), str) or not event[attribute]:
            raise RowError("INVALID_CLOUDEVENT", attribute, f"the CloudEvent has no {attribute}")
    if "data_base64" in event:
        raise RowError(
            "INVALID_CLOUDEVENT", "data_base64", "the data is binary; a JSON object is needed"
        )
    data: Any = event.get("data")
    if data is not None and not isinstance(data, Mapping):
        raise RowError("INVALID_CLOUDEVENT", "data", "the data is not a JSON object")
    columns: dict[str, object] = {**(data or {})}
    for attribute, value in event.items():
        if attribute in mapped:
            columns.setdefault(attribute, value)
        elif attribute in _COLUMNS and not _states(columns, attribute):
            columns[_COLUMNS[attribute]] = value
    return columns


def _states(data: Mapping[str, object], attribute: str) -> bool:
    """Whether the data itself says what an attribute would say."""
    if attribute == "id":
        return False
    if attribute == "time":
        return "event_time" in data or "event_time_us" in data
    if attribute == "source":
        metadata = data.get("metadata")
        return "metadata.source" in data or (isinstance(metadata, Mapping) and "source" in metadata)
    return _COLUMNS[attribute] in data
