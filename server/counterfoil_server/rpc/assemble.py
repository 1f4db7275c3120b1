"""gRPC handlers, made from the service descriptors.

What all methods share stands here once: reading the request (truncated and unknown input gets a clear error, not a
failure inside the library), turning errors into statuses, and logging what failed.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import grpc
import structlog
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from counterfoil.errors import CounterfoilError, IntegrityError
from counterfoil.record import parse_message
from counterfoil_server.rpc.status import to_status

_log = structlog.get_logger(__name__)
_WORD_START: Final = re.compile(r"(?<!^)(?=[A-Z])")


class Servicer:
    """What a service's class must say: which service it is, and which methods take the raw bytes.

    Each method of the service is a coroutine or an asynchronous generator of the same name in snake case, with one
    argument: the parsed request, the raw bytes for those in ``RAW``, or an iterator of raw bytes for client streams.
    """

    DESCRIPTOR: ServiceDescriptor
    RAW: frozenset[str] = frozenset()


def make_handler(servicer: Servicer) -> grpc.GenericRpcHandler:
    """The generic handler of one service."""
    methods = {
        method.name: _make_method(servicer, method) for method in servicer.DESCRIPTOR.methods
    }
    return grpc.method_handlers_generic_handler(servicer.DESCRIPTOR.full_name, methods)


def _make_method(servicer: Servicer, method: MethodDescriptor) -> Any:
    name = _WORD_START.sub("_", method.name).lower()
    call = getattr(servicer, name)
    if method.client_streaming:
        return grpc.stream_stream_rpc_method_handler(_stream_in(call, method.name))
    request_class = GetMessageClass(method.input_type)
    parse = _parser(request_class, raw=method.name in servicer.RAW)
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(_stream_out(call, parse, method.name))
    return grpc.unary_unary_rpc_method_handler(_unary(call, parse, method.name))


def _parser(request_class: type[Message], *, raw: bool) -> Callable[[bytes], Any]:
    if raw:
        return lambda data: data
    return lambda data: parse_message(request_class, data, "request")


def _unary(
    call: Callable[[Any], Awaitable[Message]], parse: Callable[[bytes], Any], name: str
) -> Callable[[bytes, Any], Awaitable[bytes]]:
    async def handle(data: bytes, context: Any) -> bytes:
        try:
            return (await call(parse(data))).SerializeToString()
        except CounterfoilError as error:
            await _abort(context, name, error)
            raise

    return handle


def _stream_out(
    call: Callable[[Any], AsyncIterator[Message]], parse: Callable[[bytes], Any], name: str
) -> Callable[[bytes, Any], AsyncIterator[bytes]]:
    async def handle(data: bytes, context: Any) -> AsyncIterator[bytes]:
        try:
            async for message in call(parse(data)):
                yield message.SerializeToString()
        except CounterfoilError as error:
            await _abort(context, name, error)

    return handle


def _stream_in(
    call: Callable[[AsyncIterator[bytes]], AsyncIterator[Message]], name: str
) -> Callable[[AsyncIterator[bytes], Any], AsyncIterator[bytes]]:
    async def handle(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        try:
            async for message in call(requests):
                yield message.SerializeToString()
        except CounterfoilError as error:
            await _abort(context, name, error)

    return handle


async def _abort(context: Any, name: str, error: CounterfoilError) -> None:
    log = _log.error if isinstance(error, IntegrityError) else _log.info
    log("refused", method=name, error=type(error).__name__, message=str(error))
    await context.abort_with_status(to_status(error))
