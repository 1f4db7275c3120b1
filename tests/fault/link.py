"""A bad line between clients and a ledger: it passes bytes, and delays, cuts, swallows, holds back or repeats them when told to.

Unlike the proxy of the client's tests it knows nothing of gRPC: what it does falls anywhere in a frame.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

_CHUNK = 16 << 10
# What is remembered of a connection, so that it can be repeated.
_RECORD_MAX = 8 << 20
_PATIENCE_S = 60.0


class _Connection:
    """One connection and its two directions."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.near, self.far = near, far
        self.sent = bytearray()

    def cut(self) -> None:
        """Reset it on both sides."""
        for side in (self.near, self.far):
            side.transport.abort()


class Link:
    """Listens, and passes connections on to a target; use it as a context manager.

    Attributes:
        address: where to reach it.
        delay_s: how long each piece is held up.
        swallow_answers: what the ledger says is lost; clients hear nothing.
        cut_after: cut a connection when so many more bytes have passed; None never.
        refuse: new connections are cut at once.
        cuts, repeats: how often that was done.
    """

    def __init__(self, target: str) -> None:
        self.address = ""
        self.delay_s = 0.0
        self.swallow_answers = False
        self.refuse = False
        self.cut_after: int | None = None
        self.cuts = self.repeats = 0
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._open: set[_Connection] = set()
        self._repeated: list[tuple[asyncio.StreamWriter, asyncio.Task[None]]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        self._passing = self._do(_event())
        self._server = self._do(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Cut everything."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_S)
        self._loop.close()

    def hold(self) -> None:
        """Pass nothing more, and close nothing either: both ends believe in a connection that is dead."""
        self._loop.call_soon_threadsafe(self._passing.clear)

    def pass_on(self) -> None:
        """Be a good line from now on."""
        self.delay_s, self.swallow_answers, self.cut_after, self.refuse = 0.0, False, None, False
        self._loop.call_soon_threadsafe(self._passing.set)

    def cut(self) -> None:
        """Reset all connections."""
        self._do(self._cut_all())

    def repeat(self) -> None:
        """Send all that clients have sent once more, over connections of its own; nobody reads the answers."""
        self._do(self._repeat_all())

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)

    async def _serve(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        try:
            if not self.refuse:
                answers, far = await asyncio.open_connection(*self._target)
                await self._join(_Connection(near, far), reader, answers)
        except (OSError, asyncio.CancelledError):
            pass  # One end is not there, or reset the connection, or the line is taken down; so does the line.
        finally:
            near.transport.abort()

    async def _join(
        self, connection: _Connection, reader: asyncio.StreamReader, answers: asyncio.StreamReader
    ) -> None:
        self._open.add(connection)
        try:
            await asyncio.gather(
                self._carry(connection, reader, connection.far, self._note),
                self._carry(connection, answers, connection.near, self._lose),
            )
        finally:
            self._open.discard(connection)
            connection.cut()

    async def _carry(
        self,
        connection: _Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        filter_: Callable[[_Connection, bytes], bytes],
    ) -> None:
        while data := await reader.read(_CHUNK):
            await self._passing.wait()
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            if self.cut_after is not None:
                data, left = data[: self.cut_after], self.cut_after - len(data)
                self.cut_after = max(0, left)
                if left <= 0:
                    self.cuts, self.cut_after = self.cuts + 1, None
                    writer.write(data)
                    connection.cut()
                    return
            writer.write(filter_(connection, data))
            await writer.drain()
        connection.cut()

    def _note(self, connection: _Connection, data: bytes) -> bytes:
        if len(connection.sent) < _RECORD_MAX:
            connection.sent += data
        return data

    def _lose(self, _: _Connection, data: bytes) -> bytes:
        return b"" if self.swallow_answers else data

    async def _cut_all(self) -> None:
        for connection in list(self._open):
            self.cuts += 1
            connection.cut()

    async def _repeat_all(self) -> None:
        for connection in list(self._open):
            self.repeats += 1
            reader, writer = await asyncio.open_connection(*self._target)
            writer.write(bytes(connection.sent))
            self._repeated.append((writer, asyncio.create_task(_read_out(reader))))

    async def _end(self) -> None:
        self._server.close()
        self._passing.set()
        await self._cut_all()
        for writer, _ in self._repeated:
            writer.transport.abort()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()
        # What was aborted closes its socket in the next turn of the loop.
        for _ in range(3):
            await asyncio.sleep(0)


async def _read_out(reader: asyncio.StreamReader) -> None:
    """Take answers in that nobody wants, or the other end would wait."""
    with suppress(OSError):
        while await reader.read(_CHUNK):
            pass


async def _event() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event
