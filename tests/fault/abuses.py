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
from counterfoil.v1.usage_service_pb2 import StreamHello, StreamUsageRequest

from .floods import (
    RECORD,
    STREAM,
    Seen,
    cancels,
    continuation_flood,
    deadlines,
    header_bomb,
    header_bomb_at_once,
    huge_metadata,
    idle_frames,
    odd,
    ping_flood,
    ping_flood_read,
    rapid_resets,
    resets_by_the_server,
    settings_flood,
    settings_flood_read,
)
from .frames import (
    END_HEADERS,
    INITIAL_WINDOW_SIZE,
    PREFACE,
    Connection,
    Kind,
    call,
    data,
    frame,
    headers,
    message,
    reset,
    settings,
)

SEED: Final = 20261126
APPEND: Final = "/counterfoil.v1.UsageService/AppendUsage"
TAIL: Final = "/counterfoil.v1.LogService/TailEntries"
_INFO: Final = "/counterfoil.v1.LogService/GetLogInfo"
_BOMB_MIB: Final = 512
_PACE_S: Final = 0.05
_STREAMS_OF_A_CONNECTION: Final = 100
Abuse = Callable[[str, int], Iterator[Seen]]


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
            for stream in odd(1):
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
