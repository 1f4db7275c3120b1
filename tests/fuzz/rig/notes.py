"""Good and mutated checkpoints: signed by the log, by strangers, by nobody, and spelt in every way that is none."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterator
from hashlib import sha512
from typing import NamedTuple

from counterfoil.keys import KEY_TYPE_COSIGNATURE, Signer
from counterfoil.note import cosign_checkpoint, format_signature_line, sign_checkpoint

from .case import NOTE, Case, encode
from .proofs import EMPTY_ROOT, some_size

PAGE_PYTHON, PAGE_JS, GO, PYMERKLE = "page-python", "page-js", "go", "pymerkle"
PAGES = frozenset({PAGE_PYTHON, PAGE_JS})

ORIGIN = "example.com/ledger"
LOG = Signer.from_seed(ORIGIN, b"L" * 32)
STRANGER = Signer.from_seed("example.org/other", b"S" * 32)
NAMESAKE = Signer.from_seed(ORIGIN, b"N" * 32)
WITNESS = Signer.from_seed("witness.example", b"W" * 32, KEY_TYPE_COSIGNATURE)
VKEY = LOG.verifier.vkey.encode()
_GROUP_ORDER = (1 << 252) + 27742317777372353535851937790883648493
_DASH = "—".encode()
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class Made(NamedTuple):
    """A note, whether it is good, the rule, and who is known to differ."""

    note: bytes
    good: bool
    rule: str
    differ: frozenset[str] = frozenset()


def checkpoints(chance: random.Random) -> Iterator[Case]:
    """Endless checkpoints."""
    while True:
        size = some_size(chance, 0)
        root = chance.randbytes(32) if size else EMPTY_ROOT
        note = sign_checkpoint(ORIGIN, size, root, LOG)
        for _ in range(8):
            made = chance.choice(_CHANGES)(chance, note)
            yield Case(NOTE, (encode(VKEY), encode(made.note)), *made[1:])
        vkey, differ = _another_key(chance)
        fields = (encode(vkey), encode(note))
        yield Case(NOTE, fields, vkey == VKEY, "the key is another", frozenset(differ))


def flip(chance: random.Random, data: bytes) -> bytes:
    """The bytes with one change somewhere."""
    at = chance.randrange(len(data))
    match chance.randrange(4):
        case 0:
            return data[:at] + data[at + 1 :]
        case 1:
            return data[:at] + bytes([chance.randrange(256)]) + data[at:]
        case 2:
            return data[:at]
        case _:
            return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def flip_rule(changed: bytes, good: bytes) -> tuple[str, frozenset[str]]:
    """The rule for bytes with one change somewhere, and who is known to differ.

    sumdb/note reads signatures with encoding/base64 of Go, which does not look at the unused bits of the last character.
    """
    if len(changed) == len(good) and changed != good:
        at = next(at for at, byte in enumerate(good) if byte != changed[at])
        line = good[good.rfind(b"\n", 0, at) + 1 : at]
        # In JSON the end of the line is spelt out.
        last = good[at + 1 :].startswith((b"=\n", b"=\\n")) and _DASH in line
        if last and _BASE64.find(changed[at : at + 1]) >> 2 == _BASE64.find(good[at : at + 1]) >> 2:
            return "unused bits in the base64 of the signature", frozenset({GO})
    return "any change of a byte", frozenset()


def _same(_chance: random.Random, note: bytes) -> Made:
    return Made(note, True, "as signed")


def _flipped(chance: random.Random, note: bytes) -> Made:
    changed = flip(chance, note)
    return Made(changed, changed == note, *flip_rule(changed, note))


def _loose_signature(_chance: random.Random, note: bytes) -> Made:
    changed = _loose(note[:-1].decode()).encode() + b"\n"
    return Made(changed, changed == note, *flip_rule(changed, note))


def _stranger_line(chance: random.Random, note: bytes) -> Made:
    text = note.partition(b"\n\n")[0] + b"\n"
    line = chance.choice(
        (
            format_signature_line(STRANGER.name, STRANGER.verifier.key_id, chance.randbytes(64)),
            format_signature_line("näme/β", chance.randbytes(4), b"s"),
            format_signature_line(ORIGIN, chance.randbytes(4), chance.randbytes(64)),
            format_signature_line("x", LOG.verifier.key_id, chance.randbytes(64)),
            format_signature_line("\x7f\ufeff", b"idid", chance.randbytes(9)),
            cosign_checkpoint(text.decode(), WITNESS, chance.getrandbits(40)),
        )
    )
    head, empty, lines = note.partition(b"\n\n")
    more = lines + line if chance.randrange(2) else line + lines
    return Made(head + empty + more, True, "lines of strangers are ignored")


def _bad_stranger_line(chance: random.Random, note: bytes) -> Made:
    bad, differ = chance.choice(
        (
            (b"- a AAAAAAAA\n", ()),
            (_DASH + b" a\n", ()),
            (_DASH + b"  AAAAAAAA\n", ()),
            (_DASH + b" a  AAAAAAAA\n", ()),
            (_DASH + b" a AAAAAAAA \n", ()),
            (_DASH + b" a+b AAAAAAAA\n", ()),
            (_DASH + "\N{NO-BREAK SPACE}a AAAAAAAA\n".encode(), ()),
            (_DASH + " a\N{NO-BREAK SPACE}b AAAAAAAA\n".encode(), ()),
            (_DASH + " a\x85b AAAAAAAA\n".encode(), ()),
            (_DASH + " a\u2028b AAAAAAAA\n".encode(), ()),
            (_DASH + " a\u3000 AAAAAAAA\n".encode(), ()),
            (_DASH + b" a AAAAAA==\n", ()),
            (_DASH + b" a AAAA\n", ()),
            (_DASH + b" a AAAAAAAA", ()),
            (_DASH + b" a AAAAAAAA\r\n", ()),
            (_DASH + b" a AAAAAAAA\x00\n", ()),
            (b"\n", ()),
            (_DASH + b" \xff AAAAAAAA\n", ()),
            (_DASH + b" \xed\xa0\x80 AAAAAAAA\n", ()),
            # encoding/base64 of Go does not look at the unused bits.
            (_DASH + b" a AAAAAAB=\n", (GO,)),
            # SPEC.md bounds a name; the others do not.
            (_DASH + b" " + b"n" * 256 + b" AAAAAAAA\n", (*PAGES, GO)),
        )
    )
    # An empty line among the lines moves the split, so that the log's line is text.
    return Made(note + bad, False, "a malformed line, even of a stranger", frozenset(differ))


def _second_line(chance: random.Random, note: bytes) -> Made:
    """Two lines of the log: both have to verify, and both good are one signature."""
    head, empty, line = note.partition(b"\n\n")
    wrong = format_signature_line(ORIGIN, LOG.verifier.key_id, chance.randbytes(64))
    match chance.randrange(3):
        case 0:
            return Made(head + empty + line + line, True, "the same line twice")
        case 1:
            # sumdb/note looks at the first line of a key only.
            rule = "a second line of the known key is wrong"
            return Made(head + empty + line + wrong, False, rule, frozenset({GO}))
        case _:
            return Made(head + empty + wrong + line, False, "the first line of the key is wrong")


def _wrong_signer(chance: random.Random, note: bytes) -> Made:
    text = note.partition(b"\n\n")[0].decode() + "\n"
    _, size, _, _ = text.split("\n")
    root = base64.b64decode(text.split("\n")[2])
    if chance.randrange(2):
        other = sign_checkpoint(ORIGIN, int(size), root, NAMESAKE)
        return Made(other, False, "a key with the log's name and another id")
    other_text = f"{STRANGER.name}\n{size}\n{text.splitlines()[2]}\n"
    return Made(signed(other_text), False, "the log signed for another origin")


def signed(text: str) -> bytes:
    """A note of any text with the log's real signature, which its own code would refuse to write."""
    raw = text.encode("utf-8", "surrogatepass")
    return raw + b"\n" + format_signature_line(ORIGIN, LOG.verifier.key_id, LOG.sign(raw))


def _odd_text(chance: random.Random, note: bytes) -> Made:
    """Texts that a log with this key could sign, and that are no checkpoint."""
    origin, size, root = note.partition(b"\n\n")[0].decode().split("\n")
    text = chance.choice(
        (
            f"{origin}\n0{size}\n{root}\n",
            f"{origin}\n+{size}\n{root}\n",
            f"{origin}\n-{size}\n{root}\n",
            f"{origin}\n {size}\n{root}\n",
            f"{origin}\n{size}.0\n{root}\n",
            f"{origin}\n٣\n{root}\n",
            f"{origin}\n{(1 << 63) + int(size)}\n{root}\n",
            f"{origin}\n\n{root}\n",
            f"{origin}\n{size}\n{root.rstrip('=')}\n",
            f"{origin}\n{size}\n{root} \n",
            f"{origin}\n{size}\n{_loose(root)}\n",
            f"{origin}\n{size}\n{root[:40]}\n",
            f"{origin}\n{size}\n{encode(bytes(33))}\n",
            f"{origin}\n{size}\n",
            f"{origin}\n{size}\n{root}\nextension\n",
            f"{origin}\n{size}\n{root}\n\n",
            f"\n{origin}\n{size}\n{root}\n",
            f"{origin} \n{size}\n{root}\n",
            f"{origin}\r\n{size}\r\n{root}\r\n",
            f"{origin}\n{size}\n{root}\n\ufeff\n",
            f"\ufeff{origin}\n{size}\n{root}\n",
            f"{origin}\n1\n{root}\n{size}\n",
        )
    )
    return Made(signed(text), False, "signed, and no checkpoint")


def _loose(text: str) -> str:
    """Base64 that ends with two unused bits, with one of them set."""
    alphabet = _BASE64.decode()
    return text[:-2] + alphabet[alphabet.index(text[-2]) | 1] + "="


def _empty_tree(chance: random.Random, _note: bytes) -> Made:
    root = base64.b64encode(chance.randbytes(32)).decode()
    differ = PAGES
    return Made(signed(f"{ORIGIN}\n0\n{root}\n"), False, "size 0 with another root", differ)


def _odd_signature(chance: random.Random, note: bytes) -> Made:
    """Signatures that mathematics or a library might let pass."""
    text = note.partition(b"\n\n")[0] + b"\n"
    signature = LOG.sign(text)
    scalar = int.from_bytes(signature[32:], "little")
    more = scalar + chance.randrange(1, 15) * _GROUP_ORDER
    blob, rule = chance.choice(
        (
            (signature[:32] + more.to_bytes(32, "little"), "S is not below L"),
            (neutral_signature(text), "R is the neutral element"),
            (bytes(64), "zeros"),
            (signature[::-1], "backwards"),
            (signature + b"\x00", "a byte too many"),
            (signature[:-1], "a byte too few"),
            (b"\x01" + bytes(31) + signature[32:], "R of small order"),
            (
                signature[:31] + bytes([signature[31] ^ 0x80]) + signature[32:],
                "R with another sign",
            ),
            (b"\xec" + b"\xff" * 30 + b"\x7f" + signature[32:], "R of order 2"),
            (signature[:32] + bytes(32), "S is zero"),
        )
    )
    line = format_signature_line(ORIGIN, LOG.verifier.key_id, blob)
    differ = frozenset({GO}) if rule == "R is the neutral element" else frozenset[str]()
    return Made(text + b"\n" + line, False, rule, differ)


def neutral_signature(message: bytes) -> bytes:
    """A signature with r = 0, which only the holder of the key can make: R is the neutral element, S = k a."""
    digest = bytearray(sha512(b"L" * 32).digest()[:32])
    digest[0] &= 248
    digest[31] = digest[31] & 63 | 64
    neutral = b"\x01" + bytes(31)
    k = int.from_bytes(sha512(neutral + LOG.verifier.public_key + message).digest(), "little")
    scalar = k * int.from_bytes(digest, "little") % _GROUP_ORDER
    return neutral + scalar.to_bytes(32, "little")


def _large(chance: random.Random, note: bytes) -> Made:
    """Notes at the bounds of bytes and lines."""
    many = format_signature_line("x", b"idid", b"s")
    if chance.randrange(2):
        count = chance.choice((98, 99, 100, 150))
        rule, good = "at most 100 lines", count < 100
        return Made(note + many * count, good, rule, frozenset() if good else PAGES)
    long = format_signature_line("x", b"idid", bytes(chance.choice((40_000, 60_000))))
    good = len(note) + len(long) <= 64 * 1024
    return Made(note + long, good, "at most 64 KiB", frozenset() if good else PAGES | {GO})


def _another_key(chance: random.Random) -> tuple[bytes, tuple[str, ...]]:
    name, key_id, material = VKEY.split(b"+", 2)
    return chance.choice(
        (
            (VKEY, ()),
            (name + b"+00000000+" + material, ()),
            # sumdb/note reads the id as a number.
            (name + b"+" + key_id.upper() + b"+" + material, (GO,)),
            (name + b"x+" + key_id + b"+" + material, ()),
            (name + b"+" + key_id, ()),
            (b"+" + key_id + b"+" + material, ()),
            (name + b"+" + key_id + b"+" + material[:-4], ()),
            (b" " + VKEY, ()),
            (NAMESAKE.verifier.vkey.encode(), ()),
            (STRANGER.verifier.vkey.encode(), ()),
            (WITNESS.verifier.vkey.encode(), ()),
        )
    )


_CHANGES: tuple[Callable[[random.Random, bytes], Made], ...] = (
    _same,
    _flipped,
    _flipped,
    _flipped,
    _loose_signature,
    _stranger_line,
    _bad_stranger_line,
    _second_line,
    _wrong_signer,
    _odd_text,
    _empty_tree,
    _odd_signature,
    _large,
)
