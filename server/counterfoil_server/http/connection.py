"""One connection over HTTP/1.1: uvicorn's, with TLS whose certificate may change, and a time for each request to begin.

uvicorn has a bound for idle connections behind a request, none for those that say nothing, or say it byte by byte.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

from counterfoil.limits import HANDSHAKE_S_MAX, HTTP_CONNECTIONS_MAX, HTTP_REQUEST_S_MAX

TlsContext = Callable[[], ssl.SSLContext]


class Connection(H11Protocol):
    """A connection; see the module.

    Args:
        tls: gives the TLS context of the moment; None for plain text.
    """

    def __init__(self, *args: Any, tls: TlsContext | None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._tls = tls
        self._handshake: asyncio.Task[None] | None = None
        self._overdue: asyncio.TimerHandle | None = None
        # Until this is set nothing of uvicorn's may be called: it has no transport yet.
        self._begun = False
        self._early = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, with a TLS handshake where there is TLS."""
        open_transport = cast(asyncio.Transport, transport)
        if len(self.connections) >= HTTP_CONNECTIONS_MAX:
            open_transport.abort()
        elif self._tls is None:
            self._begin(open_transport)
        else:
            # Not a byte may reach us before the handshake stands between.
            open_transport.pause_reading()
            self.connections.add(self)
            self._handshake = self.loop.create_task(self._shake_hands(open_transport, self._tls()))

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request, and wait for its head no longer than is allowed."""
        if not self._begun:
            # They came with the end of the handshake, before its task could go on.
            self._early += data
            return
        super().data_received(data)
        begun: object = self.cycle
        if begun is not None and not self.cycle.response_complete:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Go on with the next request, which must begin in time too."""
        self._wait_for_request()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """End, also in the middle of a handshake."""
        self._stop_waiting()
        if self._begun:
            super().connection_lost(exc)
        elif self._handshake is not None:
            self._handshake.cancel()

    def shutdown(self) -> None:
        """End when what is under way is answered; a handshake is nothing to wait for."""
        if self._begun:
            super().shutdown()
        elif self._handshake is not None:
            self._handshake.cancel()

    def _begin(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._begun = True
        self._wait_for_request()
        if self._early:
            self.data_received(bytes(self._early))
            self._early.clear()

    async def _shake_hands(self, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        secured: asyncio.Transport | None = None
        try:
            secured = await self.loop.start_tls(
                transport,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_S_MAX,
            )
        except OSError:
            # Not TLS, another version, a certificate that is not good: TLS tells the peer why, and it is the peer's affair.
            pass
        finally:
            if secured is None:
                self.connections.discard(self)
                transport.abort()
        if secured is not None:
            self._begin(secured)

    def _wait_for_request(self) -> None:
        self._stop_waiting()
        self._overdue = self.loop.call_later(HTTP_REQUEST_S_MAX, self._give_up)

    def _stop_waiting(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _give_up(self) -> None:
        self.transport.abort()
