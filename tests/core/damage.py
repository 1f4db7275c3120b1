"""Ways to damage a list of hashes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

Damage = tuple[str, list[bytes]]

# What is no list of 32-byte strings, each in its own way.
NO_HASH_LISTS: tuple[object, ...] = (
    None,
    7,
    b"",
    b"\x00" * 32,
    "",
    "a" * 32,
    {},
    {b"\x00" * 32},
    iter([b"\x00" * 32]),
    [None],
    [0],
    [b""],
    [b"\x00" * 31],
    [b"\x00" * 33],
    ["a" * 32],
    [bytearray(32)],
    [memoryview(bytes(32))],
    [[b"\x00" * 32]],
    [b"\x00" * 32, None],
)

# What is no number from 0 to 2^63 - 1.
NO_NUMBERS: tuple[object, ...] = (
    -1,
    -(2**63),
    2**63,
    2**64,
    10**30,
    True,
    False,
    1.0,
    "1",
    b"1",
    None,
    [1],
    float("nan"),
)


def flipped(data: bytes) -> Iterator[bytes]:
    """The same bytes with each single bit changed in turn."""
    number = int.from_bytes(data, "big")
    for bit in range(8 * len(data)):
        yield (number ^ 1 << bit).to_bytes(len(data), "big")


def with_flips(hashes: list[bytes]) -> Iterator[Damage]:
    """Each single bit of each hash changed in turn."""
    for position, node in enumerate(hashes):
        for bit, bad in enumerate(flipped(node)):
            yield f"bit {bit} of {position}", [*hashes[:position], bad, *hashes[position + 1 :]]


def with_wrong_shape(hashes: list[bytes]) -> Iterator[Damage]:
    """Hashes dropped, repeated, added, swapped or cut."""
    garbage = b"\x00" * 32
    yield "garbage after", [*hashes, garbage]
    yield "garbage before", [garbage, *hashes]
    yield "much garbage after", [*hashes, *[garbage] * 100]
    for position, node in enumerate(hashes):
        before, after = hashes[:position], hashes[position + 1 :]
        yield f"dropped {position}", before + after
        yield f"repeated {position}", [*before, node, node, *after]
        yield f"zeroed {position}", [*before, garbage, *after]
        yield f"cut {position}", [*before, node[:-1], *after]
        yield f"grown {position}", [*before, node + b"\x00", *after]
        yield f"emptied {position}", [*before, b"", *after]
    for position, (left, right) in enumerate(pairwise(hashes)):
        rest = hashes[position + 2 :]
        yield f"swapped {position}", [*hashes[:position], right, left, *rest]
        yield f"joined {position}", [*hashes[:position], left + right, *rest]
    if len(hashes) > 2:
        yield "reversed", hashes[::-1]
    if hashes:
        yield "emptied", []
