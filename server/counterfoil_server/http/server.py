"""uvicorn, started and stopped by us: in our event loop, on our sockets, with our log, and with TLS that may change."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from counterfoil.limits import HANDSHAKE_S_MAX, METADATA_SIZE_BYTES_MAX
from counterfoil_server.http.connection import Connection
from counterfoil_server.ports import bind_port

TlsContext = Callable[[], ssl.SSLContext]
_BACKLOG: Final = 256
_KEEP_ALIVE_S: Final = 5


class HttpServer:
    """An application on one address, from start to stop."""

    def __init__(
        self, app: ASGIApp, address: str, *, shared: bool, tls: TlsContext | None, drain_s: float
    ) -> None:
        """Take the port.

        Args:
            shared: other processes listen on the same port.
            tls: gives the TLS context of the moment, another one when the files have changed; None for plain text.
            drain_s: how long requests that are under way may take once it is to stop, seconds.

        Raises:
            StartupError: the port cannot be had.
        """
        self._socket = bind_port(address, "--http", shared=shared)
        self._socket.setblocking(False)
        config = uvicorn.Config(
            app,
            loop="none",
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            h11_max_incomplete_event_size=METADATA_SIZE_BYTES_MAX,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=int(drain_s),
        )
        self._server = _Server(config, tls)
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to answer."""
        self._running = asyncio.create_task(self._server.serve([self._socket]))
        await self._server.listening.wait()

    async def stop(self) -> None:
        """Take nothing new, finish what is under way, close."""
        self._server.should_exit = True
        if self._running is None:
            self._socket.close()
        else:
            await self._running


class _Server(uvicorn.Server):
    """uvicorn that leaves the process's signals alone, says when it listens, and looks ten times a second for new TLS files."""

    def __init__(self, config: uvicorn.Config, tls: TlsContext | None) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self.servers: list[asyncio.base_events.Server] = []
        self._tls = tls
        self._context: ssl.SSLContext | None = None
        self._sockets: list[socket.socket] = []

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Whoever runs us is told of signals, and tells us."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        self._sockets = sockets or []
        await self._listen()
        self.started = True
        self.listening.set()

    async def on_tick(self, counter: int) -> bool:
        """Listen with new TLS files, if there are some; then uvicorn's own."""
        if self._tls is not None and self._tls() is not self._context:
            await self._listen()
        return await super().on_tick(counter)

    async def _listen(self) -> None:
        """Take connections with the context of the moment. Those that are open keep theirs."""
        self._context = None if self._tls is None else self._tls()
        before = self.servers
        self.servers = [
            await asyncio.get_running_loop().create_server(
                self._make_connection,
                # The same socket under another descriptor: nobody who connects meanwhile is refused.
                sock=listener.dup(),
                ssl=self._context,
                ssl_handshake_timeout=HANDSHAKE_S_MAX if self._context else None,
                backlog=_BACKLOG,
            )
            for listener in self._sockets
        ]
        for server in before:
            server.close()

    def _make_connection(self) -> Connection:
        state: dict[str, Any] = {}
        loop = asyncio.get_running_loop()
        return Connection(
            config=self.config, server_state=self.server_state, app_state=state, _loop=loop
        )
