"""Write malformed.json: notes and checkpoints that must be refused, each for one named fault.

Usage: python generate.py. Faults in the text are signed as they stand, so that only a strict reader
refuses them; the message that it gives has to hold the words in "error". Signs with PyNaCl and
spells out the formats by itself.
"""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path

from nacl.signing import SigningKey

HERE = Path(__file__).parent

ORIGIN = "example.com/log"
WITNESS = "witness.example.com/w1"
LOG_KEY = SigningKey(b"\x01" * 32)
WITNESS_KEY = SigningKey(b"\x02" * 32)
ROOT_BYTES = sha256(b"a root").digest()
ROOT = base64.b64encode(ROOT_BYTES).decode()
TEXT = f"{ORIGIN}\n5\n{ROOT}\n"

Fault = tuple[str, bytes, str]


def key_id(name: str, key_type: int, key: SigningKey) -> bytes:
    """Return a key id."""
    public = key.verify_key.encode()
    return sha256(name.encode() + b"\n" + bytes([key_type]) + public).digest()[:4]


def vkey(name: str, key_type: int, key: SigningKey) -> str:
    """Return a verifier key."""
    material = base64.b64encode(bytes([key_type]) + key.verify_key.encode()).decode()
    return f"{name}+{key_id(name, key_type, key).hex()}+{material}"


def encoded(blob: bytes, name: str = ORIGIN) -> str:
    """Return what stands after the name in a signature line of the log."""
    return base64.b64encode(key_id(name, 1, LOG_KEY) + blob).decode()


def signature(text: str | bytes) -> bytes:
    """Return the log's bare signature of a text."""
    data = text if isinstance(text, bytes) else text.encode()
    return LOG_KEY.sign(data).signature


def line(text: str | bytes = TEXT) -> str:
    """Return the log's signature line for a text."""
    return f"— {ORIGIN} {encoded(signature(text))}\n"


def signed(text: str) -> bytes:
    """Return a note with the log's good signature."""
    return f"{text}\n{line(text)}".encode()


def with_line(value: str) -> bytes:
    """Return the note of TEXT with a good signature and one more line."""
    return f"{TEXT}\n{line()}{value}".encode()


def cosignature(text: str, time_s: int, signed_time: str) -> str:
    """Return the witness's signature line."""
    blob = WITNESS_KEY.sign(f"cosignature/v1\ntime {signed_time}\n{text}".encode()).signature
    blob = key_id(WITNESS, 4, WITNESS_KEY) + time_s.to_bytes(8, "big") + blob
    return f"— {WITNESS} {base64.b64encode(blob).decode()}\n"


def note_faults() -> list[Fault]:
    """Return faults of the note itself: (fault, note, words of the message)."""
    good = signed(TEXT)
    bare = f"{TEXT}\n".encode()
    stranger = base64.b64encode(b"\x00" * 68).decode()
    bad_utf8 = (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x80")
    controls = (0x00, 0x01, 0x07, 0x09, 0x0B, 0x0C, 0x0D, 0x1B, 0x1F)
    return [
        ("nothing at all", b"", "does not end in a newline"),
        ("text only", TEXT.encode(), "no empty line"),
        ("text and empty line only", bare, "no signatures"),
        ("two empty lines at the end", bare + b"\n", "no signatures"),
        ("no empty line before signatures", (TEXT + line()).encode(), "no empty line"),
        ("signatures only", line().encode(), "no empty line"),
        ("no final newline", good[:-1], "does not end in a newline"),
        ("final newline twice", good + b"\n", "no signatures"),
        ("CR LF line ends", good.replace(b"\n", b"\r\n"), "control character"),
        *(
            (f"control character {code:#04x}, signed", signed(f"a{chr(code)}b\n"), "control")
            for code in controls
        ),
        *(
            (f"not UTF-8: {raw.hex()}", raw + b"\n\n" + line(raw + b"\n").encode(), "UTF-8")
            for raw in bad_utf8
        ),
        ("hyphen for em dash", with_line(f"- a {stranger}\n"), "em dash"),
        ("en dash for em dash", with_line(f"\N{EN DASH} a {stranger}\n"), "em dash"),
        ("no space after em dash", with_line(f"—a {stranger}\n"), "em dash"),
        ("space before em dash", with_line(f" — a {stranger}\n"), "em dash"),
        ("two spaces after em dash", with_line(f"—  a {stranger}\n"), "empty"),
        ("no signature after the name", with_line("— a\n"), "no signature"),
        ("empty signature", with_line("— a \n"), "nothing after the key id"),
        ("key id alone", with_line("— a AAAAAA==\n"), "nothing after the key id"),
        ("three bytes", with_line("— a AAAA\n"), "nothing after the key id"),
        ("name with a plus sign", with_line(f"— a+b {stranger}\n"), "plus"),
        ("name with a no-break space", with_line(f"— a\u00a0b {stranger}\n"), "space"),
        ("name with an em space", with_line(f"— a\u2003b {stranger}\n"), "space"),
        ("name with an ideographic space", with_line(f"— a\u3000b {stranger}\n"), "space"),
        ("name with a line separator", with_line(f"— a\u2028b {stranger}\n"), "space"),
        ("name with a next-line character", with_line(f"— a\u0085b {stranger}\n"), "space"),
        ("name of 256 bytes", with_line(f"— {'a' * 256} {stranger}\n"), "longer than"),
        ("two spaces before base64", with_line(f"— a  {stranger}\n"), "not base64"),
        ("space after base64", with_line(f"— a {stranger} \n"), "not base64"),
        ("words after base64", with_line(f"— a {stranger} b\n"), "not base64"),
        ("base64 without padding", with_line("— a AAAAAAA\n"), "not base64"),
        ("base64 with padding twice", with_line("— a AAAAAAA=====\n"), "base64"),
        ("base64 with unused bits", with_line("— a AAAAAAB=\n"), "not canonical base64"),
        ("base64 of the URL alphabet", with_line("— a AAAAAA-_\n"), "not base64"),
        ("base64 with a stray character", with_line("— a AAAA*AAA\n"), "not base64"),
        ("base64 in full-width letters", with_line("— a \uff21AAAAAA=\n"), "not base64"),
        ("a line that is no signature", with_line("Unexpected line.\n"), "em dash"),
        ("101 signature lines", with_line(f"— a {stranger}\n" * 100), "more than 100"),
        *signature_faults(),
    ]


def signature_faults() -> list[Fault]:
    """Return notes in which a line of a known key does not verify."""
    good = signature(TEXT)
    other = TEXT.replace("\n5\n", "\n6\n")
    flipped = bytes([good[0] ^ 1]) + good[1:]
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = int.from_bytes(good[32:], "little") + order
    malleable = good[:32] + scalar.to_bytes(32, "little")

    def known(blob: bytes) -> str:
        return f"— {ORIGIN} {encoded(blob)}\n"

    refused = "does not verify"
    return [
        ("signature bit flipped", f"{TEXT}\n{known(flipped)}".encode(), refused),
        ("signature with S + L", f"{TEXT}\n{known(malleable)}".encode(), refused),
        ("signature of another text", f"{TEXT}\n{line(other)}".encode(), refused),
        ("signature without the last newline", f"{TEXT}\n{line(TEXT[:-1])}".encode(), refused),
        ("signature with the empty line", f"{TEXT}\n{line(TEXT + chr(10))}".encode(), refused),
        ("signature of zeros", f"{TEXT}\n{known(bytes(64))}".encode(), refused),
        ("signature too short", f"{TEXT}\n{known(good[:-1])}".encode(), "64 bytes"),
        ("signature too long", f"{TEXT}\n{known(good + bytes(1))}".encode(), "64 bytes"),
        ("text changed", signed(TEXT).replace(b"\n5\n", b"\n6\n"), refused),
        ("text with one more line", signed(TEXT).replace(b"\n\n", b"\nx\n\n"), refused),
        ("empty line among signatures", f"{TEXT}\n{line()}\n{line()}".encode(), refused),
        ("bad line after a good one of the key", with_line(known(flipped)), refused),
        ("bad line before a good one", f"{TEXT}\n{known(flipped)}{line()}".encode(), refused),
        ("known witness: bad time", with_line(cosignature(TEXT, 8, "7")), refused),
        ("known witness: other text", with_line(cosignature(other, 7, "7")), refused),
        (
            "known witness: time too large",
            with_line(cosignature(TEXT, 2**63, str(2**63))),
            "no possible time",
        ),
    ]


def checkpoint_faults() -> list[Fault]:
    """Return faults of the checkpoint in a note whose signature is good."""
    sizes = {
        "a plus sign": "+5",
        "a minus sign": "-5",
        "minus zero": "-0",
        "a leading zero": "05",
        "two zeros": "00",
        "a leading space": " 5",
        "a trailing space": "5 ",
        "hexadecimal": "0x5",
        "an underscore": "5_0",
        "a fraction": "5.0",
        "an exponent": "5e0",
        "an Arabic digit": "\u0665",
        "a full-width digit": "\uff15",
        "a superscript digit": "\u00b2",
        "nothing": "",
        "a word": "five",
        "2^63": str(2**63),
        "2^64": str(2**64),
        "5,000 digits": "9" * 5000,
    }
    roots = {
        "31 bytes": (base64.b64encode(ROOT_BYTES[:-1]).decode(), "32 bytes"),
        "33 bytes": (base64.b64encode(ROOT_BYTES + b"\x00").decode(), "32 bytes"),
        "nothing": ("", "32 bytes"),
        "no padding": (ROOT.rstrip("="), "not base64"),
        "unused bits set": (ROOT[:-2] + chr(ord(ROOT[-2]) + 1) + "=", "not canonical base64"),
        "the URL alphabet": ("-" * 43 + "=", "not base64"),
        "hex": (ROOT_BYTES.hex(), "32 bytes"),
        "a space at the end": (ROOT + " ", "not base64"),
        "a space inside": (ROOT[:20] + " " + ROOT[20:], "not base64"),
    }
    origins = {
        "nothing": ("", "empty"),
        "another log": ("example.com/other", "another log"),
        "upper case": (ORIGIN.upper(), "another log"),
        "a byte order mark": ("\ufeff" + ORIGIN, "another log"),
        "a space inside": ("example.com /log", "space"),
        "a space at the end": (ORIGIN + " ", "space"),
        "a plus sign": (ORIGIN + "+1", "plus"),
        "256 bytes": ("a" * 256, "longer than"),
    }
    return [
        *(
            (f"size is {k}", signed(f"{ORIGIN}\n{v}\n{ROOT}\n"), "decimal")
            for k, v in sizes.items()
        ),
        *(
            (f"root hash is or has {k}", signed(f"{ORIGIN}\n5\n{v}\n"), words)
            for k, (v, words) in roots.items()
        ),
        *(
            (f"origin is or has {k}", signed(f"{v}\n5\n{ROOT}\n"), words)
            for k, (v, words) in origins.items()
        ),
        (
            "size 0 with the root of another size",
            signed(f"{ORIGIN}\n0\n{ROOT}\n"),
            "root of size 0",
        ),
        ("one line", signed(f"{ORIGIN}\n"), "fewer than three"),
        ("two lines", signed(f"{ORIGIN}\n5\n"), "fewer than three"),
        ("empty line first", signed(f"\n{TEXT}"), "empty"),
        ("empty line after the origin", signed(f"{ORIGIN}\n\n5\n{ROOT}\n"), "decimal"),
        ("extension line", signed(TEXT + "extension\n"), "extension lines"),
        ("empty extension line", signed(TEXT + "\n"), "extension lines"),
        ("size and root hash swapped", signed(f"{ORIGIN}\n{ROOT}\n5\n"), "decimal"),
    ]


def build() -> dict[str, object]:
    """Return the keys, a good note, and the faults of each level."""

    def entries(faults: list[Fault]) -> list[dict[str, str]]:
        return [
            {"fault": fault, "note_base64": base64.b64encode(note).decode(), "error": words}
            for fault, note, words in faults
        ]

    return {
        "vkeys": [vkey(ORIGIN, 1, LOG_KEY), vkey(WITNESS, 4, WITNESS_KEY)],
        "good": with_line(cosignature(TEXT, 7, "7")).decode(),
        "note": entries(note_faults()),
        "checkpoint": entries(checkpoint_faults()),
    }


def main() -> None:
    """Write the file."""
    text = json.dumps(build(), indent=1, ensure_ascii=False)
    (HERE / "malformed.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
