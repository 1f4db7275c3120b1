"""Targets: all that an auditor's install reads, from a leaf to a receipt."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from counterfoil.entry import (
    format_leaf,
    frame_records,
    parse_leaf,
    parse_record,
    record_prefix,
)
from counterfoil.errors import InvalidInput, VerificationError
from counterfoil.keys import Signer, Verifier
from counterfoil.note import (
    KeyChange,
    KeyHistory,
    Policy,
    cosign_checkpoint,
    format_checkpoint,
    format_signature_line,
    parse_checkpoint,
    parse_checkpoint_text,
    parse_decimal,
    parse_note,
    parse_signature_line,
    sign_note,
    verify_cosignature,
)
from counterfoil.receipt import (
    format_batch_receipt,
    format_json,
    format_receipt,
    format_tlog_proof,
    parse_batch_receipt,
    parse_json,
    parse_receipt,
    parse_tlog_proof,
    verify_receipt,
)
from counterfoil.v1 import key_change_pb2
from counterfoil.wire import VARINT, encode_varint, parse_fields

from ..receipt import small_log
from .target import Cut, Target, as_text, must

_LOG = small_log.SIGNER
_WITNESSES = small_log.WITNESSES
_KEYS = [_LOG.verifier, *(witness.verifier for witness in _WITNESSES)]
_POLICY = "\n".join(
    [
        f"log {_LOG.verifier.vkey} https://log.example/",
        *(f"witness w{n} {key.verifier.vkey}" for n, key in enumerate(_WITNESSES)),
        "# a comment",
        "group some 2 w0 w1",
        "group every all some w2",
        "quorum every",
    ]
).encode()
_LOGS_POLICY = Policy.trust(_LOG.verifier.vkey)
_STRICT_POLICY = Policy.parse(_POLICY)
_NOTE_WORDS = ("— ".encode(), b"\n\n", b"\n", b"+", b"AAAA", b"=", small_log.ORIGIN.encode())
_WIRE_WORDS = (b"\x08\x01", b"\x12\x00", b"\x7a\x00", b"\x0b", b"\x80\x00", b"\xff" * 9 + b"\x01")
_JSON_WORDS = (b'"index"', b'"proof"', b"[", b"]", b"{}", b"null", b"1e9", b"-0", b"\\ud800", b",")


def _read_leaf(data: bytes) -> None:
    must(format_leaf(parse_leaf(data)) == data, "a leaf comes out otherwise")


def _read_record(data: bytes) -> None:
    fields = parse_record(data)
    prefix = record_prefix(fields.submitter, fields.environment, fields.request_id, fields.backfill)
    must(frame_records(prefix, [fields.body])[0] == data, "a record comes out otherwise")


def _read_fields(data: bytes) -> None:
    written = bytearray()
    for number, value, start in parse_fields(data):
        must(start == len(written), "an offset is wrong")
        if isinstance(value, int):
            written += encode_varint(number << 3 | VARINT) + encode_varint(value)
        else:
            written += encode_varint(number << 3 | 2) + encode_varint(len(value)) + value
    must(written == data, "a message comes out otherwise")


def _read_vkey(data: bytes) -> None:
    text = as_text(data)
    must(Verifier.parse(text).vkey == text, "a verifier key comes out otherwise")


def _read_private_key(data: bytes) -> None:
    text = as_text(data)
    must(Signer.parse(text).format() == text.removesuffix("\n"), "a key comes out otherwise")


def _read_decimal(data: bytes) -> None:
    text = as_text(data)
    must(str(parse_decimal(text)) == text, "a number comes out otherwise")


def _read_signature_line(data: bytes) -> None:
    line = as_text(data)
    written = format_signature_line(*parse_signature_line(line))
    must(written == f"{line}\n".encode(), "a signature line comes out otherwise")


def _read_note(data: bytes) -> None:
    note = parse_note(data, _KEYS)
    must(data.startswith(note.text.encode() + b"\n"), "the text is not the beginning of the note")


def _read_signed_note(data: bytes) -> None:
    """Any text, well signed: what a hostile log could publish."""
    note = sign_note(as_text(data), [_LOG])
    checkpoint = parse_checkpoint(note, _KEYS)
    must(checkpoint.text.encode() == data, "the text comes out otherwise")
    written = format_checkpoint(checkpoint.origin, checkpoint.size, checkpoint.root_hash)
    must(written == checkpoint.text, "a checkpoint comes out otherwise")


def _read_checkpoint_text(data: bytes) -> None:
    text = as_text(data)
    origin, size, root = parse_checkpoint_text(text)
    must(format_checkpoint(origin, size, root) == text, "a checkpoint comes out otherwise")
    parse_checkpoint_text(text, allow_extensions=True)


def _read_cosignature(data: bytes) -> None:
    """A time, a text, and whether the witness really signs; or a blob as it came."""
    cut = Cut(data)
    if cut.number(1) & 1:
        blob = cut.take(72)
        verify_cosignature(as_text(cut.rest()), _WITNESSES[0].verifier, blob)
        return
    time_s, text = cut.number(), as_text(cut.rest())
    line = cosign_checkpoint(text, _WITNESSES[0], time_s).decode().removesuffix("\n")
    blob = parse_signature_line(line)[2]
    must(verify_cosignature(text, _WITNESSES[0].verifier, blob) == time_s, "the time differs")


def _read_policy(data: bytes) -> None:
    policy = Policy.parse(data)
    must(policy == Policy.parse(data), "a policy is read in two ways")
    hash(policy)
    policy.check(small_log.checkpoint(witnesses=_WITNESSES))


def _notes() -> Iterator[bytes]:
    for witnesses in ((), _WITNESSES[:1], _WITNESSES):
        yield small_log.checkpoint(witnesses=witnesses)
    yield sign_note("other\n\ntext\n", [small_log.OTHER_LOG, _LOG])
    yield small_log.checkpoint() + format_signature_line("x", b"idid", b"s")


def _cosignatures() -> Iterator[bytes]:
    text = small_log.checkpoint().partition(b"\n\n")[0] + b"\n"
    yield b"\x00" + (1_700_000_000).to_bytes(8, "big") + text
    line = cosign_checkpoint(text.decode(), _WITNESSES[0], 7).decode().removesuffix("\n")
    yield b"\x01" + parse_signature_line(line)[2] + text


def _forms() -> list[bytes]:
    witnessed = small_log.checkpoint(witnesses=_WITNESSES)
    return [form.make(note) for form in small_log.FORMS for note in (b"", witnessed)]


def _read_binary(data: bytes) -> None:
    must(format_receipt(parse_receipt(data)) == data, "a receipt comes out otherwise")


def _read_json(data: bytes) -> None:
    receipt = parse_json(data)
    must(parse_json(format_json(receipt)) == receipt, "JSON is read in two ways")


def _read_tlog_proof(data: bytes) -> None:
    must(format_tlog_proof(parse_tlog_proof(data)) == data, "a tlog-proof comes out otherwise")


def _read_batch(data: bytes) -> None:
    must(format_batch_receipt(parse_batch_receipt(data)) == data, "a receipt comes out otherwise")


def _read_jwt(data: bytes) -> None:
    """Header and claims as they came, well signed: past the signature, to the checks behind it."""
    header, _, claims = data.partition(b"\n")
    signed = small_log.base64url(header) + b"." + small_log.base64url(claims)
    _verify(signed + b"." + small_log.base64url(_LOG.sign(signed)))


def _verify(data: bytes) -> None:
    for policy in (_LOGS_POLICY, _STRICT_POLICY):
        verified = verify_receipt(data, policy)
        must(verified.origin == small_log.ORIGIN, "another log is believed")
        must(0 <= verified.first_index < verified.size, "an index outside the tree is believed")
        for at, hashed in enumerate(verified.leaf_hashes, verified.first_index):
            must(hashed == small_log.HASHES[at], "a forged entry is believed")


def _jwts() -> Iterator[bytes]:
    for index in (0, 2):
        note = small_log.checkpoint(witnesses=_WITNESSES)
        token = small_log.jwt(small_log.receipt(index, note))
        parts = token.split(b".")[:2]
        yield b"\n".join(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)) for part in parts)


def _jsons() -> Iterator[bytes]:
    document: dict[str, Any] = json.loads(format_json(small_log.receipt()))
    yield format_json(small_log.receipt())
    yield json.dumps(document, indent=1, sort_keys=True).encode()


def _binaries() -> Iterator[bytes]:
    for index in (0, 2):
        yield format_receipt(small_log.receipt(index))
    redacted = small_log.changed(small_log.receipt(), salt=b"", record=b"")
    yield format_receipt(redacted)


def _batches() -> Iterator[bytes]:
    yield format_batch_receipt(small_log.batch())
    yield small_log.batch_file(small_log.batch())
    yield small_log.batch_file(small_log.batch(begin=2, end=4))


def _read_policy_with_sizes(data: bytes) -> None:
    policy = Policy.parse(data)
    must(Policy.parse(policy.text) == policy, "a policy comes out otherwise")


def _read_key_change(data: bytes) -> None:
    """What is followed must be what protobuf reads, too."""
    change = KeyChange.parse(data)
    body = key_change_pb2.KeyChange.FromString(data)
    must(body.purpose == change.purpose, "another purpose")
    must((body.retired_vkey, body.new_vkey) == (change.retired.vkey, change.new.vkey), "other keys")
    must(body.overlap_entries == change.overlap_entries, "another overlap")
    KeyHistory.begin(change.retired).after(change, 9)


def _key_changes() -> Iterator[bytes]:
    other = Signer.from_seed(_LOG.name, b"2" * 32)
    body = key_change_pb2.KeyChange(
        purpose=key_change_pb2.KEY_PURPOSE_CHECKPOINT,
        retired_vkey=_LOG.verifier.vkey,
        new_vkey=other.verifier.vkey,
        overlap_entries=7,
        reason="why",
    )
    yield body.SerializeToString(deterministic=True)


REFUSED = (VerificationError,)

EVIDENCE = (
    Target("leaf", lambda: small_log.LEAVES[:2], _read_leaf, REFUSED),
    Target("record", lambda: small_log.RECORDS[:2], _read_record, REFUSED, _WIRE_WORDS),
    Target("wire", lambda: small_log.RECORDS[:2], _read_fields, REFUSED, _WIRE_WORDS),
    Target("vkey", lambda: [key.vkey.encode() for key in _KEYS], _read_vkey, REFUSED, (b"+",)),
    Target(
        "private-key",
        lambda: [_LOG.format().encode(), _WITNESSES[0].format().encode() + b"\n"],
        _read_private_key,
        (InvalidInput,),
        (b"+", b"PRIVATE+KEY+"),
    ),
    Target("decimal", lambda: [b"0", b"9223372036854775807"], _read_decimal, REFUSED),
    Target(
        "signature-line",
        lambda: [line for note in _notes() for line in note.partition(b"\n\n")[2].split(b"\n")],
        _read_signature_line,
        REFUSED,
        _NOTE_WORDS,
    ),
    Target("note", _notes, _read_note, REFUSED, _NOTE_WORDS),
    Target(
        "signed-note",
        lambda: [note.partition(b"\n\n")[0] + b"\n" for note in _notes()],
        _read_signed_note,
        (VerificationError, InvalidInput),
        _NOTE_WORDS,
    ),
    Target(
        "checkpoint-text",
        lambda: [note.partition(b"\n\n")[0] + b"\n" for note in _notes()],
        _read_checkpoint_text,
        REFUSED,
        _NOTE_WORDS,
    ),
    Target(
        "cosignature", _cosignatures, _read_cosignature, (VerificationError, InvalidInput), (b"\n",)
    ),
    Target(
        "policy",
        lambda: [_POLICY, b"log " + _LOG.verifier.vkey.encode() + b"\nquorum none\n"],
        _read_policy,
        REFUSED,
        (b"log ", b"witness ", b"group ", b"quorum ", b"any ", b"all ", b"none", b" ", b"\n", b"#"),
    ),
    Target(
        "policy-with-sizes",
        lambda: [b"log " + _LOG.verifier.vkey.encode() + b" url sizes 3-17\nquorum none\n"],
        _read_policy_with_sizes,
        REFUSED,
        (b"sizes ", b"0-", b"-7", b"-", b" ", b"\n"),
    ),
    Target("key-change", _key_changes, _read_key_change, REFUSED, _WIRE_WORDS),
    Target("receipt-binary", _binaries, _read_binary, REFUSED, _WIRE_WORDS),
    Target("receipt-json", _jsons, _read_json, REFUSED, _JSON_WORDS),
    Target(
        "receipt-tlog-proof",
        lambda: [format_tlog_proof(small_log.receipt())],
        _read_tlog_proof,
        REFUSED,
        _NOTE_WORDS,
    ),
    Target("receipt-batch", _batches, _read_batch, REFUSED, _WIRE_WORDS),
    Target("receipt-jwt", _jwts, _read_jwt, REFUSED, _JSON_WORDS),
    Target("receipt", _forms, _verify, REFUSED, (*_JSON_WORDS, *_WIRE_WORDS, *_NOTE_WORDS)),
)
