"""The connection: one gRPC channel, its options, and calls that fail with LedgerError only.

Requests may be messages or bytes that are already in wire form, so that the hot path never serializes an event twice.
"""

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from counterfoil.limits import MESSAGE_SIZE_BYTES_MAX, MIB
from counterfoil.v1 import (
    log_service_pb2,
    payout_service_pb2,
    registry_service_pb2,
    training_service_pb2,
    usage_service_pb2,
)
from counterfoil_client.errors import LedgerError, ledger_error
from counterfoil_client.tls import Tls, resolve_target

M = TypeVar("M", bound=Message)

# A batch receipt with its records is about the size of the batch, and a page or a tail message may be of that order.
_RECEIVE_SIZE_BYTES_MAX: Final = MESSAGE_SIZE_BYTES_MAX + 16 * MIB

# gRPC's own pauses between connection attempts grow to two minutes; a ledger that is back should be seen sooner.
_RECONNECT_MS_MIN: Final = 100
_RECONNECT_MS_MAX: Final = 5_000

# A server with default settings lets a quiet client ping every five minutes.
_KEEPALIVE_MS: Final = 310_000
_KEEPALIVE_TIMEOUT_MS: Final = 20_000

API_KEY_VARIABLE: Final = "COUNTERFOIL_API_KEY"
"""The environment variable that says who calls."""

_PROTOS: Final = (
    log_service_pb2,
    training_service_pb2,
    usage_service_pb2,
    payout_service_pb2,
    registry_service_pb2,
)


def _service_config() -> str:
    """Retries for every unary call: reads change nothing, and each write names itself by request or event id."""
    names = [
        {"service": service.full_name, "method": method.name}
        for proto in _PROTOS
        for service in proto.DESCRIPTOR.services_by_name.values()
        for method in service.methods
        if not method.client_streaming and not method.server_streaming
    ]
    policy = {
        "maxAttempts": 4,
        "initialBackoff": "0.1s",
        "maxBackoff": "2s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    return json.dumps({"methodConfig": [{"name": names, "retryPolicy": policy}]})


_OPTIONS: Final = (
    ("grpc.max_send_message_length", MESSAGE_SIZE_BYTES_MAX),
    ("grpc.max_receive_message_length", _RECEIVE_SIZE_BYTES_MAX),
    ("grpc.initial_reconnect_backoff_ms", _RECONNECT_MS_MIN),
    ("grpc.min_reconnect_backoff_ms", _RECONNECT_MS_MIN),
    ("grpc.max_reconnect_backoff_ms", _RECONNECT_MS_MAX),
    ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
    # Each client has connections of its own, so that closing one never waits for another.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.service_config", _service_config()),
)


def _to_wire(request: Message | bytes) -> bytes:
    return request if isinstance(request, bytes) else request.SerializeToString()


def _as_it_is(data: bytes) -> bytes:
    return data


class Transport:
    """Calls over one channel; may be used from many threads.

    Args:
        target: what gRPC dials, such as ``"127.0.0.1:7400"``, ``"dns:///ledger.example.com:443"`` or ``"unix:/run/l"``; or
            ``"https://ledger.example.com:7070"`` for TLS.
        timeout_s: the deadline of each unary call.
        credentials: TLS as gRPC has it, instead of ``tls``.
        tls: see Tls; None is the environment's for ``https://``, and plain text for the same machine or a trusted network
            otherwise.
        api_key: who calls; sent with each call. None takes the environment's COUNTERFOIL_API_KEY, "" none at all.

    Raises:
        ValueError: the key has characters that no key has, or the target or ``tls`` make no sense.
        OSError: a file of ``tls`` cannot be read.
    """

    def __init__(
        self,
        target: str,
        *,
        timeout_s: float,
        credentials: grpc.ChannelCredentials | None = None,
        api_key: str | None = None,
        tls: Tls | None = None,
    ) -> None:
        self.target = target
        dialled, credentials = resolve_target(target, tls, credentials)
        self._metadata = _metadata(os.environ.get(API_KEY_VARIABLE) if api_key is None else api_key)
        self.timeout_s = timeout_s
        self._channel = (
            grpc.insecure_channel(dialled, options=_OPTIONS)
            if credentials is None
            else grpc.secure_channel(dialled, credentials, options=_OPTIONS)
        )
        self._calls: dict[str, Any] = {}
        self._lock = threading.Lock()

    def unary(self, path: str, request: Message | bytes, answer: type[M]) -> M:
        """One request, one answer.

        Raises:
            LedgerError: the call failed or was refused.
        """
        call = self._call(path, self._channel.unary_unary)
        try:
            return parse_message(
                call(request, timeout=self.timeout_s, metadata=self._metadata), answer
            )
        except grpc.RpcError as error:
            raise ledger_error(error) from error

    def unary_many(self, path: str, requests: Sequence[Message], answer: type[M]) -> list[M]:
        """Many requests at a time; the answers in the order of the requests.

        Raises:
            LedgerError: one of the calls failed or was refused.
        """
        call = self._call(path, self._channel.unary_unary)
        futures = [
            call.future(request, timeout=self.timeout_s, metadata=self._metadata)
            for request in requests
        ]
        try:
            return [parse_message(future.result(), answer) for future in futures]
        except grpc.RpcError as error:
            raise ledger_error(error) from error
        finally:
            for future in futures:
                future.cancel()

    def stream(self, path: str, request: Message) -> Any:
        """One request, many answers as bytes: a call to iterate and to cancel. Raises grpc.RpcError when iterated."""
        return self._call(path, self._channel.unary_stream)(request, metadata=self._metadata)

    def duplex(self, path: str, requests: Iterator[bytes]) -> Any:
        """Many requests and many answers, both as bytes: a call to iterate and to cancel."""
        return self._call(path, self._channel.stream_stream)(requests, metadata=self._metadata)

    def close(self) -> None:
        """End all calls and the connection."""
        self._channel.close()

    def _call(self, path: str, make: Callable[..., Any]) -> Any:
        with self._lock:
            call = self._calls.get(path)
            if call is None:
                call = self._calls[path] = make(
                    path, request_serializer=_to_wire, response_deserializer=_as_it_is
                )
            return call


def _metadata(api_key: str | None) -> tuple[tuple[str, str], ...]:
    if not api_key:
        return ()
    # gRPC's own complaint would quote the key.
    if not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
        raise ValueError("an API key has letters, digits and underscores only")
    return (("authorization", f"Bearer {api_key}"),)


def parse_message(data: bytes, answer: type[M]) -> M:
    """A message from the ledger.

    Raises:
        LedgerError: the bytes are not such a message.
    """
    try:
        return answer.FromString(data)
    except DecodeError as error:
        raise LedgerError(
            f"the ledger's answer is not a {answer.DESCRIPTOR.full_name}", code="INTERNAL"
        ) from error
