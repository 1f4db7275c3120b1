"""uvicorn, started and stopped by us: in our event loop, on our sockets, with our log."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from functools import partial
from typing import Any, Final, cast

import uvicorn
from starlette.types import ASGIApp

from counterfoil.errors import StartupError
from counterfoil.limits import METADATA_SIZE_BYTES_MAX
from counterfoil_server.http.connection import Connection, TlsContext

_BACKLOG: Final = 256
_KEEP_ALIVE_S: Final = 5


class HttpServer:
    """An application on one address, from start to stop."""

    def __init__(
        self, app: ASGIApp, address: str, *, shared: bool, tls: TlsContext | None, drain_s: float
    ) -> None:
        """Take the port.

        Args:
            shared: other processes listen on the same port. tls: see Connection.
            drain_s: how long requests that are under way may take once it is to stop, seconds.

        Raises:
            StartupError: the port cannot be had.
        """
        self._socket = _listen(address, shared=shared)
        config = uvicorn.Config(
            app,
            loop="none",
            # uvicorn asks for a class and only ever calls it.
            http=cast(Any, partial(Connection, tls=tls)),
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
        self._server = _Server(config)
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
    """uvicorn that leaves the process's signals alone and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Whoever runs us is told of signals, and tells us."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self.listening.set()


def _listen(address: str, *, shared: bool) -> socket.socket:
    host, _, port = address.rpartition(":")
    name = host.removeprefix("[").removesuffix("]")
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((name, int(port)))
    except OSError as error:
        listener.close()
        raise StartupError(
            f"cannot listen on {address} ({error.strerror}); choose another with --http"
        ) from error
    listener.setblocking(False)
    return listener
