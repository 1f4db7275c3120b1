"""Quotas as callers meet them: refused with the reason, the quota's name and the time to come back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from counterfoil.v1 import access_service_pb2, usage_service_pb2

from ..server.edge import event
from .world import METHODS, Line, Outcome, World, add_person, fresh, local_desk

WHO = access_service_pb2.WhoAmIRequest()
# Tests may run slowly: so small a rate that nothing comes back while one runs, in either worker.
SLOW = 1


@contextmanager
def bounded(world: World, **quotas: int) -> Iterator[tuple[str, Line]]:
    """A host with quotas: its name, which is its tenant too, and a connection of it."""
    name = fresh("bounded")
    with local_desk(world.ledger.directory) as desk:
        key = add_person(desk, name, "host", name, **quotas)
    with closing(world.line(key)) as line:
        yield name, line


def append(line: Line, name: str, *tokens: int) -> Outcome:
    """Report events with so many tokens each."""
    events = [event(tokens=each, input_tokens=0, output_tokens=0) for each in tokens]
    request = usage_service_pb2.AppendUsageRequest(submitter=name, events=events)
    return line.call("UsageService.AppendUsage", request)


def test_too_many_calls_are_refused(pair: World) -> None:
    """Of calls without a pause some are refused as QUOTA, with a time to come back."""
    with bounded(pair, requests_per_s=SLOW) as (_, line):
        outcomes = [line.call("AccessService.WhoAmI", WHO) for _ in range(20)]

    refused = [outcome for outcome in outcomes if outcome.code != "OK"]
    assert outcomes[0].code == "OK"
    assert {(each.code, each.reason) for each in refused} == {("RESOURCE_EXHAUSTED", "QUOTA")}
    assert all(each.retry_after_s is not None and each.retry_after_s > 0 for each in refused)


def test_too_many_records_are_refused_and_not_logged(pair: World) -> None:
    """A batch far above the rate is let in once; the next one is refused as a whole."""
    with bounded(pair, records_per_s=SLOW) as (name, line):
        assert append(line, name, *[1] * 500).code == "OK"
        refused = append(line, name, 1)

    assert (refused.code, refused.reason) == ("RESOURCE_EXHAUSTED", "QUOTA")
    assert refused.retry_after_s is not None
    assert 60 < refused.retry_after_s < 1100


def test_the_tokens_of_a_day_are_bounded(pair: World) -> None:
    """Up to the bound tokens are taken, beyond it a batch is refused until midnight; what still fits is taken."""
    with bounded(pair, tokens_per_day=100) as (name, line):
        codes = [append(line, name, *tokens).reason for tokens in ((60,), (30, 11), (40,), (1,))]

    assert codes == ["", "QUOTA", "", "QUOTA"]


def test_a_refusal_names_quota_and_principal(pair: World) -> None:
    """QuotaFailure, RetryInfo and ErrorInfo come with it."""
    with bounded(pair, tokens_per_day=1) as (name, line):
        request = usage_service_pb2.AppendUsageRequest(submitter=name, events=[event(tokens=5)])
        method = METHODS["UsageService.AppendUsage"]
        call = line._channel.unary_unary(f"/{method.containing_service.full_name}/{method.name}")
        with pytest.raises(grpc.RpcError) as caught:
            call(request.SerializeToString(), metadata=line.metadata)

    status: Any = rpc_status.from_call(caught.value)
    failure, retry = error_details_pb2.QuotaFailure(), error_details_pb2.RetryInfo()
    info = error_details_pb2.ErrorInfo()
    found = [detail.Unpack(kind) for kind in (info, failure, retry) for detail in status.details]
    assert found.count(True) == 3
    assert failure.violations[0].subject == f"principal:{name}"
    assert failure.violations[0].description == "tokens_per_day" == info.metadata["quota"]
    assert 0 < retry.retry_delay.seconds <= 86_400


def test_without_quotas_nobody_is_refused(pair: World) -> None:
    """Negative control: the same calls of a host without quotas all end well."""
    with bounded(pair) as (name, line):
        assert {line.call("AccessService.WhoAmI", WHO).code for _ in range(20)} == {"OK"}
        assert append(line, name, *[1] * 500).code == "OK"
        assert append(line, name, 1).code == "OK"
