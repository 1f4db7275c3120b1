"""Seeded mutation of bytes: what runs where no coverage-guided fuzzer is installed, and in the quick form everywhere."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

_NUMBERS = (0, 1, 2, 127, 128, 255, 256, 65_535, 1 << 31, (1 << 32) - 1, 1 << 62)
_EDGES = (*_NUMBERS, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
_BYTES = b"\x00\x01\x09\x0a\x0d\x20\x22\x2b\x2d\x2e\x30\x3d\x7f\x80\xc0\xff"
_LONG = (64, 300, 1_000)
_CHANGES_MAX = 4

Change = Callable[[random.Random, bytearray, Sequence[bytes]], None]


def mutations(
    chance: random.Random, corpus: Sequence[bytes], words: Sequence[bytes], size_bytes_max: int
) -> Iterator[bytes]:
    """Endless mutated cases, each a copy of one of the corpus with up to four changes."""
    pool = [*corpus, b""]
    known = [*words, *pool]
    while True:
        data = bytearray(chance.choice(pool))
        for _ in range(1 + chance.randrange(_CHANGES_MAX)):
            chance.choice(_CHANGES)(chance, data, known)
        yield bytes(data[:size_bytes_max])


def _flip(chance: random.Random, data: bytearray, _known: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _set_byte(chance: random.Random, data: bytearray, _known: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.choice(_BYTES)


def _delete(chance: random.Random, data: bytearray, _known: Sequence[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    del data[at : at + chance.choice((1, 2, 8, 32))]


def _repeat(chance: random.Random, data: bytearray, _known: Sequence[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    piece = data[at : at + chance.choice((1, 2, 8, 32))]
    data[at:at] = piece * chance.choice((1, 1, 2, chance.choice(_LONG)))


def _insert_random(chance: random.Random, data: bytearray, _known: Sequence[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = chance.randbytes(chance.randrange(1, 9))


def _insert_known(chance: random.Random, data: bytearray, known: Sequence[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    word = chance.choice(known)
    end = at + len(word) if chance.randrange(2) else at
    data[at:end] = word


def _splice(chance: random.Random, data: bytearray, known: Sequence[bytes]) -> None:
    other = chance.choice(known)
    data[chance.randrange(len(data) + 1) :] = other[chance.randrange(len(other) + 1) :]


def _set_number(chance: random.Random, data: bytearray, _known: Sequence[bytes]) -> None:
    size = chance.choice((2, 4, 8))
    at = chance.randrange(len(data) + 1)
    number = chance.choice(_EDGES) & (1 << 8 * size) - 1
    data[at : at + size] = number.to_bytes(size, chance.choice(("big", "little")))


def _set_digits(chance: random.Random, data: bytearray, _known: Sequence[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    data[at : at + chance.choice((0, 1))] = str(chance.choice(_EDGES)).encode()


def _truncate(chance: random.Random, data: bytearray, _known: Sequence[bytes]) -> None:
    del data[chance.randrange(len(data) + 1) :]


_CHANGES: tuple[Change, ...] = (
    _flip,
    _flip,
    _set_byte,
    _set_byte,
    _delete,
    _repeat,
    _insert_random,
    _insert_known,
    _insert_known,
    _splice,
    _set_number,
    _set_digits,
    _truncate,
)
