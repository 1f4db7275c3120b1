"""Good and mutated receipts of every form, of real small logs and of trees that nobody could store."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from counterfoil.entry import (
    Leaf,
    chain_batch,
    commit_batch,
    commitment,
    derive_salts,
    format_leaf,
    frame_records,
    record_prefix,
)
from counterfoil.note import sign_checkpoint
from counterfoil.receipt import (
    BatchReceipt,
    Receipt,
    format_batch_receipt,
    format_json,
    format_receipt,
    format_tlog_proof,
)
from counterfoil.receipt.jwt import format_jwt

from .case import BATCH, RECEIPT, Case, encode
from .notes import LOG, ORIGIN, PAGE_JS, PAGES, STRANGER, VKEY, flip, flip_rule, neutral_signature
from .proofs import below, change_hashes, some_size
from .shapes import count_places, inclusion_root, inclusion_shape, range_root, range_shape

_TIME_US = 1_700_000_000_000_000
_SAFE = 1 << 53
_SPACE = (b" ", b"\n", b"\t", b"\r\n")


@dataclass(frozen=True)
class Evidence:
    """One entry's receipt, with what its JWT says."""

    receipt: Receipt
    subject: str
    payload: dict[str, Any]


def some_evidence(chance: random.Random) -> Evidence:
    """A good receipt of a tree of any size."""
    size = some_size(chance)
    index = below(chance, size)
    shape = inclusion_shape(index, size)
    assert shape is not None
    body = chance.randbytes(chance.choice((0, 1, 40, 200)))
    request_id, backfill = chance.choice(("", "r-1")), chance.random() < 0.2
    prefix = record_prefix(chance.choice(("host", "hôst")), 1, request_id, backfill)
    record, salt = frame_records(prefix, [body])[0], chance.randbytes(16)
    kind = chance.choice((1, 2, 3, 4, 5, 255))
    previous = chance.randbytes(32)
    leaf = format_leaf(Leaf(kind, _TIME_US, previous, commitment(salt, record)))
    if chance.randrange(8) == 0:
        salt = record = b""  # Redacted.
    proof = [chance.randbytes(32) for _ in shape]
    hashed = sha256(b"\x00" + leaf).digest()
    note = sign_checkpoint(ORIGIN, size, inclusion_root(shape, hashed, proof), LOG)
    receipt = Receipt(index, leaf, salt, record, tuple(proof), note)
    payload = {"event_id": "ev-ä", "metadata": {"7": "x", "a": "\u2028"}, "n": [1, None, True]}
    return Evidence(receipt, f"ev_{index}_{hashed[:4].hex()}", payload)


def receipts(chance: random.Random) -> Iterator[Case]:
    """Endless receipts of one entry, in all four forms."""
    while True:
        evidence = some_evidence(chance)
        for form in _FORMS:
            for _ in range(4):
                yield form(chance, evidence)


def _case(data: bytes, good: bool, rule: str, differ: frozenset[str] = frozenset()) -> Case:
    return Case(RECEIPT, (encode(VKEY), encode(data)), good, rule, differ)


def _changed(chance: random.Random, receipt: Receipt) -> Receipt:
    """A well-formed receipt with one part that is another's."""
    match chance.randrange(8):
        case 0:
            index = receipt.index ^ 1 << chance.randrange(64)
            return replace(receipt, index=index)
        case 1:
            return replace(receipt, leaf=flip(chance, receipt.leaf))
        case 2:
            return replace(receipt, salt=chance.choice((b"", chance.randbytes(16), bytes(15))))
        case 3:
            return replace(
                receipt, record=chance.choice((b"", b"\x7a\x00", receipt.record + b"\x00"))
            )
        case 4:
            other = sign_checkpoint(ORIGIN, 7, chance.randbytes(32), LOG)
            return replace(receipt, checkpoint=other)
        case 5:
            return replace(receipt, checkpoint=receipt.checkpoint.replace(b"\n\n", b"\n"))
        case _:
            return replace(receipt, proof=tuple(change_hashes(chance, receipt.proof)))


def _is_good(shown: Receipt, good: Receipt) -> bool:
    """Whether two receipts say the same, or the shown one has only lost its record."""
    if shown.index != good.index:
        # Two places in a tree can have the same path only when the sizes differ, and the size is signed.
        return False
    redacted = not shown.salt and not shown.record
    opened = (shown.salt, shown.record) == (good.salt, good.record)
    same = (shown.leaf, shown.proof, shown.checkpoint) == (good.leaf, good.proof, good.checkpoint)
    return same and (opened or redacted)


def _plain(form: Callable[[Receipt], bytes]) -> Callable[[random.Random, Evidence], Case]:
    def make(chance: random.Random, evidence: Evidence) -> Case:
        good = evidence.receipt
        match chance.randrange(4):
            case 0:
                return _case(form(good), True, "as issued")
            case 1:
                shown = _changed(chance, good)
                return _case(form(shown), _is_good(shown, good), "a part is another's")
            case _:
                data = flip(chance, form(good))
                return _case(data, data == form(good), *flip_rule(data, form(good)))

    return make


def _json(chance: random.Random, evidence: Evidence) -> Case:
    good = evidence.receipt
    text = format_json(good)
    # JSON numbers end at 2^53 in JavaScript; VERIFYING.md says so.
    late = frozenset({PAGE_JS}) if good.index >= _SAFE else frozenset[str]()
    match chance.randrange(6):
        case 0:
            return _case(text, True, "as issued", late)
        case 1:
            shown = _changed(chance, good)
            truth = _is_good(shown, good)
            return _case(
                format_json(shown), truth, "a part is another's", late if truth else frozenset()
            )
        case 2:
            return _case(_relaid(chance, text), True, "JSON laid out freely", PAGES)
        case 3:
            return _case(_odd_json(chance, text), False, "JSON that the log could not have written")
        case _:
            data = flip(chance, text)
            return _judge_json(data, text, late)


def _judge_json(data: bytes, text: bytes, late: frozenset[str]) -> Case:
    """A changed byte in JSON: by the rule that the same object is the same receipt."""
    if data == text:
        return _case(data, True, "any change of a byte", late)
    try:
        same = json.loads(data.decode()) == json.loads(text) and b'": -0' not in data
    except ValueError:
        same = False
    if same:
        return _case(data, True, "white space in JSON", PAGES)
    return _case(data, False, *flip_rule(data, text))


def _relaid(chance: random.Random, text: bytes) -> bytes:
    document = json.loads(text)
    names = list(document)
    chance.shuffle(names)
    shuffled = {name: document[name] for name in names}
    options: dict[str, Any] = chance.choice(
        (
            {"indent": 1, "ensure_ascii": False},
            {"separators": (",", ":"), "ensure_ascii": False},
            {"ensure_ascii": True},
            {"separators": (" ,\r\n", "\t: ")},
        )
    )
    data = json.dumps(shuffled, **options).encode()
    data = chance.choice(_SPACE) + data if chance.randrange(2) else data
    data = data.replace(b'"format"', b'"\\u0066ormat"') if chance.randrange(3) == 0 else data
    # What is left as it was must not be told apart from the issued one.
    return data if data != text else data + b" "


def _odd_json(chance: random.Random, text: bytes) -> bytes:
    line = text.decode().strip()
    index = json.loads(line)["index"]
    number = f'"index": {index}'
    return (
        chance.choice(
            (
                line[:-1] + f", {number}}}",
                line[:-1] + ', "extra": 1}',
                line.replace(number, f'"index": {index}.0'),
                line.replace(number, f'"index": "{index}"'),
                line.replace(number, f'"index": {index}e0'),
                line.replace(number, f'"index": 0{index}'),
                line.replace(number, '"index": -0'),
                line.replace(number, '"index": true'),
                line.replace(number, '"index": NaN'),
                line.replace(number, f'"index": {index + (1 << 64)}'),
                line + line,
                line + "\x00",
                "\ufeff" + line,
                line[:-1] + ",}",
                line.replace('"', "'"),
                line.replace('"proof": [', '"proof": ["", '),
                line.replace("\\n", "\n"),
                line.replace("\\n", "\\r\\n"),
                f"[{line}]",
                line.replace('"leaf": "', '"leaf": "\\n'),
                line.replace('"checkpoint": "', '"checkpoint": "\\ud800'),
                line.replace("counterfoil/receipt@v1", "counterfoil/receipt@v2"),
                line.replace('"format"', '"Format"'),
            )
        ).encode()
        if chance.randrange(8)
        else line.encode(chance.choice(("utf-16-le", "utf-16", "utf-32")))
    )


def _jwt(chance: random.Random, evidence: Evidence) -> Case:
    receipt = evidence.receipt
    good = format_jwt(receipt, LOG, evidence.subject, _TIME_US, evidence.payload)
    late = frozenset({PAGE_JS}) if receipt.index >= _SAFE else frozenset[str]()
    match chance.randrange(6):
        case 0:
            return _case(good, True, "as issued", late)
        case 1:
            spaced = (
                chance.choice(_SPACE) + good
                if chance.randrange(2)
                else good + chance.choice(_SPACE)
            )
            return _case(spaced, True, "white space around a JWT", PAGES)
        case 2:
            data, rule, differ = _resigned(chance, evidence, good)
            return _case(data, False, rule, differ)
        case 3:
            header, claims, _ = good.split(b".")
            data = _token(header, claims, neutral_signature(header + b"." + claims))
            return _case(data, False, "R is the neutral element")
        case _:
            data = flip(chance, good)
            # Python's white space, which VERIFYING.md leaves out.
            same = data.strip() == good
            spaced_rule = "white space around a JWT" if same else "any change of a byte"
            return _case(
                data,
                same,
                spaced_rule,
                PAGES if same and data != good else late if same else frozenset(),
            )


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _token(header: bytes, claims: bytes, signature: bytes) -> bytes:
    return b".".join((header, claims, _base64url(signature)))


def _resigned(
    chance: random.Random, evidence: Evidence, good: bytes
) -> tuple[bytes, str, frozenset[str]]:
    """Header and claims that the log's key really signed, and that are not those of the receipt."""
    header, claims = (
        json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
        for part in good.split(b".")[:2]
    )
    index = evidence.receipt.index
    changes: tuple[tuple[dict[str, Any], Any], ...] = (
        (header, {**claims, "index": index + 1}),
        (header, {**claims, "index": str(index)}),
        (header, {**claims, "index": index % 1000 + 0.5}),
        (header, {**claims, "index": [index]}),
        (header, {**claims, "index": True}) if index == 1 else (header, {**claims, "index": None}),
        (header, {**claims, "iat": claims["iat"] + 1}),
        (header, {**claims, "iat": str(claims["iat"])}),
        (header, {**claims, "iss": STRANGER.name}),
        (header, {**claims, "sub": "ev_0_00000000"}),
        (header, {**claims, "sub": [claims["sub"]]}),
        (header, {**claims, "sub": None}),
        (header, {**claims, "nbf": 1}),
        (header, {name: claims[name] for name in claims if name != "payload"}),
        (header, {**claims, "receipt": claims["receipt"] + "="}),
        (header, {**claims, "receipt": 7}),
        (header, {**claims, "receipt": None}),
        (header, list(claims)),
        (header, "claims"),
        (header, None),
        ({**header, "alg": "none"}, claims),
        ({**header, "alg": ["EdDSA"]}, claims),
        ({**header, "kid": "x"}, claims),
        ({**header, "kid": None}, claims),
        ({**header, "typ": "JWT"}, claims),
        ({**header, "crit": ["b64"]}, claims),
        ({"alg": "EdDSA", "typ": header["typ"]}, claims),
    )
    shown = [json.dumps(part, separators=(",", ":")).encode() for part in chance.choice(changes)]
    rule, differ = "signed claims that are not the receipt's", frozenset[str]()
    if chance.randrange(6) == 0:
        # A claim twice: VERIFYING.md takes the last one, as most readers do; SPEC.md refuses it.
        whole = [json.dumps(part, separators=(",", ":")).encode() for part in (header, claims)]
        shown = [whole[0], whole[1][:-1] + b',"exp":1,"exp":1}']
        rule, differ = "a claim twice", PAGES - ({PAGE_JS} if index >= _SAFE else set())
    first, second = map(_base64url, shown)
    return _token(first, second, LOG.sign(first + b"." + second)), rule, frozenset(differ)


_FORMS = (_plain(format_receipt), _plain(format_tlog_proof), _json, _jwt)


def batches(chance: random.Random) -> Iterator[Case]:
    """Endless batch receipts with their records."""
    while True:
        good = _batch(chance)
        whole = format_batch_receipt(good)
        for _ in range(6):
            data, truth, rule, differ = whole, True, "as issued", frozenset[str]()
            if chance.randrange(4) == 0:
                shown = _changed_batch(chance, good)
                data = format_batch_receipt(shown)
                truth, rule = shown == good, "a part is another's"
            elif chance.randrange(5):
                data = flip(chance, whole)
                truth, (rule, differ) = data == whole, flip_rule(data, whole)
            yield Case(BATCH, (encode(VKEY), encode(data)), truth, rule, differ)


def _batch(chance: random.Random) -> BatchReceipt:
    size = some_size(chance)
    begin = below(chance, size)
    end = min(size, begin + chance.randrange(1, 9))
    prefix = record_prefix("host", 2)
    records = frame_records(prefix, [chance.randbytes(20) for _ in range(begin, end)])
    seed, previous, kind = chance.randbytes(32), chance.randbytes(32), chance.choice((3, 2, 255))
    salts = derive_salts(seed, end - begin)
    hashes = chain_batch(kind, _TIME_US, previous, commit_batch(salts, records))
    shape = range_shape(begin, end, size)
    proof = [chance.randbytes(32) for _ in range(count_places(shape, "outside"))]
    root = range_root(shape, list(hashes), proof.copy())
    note = sign_checkpoint(ORIGIN, size, root, LOG)
    by_seed = chance.randrange(2)
    return BatchReceipt(
        begin,
        end - begin,
        kind,
        _TIME_US,
        previous,
        seed if by_seed else b"",
        b"" if by_seed else salts,
        tuple(proof),
        note,
        tuple(records),
    )


def _changed_batch(chance: random.Random, good: BatchReceipt) -> BatchReceipt:
    match chance.randrange(10):
        case 0:
            return replace(good, first_index=good.first_index ^ 1 << chance.randrange(64))
        case 1:
            return replace(good, count=chance.choice((0, good.count + 1, good.count - 1, 1 << 63)))
        case 2:
            return replace(good, kind=chance.choice((0, good.kind ^ 1, 256, 259)))
        case 3:
            return replace(good, time_us=chance.choice((0, good.time_us + 1, 1 << 63)))
        case 4:
            return replace(good, previous=flip(chance, good.previous))
        case 5:
            return replace(good, salt_seed=chance.choice((b"", bytes(31), chance.randbytes(32))))
        case 6:
            return replace(good, salts=chance.choice((b"", bytes(16 * good.count), bytes(16))))
        case 7:
            return replace(good, records=good.records[::-1] if good.count > 1 else ())
        case 8:
            return replace(good, records=(*good.records, good.records[0]))
        case _:
            return replace(good, proof=tuple(change_hashes(chance, good.proof)))
