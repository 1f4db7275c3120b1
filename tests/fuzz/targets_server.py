"""Targets: every request of every service through the server's own handlers, page tokens, ids and bodies."""

from __future__ import annotations

import asyncio
import base64
import struct
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from counterfoil.errors import Busy, InvalidInput
from counterfoil.limits import TREE_SIZE_MAX
from counterfoil.log import Batch
from counterfoil.packed import Packed
from counterfoil.record import (
    KINDS,
    TRAINING,
    USAGE,
    Kind,
    format_id,
    parse_append_usage,
    parse_id,
    parse_message,
    parse_stream_batch,
)
from counterfoil.record.consumer import is_pseudonym
from counterfoil.record.training import signed_bytes
from counterfoil.record.usage import Window, accept_batch, check_batch
from counterfoil.v1 import record_pb2, usage_service_pb2
from counterfoil_server.access.caller import OPEN, Caller, Identity
from counterfoil_server.access.guard import Shown, find_scope
from counterfoil_server.access.quota import UNBOUNDED
from counterfoil_server.access.sign_in import TokenDesk
from counterfoil_server.access.token import Realm
from counterfoil_server.access.trail import Trail
from counterfoil_server.assessing import Assessor
from counterfoil_server.directory import Settings
from counterfoil_server.ledger import Ledger
from counterfoil_server.pages import Pages, _digest
from counterfoil_server.rpc import SERVICES, Servicer, assemble
from counterfoil_server.rpc.status import to_status
from counterfoil_server.token_keys import TokenKeys

from ..record.samples import HOST, PROVIDER, good, party, serialize, signed_training
from .access import access_seeds, fuzz_ops
from .ledger import ORIGIN, STREAM, SUBMITTER, fuzz_log
from .target import Cut, Target, as_text, must

_WORDS = (b"\x0a\x04host", b"\x12\x00", b"\x7a\x02\x0a\x00", b"\x80\x00", b"\xff" * 9 + b"\x01")
_WINDOW = Window(1, TREE_SIZE_MAX)


class Refused(Exception):
    """The call ended with a status, which was made from an error of the documented family."""


class _Context:
    def invocation_metadata(self) -> tuple[()]:
        """Nobody shows anything: the ledger has no keys."""
        return ()

    def peer(self) -> str:
        """Where fuzzers live."""
        return "ipv4:127.0.0.1:1"

    async def abort_with_status(self, status: Any) -> None:
        raise Refused(str(status.code))


class _Queue:
    """A queue that is always full: what gets here was parsed, checked and prepared."""

    def __init__(self) -> None:
        self.stopping = True
        self.closing = asyncio.Event()
        self.closing.set()
        self.committed = asyncio.Event()

    def offer(self, batch: Batch) -> Any:
        must(len(batch.commitments) == len(batch.bodies), "a record has no commitment")
        raise Busy("full", retry_after_s=0.1)

    def turn(self) -> nullcontext[None]:
        """No stream stands in line here."""
        return nullcontext()


@cache
def _ledger() -> Ledger:
    log = fuzz_log()
    settings = Settings(Path(), ORIGIN, "sandbox")
    ops = fuzz_ops()
    tokens = TokenDesk(TokenKeys(log.signer), Realm(ORIGIN, "sandbox"), 300, Trail(ops, lambda: 0))
    queue: Any = _Queue()
    pages, assessor = Pages(log.secret), Assessor(log, settings)
    return Ledger(settings, log, queue, pages, assessor, ops, tokens)


class _OpenDoor:
    """Lets everything in as the operator, also after a case has made a principal."""

    asks_for_certificates = False

    def identify(self, _shown: Shown) -> Identity:
        """Nobody is asked."""
        return OPEN

    def permit(self, method: str, identity: Identity, peer: str) -> Caller:
        """The operator may."""
        return Caller(identity, find_scope(method, identity.role), UNBOUNDED, peer)

    def check_again(self, _method: str, _shown: Shown) -> None: ...

    def note(self, *_: object) -> bool:
        """Nothing is written down."""
        return True


class _Silence:
    """A logger for refusals by the million."""

    def info(self, *_: object, **__: object) -> None: ...

    error = info


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _reader(service: type[Servicer], method: MethodDescriptor) -> Callable[[bytes], None]:
    """Hostile bytes into the handler that gRPC calls for a method."""
    handler: Any = None

    def read(data: bytes) -> None:
        nonlocal handler
        if handler is None:
            quiet: Any = SimpleNamespace(wanted=False, stream=nullcontext)
            served: Any = service
            door: Any = _OpenDoor()
            handler = assemble._make_method(served(_ledger()), method, quiet, door)
        loud, assemble._log = assemble._log, _Silence()
        try:
            _loop().run_until_complete(_call(handler, data))
        finally:
            assemble._log = loud

    return read


async def _call(handler: Any, data: bytes) -> None:
    context = _Context()
    if handler.request_streaming:
        answers = handler.stream_stream(_requests(data), context)
    elif handler.response_streaming:
        answers = handler.unary_stream(data, context)
    else:
        await handler.unary_unary(data, context)
        return
    async for _answer in answers:
        pass


async def _requests(data: bytes) -> AsyncIterator[bytes]:
    """Several requests, each with its size before it in two bytes."""
    cut = Cut(data)
    while size := cut.take(2):
        yield cut.take(int.from_bytes(size, "big"))


def _request_seeds(method: MethodDescriptor) -> Callable[[], Iterator[bytes]]:
    def seeds() -> Iterator[bytes]:
        request: type[Message] = GetMessageClass(method.input_type)
        if method.containing_service.name == "AccessService":
            yield from access_seeds(method.name)
        else:
            yield from _stream_requests() if method.client_streaming else _filled(request)

    return seeds


def _filled(request: type[Message]) -> Iterator[bytes]:
    """A request with nothing in it, and requests with something in every field."""
    yield b""
    for number in (1, 3, 8):
        message: Any = request()
        for field in message.DESCRIPTOR.fields:
            _fill(message, field, number)
        yield message.SerializeToString(deterministic=True)


def _fill(message: Any, field: FieldDescriptor, number: int) -> None:
    if field.message_type is not None:
        slot = getattr(message, field.name)
        (slot.add() if field.is_repeated else slot).CopyFrom(_filled_inside(message, field, number))
    elif field.type == FieldDescriptor.TYPE_STRING:
        setattr(message, field.name, _TEXTS.get(field.name, _entry_id(number)))
    elif field.name != "page_token":
        value = field.type == FieldDescriptor.TYPE_BOOL or number % 5
        setattr(message, field.name, _NUMBERS.get(str(field.full_name), value))


def _filled_inside(message: Any, field: FieldDescriptor, number: int) -> Any:
    """A good body of the kind that a field holds; for a message of no kind, something in every field."""
    descriptor: Any = field.message_type
    kind = next((kind for kind in KINDS if kind.message.DESCRIPTOR is descriptor), None)
    if kind is None:
        inside: Any = GetMessageClass(descriptor)()
        for each in descriptor.fields:
            _fill(inside, each, number)
        return inside
    # A first version replaces nothing; and usage refers to nothing here.
    first = str(message.DESCRIPTOR.name).startswith("Create")
    left_out = "receipt_ref" if kind is USAGE else "replaces" if first else ""
    return good(kind, **({left_out: None} if left_out else {}))


# Kinds of objects are others than the first ones.
_NUMBERS = {"counterfoil.v1.ListVersionsRequest.kind": 5}
_TEXTS = {
    "submitter": SUBMITTER,
    "event_id": "e-0-1",
    "request_id": "r9",
    "creator_id": "creator_42",
    "model_id": "model_xyz",
    "dataset_id": "ds_0",
    "period": "2024-02",
    "asset_id": "asset/1",
    "license_id": "lic:1",
    "price_id": "price:1",
    "object_id": "creator_42",
    "buyer": "host_1",
    "territory": "DE",
    "page_token": "",
}


def _entry_id(index: int) -> str:
    from counterfoil.log.read import read_entry

    with fuzz_log().store.snapshot() as snapshot:
        return read_entry(snapshot, index).id


def _stream_requests() -> Iterator[bytes]:
    hello = usage_service_pb2.StreamUsageRequest(
        hello=usage_service_pb2.StreamHello(submitter=SUBMITTER, stream_id=STREAM)
    ).SerializeToString()
    events = [good(USAGE, event_id="new", receipt_ref=None)]
    batch = usage_service_pb2.StreamUsageRequest(
        batch=usage_service_pb2.StreamBatch(sequence=3, backfill=True, events=events)
    ).SerializeToString()
    yield b"".join(len(part).to_bytes(2, "big") + part for part in (hello, batch, batch))


def _rpc_targets() -> Iterator[Target]:
    """One target for each method, so that a new one is fuzzed before anybody thinks of it."""
    for service in SERVICES:
        for method in service.DESCRIPTOR.methods:
            name = f"rpc-{service.DESCRIPTOR.name}-{method.name}"
            read, seeds = _reader(service, method), _request_seeds(method)
            yield Target(name, seeds, read, (Refused,), _WORDS)


def _read_batch(data: bytes) -> None:
    """A batch of usage in both wrappings, by the compiled twin and by protobuf; they must agree."""
    stream = data[:1] == b"\x01"
    received = (parse_stream_batch if stream else parse_append_usage)(data[1:])
    identities = accept_batch(received.bodies, _WINDOW, lambda _references: ())
    events, problems = received.events, received.problems
    must(len(events) == len(received.bodies), "an event is missing")
    checked, found = check_batch(events, received.bodies, _WINDOW, lambda _references: ())
    must(identities is None or not (found or problems), "the twin accepts what is refused")
    must(identities is None or list(identities) == list(checked), "the twin reads other ids")
    unreadable = {problem.position for problem in problems}
    for position, body in enumerate(received.bodies):
        if position not in unreadable:
            must(record_pb2.UsageEvent.FromString(body) == events[position], "an event moved")


def _batches() -> Iterator[bytes]:
    events = [good(USAGE, event_id=f"e{number}", receipt_ref=None) for number in range(3)]
    append = usage_service_pb2.AppendUsageRequest(submitter=SUBMITTER, events=events)
    yield b"\x00" + append.SerializeToString(deterministic=True)
    batch = usage_service_pb2.StreamBatch(sequence=1, events=events)
    stream = usage_service_pb2.StreamUsageRequest(batch=batch)
    yield b"\x01" + stream.SerializeToString(deterministic=True)


def _body_reader(kind: Kind) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        body: Any = parse_message(kind.message, data, "body")
        for item in kind.check(body, data):
            error = InvalidInput(
                item.message, field=item.field, reason=item.reason, position=item.position
            )
            to_status(error)
            raise error
        again = kind.message.FromString(body.SerializeToString(deterministic=True))
        must(again == body, "a body means something else when it is written again")
        must(all(map(str.isprintable, kind.terms(body).values())), "a term breaks lines")
        if kind is TRAINING and body.signatures:
            must(data.startswith(signed_bytes(data).partition(b"\n")[2]), "parties signed more")

    return read


def _bodies(kind: Kind) -> Callable[[], Iterable[bytes]]:
    def seeds() -> Iterator[bytes]:
        yield serialize(good(kind))
        if kind is TRAINING:
            raw = serialize(good(kind))
            yield serialize(signed_training([party(raw, PROVIDER), party(raw, HOST, 2)]))

    return seeds


def _read_id(data: bytes) -> None:
    text = as_text(data)
    parsed = parse_id(text)
    if parsed is not None:
        tag = bytes.fromhex(parsed.tag)
        must(format_id(parsed.prefix, parsed.index, tag) == text, "an id comes out otherwise")


def _read_token(data: bytes) -> None:
    """A token as it came, or what it holds, well sealed: what somebody with the log's secret could make."""
    pages = _ledger().pages
    if data[:1] == b"\x01":
        sealed = pages._box.encrypt(data[1:], bytes(24))
        token = base64.urlsafe_b64encode(sealed).decode()
    else:
        token = as_text(data[1:])
    pages.open(token, "ListEntries", 3)


def _tokens() -> Iterator[bytes]:
    pages = _ledger().pages
    yield b"\x00" + pages.seal(7, "ListEntries", 3).encode()
    yield b"\x01" + struct.pack(">QQ16s", 1 << 40, 7, _digest(("ListEntries", 3)))


def _read_packed(data: bytes) -> None:
    """Events that were cut out of a request, against a window of their own."""
    cut = Cut(data)
    first_us, last_us = cut.number(7) - (1 << 32), cut.number(7)
    body = cut.rest()
    window, packed = Window(first_us, last_us), Packed.of([body])
    looked = accept_batch(packed, window, lambda _references: ())
    strictly = accept_batch(packed, window, lambda _references: (), pseudonyms_only=True)
    if looked is not None:
        event = record_pb2.UsageEvent.FromString(body)
        anonymous = not event.consumer_id or is_pseudonym(event.consumer_id)
        must(anonymous == (strictly is not None), "the twin takes another form for a pseudonym")
        must([event.event_id] == list(looked), "the twin reads another id")
        must(max(1, first_us) <= event.event_time_us <= last_us, "outside of the window")


SERVER = (
    *_rpc_targets(),
    Target("usage-batch", _batches, _read_batch, words=_WORDS),
    *(
        Target(f"body-{kind.name}", _bodies(kind), _body_reader(kind), words=_WORDS)
        for kind in KINDS
    ),
    Target("entry-id", lambda: [b"pt_42_9f8e7d6c", b"ev_0_00000000"], _read_id, words=(b"_",)),
    Target("page-token", _tokens, _read_token, (InvalidInput,)),
    Target(
        "usage-event",
        lambda: [(1 << 32).to_bytes(7, "big") + b"\x10" + bytes(6) + serialize(good(USAGE))],
        _read_packed,
        words=_WORDS,
    ),
)
