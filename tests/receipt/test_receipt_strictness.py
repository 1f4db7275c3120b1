"""Each text and binary form is accepted in one spelling only; JSON alone has free white space."""

from __future__ import annotations

import json
from typing import Any

import pytest

from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.receipt import (
    format_json,
    format_receipt,
    format_tlog_proof,
    parse_json,
    parse_receipt,
    parse_tlog_proof,
    verify_receipt,
)
from counterfoil.wire import element_bytes, encode_varint, field_bytes, field_varint, parse_fields

from .small_log import VKEY, changed, receipt

BINARY = format_receipt(receipt())
JSON = format_json(receipt())
TLOG = format_tlog_proof(receipt())
DOCUMENT: dict[str, Any] = json.loads(JSON)
FORMAT = field_bytes(1, b"counterfoil/receipt@v1")


def pieces() -> list[bytes]:
    """The fields of the binary form, one by one."""
    starts = [start for _, _, start in parse_fields(BINARY)]
    return [BINARY[a:b] for a, b in zip(starts, [*starts[1:], len(BINARY)], strict=True)]


def bad_binaries() -> list[tuple[str, bytes]]:
    """Binary receipts in another form, or with something more or less."""
    parts = pieces()
    found = [
        (f"field {at} left out", b"".join(parts[:at] + parts[at + 1 :]))
        for at in range(1, len(parts))
    ]
    found += [
        (f"field {at} twice", b"".join([*parts[: at + 1], parts[at], *parts[at + 1 :]]))
        for at in range(len(parts))
    ]
    found += [
        (
            f"fields {at} and {at + 1} swapped",
            b"".join([*parts[:at], parts[at + 1], parts[at], *parts[at + 2 :]]),
        )
        for at in range(1, len(parts) - 1)
        if parts[at] != parts[at + 1]
    ]
    found += [(f"cut at {size}", BINARY[:size]) for size in range(len(FORMAT), len(BINARY))]
    return [
        *found,
        ("unknown field", BINARY + field_varint(8, 1)),
        ("unknown field in front", FORMAT + field_varint(9, 1) + BINARY[len(FORMAT) :]),
        ("field of the batch form", BINARY + element_bytes(15, b"x")),
        ("explicit default", FORMAT + b"\x10\x00" + BINARY[len(FORMAT) :]),
        ("index as bytes", BINARY.replace(b"\x10\x02", b"\x12\x01\x02")),
        ("index in two bytes", BINARY.replace(b"\x10\x02", b"\x10\x82\x00")),
        ("leaf as a number", BINARY.replace(parts[2], field_varint(3, 5))),
        ("proof step as a number", BINARY + field_varint(6, 5)),
        ("format as a number", b"".join([FORMAT, field_varint(1, 5), *parts[1:]])),
        ("length in two bytes", FORMAT[:1] + b"\x96\x00" + BINARY[2:]),
    ]


@pytest.mark.parametrize(
    ("fault", "data"), bad_binaries(), ids=[name for name, _ in bad_binaries()]
)
def test_another_binary_form_is_refused(fault: str, data: bytes) -> None:
    """Fields left out, repeated, out of order, cut, padded, unknown or mistyped are refused."""
    assert data != BINARY, fault
    with pytest.raises(VerificationError):
        verify_receipt(data, VKEY)


def without(name: str) -> dict[str, Any]:
    """The JSON document without a field."""
    return {key: value for key, value in DOCUMENT.items() if key != name}


def bad_documents() -> list[tuple[str, bytes]]:
    """JSON receipts that are not."""
    found: list[tuple[str, Any]] = [(f"without {name}", without(name)) for name in DOCUMENT]
    others: tuple[Any, ...] = (None, True, 1.5, {}, "", -1, "é", [1], [[]], "AA", "AA=", "\ud800")
    for name, value in DOCUMENT.items():
        found += [
            (f"{name} is {other!r}", {**DOCUMENT, name: other})
            for other in others
            if other != value and not (name == "salt" and other == "")
        ]
    found += [
        ("unknown field", {**DOCUMENT, "extra": 1}),
        ("list", [DOCUMENT]),
        ("index as text", {**DOCUMENT, "index": "2"}),
        ("index as a float", {**DOCUMENT, "index": 2.0}),
        ("index too large", {**DOCUMENT, "index": 10**30}),
        ("base64url", {**DOCUMENT, "leaf": DOCUMENT["leaf"].replace("/", "_").replace("+", "-")}),
        ("base64 with a newline", {**DOCUMENT, "leaf": DOCUMENT["leaf"] + "\n"}),
        ("base64 without padding", {**DOCUMENT, "record": DOCUMENT["record"].rstrip("=")}),
        ("proof as text", {**DOCUMENT, "proof": "".join(DOCUMENT["proof"])}),
        ("checkpoint as base64", {**DOCUMENT, "checkpoint": DOCUMENT["leaf"]}),
    ]
    encoded = [(name, json.dumps(document).encode()) for name, document in found]
    text = JSON.decode().strip()
    return [
        *encoded,
        ("field twice", (text[:-1] + ', "index": 2}').encode()),
        ("field twice, other value", (text[:-1] + ', "index": 3}').encode()),
        ("two documents", (text + text).encode()),
        ("comment", (text + "// x").encode()),
        ("trailing comma", (text[:-1] + ",}").encode()),
        ("single quotes", text.replace('"', "'").encode()),
        ("exponent", text.replace('"index": 2', '"index": 2e0').encode()),
        ("not a number", text.replace('"index": 2', '"index": NaN').encode()),
        ("very long number", text.replace('"index": 2', '"index": ' + "2" * 5000).encode()),
        ("minus zero", text.replace('"index": 2', '"index": -0').encode()),
        ("UTF-16", text.encode("utf-16-le")),
        ("UTF-32", text.encode("utf-32-le")),
        ("byte order mark", text.encode("utf-8-sig")),
        ("not UTF-8", text.encode().replace(b"example", b"ex\xffmple")),
        ("surrogate bytes", text.encode().replace(b"example", b"ex\xed\xa0\x80mple")),
        ("deep nesting", b'{"a":' * 100_000),
    ]


@pytest.mark.parametrize(
    ("fault", "data"), bad_documents(), ids=[name for name, _ in bad_documents()]
)
def test_another_json_document_is_refused(fault: str, data: bytes) -> None:
    """Missing, unknown, repeated, mistyped and differently encoded fields are refused, as is bad JSON."""
    assert data != JSON, fault
    with pytest.raises(VerificationError):
        verify_receipt(data, VKEY)


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(DOCUMENT, indent=2).encode(),
        json.dumps(DOCUMENT, separators=(",", ":")).encode(),
        json.dumps(dict(reversed(DOCUMENT.items()))).encode(),
        json.dumps(DOCUMENT, ensure_ascii=True).encode(),
        b" \n\t" + JSON + b"\n\n",
    ],
    ids=["indented", "compact", "reordered", "escaped", "padded"],
)
def test_json_may_be_laid_out_freely(data: bytes) -> None:
    """White space, the order of fields and escapes do not matter: the receipt is the same."""
    assert parse_json(data) == receipt()
    assert verify_receipt(data, VKEY).index == 2


def bad_proofs() -> list[tuple[str, bytes]]:
    """Texts that are almost a tlog-proof."""
    text = TLOG.decode()
    lines = text.split("\n")
    step = lines[3]
    found = [
        (f"line {at} left out", "\n".join(lines[:at] + lines[at + 1 :])) for at in range(len(lines))
    ]
    # The last pieces are the signature line and the empty text behind its newline.
    found += [
        (f"line {at} twice", "\n".join([*lines[: at + 1], lines[at], *lines[at + 1 :]]))
        for at in range(len(lines) - 2)
    ]
    found += [
        ("CRLF", text.replace("\n", "\r\n")),
        ("space at the end", text.replace("index 2", "index 2 ")),
        ("two spaces", text.replace("index 2", "index  2")),
        ("leading zero", text.replace("index 2", "index 02")),
        ("plus sign", text.replace("index 2", "index +2")),
        ("minus", text.replace("index 2", "index -2")),
        ("underscore", text.replace("index 2", "index 0_2")),
        ("other digits", text.replace("index 2", "index ٢")),
        ("hexadecimal", text.replace("index 2", "index 0x2")),
        ("index empty", text.replace("index 2", "index ")),
        ("index long", text.replace("index 2", "index " + "2" * 5000)),
        ("index at 2^63", text.replace("index 2", f"index {2**63}")),
        ("index and extra swapped", "\n".join([lines[0], lines[2], lines[1], *lines[3:]])),
        ("step without padding", text.replace(step, step.rstrip("="))),
        ("step in base64url", text.replace(step, step.replace("+", "-").replace("/", "_") + "_")),
        ("step empty", text.replace(step, "")),
        ("empty line more", text.replace("\n\n", "\n\n\n", 1)),
        ("line in front", "\n" + text),
        ("BOM", "\ufeff" + text),
        ("capitals", text.replace("c2sp", "C2SP", 1)),
        ("extra empty", text.replace(lines[1], "extra ")),
        ("extra cut", text.replace(lines[1], lines[1][:20])),
        ("two extras", text.replace(lines[1], lines[1] + "\n" + lines[1])),
        ("text behind", text + "x"),
        ("no checkpoint", text.split("\n\n")[0]),
        ("first line alone", lines[0] + "\n"),
    ]
    encoded = [(name, changed_text.encode()) for name, changed_text in found]
    return [*encoded, ("not UTF-8", TLOG.replace(b"index", b"ind\xffx"))]


@pytest.mark.parametrize(("fault", "data"), bad_proofs(), ids=[name for name, _ in bad_proofs()])
def test_another_tlog_proof_is_refused(fault: str, data: bytes) -> None:
    """Lines left out, repeated, swapped, padded or in another encoding are refused."""
    assert data != TLOG, fault
    with pytest.raises(VerificationError):
        verify_receipt(data, VKEY)


def test_a_tlog_proof_without_extra_cannot_be_judged() -> None:
    """C2SP lets the extra line be left out; then the leaf is not known, and that is what is told."""
    lines = TLOG.split(b"\n")

    with pytest.raises(UnverifiableError, match="extra"):
        verify_receipt(b"\n".join([lines[0], *lines[2:]]), VKEY)


def test_the_tlog_proof_is_laid_out_as_c2sp_says() -> None:
    """First the name, then extra, index and the steps, an empty line, and the checkpoint."""
    evidence = receipt()
    head, _, note = TLOG.partition(b"\n\n")
    lines = head.decode().split("\n")

    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1].startswith("extra ")
    assert lines[2] == "index 2"
    assert len(lines) == 3 + len(evidence.proof)
    assert note == evidence.checkpoint


def test_parsing_alone_believes_nothing() -> None:
    """The negative control: a receipt with a wrong record is parsed by all parsers, and verified by none."""
    bad = changed(receipt(), record=b"other", index=3)

    for write, read in (
        (format_receipt, parse_receipt),
        (format_json, parse_json),
        (format_tlog_proof, parse_tlog_proof),
    ):
        assert read(write(bad)) == bad
        with pytest.raises(VerificationError):
            verify_receipt(write(bad), VKEY)


def test_a_number_of_many_bytes_is_no_index() -> None:
    """An index that does not fit 64 bits is refused by the reader of fields."""
    data = FORMAT + b"\x10" + b"\xff" * 9 + b"\x7f" + BINARY[len(FORMAT) + 2 :]

    assert encode_varint(2**64 - 1) == b"\xff" * 9 + b"\x01"
    with pytest.raises(VerificationError):
        verify_receipt(data, VKEY)
