"""HTTP/2 by hand (RFC 9113, RFC 7541): frames that no honest client sends, and a connection that sends them.

Header blocks are literals without Huffman coding, which every decoder has to take. Of what comes back only the frames are
looked at, and gRPC's status, which the first answers of a connection spell out.
"""

from __future__ import annotations

import re
import select
import socket
import struct
from collections import Counter
from collections.abc import Callable, Sequence
from enum import IntEnum
from types import TracebackType
from typing import Final, Self

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
FRAME_SIZE_MAX: Final = 16_384
INITIAL_WINDOW_SIZE: Final = 4
CANCEL: Final = 8

_WINDOW: Final = 65_535
# No answer takes that long when all is well; a machine may be suspended meanwhile.
_PATIENCE_S: Final = 120.0
_STATUS = re.compile(rb"grpc-status[\x01\x02](\d+)")

Headers = Sequence[tuple[str, str]]


class Kind(IntEnum):
    """Types of frames."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9
    UNKNOWN = 0xEE


def frame(kind: Kind, stream: int = 0, payload: bytes = b"", flags: int = 0) -> bytes:
    """One frame; its payload may have any size that 24 bits can say."""
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*pairs: tuple[int, int]) -> bytes:
    """A SETTINGS frame."""
    return frame(Kind.SETTINGS, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def reset(stream: int) -> bytes:
    """A RST_STREAM frame that cancels."""
    return frame(Kind.RST_STREAM, stream, struct.pack(">I", CANCEL))


def window_update(stream: int, by: int) -> bytes:
    """A WINDOW_UPDATE frame; by 0 is an error of this stream (RFC 9113, section 6.9)."""
    return frame(Kind.WINDOW_UPDATE, stream, struct.pack(">I", by))


def integer(value: int, bits: int, first: int = 0) -> bytes:
    """An integer with a prefix of so many bits behind those of ``first`` (RFC 7541, section 5.1)."""
    top = (1 << bits) - 1
    if value < top:
        return bytes((first | value,))
    out, value = bytearray((first | top,)), value - top
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes((value,)))


def literal(name: str, value: str, *, remembered: bool = False) -> bytes:
    """One header, name and value spelled out; ``remembered`` puts it into the other side's table."""
    parts = [part.encode("latin-1") for part in (name, value)]
    text = b"".join(integer(len(part), 7) + part for part in parts)
    return (b"\x40" if remembered else b"\x00") + text


def block(path: str, extra: Headers = ()) -> bytes:
    """The header block of a gRPC call."""
    usual = (
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "ledger"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    )
    return b"".join(literal(name, value) for name, value in (*usual, *extra))


def headers(stream: int, path: str, extra: Headers = (), *, flags: int = END_HEADERS) -> bytes:
    """A HEADERS frame that begins a call, and CONTINUATION frames when they are needed."""
    data = block(path, extra)
    pieces = [data[at : at + FRAME_SIZE_MAX] for at in range(0, len(data), FRAME_SIZE_MAX)]
    frames = [
        frame(Kind.CONTINUATION if at else Kind.HEADERS, stream, piece, flags & ~END_HEADERS)
        for at, piece in enumerate(pieces[:-1])
    ]
    last = Kind.CONTINUATION if frames else Kind.HEADERS
    return b"".join(frames) + frame(last, stream, pieces[-1], flags)


def message(body: bytes, *, compressed: bool = False, size: int | None = None) -> bytes:
    """A gRPC message with its prefix, which may lie about the size."""
    return struct.pack(">BI", compressed, len(body) if size is None else size) + body


def data(stream: int, body: bytes, *, end: bool = False) -> bytes:
    """DATA frames with these bytes."""
    pieces = [body[at : at + FRAME_SIZE_MAX] for at in range(0, len(body), FRAME_SIZE_MAX)] or [b""]
    return b"".join(
        frame(Kind.DATA, stream, piece, END_STREAM if end and at == len(pieces) - 1 else 0)
        for at, piece in enumerate(pieces)
    )


def call(stream: int, path: str, body: bytes, extra: Headers = ()) -> bytes:
    """A whole unary call."""
    return headers(stream, path, extra) + data(stream, message(body), end=True)


class Connection:
    """One connection to a server, said hello to.

    Attributes:
        seen: how many frames of each kind came back, and ``status N`` for each status that was spelled out.
        closed: whether the other side has ended it.
        ended: the streams that the server has ended.
    """

    def __init__(self, address: str, *pairs: tuple[int, int], hello: bool = True) -> None:
        host, _, port = address.rpartition(":")
        self.seen: Counter[str] = Counter()
        self.closed = False
        self.ended: set[int] = set()
        # What the server takes of DATA, on the connection (stream 0) and on each stream beyond the first window.
        self._granted: Counter[int] = Counter({0: _WINDOW})
        self._window = _WINDOW
        self._unread = bytearray()
        self._received = 0
        # Acknowledgements, which leave between two frames of ours and never inside one.
        self._owed = b""
        self._socket = socket.create_connection((host, int(port)), timeout=_PATIENCE_S)
        self._socket.setblocking(False)
        if hello:
            self.send(PREFACE + settings(*pairs))

    def __enter__(self) -> Self:
        """The connection itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        self.close()

    def close(self) -> None:
        """End it."""
        self._socket.close()

    def send(self, data: bytes, *, reading: bool = True) -> bool:
        """Send, and take in what comes meanwhile; without ``reading`` stop when the line is full. Whether all was sent."""
        view = memoryview(data)
        while view and not self.closed:
            events = self._poll(
                writing=True, reading=reading, wait_s=_PATIENCE_S if reading else 0.0
            )
            if reading and events & ~select.POLLOUT:
                self._receive()
            elif events:
                try:
                    view = view[self._socket.send(view) :]
                except BlockingIOError:
                    continue
                except OSError:
                    self.closed = True
            else:
                break
        if self._owed and reading and not view:
            owed, self._owed = self._owed, b""
            self.send(owed)
        return not view

    def send_body(self, stream: int, body: bytes, *, wait: bool = True) -> bytes:
        """Send DATA as flow control lets; what is left when the server ends the stream, or at once without ``wait``."""
        while body and not self.closed and stream not in self.ended:
            size = min(self._granted[0], self._window + self._granted[stream])
            if size > 0:
                self._granted[0] -= min(size, len(body))
                self._granted[stream] -= min(size, len(body))
                self.send(data(stream, body[:size]))
                body = body[size:]
            elif not self.read(_PATIENCE_S if wait else 0.0):
                break
        return body

    def read(self, wait_s: float = 0.0) -> bool:
        """Take in what is there, waiting for a beginning of it; whether something came."""
        before = self._received
        while not self.closed and self._poll(writing=False, reading=True, wait_s=wait_s):
            self._receive()
            wait_s = 0.0
        self.send(b"")
        return self._received > before

    def _poll(self, *, writing: bool, reading: bool, wait_s: float) -> int:
        """What is possible within some time; select.select knows no descriptors above 1,023."""
        poll = select.poll()
        poll.register(self._socket, writing * select.POLLOUT | reading * select.POLLIN)
        return sum(event for _, event in poll.poll(1000 * wait_s))

    def read_until(self, done: Callable[[], bool]) -> bool:
        """Read until something holds; False when the other side ended the connection before, or fell silent."""
        while not done() and not self.closed and self.read(_PATIENCE_S):
            pass
        return done()

    def _receive(self) -> None:
        try:
            fresh = self._socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            fresh = b""
        self.closed = self.closed or not fresh
        self._received += len(fresh)
        self._unread += fresh
        while len(self._unread) >= 9:
            size = int.from_bytes(self._unread[:3], "big")
            if len(self._unread) < 9 + size:
                break
            kind, flags, stream = struct.unpack(">BBI", self._unread[3:9])
            payload = bytes(self._unread[9 : 9 + size])
            del self._unread[: 9 + size]
            self._take(kind, flags, stream, payload)

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        self.seen[Kind(kind).name if kind in set(Kind) else "other"] += 1
        if kind == Kind.HEADERS:
            for status in _STATUS.findall(payload):
                self.seen[f"status {status.decode()}"] += 1
        elif kind == Kind.WINDOW_UPDATE:
            self._granted[stream] += int.from_bytes(payload, "big")
        elif kind == Kind.SETTINGS and not flags & ACK:
            for name, value in struct.iter_unpack(">HI", payload):
                if name == INITIAL_WINDOW_SIZE:
                    self._window = value
            self._owed += frame(Kind.SETTINGS, flags=ACK)
        if kind == Kind.RST_STREAM or (kind in {Kind.HEADERS, Kind.DATA} and flags & END_STREAM):
            self.ended.add(stream)
