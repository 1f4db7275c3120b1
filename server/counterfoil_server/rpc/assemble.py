"""gRPC handlers, made from the service descriptors.

What all methods share stands here once, in this order: asking who calls and whether that role may, refusing writes while
there are too many, reading the request (truncated and unknown input gets a clear error, not a failure inside the
library), turning errors into statuses, and logging what failed. Who is not let in pays for nothing of the rest.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, Final

import grpc
import structlog
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from counterfoil.errors import CounterfoilError, IntegrityError
from counterfoil.record import parse_message
from counterfoil_server.access.caller import Caller, Identity
from counterfoil_server.access.guard import STRANGER, Guard
from counterfoil_server.access.table import find_row
from counterfoil_server.rpc.push_back import PushBack
from counterfoil_server.rpc.shown import read_peer, read_shown
from counterfoil_server.rpc.status import to_status

_log = structlog.get_logger(__name__)
_WORD_START: Final = re.compile(r"(?<!^)(?=[A-Z])")


class Servicer:
    """What a service's class must say: which service it is, and which unary methods write to the log.

    ``RARE`` are those of them that come so seldom that they may stand in one line with the reads.

    Each method of the service is a coroutine or an asynchronous generator of the same name in snake case, with two
    arguments. The first is the parsed request; the raw bytes for those in ``WRITES``, because what came is what is logged;
    or an iterator of raw bytes for client streams. The second is the `Caller`, whose role may call the method: the service
    holds what it is asked for against the caller's scope.
    """

    DESCRIPTOR: ServiceDescriptor
    WRITES: frozenset[str] = frozenset()
    RARE: frozenset[str] = frozenset()


class _Visit:
    """One call before the door of one method, from its coming to its end."""

    __slots__ = ("_context", "_guard", "_identity", "_method", "_shown")

    def __init__(self, method: str, guard: Guard, context: Any) -> None:
        self._method = method
        self._guard = guard
        self._context = context
        self._identity: Identity | None = None
        self._shown = STRANGER

    def enter(self) -> Caller:
        """Let the call in; raises what `Guard.identify` and `Guard.permit` raise."""
        self._shown = read_shown(self._context, certificates=self._guard.asks_for_certificates)
        self._identity = self._guard.identify(self._shown)
        return self._guard.permit(self._method, self._identity, self._shown.peer)

    def check_again(self) -> None:
        """Ask again in the middle of a stream; raises as `Guard.check_again` does."""
        self._guard.check_again(self._method, self._shown)

    async def refuse(self, error: CounterfoilError) -> None:
        """End the call with an error. Denials are logged with the trail, a line for many; others at once."""
        peer = self._shown.peer or read_peer(self._context.peer())
        if not self._guard.note(self._method, peer, self._identity, error):
            log = _log.error if isinstance(error, IntegrityError) else _log.info
            name = self._method.partition(".")[2]
            log("refused", method=name, error=type(error).__name__, message=str(error))
        await self._context.abort_with_status(to_status(error))


def add_service(
    server: grpc.aio.Server, servicer: Servicer, push_back: PushBack, guard: Guard
) -> None:
    """Serve a service.

    Unary writes are registered by name, which gives each of them a line of its own in gRPC: reads and health checks do
    not wait behind writes that nobody has taken in yet. It costs every call a few microseconds for each name.

    Raises:
        LookupError: a method has no row in the permission table.
    """
    service = servicer.DESCRIPTOR
    methods = {
        method.name: _make_method(servicer, method, push_back, guard) for method in service.methods
    }
    writes = {name: methods.pop(name) for name in servicer.WRITES - servicer.RARE}
    handler = grpc.method_handlers_generic_handler(service.full_name, methods)
    server.add_generic_rpc_handlers((handler,))
    server.add_registered_method_handlers(service.full_name, writes)


def _make_method(
    servicer: Servicer, method: MethodDescriptor, push_back: PushBack, guard: Guard
) -> Any:
    name = _WORD_START.sub("_", method.name).lower()
    call = getattr(servicer, name)
    table_name = f"{servicer.DESCRIPTOR.name}.{method.name}"
    find_row(table_name)
    visit = partial(_Visit, table_name, guard)
    if method.client_streaming:
        return grpc.stream_stream_rpc_method_handler(_stream_in(call, push_back, visit))
    if method.name in servicer.WRITES:
        return grpc.unary_unary_rpc_method_handler(_write(call, push_back, visit, method.name))
    parse = _parser(GetMessageClass(method.input_type))
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(_stream_out(call, parse, push_back, visit))
    return grpc.unary_unary_rpc_method_handler(_read(call, parse, visit))


def _parser(request_class: type[Message]) -> Callable[[bytes], Any]:
    return lambda data: parse_message(request_class, data, "request")


def _write(
    call: Callable[[bytes, Caller], Awaitable[Message]],
    push_back: PushBack,
    visit: Callable[[Any], _Visit],
    name: str,
) -> Callable[[bytes, Any], Awaitable[bytes]]:
    async def handle(data: bytes, context: Any) -> bytes:
        visitor = visit(context)
        try:
            caller = visitor.enter()
            if push_back.wanted:
                return push_back.refuse(context, name)
            return (await call(data, caller)).SerializeToString()
        except CounterfoilError as error:
            await visitor.refuse(error)
            raise

    return handle


def _read(
    call: Callable[[Any, Caller], Awaitable[Message]],
    parse: Callable[[bytes], Any],
    visit: Callable[[Any], _Visit],
) -> Callable[[bytes, Any], Awaitable[bytes]]:
    async def handle(data: bytes, context: Any) -> bytes:
        visitor = visit(context)
        try:
            caller = visitor.enter()
            return (await call(parse(data), caller)).SerializeToString()
        except CounterfoilError as error:
            await visitor.refuse(error)
            raise

    return handle


def _stream_out(
    call: Callable[[Any, Caller], AsyncIterator[Message]],
    parse: Callable[[bytes], Any],
    push_back: PushBack,
    visit: Callable[[Any], _Visit],
) -> Callable[[bytes, Any], AsyncIterator[bytes]]:
    async def handle(data: bytes, context: Any) -> AsyncIterator[bytes]:
        visitor = visit(context)
        try:
            caller = visitor.enter()
            with push_back.stream():
                async for message in call(parse(data), caller):
                    visitor.check_again()
                    yield message.SerializeToString()
        except CounterfoilError as error:
            await visitor.refuse(error)

    return handle


def _stream_in(
    call: Callable[[AsyncIterator[bytes], Caller], AsyncIterator[Message]],
    push_back: PushBack,
    visit: Callable[[Any], _Visit],
) -> Callable[[AsyncIterator[bytes], Any], AsyncIterator[bytes]]:
    async def checked(requests: AsyncIterator[bytes], visitor: _Visit) -> AsyncIterator[bytes]:
        # What was taken in before is answered; what comes after is not looked at.
        async for data in requests:
            visitor.check_again()
            yield data

    async def handle(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        visitor = visit(context)
        try:
            caller = visitor.enter()
            with push_back.stream():
                async for message in call(checked(requests, visitor), caller):
                    yield message.SerializeToString()
        except CounterfoilError as error:
            await visitor.refuse(error)

    return handle
