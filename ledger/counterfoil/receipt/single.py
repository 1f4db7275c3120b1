"""The receipt of one entry: binary (protobuf ``counterfoil.v1.Receipt``), JSON and C2SP tlog-proof forms.

    binary      the message in proto/counterfoil/v1/receipt.proto, fields in order
    json        the same fields; bytes in base64, the checkpoint as text
    tlog-proof  https://c2sp.org/tlog-proof: ``extra`` is base64(leaf 74 | salt 16 | record)

Verification: the commitment opens to the record, the leaf holds the commitment, the proof leads from the leaf's hash
to the root of a checkpoint that the policy accepts.
"""

import base64
import binascii
import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.entry import LEAF_SIZE, SALT_SIZE, Leaf, commitment, parse_leaf, parse_record
from counterfoil.errors import UnverifiableError, VerificationError
from counterfoil.jws import parse_json_object
from counterfoil.limits import TREE_SIZE_MAX
from counterfoil.note import Policy
from counterfoil.receipt.verified import (
    VerifiedReceipt,
    byte_fields,
    check_checkpoint,
    single_field,
    states_of,
)
from counterfoil.tlog import leaf_hash, verify_inclusion
from counterfoil.wire import element_bytes, field_bytes, field_varint, parse_fields

FORMAT: Final = "counterfoil/receipt@v1"
BINARY_START: Final = field_bytes(1, FORMAT.encode())
TLOG_PROOF_LINE: Final = "c2sp.org/tlog-proof@v1"
_JSON_FIELDS = ("format", "index", "leaf", "salt", "record", "proof", "checkpoint")


@dataclass(frozen=True, slots=True)
class Receipt:
    """One entry's evidence, unverified. ``salt`` and ``record`` are empty when the record was redacted."""

    index: int
    leaf: bytes
    salt: bytes
    record: bytes
    proof: tuple[bytes, ...]
    checkpoint: bytes


def format_receipt(receipt: Receipt) -> bytes:
    """The binary form."""
    return b"".join(
        (
            BINARY_START,
            field_varint(2, receipt.index),
            field_bytes(3, receipt.leaf),
            field_bytes(4, receipt.salt),
            field_bytes(5, receipt.record),
            *(element_bytes(6, step) for step in receipt.proof),
            field_bytes(7, receipt.checkpoint),
        )
    )


def parse_receipt(data: bytes) -> Receipt:
    """Read the binary form.

    Raises:
        VerificationError: the bytes are not what :func:`format_receipt` writes.
    """
    fields: dict[int, list[int | bytes]] = defaultdict(list)
    for number, value, _ in parse_fields(data):
        fields[number].append(value)
    fields.pop(1, None)
    receipt = Receipt(
        index=int(single_field(fields, 2, 0)),
        leaf=bytes(single_field(fields, 3, b"")),
        salt=bytes(single_field(fields, 4, b"")),
        record=bytes(single_field(fields, 5, b"")),
        proof=byte_fields(fields, 6),
        checkpoint=bytes(single_field(fields, 7, b"")),
    )
    if format_receipt(receipt) != data:
        raise VerificationError("receipt has unknown fields or another form than this log writes")
    return receipt


def format_json(receipt: Receipt) -> bytes:
    """The JSON form, one line with a final newline."""
    document = {
        "format": FORMAT,
        "index": receipt.index,
        "leaf": _base64(receipt.leaf),
        "salt": _base64(receipt.salt),
        "record": _base64(receipt.record),
        "proof": [_base64(step) for step in receipt.proof],
        "checkpoint": receipt.checkpoint.decode(),
    }
    return json.dumps(document, ensure_ascii=False).encode() + b"\n"


def parse_json(data: bytes) -> Receipt:
    """Read the JSON form; white space between its parts, the order of names and escapes in strings are free.

    Raises:
        VerificationError: not JSON, or not exactly these fields.
    """
    document = parse_json_object(data, "receipt")
    if sorted(document) != sorted(_JSON_FIELDS):
        raise VerificationError(
            f"JSON receipt must have exactly the fields {', '.join(_JSON_FIELDS)}"
        )
    proof = document["proof"]
    if (
        document["format"] != FORMAT
        or type(document["index"]) is not int
        or not isinstance(proof, list)
    ):
        raise VerificationError("JSON receipt has an unknown format, or a field of the wrong type")
    try:
        checkpoint = str(document["checkpoint"]).encode()
    except UnicodeEncodeError as error:
        raise VerificationError("JSON receipt's checkpoint is not text") from error
    return Receipt(
        document["index"],
        parse_base64(document["leaf"]),
        parse_base64(document["salt"]),
        parse_base64(document["record"]),
        tuple(parse_base64(step) for step in proof),
        checkpoint,
    )


def format_tlog_proof(receipt: Receipt) -> bytes:
    """The C2SP tlog-proof form."""
    lines = [
        TLOG_PROOF_LINE,
        "extra " + _base64(receipt.leaf + receipt.salt + receipt.record),
        f"index {receipt.index}",
        *(_base64(step) for step in receipt.proof),
        "",
        "",
    ]
    return "\n".join(lines).encode() + receipt.checkpoint


def parse_tlog_proof(data: bytes) -> Receipt:
    """Read the C2SP tlog-proof form.

    Raises:
        VerificationError: the text is not what :func:`format_tlog_proof` writes.
        UnverifiableError: it has no extra line, so that the leaf is not known.
    """
    head, empty, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode().split("\n")
    except UnicodeDecodeError as error:
        raise VerificationError("tlog-proof is not UTF-8") from error
    if lines[0] != TLOG_PROOF_LINE or not empty:
        raise VerificationError(f"tlog-proof must begin with the line {TLOG_PROOF_LINE}")
    if len(lines) < 2 or not lines[1].startswith("extra "):
        raise UnverifiableError("tlog-proof has no extra line with the leaf, salt and record")
    if len(lines) < 3 or not lines[2].startswith("index "):
        raise VerificationError("tlog-proof has no index line")
    extra = parse_base64(lines[1].removeprefix("extra "))
    digits = lines[2].removeprefix("index ")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 19:
        raise VerificationError(f"tlog-proof has the index {digits[:32]!r}")
    receipt = Receipt(
        int(digits),
        extra[:LEAF_SIZE],
        extra[LEAF_SIZE : LEAF_SIZE + SALT_SIZE],
        extra[LEAF_SIZE + SALT_SIZE :],
        tuple(parse_base64(line) for line in lines[3:]),
        checkpoint,
    )
    if format_tlog_proof(receipt) != data:
        raise VerificationError("tlog-proof is not in the form that this log writes")
    return receipt


def check_receipt(receipt: Receipt, policy: Policy, form: str) -> VerifiedReceipt:
    """Verify one entry's evidence.

    Raises:
        VerificationError: anything does not fit.
        UnverifiableError: no log of the policy signed the checkpoint.
    """
    checkpoint = check_checkpoint(policy, receipt.checkpoint)
    if not 0 <= receipt.index <= TREE_SIZE_MAX:
        raise VerificationError(f"index {receipt.index} is out of range")
    leaf = parse_leaf(receipt.leaf)
    _check_opening(receipt, leaf)
    hashed = leaf_hash(receipt.leaf)
    verify_inclusion(
        receipt.index, checkpoint.size, hashed, list(receipt.proof), checkpoint.root_hash
    )
    return VerifiedReceipt(
        form,
        receipt.index,
        1,
        leaf.kind,
        leaf.time_us,
        (hashed,),
        (receipt.record,),
        checkpoint,
        states_of(checkpoint),
    )


def _check_opening(receipt: Receipt, leaf: Leaf) -> None:
    if not receipt.salt and not receipt.record:
        return  # Redacted: the leaf and its place still verify, the content is gone.
    if len(receipt.salt) != SALT_SIZE:
        raise VerificationError(f"a salt has {SALT_SIZE} bytes, not {len(receipt.salt)}")
    parse_record(receipt.record)
    if commitment(receipt.salt, receipt.record) != leaf.commitment:
        raise VerificationError("the record is not the one that the leaf commits to")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def parse_base64(text: Any) -> bytes:
    """Standard base64 with padding, in its only form.

    Raises:
        VerificationError: anything else.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (AttributeError, ValueError, binascii.Error) as error:
        raise VerificationError("not base64") from error
    if _base64(data) != text:
        raise VerificationError("base64 is not in its canonical form")
    return data
