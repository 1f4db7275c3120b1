"""A ledger with two hosts, two creators and one of everybody else; each has a key, and each host has submitted records."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from counterfoil.v1 import access_service_pb2 as access_pb2
from counterfoil.v1 import (
    payout_service_pb2,
    registry_pb2,
    registry_service_pb2,
    training_service_pb2,
    usage_service_pb2,
)
from counterfoil_server.access.desk import Desk
from counterfoil_server.access.door import open_ops
from counterfoil_server.directory import load
from counterfoil_server.rpc import SERVICES

from ..server import registry
from ..server.edge import PATIENCE_S, event, fault_of, payout, training
from ..support.ledger_process import LedgerProcess

# Who there is: a name, a role, and whom it stands for.
PEOPLE = {
    "operator": ("operator", ""),
    "platform": ("platform", ""),
    "auditor": ("auditor", ""),
    "mirror": ("mirror", ""),
    "host_a": ("host", "host_a"),
    "host_b": ("host", "host_b"),
    "creator_a": ("creator", "creator_a"),
    "creator_b": ("creator", "creator_b"),
}
METHODS: dict[str, MethodDescriptor] = {
    f"{service.DESCRIPTOR.name}.{method.name}": method
    for service in SERVICES
    for method in service.DESCRIPTOR.methods
}
_numbers = itertools.count()


def make_people(directory: Path) -> dict[str, str]:
    """Make the principals of PEOPLE in a directory; their keys by name."""
    with local_desk(directory) as desk:
        return {name: add_person(desk, name, *who) for name, who in PEOPLE.items()}


@contextmanager
def local_desk(directory: Path) -> Iterator[Desk]:
    """The desk of a directory on this machine, as the command line uses it."""
    settings = load(directory)
    with closing(open_ops(settings)) as ops:
        yield Desk(ops, settings.environment)


def add_person(desk: Desk, name: str, role: str, tenant: str = "", **quotas: int) -> str:
    """Make a principal with a key; returns the key."""
    number: Any = access_pb2.Role.Value(f"ROLE_{role.upper()}")
    principal = access_pb2.Principal(
        principal_id=name,
        role=number,
        tenant=tenant,
        quotas=access_pb2.Quotas(**quotas),
    )
    desk.create_principal(access_pb2.CreatePrincipalRequest(principal=principal))
    return desk.create_api_key(access_pb2.CreateApiKeyRequest(principal_id=name)).api_key


def key_id_of(key: str) -> str:
    """The id inside a key's text."""
    return key.split("_")[2]


@dataclass(frozen=True)
class Outcome:
    """How a call ended: ``OK`` or a code, with reason, message, retry time and the answers."""

    code: str
    reason: str = ""
    message: str = ""
    retry_after_s: float | None = None
    answers: list[Any] = field(default_factory=list)


class Line:
    """One connection with one credential, over which any method can be called by its name in the table."""

    def __init__(self, address: str, key: str = "", header: str = "authorization") -> None:
        self._channel: Any = grpc.insecure_channel(
            address, options=[("grpc.use_local_subchannel_pool", 1)]
        )
        shown = f"Bearer {key}" if header == "authorization" else key
        self.metadata: tuple[tuple[str, str], ...] = ((header, shown),) if key else ()

    def close(self) -> None:
        """End the connection."""
        self._channel.close()

    def open(self, method: str, requests: Iterator[bytes] | bytes) -> Any:
        """Begin a call that streams answers; iterate over it."""
        path, kind = _path(method), METHODS[method]
        parse = GetMessageClass(kind.output_type).FromString
        make = self._channel.stream_stream if kind.client_streaming else self._channel.unary_stream
        call = make(path, response_deserializer=parse)
        return call(requests, metadata=self.metadata, timeout=PATIENCE_S)

    def call(self, method: str, *requests: Message | bytes) -> Outcome:
        """Make a call with one request, or several for those that stream them, and wait for its end."""
        kind = METHODS[method]
        sent = [each if isinstance(each, bytes) else each.SerializeToString() for each in requests]
        try:
            if kind.client_streaming:
                answers = list(self.open(method, iter(sent)))
            elif kind.server_streaming:
                answers = list(self.open(method, sent[0]))
            else:
                parse = GetMessageClass(kind.output_type).FromString
                call = self._channel.unary_unary(_path(method), response_deserializer=parse)
                answers = [call(sent[0], metadata=self.metadata, timeout=PATIENCE_S)]
        except grpc.RpcError as error:
            fault = fault_of(error)
            return Outcome(fault.code.name, fault.reason, fault.message, fault.retry_after_s)
        return Outcome("OK", answers=answers)


def _path(method: str) -> str:
    return f"/{METHODS[method].containing_service.full_name}/{METHODS[method].name}"


class World:
    """The ledger, its people and what they recorded."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.ledger = LedgerProcess(directory)
        self.keys = make_people(directory)
        self.ledger.start(*options)
        self.lines = {name: Line(self.ledger.address, key) for name, key in self.keys.items()}
        self.trainings: dict[str, Any] = {}
        self.payouts: dict[str, Any] = {}
        self.events: dict[str, int] = {}
        for side in "ab":
            self._register(side)
            self._record(side)

    def close(self) -> None:
        """End the connections and the server."""
        for line in self.lines.values():
            line.close()
        self.ledger.close()

    def line(self, key: str) -> Line:
        """One more connection; the caller closes it."""
        return Line(self.ledger.address, key)

    def _register(self, side: str) -> None:
        """What the platform registers for a creator: a listed asset, a private one, its price, and a licence for the host."""
        creator, host = f"creator_{side}", f"host_{side}"
        for body in (
            registry.creator(
                creator,
                display_name=f"Creator {side}",
                payout_account_ref=f"account_{side}",
                kyc_status=registry_pb2.KYC_STATUS_VERIFIED,
                metadata={"secret": side},
            ),
            registry.price(creator, price_id=f"cost_{side}"),
            registry.asset(creator, f"shown_{side}"),
            registry.asset(creator, f"hidden_{side}", visibility=registry_pb2.VISIBILITY_PRIVATE),
            registry.licence(
                creator,
                license_id=f"deal_{side}",
                asset_id=f"hidden_{side}",
                buyer=host,
                price_id=f"cost_{side}",
            ),
        ):
            name = str(body.DESCRIPTOR.name)
            request = getattr(registry_service_pb2, f"Create{name}Request")(
                submitter="platform", **{name.lower(): body}
            )
            self._done("platform", f"RegistryService.Create{name}", request)

    def _record(self, side: str) -> None:
        """What host_a or host_b records of the works of creator_a or creator_b, and what the platform pays for it."""
        host, creator = f"host_{side}", f"creator_{side}"
        said = training_service_pb2.RecordTrainingRequest(
            submitter=host,
            request_id="t",
            training=training(creator_id=creator, model_id=f"m_{side}"),
        )
        self.trainings[side] = self._done(host, "TrainingService.RecordTraining", said)
        reference = self.trainings[side].training_id
        used = usage_service_pb2.AppendUsageRequest(
            submitter=host,
            events=[event(f"e_{side}", receipt_ref=reference), event(f"f_{side}")],
        )
        self.events[side] = self._done(host, "UsageService.AppendUsage", used).first_index
        paid = payout_service_pb2.RecordPayoutRequest(
            submitter="bank", request_id=side, payout=payout(creator_id=creator)
        )
        self.payouts[side] = self._done("platform", "PayoutService.RecordPayout", paid)

    def _done(self, name: str, method: str, request: Message) -> Any:
        outcome = self.lines[name].call(method, request)
        assert outcome.code == "OK", outcome
        return outcome.answers[0]


def fresh(word: str) -> str:
    """A name that no other call of this process uses."""
    return f"{word}-{next(_numbers)}"
