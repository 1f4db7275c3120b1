"""What a hostile client does to a server, in a process of its own: ``python -m tests.fault.abuses NAME ADDRESS``.

Each abuse is a generator that goes on for ever and yields, after each small piece of work, what it did and what came
back. The program adds that up until there was enough of it, and prints the sums as one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import ssl
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Final

from counterfoil.limits import MESSAGE_SIZE_BYTES_MAX, MIB
from counterfoil.v1.log_service_pb2 import TailEntriesRequest
from counterfoil.v1.record_pb2 import ProofOfTraining
from counterfoil.v1.training_service_pb2 import RecordTrainingRequest
from counterfoil.v1.usage_service_pb2 import StreamHello, StreamUsageRequest

from .frames import (
    END_HEADERS,
    FRAME_SIZE_MAX,
    INITIAL_WINDOW_SIZE,
    PREFACE,
    Connection,
    Kind,
    block,
    call,
    data,
    frame,
    headers,
    literal,
    message,
    reset,
    settings,
    window_update,
)

SEED: Final = 20261126
RECORD: Final = "/counterfoil.v1.TrainingService/RecordTraining"
APPEND: Final = "/counterfoil.v1.UsageService/AppendUsage"
STREAM: Final = "/counterfoil.v1.UsageService/StreamUsage"
TAIL: Final = "/counterfoil.v1.LogService/TailEntries"
_INFO: Final = "/counterfoil.v1.LogService/GetLogInfo"
# After so many frames of a flood a connection is given up and another one opened.
_PIECES: Final = 50
_BOMB_MIB: Final = 512
_PACE_S: Final = 0.05
_STREAMS_OF_A_CONNECTION: Final = 100
_DEADLINES: Final = (
    "1n", "1u", "1m", "0S", "00000000S", "99999999H", "999999999999999999S", "-1S", "1x", "S", "", "1 S", "0x1S",
)  # fmt: skip

Seen = Counter[str]
Abuse = Callable[[str, int], Iterator[Seen]]


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


def _odd(first: int) -> range:
    return range(first, first + 200, 2)


def rapid_resets(address: str, _: int) -> Iterator[Seen]:
    """Calls that are cancelled in the packet that begins them."""
    return _flood(
        address, lambda first: b"".join(headers(at, RECORD) + reset(at) for at in _odd(first))
    )


def resets_by_the_server(address: str, _: int) -> Iterator[Seen]:
    """Calls with an error that makes the server reset them."""
    return _flood(
        address,
        lambda first: b"".join(headers(at, RECORD) + window_update(at, 0) for at in _odd(first)),
    )


def cancels(address: str, _: int) -> Iterator[Seen]:
    """Whole requests, cancelled right behind the last byte."""
    return _flood(
        address,
        lambda first: b"".join(call(at, RECORD, training(at)) + reset(at) for at in _odd(first)),
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
        lambda first: b"".join(headers(at, RECORD, extra) for at in _odd(first)[:10]),
        count=10,
    )


def deadlines(address: str, _: int) -> Iterator[Seen]:
    """Deadlines that have passed, that never come, and that are none."""

    def piece(first: int) -> bytes:
        told = [_DEADLINES[at // 2 % len(_DEADLINES)] for at in _odd(first)]
        return b"".join(
            call(at, RECORD, training(at), [("grpc-timeout", text)])
            for at, text in zip(_odd(first), told, strict=True)
        )

    return _flood(address, piece)


def gzip_of_zeros(size_mib: int) -> bytes:
    """So many MiB of zeros as gzip; a thousandth of that. Blocks behind a full flush are alike, so one is made."""
    zeros = bytes(MIB)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    once = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    check = 0
    for _ in range(size_mib):
        check = zlib.crc32(zeros, check)
    tail = check.to_bytes(4, "little") + (size_mib * MIB % (1 << 32)).to_bytes(4, "little")
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    return head + once * size_mib + packer.flush(zlib.Z_FINISH) + tail


def message_bombs(address: str, _: int) -> Iterator[Seen]:
    """Compressed messages of half a MiB that unfold to 512 MiB."""
    bomb = message(gzip_of_zeros(_BOMB_MIB), compressed=True)
    while True:
        with Connection(address) as connection:
            connection.send(headers(1, APPEND, [("grpc-encoding", "gzip")]))
            connection.send_body(1, bomb)
            connection.send(data(1, b"", end=True))
            connection.read_until(lambda: 1 in connection.ended)
            yield connection.seen + Counter({"sent": 1})


def large_messages(address: str, _: int) -> Iterator[Seen]:
    """Messages over the limit: such as say so in the beginning, and such as are sent in full."""
    sizes = (MESSAGE_SIZE_BYTES_MAX + 1, 64 * MIB, (1 << 32) - 1)
    while True:
        for size in sizes:
            with Connection(address) as connection:
                connection.send(headers(1, APPEND))
                body = message(bytes(min(size, 64 * MIB)), size=size)
                left = connection.send_body(1, body)
                connection.read_until(lambda: 1 in connection.ended)
                yield connection.seen + Counter(
                    {"sent": 1, "MiB taken": (len(body) - len(left)) // MIB}
                )


def unfinished_messages(address: str, count: int) -> Iterator[Seen]:
    """So many messages of almost the greatest size at a time, of which the last byte never comes."""
    body = message(bytes(MESSAGE_SIZE_BYTES_MAX - 1), size=MESSAGE_SIZE_BYTES_MAX)
    while True:
        with Connection(address) as connection:
            left = {2 * at + 1: body for at in range(count)}
            for stream in left:
                connection.send(headers(stream, APPEND))
            while any(left.values()) and not connection.closed:
                before = sum(map(len, left.values()))
                for stream, rest in left.items():
                    left[stream] = connection.send_body(stream, rest, wait=False)
                after = sum(map(len, left.values()))
                yield Counter({"MiB taken": (before - after) // MIB})
                if before == after and not connection.read(_PACE_S):
                    break
            yield connection.seen + Counter({"messages": count})


def slow_streams(address: str, count: int) -> Iterator[Seen]:
    """So many open streams; each other one sends a byte of a message now and then, the rest says nothing."""
    hello = StreamUsageRequest(hello=StreamHello(submitter="hostile", stream_id="slow"))
    with ExitStack() as stack:
        streams: list[tuple[Connection, int]] = []
        for at in range(count):
            if at % _STREAMS_OF_A_CONNECTION == 0:
                connection = stack.enter_context(Connection(address))
                yield Counter({"connections": 1})
            stream = 2 * (at % _STREAMS_OF_A_CONNECTION) + 1
            connection.send(headers(stream, STREAM))
            if at % 2:
                connection.send_body(stream, message(hello.SerializeToString()))
                connection.send_body(stream, message(b"", size=MIB))
                streams.append((connection, stream))
        while True:
            for connection, stream in streams:
                connection.send_body(stream, b"\x12", wait=False)
            yield Counter({"bytes": len(streams), "open": count})
            time.sleep(1.0)


def idle_connections(address: str, count: int) -> Iterator[Seen]:
    """So many connections that stay; each other one has not even said hello."""
    with ExitStack() as stack:
        kept: list[Connection] = []
        while True:
            kept += [
                stack.enter_context(Connection(address, hello=bool(at % 2)))
                for at in range(min(100, count - len(kept)))
            ]
            yield Counter({"open": len(kept)})
            if len(kept) == count:
                time.sleep(_PACE_S)


def unread_answers(address: str, _: int) -> Iterator[Seen]:
    """Calls with large answers by clients that let nothing through."""
    request = TailEntriesRequest(stop_at_end=True).SerializeToString()
    while True:
        with Connection(address, (INITIAL_WINDOW_SIZE, 0)) as connection:
            for stream in _odd(1):
                connection.send(call(stream, TAIL, request))
            connection.read(_PACE_S)
            yield connection.seen + Counter({"sent": 100})


def _tls_hello() -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="ledger").do_handshake()
    return outgoing.read()


def garbage(address: str, _: int) -> Iterator[Seen]:
    """Bytes that are no HTTP/2, or bad HTTP/2."""
    chance = random.Random(SEED)
    hello = PREFACE + settings()
    while True:
        for opening in (
            chance.randbytes(2000),
            b"GET / HTTP/1.1\r\nHost: ledger\r\n\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
            _tls_hello(),
            PREFACE + chance.randbytes(2000),
            hello + frame(Kind(chance.randrange(10)), chance.getrandbits(31), chance.randbytes(99)),
            hello + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01" + bytes(MIB),
            hello + headers(2, RECORD) + headers(0, RECORD),
            hello + frame(Kind.HEADERS, 1, chance.randbytes(500), END_HEADERS),
            hello + headers(1, RECORD) + data(1, chance.randbytes(500), end=True),
            hello + headers(1, RECORD) + data(3, b"x") + reset(5) + reset(0),
            hello + headers(1, _INFO) + data(1, message(b"", compressed=True), end=True),
        ):
            with Connection(address, hello=False) as connection:
                connection.send(opening)
                connection.read(_PACE_S)
                yield connection.seen + Counter(
                    {"sent": 1, "ended by the server": connection.closed}
                )


ABUSES: Final[dict[str, Abuse]] = {
    each.__name__: each
    for each in (
        rapid_resets,
        resets_by_the_server,
        cancels,
        settings_flood,
        settings_flood_read,
        ping_flood,
        ping_flood_read,
        idle_frames,
        continuation_flood,
        header_bomb,
        header_bomb_at_once,
        huge_metadata,
        deadlines,
        message_bombs,
        large_messages,
        unfinished_messages,
        slow_streams,
        idle_connections,
        unread_answers,
        garbage,
    )
}


def main() -> None:
    """Abuse until there was enough of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=ABUSES)
    parser.add_argument("address")
    parser.add_argument("--size", type=int, default=100, help="streams or connections at a time")
    parser.add_argument("--pieces", type=int, default=1, help="at least so many pieces")
    parser.add_argument("--seconds", type=float, default=0.0, help="at least so long")
    options = parser.parse_args()
    # The server is to have the processor when it wants it, as if this were another machine.
    os.nice(19)
    _, files_max = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files_max, files_max))
    total: Seen = Counter()
    end_s = time.monotonic() + options.seconds
    for count, seen in enumerate(ABUSES[options.name](options.address, options.size), 1):
        total.update(seen)
        if count >= options.pieces and time.monotonic() >= end_s:
            break
    json.dump(total, sys.stdout)


if __name__ == "__main__":
    main()
