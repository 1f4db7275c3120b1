"""Write cosignature.json: Ed25519 cosignatures (C2SP tlog-cosignature), good ones and bad ones.

Usage: python generate.py. Signs with PyNaCl and spells out the bytes of the document by itself.
"""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path

from nacl.signing import SigningKey

HERE = Path(__file__).parent

NAME = "witness.example.com/w1"
SEED = bytes(range(32))
ROOT = base64.b64encode(sha256(b"a root").digest()).decode()
TEXT = f"example.com/behind-the-sofa\n20852163\n{ROOT}\n"
OTHER_TEXT = f"example.com/behind-the-sofa\n20852164\n{ROOT}\n"
TIME_S = 1679315147


def key_id(key_type: int) -> bytes:
    """Return the key id of the witness's key under a type."""
    public = SigningKey(SEED).verify_key.encode()
    return sha256(NAME.encode() + b"\n" + bytes([key_type]) + public).digest()[:4]


def vkey() -> str:
    """Return the verifier key of the witness."""
    public = SigningKey(SEED).verify_key.encode()
    return f"{NAME}+{key_id(4).hex()}+{base64.b64encode(bytes([4]) + public).decode()}"


def sign(text: str, time: str, header: str = "cosignature/v1") -> bytes:
    """Return the bare signature over a header, a time and a text."""
    return SigningKey(SEED).sign(f"{header}\ntime {time}\n{text}".encode()).signature


def line(blob: bytes, name: str = NAME, key_type: int = 4) -> str:
    """Return a signature line."""
    return f"— {name} {base64.b64encode(key_id(key_type) + blob).decode()}\n"


def stamp(time_s: int) -> bytes:
    """Return a time as it stands before the signature."""
    return time_s.to_bytes(8, "big")


def build() -> dict[str, object]:
    """Return the key, and lines by what is wrong with them."""
    signature = sign(TEXT, str(TIME_S))
    good = stamp(TIME_S) + signature
    bare = SigningKey(SEED).sign(TEXT.encode()).signature
    flipped = bytes([signature[0] ^ 1]) + signature[1:]
    accepted = [
        {"time_s": TIME_S, "line": line(good)},
        {"time_s": 0, "line": line(stamp(0) + sign(TEXT, "0"))},
        {"time_s": 2**63 - 1, "line": line(stamp(2**63 - 1) + sign(TEXT, str(2**63 - 1)))},
    ]
    refused = {
        "time one second later than signed": line(stamp(TIME_S + 1) + signature),
        "time above 2^63 - 1, though signed": line(stamp(2**63) + sign(TEXT, str(2**63))),
        "time signed with a leading zero": line(stamp(TIME_S) + sign(TEXT, f"0{TIME_S}")),
        "time little-endian": line(TIME_S.to_bytes(8, "little") + signature),
        "no time": line(signature),
        "plain note signature with a time": line(stamp(TIME_S) + bare),
        "another header": line(stamp(TIME_S) + sign(TEXT, str(TIME_S), "cosignature/v2")),
        "another tree size": line(stamp(TIME_S) + sign(OTHER_TEXT, str(TIME_S))),
        "text without its final newline": line(stamp(TIME_S) + sign(TEXT[:-1], str(TIME_S))),
        "signature bit flipped": line(stamp(TIME_S) + flipped),
        "one byte too short": line(good[:-1]),
        "one byte too long": line(good + b"\x00"),
        "time alone": line(stamp(TIME_S)),
    }
    unknown = {
        "key id of a plain note key": line(good, key_type=1),
        "key id of an ML-DSA cosigner": line(good, key_type=6),
        "another witness's name": line(good, name="witness.example.com/w2"),
    }
    return {
        "seed": SEED.hex(),
        "vkey": vkey(),
        "text": TEXT,
        "accepted": accepted,
        "refused": [{"fault": fault, "line": value} for fault, value in refused.items()],
        "unknown": [{"fault": fault, "line": value} for fault, value in unknown.items()],
    }


def main() -> None:
    """Write the file."""
    text = json.dumps(build(), indent=1, ensure_ascii=False)
    (HERE / "cosignature.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
