"""Something between client and ledger that changes, cuts or refuses what passes: the real ledger, made to misbehave."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import grpc

OnAnswer = Callable[[str, bytes], bytes]
OnRequest = Callable[[str, bytes], bytes]

_NO_LIMIT = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
)


class Refused(Exception):
    """Raised by a hook to end the call with a code."""

    def __init__(self, code: grpc.StatusCode, message: str = "refused on the way") -> None:
        super().__init__(message)
        self.code = code


class Proxy(grpc.GenericRpcHandler):
    """Forwards every call to a target.

    Attributes:
        address: where to reach it.
        on_answer, on_request: given the method's name and each message; what they return goes on. They may raise Refused.
        target: where calls go.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.on_answer: OnAnswer = lambda _method, data: data
        self.on_request: OnRequest = lambda _method, data: data
        self._lock = threading.Lock()
        self._channels: dict[str, grpc.Channel] = {}
        self._server = grpc.server(ThreadPoolExecutor(32), handlers=[self], options=_NO_LIMIT)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def __enter__(self) -> Self:
        """The proxy itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all calls."""
        self._server.stop(None).wait()
        for channel in self._channels.values():
            channel.close()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """One handler for all methods: on the wire a unary call is a stream of one message."""
        path: str = handler_call_details.method

        def forward(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            return self._forward(path, requests, context)

        return grpc.stream_stream_rpc_method_handler(forward)

    def _forward(
        self, path: str, requests: Iterator[bytes], context: grpc.ServicerContext
    ) -> Iterator[bytes]:
        method = path.rpartition("/")[2]
        refusals: list[Refused] = []

        def outgoing() -> Iterator[bytes]:
            for request in requests:
                try:
                    yield self.on_request(method, request)
                except Refused as refused:
                    refusals.append(refused)
                    call.cancel()
                    return

        upstream: Any = self._channel().stream_stream(path)
        call = upstream(outgoing())
        context.add_callback(call.cancel)
        try:
            for answer in call:
                yield self.on_answer(method, answer)
        except Refused as refused:
            call.cancel()
            context.abort(refused.code, str(refused))
        except grpc.RpcError as error:
            if refusals:
                context.abort(refusals[0].code, str(refusals[0]))
            ended: Any = error
            context.set_trailing_metadata(tuple(ended.trailing_metadata() or ()))
            context.abort(ended.code(), ended.details() or "")

    def _channel(self) -> grpc.Channel:
        with self._lock:
            if self.target not in self._channels:
                self._channels[self.target] = grpc.insecure_channel(
                    self.target,
                    options=(*_NO_LIMIT[:2], ("grpc.max_reconnect_backoff_ms", 200)),
                )
            return self._channels[self.target]
