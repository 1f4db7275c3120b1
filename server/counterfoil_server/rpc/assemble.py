"""gRPC handlers, made from the service descriptors.

What all methods share stands here once: refusing writes while there are too many, reading the request (truncated and
unknown input gets a clear error, not a failure inside the library), turning errors into statuses, and logging what
failed.
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
from counterfoil_server.rpc.push_back import PushBack
from counterfoil_server.rpc.status import to_status

_log = structlog.get_logger(__name__)
_WORD_START: Final = re.compile(r"(?<!^)(?=[A-Z])")


class Servicer:
    """What a service's class must say: which service it is, and which unary methods write to the log.

    ``RARE`` are those of them that come so seldom that they may stand in one line with the reads.

    Each method of the service is a coroutine or an asynchronous generator of the same name in snake case, with one
    argument: the parsed request; the raw bytes for those in ``WRITES``, because what came is what is logged; or an
    iterator of raw bytes for client streams.
    """

    DESCRIPTOR: ServiceDescriptor
    WRITES: frozenset[str] = frozenset()
    RARE: frozenset[str] = frozenset()


def add_service(server: grpc.aio.Server, servicer: Servicer, push_back: PushBack) -> None:
    """Serve a service.

    Unary writes are registered by name, which gives each of them a line of its own in gRPC: reads and health checks do
    not wait behind writes that nobody has taken in yet. It costs every call a few microseconds for each name.
    """
    service = servicer.DESCRIPTOR
    methods = {method.name: _make_method(servicer, method, push_back) for method in service.methods}
    writes = {name: methods.pop(name) for name in servicer.WRITES - servicer.RARE}
    handler = grpc.method_handlers_generic_handler(service.full_name, methods)
    server.add_generic_rpc_handlers((handler,))
    server.add_registered_method_handlers(service.full_name, writes)


def _make_method(servicer: Servicer, method: MethodDescriptor, push_back: PushBack) -> Any:
    name = _WORD_START.sub("_", method.name).lower()
    call = getattr(servicer, name)
    if method.client_streaming:
        return grpc.stream_stream_rpc_method_handler(_stream_in(call, push_back, method.name))
    if method.name in servicer.WRITES:
        return grpc.unary_unary_rpc_method_handler(_write(call, push_back, method.name))
    parse = _parser(GetMessageClass(method.input_type))
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(
            _stream_out(call, parse, push_back, method.name)
        )
    return grpc.unary_unary_rpc_method_handler(_read(call, parse, method.name))


def _parser(request_class: type[Message]) -> Callable[[bytes], Any]:
    return lambda data: parse_message(request_class, data, "request")


def _write(
    call: Callable[[bytes], Awaitable[Message]], push_back: PushBack, name: str
) -> Callable[[bytes, Any], Awaitable[bytes]]:
    async def handle(data: bytes, context: Any) -> bytes:
        if push_back.wanted:
            return push_back.refuse(context, name)
        try:
            return (await call(data)).SerializeToString()
        except CounterfoilError as error:
            await _abort(context, name, error)
            raise

    return handle


def _read(
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
    call: Callable[[Any], AsyncIterator[Message]],
    parse: Callable[[bytes], Any],
    push_back: PushBack,
    name: str,
) -> Callable[[bytes, Any], AsyncIterator[bytes]]:
    async def handle(data: bytes, context: Any) -> AsyncIterator[bytes]:
        try:
            with push_back.stream():
                async for message in call(parse(data)):
                    yield message.SerializeToString()
        except CounterfoilError as error:
            await _abort(context, name, error)

    return handle


def _stream_in(
    call: Callable[[AsyncIterator[bytes]], AsyncIterator[Message]],
    push_back: PushBack,
    name: str,
) -> Callable[[AsyncIterator[bytes], Any], AsyncIterator[bytes]]:
    async def handle(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        try:
            with push_back.stream():
                async for message in call(requests):
                    yield message.SerializeToString()
        except CounterfoilError as error:
            await _abort(context, name, error)

    return handle


async def _abort(context: Any, name: str, error: CounterfoilError) -> None:
    log = _log.error if isinstance(error, IntegrityError) else _log.info
    log("refused", method=name, error=type(error).__name__, message=str(error))
    await context.abort_with_status(to_status(error))
