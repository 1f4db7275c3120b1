"""Requests made from the descriptors alone: filled in everywhere, and with an unknown field at every depth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from counterfoil.wire import element_bytes, encode_varint

from .edge import SERVICES

# A field number that no message of this API has, as a number and as text.
UNKNOWN_FIELDS = (encode_varint(1999 << 3) + b"\x01", element_bytes(1999, b"unknown"))
_DEPTH_MAX = 4


@dataclass(frozen=True)
class Method:
    """One method of the API and the messages that it takes and gives."""

    path: str
    descriptor: MethodDescriptor

    @property
    def name(self) -> str:
        """Its name without its service."""
        return str(self.descriptor.name)

    @property
    def request(self) -> type[Message]:
        """The class of its request."""
        return GetMessageClass(self.descriptor.input_type)

    @property
    def is_unary(self) -> bool:
        """One request, one answer."""
        return not self.descriptor.client_streaming and not self.descriptor.server_streaming

    def __str__(self) -> str:
        return self.name


METHODS = tuple(
    Method(f"/{service.full_name}/{method.name}", method)
    for service in SERVICES
    for method in service.methods
)


def is_clean(request: type[Message], data: bytes) -> bool:
    """Whether the bytes are such a request with nothing in them that is not known."""
    try:
        parsed = request.FromString(data)
    except DecodeError:
        return False
    size = parsed.ByteSize()
    parsed.DiscardUnknownFields()
    return parsed.ByteSize() == size


def fill(message: Any, depth: int = 0) -> None:
    """Give every field at every depth a value."""
    for field in message.DESCRIPTOR.fields:
        if _is_map(field):
            getattr(message, field.name)["key"] = "value"
        elif field.message_type is not None and depth < _DEPTH_MAX:
            if field.is_repeated:
                fill(getattr(message, field.name).add(), depth + 1)
            else:
                getattr(message, field.name).SetInParent()
                fill(getattr(message, field.name), depth + 1)
        elif field.message_type is None:
            _set_scalar(message, field)


def _set_scalar(message: Any, field: FieldDescriptor) -> None:
    kinds = FieldDescriptor
    value: Any = {
        kinds.CPPTYPE_STRING: b"x" if field.type == kinds.TYPE_BYTES else "x",
        kinds.CPPTYPE_BOOL: True,
    }.get(field.cpp_type, 1)
    if field.is_repeated:
        getattr(message, field.name).append(value)
    else:
        setattr(message, field.name, value)


def paths(descriptor: Descriptor, depth: int = 0) -> Iterator[tuple[str, ...]]:
    """Where messages stand inside a message, itself first (the empty path); map entries are not messages here."""
    yield ()
    for field in descriptor.fields:
        if field.message_type is not None and not _is_map(field) and depth < _DEPTH_MAX:
            for path in paths(field.message_type, depth + 1):
                yield (field.name, *path)


def with_unknown(request: type[Message], path: tuple[str, ...], unknown: bytes) -> bytes:
    """A filled request with an unknown field in the message at a path.

    Members of a oneof replace each other, so that only the one on the path is kept.
    """
    message: Any = request()
    fill(message)
    inner = message
    for name in path:
        field = inner.DESCRIPTOR.fields_by_name[name]
        if field.containing_oneof is not None:
            getattr(inner, name).SetInParent()
        if not field.is_repeated and not inner.HasField(name):
            fill(inner)
        inner = getattr(inner, name)[0] if field.is_repeated else getattr(inner, name)
    inner.MergeFromString(unknown)
    data = message.SerializeToString()
    assert not is_clean(request, data), (request, path)
    return bytes(data)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry
