"""Health checks and reflection: what orchestrators and people with a command line ask for."""

from __future__ import annotations

import os
import signal

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from ..support.ledger_process import LedgerProcess
from .edge import PATIENCE_S, SERVICES, Edge, connected, refused

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
NAMES = [service.full_name for service in SERVICES]


@pytest.mark.parametrize("name", ["", *NAMES])
def test_each_service_is_healthy(edge: Edge, name: str) -> None:
    """The server as a whole and each service say SERVING when the ledger is ready."""
    stub = health_pb2_grpc.HealthStub(edge.channel)
    assert stub.Check(health_pb2.HealthCheckRequest(service=name)).status == SERVING


def test_the_health_of_an_unknown_service_is_not_found(edge: Edge) -> None:
    """A health check with a wrong name does not pass by mistake."""
    stub = health_pb2_grpc.HealthStub(edge.channel)
    request = health_pb2.HealthCheckRequest(service="counterfoil.v1.Nope")
    assert refused(lambda: stub.Check(request)).code is grpc.StatusCode.NOT_FOUND


def test_a_server_that_drains_says_that_it_is_not_serving(ledger: LedgerProcess) -> None:
    """Who watches the health of a server hears NOT_SERVING when it was told to stop, before the connection ends."""
    with connected(ledger) as edge:
        stub = health_pb2_grpc.HealthStub(edge.channel)
        watches = [
            stub.Watch(health_pb2.HealthCheckRequest(service=name), timeout=PATIENCE_S)
            for name in ("", *NAMES)
        ]
        assert {next(watch).status for watch in watches} == {SERVING}
        os.kill(ledger.pid, signal.SIGTERM)
        assert {next(watch).status for watch in watches} == {NOT_SERVING}
        for watch in watches:
            watch.cancel()
        assert ledger.wait() == 0


def test_reflection_lists_every_service(edge: Edge) -> None:
    """Reflection names the four services, health and itself."""
    listed = ProtoReflectionDescriptorDatabase(edge.channel).get_services()
    assert sorted(listed) == sorted(
        [*NAMES, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"]
    )


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: str(service.name))
def test_reflection_describes_every_method(edge: Edge, service: object) -> None:
    """What reflection tells of a service is what the API says: the same methods and messages."""
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(edge.channel))
    name = str(getattr(service, "full_name", ""))
    found = pool.FindServiceByName(name)
    expected = [(m.name, m.input_type.full_name, m.output_type.full_name) for m in service.methods]  # type: ignore[attr-defined]
    assert [
        (m.name, m.input_type.full_name, m.output_type.full_name) for m in found.methods
    ] == expected
