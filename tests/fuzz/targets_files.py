"""Targets: files that people and disks hand us: imports, settings, keys, spools; and answers of a hostile ledger."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from google.protobuf.message import DecodeError

from counterfoil.entry import KIND_USAGE
from counterfoil.errors import CounterfoilError, InvalidInput, StartupError, VerificationError
from counterfoil.keys import Signer
from counterfoil.log import Anchor
from counterfoil.v1.log_service_pb2 import Entry
from counterfoil.v1.record_pb2 import UsageEvent
from counterfoil.v1.usage_service_pb2 import AppendUsageResponse
from counterfoil_cli.importing.cloudevents import is_cloudevent, unwrap
from counterfoil_cli.importing.csv_rows import CsvRows
from counterfoil_cli.importing.json_rows import is_json_line, read_json_document, read_json_lines
from counterfoil_cli.importing.mapping import EventBuilder, FieldMap, parse_field_map
from counterfoil_cli.importing.rows import FileError, Row, RowError
from counterfoil_client.entries import check_entry
from counterfoil_client.evidence import check_usage, check_write
from counterfoil_client.frames import find_frame, format_frames, parse_frames
from counterfoil_client.trust import parse_trust
from counterfoil_server.directory import (
    SETTINGS_NAME,
    Settings,
    format_settings,
    load,
    load_signer,
)
from counterfoil_server.signing_keys import CHECKPOINT, TABLE_NAME, read_table, write_table
from counterfoil_server.signing_keys.uri import parse_pkcs11_uri

from ..client.toy_log import ToyLog
from ..receipt import small_log
from .target import Target, as_text, must

_NO_MAP = FieldMap({}, {})
_CSV = (
    b"event_id,event_time,model_id,tokens,metadata.region,attributions,consents,x\r\n"
    b'e1,2024-02-29T12:00:00Z,m,"1,0",eu,"a:5,b:7",training;display,\r\n'
    b"e2,1700000000,m,44.0,,,,\n\n"
    b'"e""3",2024-01-01 00:00:00.123456 UTC,m,7,"a\nb",,,1\n'
)
_JSON_LINES = (
    b'{"event_id":"e1","event_time_us":1700000000000000,"model_id":"m","tokens":1}\n'
    b'{"event_id":"e2","event_time":"2024-01-01T00:00:00+01:00","metadata":{"k":1.50,"b":true}}\n'
    b'{"event_id":"e3","attributions":[{"asset_id":"a","parts_per_million":5}],"consents":["display"]}\n'
)
_CLOUD = (
    b'{"specversion":"1.0","id":"i","source":"/s","type":"t","time":"2024-01-01T00:00:00Z",'
    b'"subject":"c","data":{"model_id":"m","tokens":1e2}}\n'
)
_JSON_WORDS = (
    *(b'"metadata.x":"\\ud800"', b"1e400", b"1E+9999999", b"-0", b"NaN", b"Infinity", b"[", b"{"),
    *(b'"tokens":', b'"event_time":', b'"metadata":{', b'"attributions":', b'"consents":', b"null"),
    *(b'"specversion":"1.0"', b'"data":', b'"data_base64":', b"\xef\xbb\xbf", b"\\u0000", b'"'),
)
_ROW_REFUSED = (FileError,)


def _build(rows: Iterable[Row], header: list[str] | None, field_map: FieldMap) -> None:
    """Every row becomes an event, the same one twice, or an error of its own."""
    mapped = frozenset(field_map.columns.values())
    builder = EventBuilder(field_map, header, "prefix:")
    for row in rows:
        shaped = unwrap(row, mapped) if is_cloudevent(row) else row
        try:
            event_id, body = builder.build(shaped)
        except RowError as error:
            must(bool(error.reason and error.message), "a refusal without words")
            continue
        must(UsageEvent.FromString(body).event_id == event_id, "an event has another id")
        must(builder.build(shaped) == (event_id, body), "a row became two events")


def _read_csv(data: bytes) -> None:
    table = CsvRows(io.BytesIO(data))
    _build(table, table.header, _NO_MAP)


def _read_json_lines(data: bytes) -> None:
    file = io.BytesIO(data)
    is_json_line(file)
    must(file.tell() == 0, "looking moved the file")
    _build(read_json_lines(file), None, _MAPPED)


def _read_json_document(data: bytes) -> None:
    _build(read_json_document(io.BytesIO(data)), None, _NO_MAP)


_MAPPED = parse_field_map(["model_id=data.model", "asset_id=subject"], ["license_id=l"])


def _read_field_map(data: bytes) -> None:
    options = as_text(data).split("\n")
    half = len(options) // 2
    EventBuilder(parse_field_map(options[:half], options[half:]), None, "p:")


@cache
def _folder() -> Path:
    # In memory where that is possible; removed when the process ends.
    memory = Path("/dev/shm")
    holder = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
    _HELD.append(holder)
    return Path(holder.name)


_HELD: list[tempfile.TemporaryDirectory[str]] = []


def _read_settings(data: bytes) -> None:
    (_folder() / SETTINGS_NAME).write_bytes(data)
    settings = load(_folder())
    must(settings.path("store") is not None, "no store")
    (_folder() / SETTINGS_NAME).write_text(format_settings(settings))
    must(load(_folder()) == settings, "settings come out otherwise")


def _settings() -> Iterator[bytes]:
    yield format_settings(Settings(Path(), small_log.ORIGIN)).encode()
    yield b'origin = "o"\nenvironment = "sandbox"\nwindow_past_s = 0x10\n[a]\nb = [[1], {c = 1}]\n'


def _read_key_file(data: bytes) -> None:
    path = _folder() / "signing.key"
    path.write_bytes(data)
    path.chmod(0o600)
    signer = load_signer(Settings(_folder(), small_log.ORIGIN))
    assert isinstance(signer, Signer)
    must(Signer.parse(signer.format()).verifier == signer.verifier, "a key comes out otherwise")


def _read_anchor(data: bytes) -> None:
    path = _folder() / "anchor"
    path.write_bytes(data)
    anchor = Anchor(path, small_log.SIGNER.verifier)
    try:
        newest = anchor.read()
        must(newest is None or newest.origin == small_log.ORIGIN, "another log is believed")
    finally:
        anchor.close()


def _read_frames(data: bytes) -> None:
    payloads, end = parse_frames(data, 1000, len(data))
    must(format_frames(payloads) == data[:end], "frames come out otherwise")
    found = find_frame(data, end)
    if found is not None:
        must(bool(parse_frames(data[found:], 1, 0)[0]), "a frame was found where none is")


@cache
def _toy() -> tuple[ToyLog, list[bytes], AppendUsageResponse]:
    log = ToyLog()
    bodies = [UsageEvent(event_id=f"e{n}", model_id="m").SerializeToString() for n in range(3)]
    log.append([b"before"])
    return log, bodies, log.accept(bodies)


def _read_answer(data: bytes) -> None:
    """What a hostile ledger may answer to a batch."""
    log, bodies, honest = _toy()
    answer = AppendUsageResponse.FromString(data)

    def fetch(first: int, count: int) -> list[bytes]:
        return log.records[first : first + count]

    result = check_usage(log.writer, answer, bodies, backfill=False, fetch_records=fetch)
    counted = result.accepted + result.duplicates + result.rejected
    must(counted == len(bodies), "an event has no outcome")
    must(not result.accepted or result.first_index == honest.first_index, "another place")


def _read_written(data: bytes) -> None:
    log, bodies, honest = _toy()
    body = bodies[0]
    verified = check_write(log.writer, data, KIND_USAGE, UsageEvent, "", body)
    must(verified.index == honest.first_index, "another receipt is believed")


def _read_entry(data: bytes) -> None:
    entry = Entry.FromString(data)
    hashed = check_entry(entry)
    log = _toy()[0]
    if entry.leaf in log.leaves:
        at = log.leaves.index(entry.leaf)
        must(hashed == log.hashes[at], "a leaf has another hash")
        must(entry.record in (b"", log.records[at]), "another record is believed")


def _read_trust(data: bytes) -> None:
    policy = parse_trust(as_text(data))
    must(bool(policy.quorum), "a policy without a quorum")


_MODULE = b"?module-path=/usr/lib/x.so&pin-source=env:PIN"


def _read_uri(data: bytes) -> None:
    uri = parse_pkcs11_uri(as_text(data))
    must(bool(uri.token or uri.serial), "a URI of no token")
    must(bool(uri.label or uri.id) and bool(uri.module_path), "a URI of no key")


def _read_key_table(data: bytes) -> None:
    folder = _folder() / "table"
    folder.mkdir(exist_ok=True)
    (folder / TABLE_NAME).write_bytes(data)
    listed = read_table(folder)
    write_table(folder, CHECKPOINT, listed)
    must(read_table(folder) == listed, "a table comes out otherwise")


def _key_table() -> Iterator[bytes]:
    row = f'[[key]]\npurpose = "checkpoint"\nvkey = "{small_log.VKEY}"\nuri = "env:X"\n'
    yield row.encode()


FILES = (
    Target("import-csv", lambda: [_CSV], _read_csv, _ROW_REFUSED, (b'"', b",", b"\r\n", b"\xff")),
    Target("import-json-lines", lambda: [_JSON_LINES, _CLOUD], _read_json_lines, (), _JSON_WORDS),
    Target(
        "import-json-document",
        lambda: [b"[" + _JSON_LINES.strip().replace(b"\n", b",") + b"]", _CLOUD],
        _read_json_document,
        _ROW_REFUSED,
        _JSON_WORDS,
    ),
    Target(
        "import-field-map",
        lambda: [b"tokens=a.b\nmetadata.k=c\nmodel_id=m\nevent_time=5"],
        _read_field_map,
        _ROW_REFUSED,
        (b"=", b"metadata.", b"event_time_us", b"consents=training", b"attributions=a:1"),
    ),
    Target("settings", _settings, _read_settings, (StartupError,), (b"= ", b"[", b"{", b'"""')),
    Target(
        "key-file",
        lambda: [small_log.SIGNER.format().encode() + b"\n"],
        _read_key_file,
        (StartupError,),
    ),
    Target(
        "key-uri",
        lambda: [b"token=a%20b;object=k" + _MODULE, b"serial=1;id=%01;type=private" + _MODULE],
        _read_uri,
        (StartupError,),
        (b"%", b";", b"&", b"?", b"pin-value=", b"token=", b"id="),
    ),
    Target(
        "key-table",
        _key_table,
        _read_key_table,
        (StartupError,),
        (b"[[key]]", b'purpose = "token"', b'uri = ""', b"[", b"{"),
    ),
    Target(
        "anchor",
        lambda: [small_log.checkpoint().ljust(1024, b"\0") + small_log.checkpoint(size=3)],
        _read_anchor,
        (StartupError,),
    ),
    Target("spool", lambda: [format_frames([b"one", b"two" * 9])], _read_frames, (InvalidInput,)),
    Target(
        "answer-to-usage",
        lambda: [_toy()[2].SerializeToString()],
        _read_answer,
        (VerificationError, DecodeError),
    ),
    Target("answer-to-write", lambda: [_toy()[0].receipt(1)], _read_written, (VerificationError,)),
    Target(
        "answer-with-entry",
        lambda: [_toy()[0].entry(1).SerializeToString()],
        _read_entry,
        (VerificationError, DecodeError),
    ),
    Target(
        "trust",
        lambda: [b" " + small_log.VKEY.encode() + b"\n", b"quorum none"],
        _read_trust,
        (CounterfoilError,),
    ),
)
