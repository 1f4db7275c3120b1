"""From received bytes to messages: exact bytes kept, and nothing accepted that we do not understand.

protobuf keeps fields that it does not know. A ledger must not: a field that nobody checked would be signed for.

The events of a batch are cut out of the request as they are, without being read: the compiled twin gathers them, or
protobuf does, as a field of bytes, which has the same wire form. They *are* what was sent. The typed messages are made
from the same buffer, and only when somebody has to look closer.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final, TypeVar

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from counterfoil.errors import InvalidInput, VerificationError
from counterfoil.packed import Packed
from counterfoil.record import problem
from counterfoil.record.problem import Problem
from counterfoil.twin import twin_of
from counterfoil.v1 import record_pb2, usage_service_pb2
from counterfoil.wire import element_tag, parse_varint

M = TypeVar("M", bound=Message)

_EVENTS: Final = usage_service_pb2.StreamBatch.DESCRIPTOR.fields_by_name["events"].number
_BATCH_TAG: Final = element_tag(
    usage_service_pb2.StreamUsageRequest.DESCRIPTOR.fields_by_name["batch"].number
)


class ReceivedBatch:
    """A batch of usage events as it came in.

    Attributes:
        request: the request without its events. bodies: the exact bytes of each event.
    """

    def __init__(self, message: type[Message], data: bytes, request: Any, bodies: Packed) -> None:
        """Keep the bytes; the events are parsed when somebody asks for them."""
        self.request = request
        self.bodies = bodies
        self._message = message
        self._data = data

    @property
    def events(self) -> Sequence[record_pb2.UsageEvent]:
        """The parsed events, in the places of the bodies; an empty one where ``problems`` names the position."""
        return self._parsed[0]

    @property
    def problems(self) -> Sequence[Problem]:
        """Which events cannot be read, and why."""
        return self._parsed[1]

    @cached_property
    def _parsed(self) -> tuple[Sequence[record_pb2.UsageEvent], Sequence[Problem]]:
        try:
            typed: Any = self._message.FromString(self._data)
            if not _drop_unknown_fields(typed):
                return (typed.batch.events if hasattr(typed, "batch") else typed.events), ()
        except DecodeError:
            pass  # Some event cannot be read; which one is found out below, one by one.
        return _parse_one_by_one(self.bodies)


def parse_message(message: type[M], data: bytes, field: str) -> M:
    """Parse one message.

    Raises:
        InvalidInput: truncated, malformed, not UTF-8 where text belongs, or with a field that is not known.
    """
    try:
        parsed = message.FromString(data)
    except DecodeError as error:
        told = f"{field} cannot be read as {message.DESCRIPTOR.name}: {error}"
        raise InvalidInput(told, field=field, reason=problem.MALFORMED) from error
    if _drop_unknown_fields(parsed):
        told = f"{field} has a field that {message.DESCRIPTOR.name} does not have"
        raise InvalidInput(told, field=field, reason=problem.UNKNOWN_FIELD)
    return parsed


def parse_append_usage(data: bytes) -> ReceivedBatch:
    """Read an AppendUsageRequest.

    Raises:
        InvalidInput: the frame itself cannot be read; faults inside one event become problems instead.
    """
    request, bodies = _take_apart(usage_service_pb2.AppendUsageRequest, data, 0)
    if request is None:
        request = _parse_exact(_ExactAppend, data)
        bodies = Packed.of(request.events)
    return ReceivedBatch(usage_service_pb2.AppendUsageRequest, data, request, bodies)


def parse_stream_batch(data: bytes) -> ReceivedBatch:
    """Read a StreamUsageRequest that holds a batch; ``request`` of the result is the StreamBatch.

    Raises:
        InvalidInput: the frame itself cannot be read, or it holds no batch.
    """
    request, bodies = _take_apart(usage_service_pb2.StreamBatch, data, _find_batch(data))
    if request is None:
        exact = _parse_exact(_ExactStream, data)
        if exact.WhichOneof("message") != "batch":
            told = "after its hello a stream carries batches only"
            raise InvalidInput(told, field="message", reason=problem.MALFORMED)
        request, bodies = exact.batch, Packed.of(exact.batch.events)
    return ReceivedBatch(usage_service_pb2.StreamUsageRequest, data, request, bodies)


def _take_apart(message: type[Message], data: bytes, begin: int | None) -> tuple[Any, Packed]:
    """The message that begins at an offset, without its events, and these; (None, nothing) when protobuf has to do it."""
    split = None if begin is None else split_elements(data, begin, _EVENTS)
    if split is None:
        return None, Packed()
    rest, bodies, ends = split
    return _parse_exact(message, rest), Packed(bodies, ends)


def _find_batch(data: bytes) -> int | None:
    """Where the StreamBatch begins in a StreamUsageRequest that holds nothing else, or None."""
    if not data.startswith(_BATCH_TAG):
        return None
    try:
        size, begin = parse_varint(data, len(_BATCH_TAG))
    except VerificationError:
        return None  # protobuf says what is wrong with it.
    return begin if begin + size == len(data) else None


@twin_of
def split_elements(_message: bytes, _begin: int, _field: int) -> tuple[bytes, bytes, bytes] | None:
    """The message from an offset on as its other fields, and one repeated field packed; or None: not certain.

    Only the compiled twin is ever certain; in Python protobuf itself is faster.
    """
    return None


def _parse_one_by_one(
    bodies: Sequence[bytes],
) -> tuple[Sequence[record_pb2.UsageEvent], Sequence[Problem]]:
    events, found = [], []
    for position, body in enumerate(bodies):
        try:
            events.append(parse_message(record_pb2.UsageEvent, body, f"events[{position}]"))
        except InvalidInput as error:
            events.append(record_pb2.UsageEvent())
            found.append(Problem(position, error.field, error.reason, str(error)))
    return events, found


def _parse_exact(twin: Any, data: bytes) -> Any:
    try:
        exact = twin.FromString(data)
    except DecodeError as error:
        told = f"the request is truncated or malformed: {error}"
        raise InvalidInput(told, field="request", reason=problem.MALFORMED) from error
    if _drop_unknown_fields(exact):
        told = "the request has a field that its type does not have"
        raise InvalidInput(told, field="request", reason=problem.UNKNOWN_FIELD)
    return exact


def _drop_unknown_fields(message: Message) -> bool:
    """Drop what the type does not know, at any depth, and tell whether there was something.

    Dropping shortens a message that had any: two passes in C instead of a walk in Python.
    """
    size = message.ByteSize()
    message.DiscardUnknownFields()
    return message.ByteSize() != size


def _exact_twins() -> tuple[Any, Any]:
    """Message classes like AppendUsageRequest and StreamUsageRequest whose events are left as bytes."""
    file = descriptor_pb2.FileDescriptorProto()
    usage_service_pb2.DESCRIPTOR.CopyToProto(file)
    file.name, file.package = "counterfoil/exact.proto", "counterfoil.exact"
    del file.service[:], file.dependency[:], file.enum_type[:]
    kept = ("AppendUsageRequest", "StreamHello", "StreamBatch", "StreamUsageRequest")
    messages = [message for message in file.message_type if message.name in kept]
    for message in messages:
        for field in message.field:
            if field.name == "events":
                field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
                field.ClearField("type_name")
            field.type_name = field.type_name.replace(".counterfoil.v1.", ".counterfoil.exact.")
            if not field.type_name:
                field.ClearField("type_name")
    del file.message_type[:]
    file.message_type.extend(messages)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return tuple(
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"counterfoil.exact.{name}"))
        for name in ("AppendUsageRequest", "StreamUsageRequest")
    )  # type: ignore[return-value]


_ExactAppend, _ExactStream = _exact_twins()
