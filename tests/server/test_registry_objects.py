"""RegistryService: objects are created, updated, read and ended, with receipts."""

from __future__ import annotations

import grpc
import pytest

from counterfoil.receipt import verify_receipt

from .edge import Edge, refused
from .registry import RegistryEdge, creator


@pytest.fixture(scope="module")
def registry(edge: Edge) -> RegistryEdge:
    """The registry of the ledger that all tests share."""
    return RegistryEdge(edge)


def test_a_creator_is_created_and_read(edge: Edge, registry: RegistryEdge) -> None:
    """What was created is read as it was sent, and its receipt verifies for the entry that its etag names."""
    body = creator(metadata={"site": "example.com"})

    answer = registry.create(body, request_id="first").recorded
    state = registry.get(body)

    assert state.creator == body
    assert state.version == answer.version
    assert (answer.version.version, answer.version.effective_time_us) == (1, 0)
    verified = verify_receipt(answer.receipt, edge.vkey)
    assert (verified.kind, verified.index) == (5, answer.version.index)
    assert answer.version.etag == f"cr_{verified.index}_{verified.leaf_hashes[0][:4].hex()}"
    assert not state.HasField("revocation")


def test_an_unknown_creator_is_not_found(registry: RegistryEdge) -> None:
    """Nobody is made up."""
    fault = refused(lambda: registry.call("GetCreator", creator_id="nobody"))

    assert (fault.code, fault.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
