"""Files become rows: CSV, JSON lines, JSON documents and CloudEvents, with a place for every fault."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil_cli.importing.lines import LINE_SIZE_BYTES_MAX
from counterfoil_cli.importing.rows import FileError, Row
from counterfoil_cli.importing.source import Form, open_source

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=12)


def read(path: Path, data: bytes, form: Form = Form.AUTO, mapped: Iterable[str] = ()) -> list[Row]:
    """All rows of a file with this content."""
    path.write_bytes(data)
    with open_source(path, form, frozenset(mapped)) as source:
        return list(source.rows)


def faults(rows: Iterable[Row]) -> list[tuple[int, int, str]]:
    """Where and why rows could not be read."""
    return [(row.line, row.last_line, row.error.reason) for row in rows if row.error]


def values(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """What the readable rows hold."""
    return [dict(row.values) for row in rows if not row.error]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a file may be put."""
    return tmp_path / "usage"


@pytest.mark.parametrize(
    "data",
    [
        b"a,b\n1,2\n3,4\n",
        b"a,b\r\n1,2\r\n3,4\r\n",
        b"\xef\xbb\xbfa,b\n1,2\n3,4",
        b' a , b \n"1","2"\n"3",4\n',
        b"a,b\n1,2\n\n\r\n3,4\n\n",
    ],
)
def test_usual_csv_is_read(path: Path, data: bytes) -> None:
    """Line ends, quotes, blank lines and a byte order mark do not change what a file says."""
    rows = read(path, data)

    assert values(rows) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    assert faults(rows) == []


def test_csv_rows_know_their_lines(path: Path) -> None:
    """A row with a line end inside quotes spans lines; those after it keep their true numbers."""
    rows = read(path, b'a,b\n1,"x\ny\n"\n2,z\n')

    assert [(row.line, row.last_line, row.key) for row in rows] == [(2, 4, "2"), (5, 5, "5")]
    assert values(rows)[0]["b"] == "x\ny\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a,b\n1,2\n1\n3,4\n", [(3, 3, "WRONG_CELL_COUNT")]),
        (b"a,b\n1,2\n1,2,3\n3,4\n", [(3, 3, "WRONG_CELL_COUNT")]),
        (b"a,b\n1,2\n1,\xff\n3,4\n", [(3, 3, "INVALID_UTF8")]),
        (b'a,b\n1,2\n1,"x\n\xc3(\n"\n3,4\n', [(3, 5, "INVALID_UTF8")]),
        (b"a,b\n1,2\n\xff\n3,4\n", [(3, 3, "INVALID_UTF8")]),
        (b'a,b\n1,2\n1,"x"y\n3,4\n', [(3, 3, "INVALID_CSV")]),
        (b"a,b\n1,2\n" + b"x" * (LINE_SIZE_BYTES_MAX + 1) + b",1\n3,4\n", [(3, 3, "TOO_LARGE")]),
    ],
    ids=["short", "long", "utf8", "utf8-in-quotes", "utf8-alone", "quote", "large"],
)
def test_a_bad_csv_row_is_named_and_its_neighbours_are_read(
    path: Path, data: bytes, expected: list[tuple[int, int, str]]
) -> None:
    """One fault costs one row, told by its line."""
    rows = read(path, data)

    assert faults(rows) == expected
    assert values(rows) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


def test_a_quote_that_is_never_closed_is_reported_with_all_its_lines(path: Path) -> None:
    """What an open quote swallowed is refused as one row from its first to its last line, and not lost in silence."""
    rows = read(path, b'a,b\n1,2\n1,"x\n3,4\n5,6\n')

    assert faults(rows) == [(3, 5, "INVALID_CSV")]
    assert "never closed" in str(rows[1].error)


def test_wrong_utf8_is_told_with_its_byte(path: Path) -> None:
    """The message names the line, the byte in it and its value."""
    rows = read(path, b"a,b\n1,ab\xe9c\n")

    assert str(rows[0].error) == "byte 5 of line 2 (0xe9) is not UTF-8"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is empty"),
        (b"\n\n", "the file is empty"),
        (b"a,b,a\n1,2,3\n", "named twice"),
        (b"a,\xff\n1,2\n", "not UTF-8"),
        (b'a,"b\n1,2\n', "never closed"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        (b"\x1f\x8b\x08\x00", "compressed"),
        (b"PK\x03\x04zip", "spreadsheet"),
        (b"PAR1\x15\x04", "Parquet"),
    ],
)
def test_a_file_that_is_no_table_is_refused_as_a_whole(path: Path, data: bytes, told: str) -> None:
    """What cannot be imported at all is refused before any row, in words that say what to do."""
    with pytest.raises(FileError, match=told):
        read(path, data)


@pytest.mark.parametrize("kind", ["absent", "directory"])
def test_a_file_that_cannot_be_read_is_refused(path: Path, kind: str) -> None:
    """An absent file and a directory are told by name."""
    if kind == "directory":
        path.mkdir()

    with (
        pytest.raises(FileError, match=f"cannot read {path}"),
        open_source(path, Form.AUTO, frozenset()),
    ):
        pass


def test_a_file_that_changes_meanwhile_is_told(path: Path) -> None:
    """Rows of a file that still grows would get ids of a content that is gone; that is said at the end."""
    path.write_bytes(b"a\n1\n")

    def read_while_it_grows() -> None:
        with open_source(path, Form.AUTO, frozenset()) as source:
            list(source.rows)
            with path.open("ab") as file:
                file.write(b"2\n")

    with pytest.raises(FileError, match="changed while"):
        read_while_it_grows()


@settings(deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_what_the_csv_module_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]], ending: str
) -> None:
    """Any table that is written with the standard library is read as it was."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=ending)
    writer.writerows([("a", "b"), *cells])
    path = tmp_path_factory.mktemp("csv") / "table"

    rows = read(path, text.getvalue().encode(), Form.CSV)

    assert [tuple(row.values.values()) for row in rows] == cells


def test_json_lines_are_read_with_exact_numbers(path: Path) -> None:
    """Each line is a row; decimals keep their digits."""
    rows = read(path, b'\xef\xbb\xbf{"a": 1}\r\n\n{"a": 0.10, "b": null}\n')

    assert [(row.line, row.key) for row in rows] == [(1, "1"), (3, "3")]
    assert str(rows[1].values["a"]) == "0.10"


@pytest.mark.parametrize(
    ("line", "reason", "told"),
    [
        (b'{"a": 1', "INVALID_JSON", "line 2, column 8"),
        (b'{"a": 1} {"a": 2}', "INVALID_JSON", "Extra data"),
        (b'{"a": NaN}', "INVALID_JSON", "NaN"),
        (b'{"a": -Infinity}', "INVALID_JSON", "Infinity"),
        (b'{"a": 1, "a": 2}', "INVALID_JSON", "'a' stands twice"),
        (b'{"a": {"b": 1, "b": 1}}', "INVALID_JSON", "'b' stands twice"),
        (b"[1]", "INVALID_JSON", "not a JSON object"),
        (b"7", "INVALID_JSON", "not a JSON object"),
        (b"a,b", "INVALID_JSON", "not JSON"),
        (b'{"a": "\xff"}', "INVALID_UTF8", "byte 8 of line 2"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "INVALID_JSON", "nested"),
        (b'{"a": ' + b"9" * 5000 + b"}", "INVALID_JSON", "line 2"),
        (b'{"a": "' + b"x" * LINE_SIZE_BYTES_MAX + b'"}', "TOO_LARGE", "longer than"),
    ],
    ids=range(13),
)
def test_a_bad_json_line_is_named_and_its_neighbours_are_read(
    path: Path, line: bytes, reason: str, told: str
) -> None:
    """One fault costs one line, told by its number."""
    rows = read(path, b'{"a": 1}\n' + line + b'\n{"a": 3}\n')

    assert faults(rows) == [(2, 2, reason)]
    assert told in str(rows[1].error)
    assert values(rows) == [{"a": 1}, {"a": 3}]


def test_a_bad_first_line_does_not_turn_lines_into_a_document(path: Path) -> None:
    """A file of lines stays one when its first line is broken."""
    rows = read(path, b'{"a": 1\n{"a": 2}\n{"a": 3}\n')

    assert faults(rows) == [(1, 1, "INVALID_JSON")]
    assert values(rows) == [{"a": 2}, {"a": 3}]


def test_a_json_array_is_read_item_by_item(path: Path) -> None:
    """Items on one line or many are rows, with keys of their own and the lines they stand on."""
    rows = read(path, b' [ {"a": 1}, {"a":\n2},\n\n{"a": 3} ]\n')

    assert values(rows) == [{"a": 1}, {"a": 2}, {"a": 3}]
    assert [(row.line, row.last_line, row.key) for row in rows] == [
        (1, 1, "item-1"),
        (1, 2, "item-2"),
        (4, 4, "item-3"),
    ]


@pytest.mark.parametrize("data", [b"[]", b" [\n]\n"])
def test_an_empty_array_has_no_rows(path: Path, data: bytes) -> None:
    """Nothing to import is not a fault."""
    assert read(path, data) == []


def test_a_single_object_over_many_lines_is_one_row(path: Path) -> None:
    """A document that is one object is one row."""
    assert values(read(path, b'{\n  "a": 1,\n  "b": {\n "c": 2}\n}\n')) == [{"a": 1, "b": {"c": 2}}]


@pytest.mark.parametrize(
    "data",
    [
        b'[{"a": 1}, {"a": }]',
        b'[{"a": 1} {"a": 2}]',
        b'[{"a": 1}, ]',
        b'[{"a": 1}',
        b'[{"a": 1}] x',
        b"[1, 2]",
        b'[{"a": 1}, {"a": 1, "a": 2}]',
        b'[{"a": NaN}]',
        b'[{"a": "\xff"}]',
        b"[",
    ],
)
def test_a_broken_document_is_refused_before_anything_is_read(path: Path, data: bytes) -> None:
    """A fault in a document hides where the next row begins; so it is imported as a whole or not at all."""
    with pytest.raises(FileError, match=r"line 1: .*nothing was sent"):
        read(path, data)


def test_the_line_of_a_fault_in_a_document_is_told(path: Path) -> None:
    """The message names the line at which the document breaks."""
    with pytest.raises(FileError, match="line 4: not JSON"):
        read(path, b'[\n{"a": 1},\n{"a": 2,\n"b": }]\n')


@settings(deadline=None)
@given(
    st.lists(
        st.dictionaries(CELLS, CELLS | st.integers(-(10**12), 10**12), max_size=3), max_size=6
    ),
    st.sampled_from([None, 2]),
)
def test_what_the_json_module_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, items: list[dict[str, Any]], indent: int | None
) -> None:
    """Any array of flat objects is read as it was, however it is laid out."""
    path = tmp_path_factory.mktemp("json") / "items"

    assert values(read(path, json.dumps(items, indent=indent).encode())) == items


def test_a_document_larger_than_the_window_is_read_whole(path: Path) -> None:
    """Items that straddle the pieces a document is read in come out unharmed."""
    items = [{"n": number, "text": "é" * (number % 700)} for number in range(2000)]
    data = json.dumps(items, ensure_ascii=False).encode()

    assert len(data) > 1 << 20
    assert values(read(path, data)) == items


EVENT = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/host/7",
    "type": "chat",
    "subject": "customer_1",
    "time": "2024-05-01T00:00:00Z",
    "datacontenttype": "application/json",
    "data": {"model_id": "m", "input_tokens": 3},
}


@pytest.mark.parametrize("layout", ["object", "lines", "array", "indented"])
def test_cloudevents_are_read_in_every_structured_form(path: Path, layout: str) -> None:
    """One object, lines and an array give the same columns: the data's, and the envelope's beside them."""
    text = {
        "object": json.dumps(EVENT),
        "lines": json.dumps(EVENT) + "\n",
        "array": json.dumps([EVENT]),
        "indented": json.dumps(EVENT, indent=2),
    }[layout]

    assert values(read(path, text.encode())) == [
        {
            "model_id": "m",
            "input_tokens": 3,
            "event_id": "e-1",
            "event_time": "2024-05-01T00:00:00Z",
            "consumer_id": "customer_1",
            "action": "chat",
            "metadata.source": "/host/7",
        }
    ]


def test_the_data_of_a_cloudevent_outranks_its_envelope_except_for_the_id(path: Path) -> None:
    """What the data states is not overwritten; the id is the envelope's, for that is the event's identity."""
    data = {
        "event_id": "other",
        "event_time": "2024-04-01T00:00:00Z",
        "consumer_id": "c",
        "action": "a",
        "metadata": {"source": "s"},
    }

    (row,) = values(read(path, json.dumps({**EVENT, "data": data}).encode()))

    assert row == {**data, "event_id": "e-1"}


def test_a_mapped_attribute_is_a_column_and_is_not_used_twice(path: Path) -> None:
    """An attribute that --map names is left to it."""
    (row,) = values(read(path, json.dumps(EVENT).encode(), mapped=["subject"]))

    assert row["subject"] == "customer_1"
    assert "consumer_id" not in row


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"specversion": "2.0"}, "specversion"),
        ({"specversion": True}, "specversion"),
        ({"id": ""}, "id"),
        ({"id": 7}, "id"),
        ({"id": None}, "id"),
        ({"source": ""}, "source"),
        ({"type": None}, "type"),
        ({"data": "text"}, "data"),
        ({"data": [1]}, "data"),
        ({"data_base64": "AA=="}, "data_base64"),
    ],
)
def test_what_is_no_cloudevent_is_refused_by_attribute(
    path: Path, change: dict[str, Any], field: str
) -> None:
    """A CloudEvent without what the standard demands, or with data that is no object, is refused."""
    (row,) = read(path, json.dumps({**EVENT, **change}).encode())

    assert row.error is not None
    assert (row.error.reason, row.error.field) == ("INVALID_CLOUDEVENT", field)
