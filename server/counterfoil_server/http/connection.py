"""One connection over HTTP/1.1: uvicorn's, with a bound for their number and a time for each request to begin.

uvicorn has a bound for idle connections behind a request, none for those that say nothing, or say it byte by byte.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

from counterfoil.limits import HTTP_CONNECTIONS_MAX, HTTP_REQUEST_S_MAX


class Connection(H11Protocol):
    """A connection; see the module."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, behind the TLS handshake if there is one."""
        super().connection_made(cast(asyncio.Transport, transport))
        if len(self.connections) > HTTP_CONNECTIONS_MAX:
            self._give_up()
        else:
            self._wait_for_request()

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request, and wait for its head no longer than is allowed."""
        super().data_received(data)
        begun: object = self.cycle
        if begun is not None and not self.cycle.response_complete:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Go on with the next request, which must begin in time too."""
        self._wait_for_request()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_request(self) -> None:
        self._stop_waiting()
        self._overdue = self.loop.call_later(HTTP_REQUEST_S_MAX, self._give_up)

    def _stop_waiting(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _give_up(self) -> None:
        self.transport.abort()
