"""What is changed about keys counts for the next call in all workers, and ends streams that are open."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import grpc
import pytest

from counterfoil.v1 import access_service_pb2, log_service_pb2, usage_service_pb2

from ..server.edge import event, fault_of
from .world import Line, World, add_person, fresh, key_id_of, local_desk

# Connections are spread over two workers at random: so many are on one with a chance of 1 in 30,000.
CONNECTIONS = 16
WHO = access_service_pb2.WhoAmIRequest()


def revoke(world: World, key: str) -> None:
    """End a key, through whichever worker."""
    request = access_service_pb2.RevokeApiKeyRequest(key_id=key_id_of(key))
    assert world.lines["operator"].call("AccessService.RevokeApiKey", request).code == "OK"


def person(world: World, role: str, tenant: str = "") -> tuple[str, str]:
    """A new principal, by a process of its own, while the ledger runs; its name and key."""
    name = fresh(role)
    with local_desk(world.ledger.directory) as desk:
        return name, add_person(desk, name, role, tenant)


def disable(world: World, name: str) -> None:
    """Lock a principal out."""
    request = access_service_pb2.UpdatePrincipalRequest(principal_id=name, disabled=True)
    assert world.lines["operator"].call("AccessService.UpdatePrincipal", request).code == "OK"


@pytest.mark.parametrize("how", ["revoked", "disabled", "revoked on the machine"])
def test_the_next_call_of_every_connection_is_refused(pair: World, how: str) -> None:
    """A key that was good on sixteen connections to two workers is refused on each of them."""
    name, key = person(pair, "auditor")
    with ExitStack() as stack:
        lines = [stack.enter_context(closing(pair.line(key))) for _ in range(CONNECTIONS)]
        assert {line.call("AccessService.WhoAmI", WHO).code for line in lines} == {"OK"}
        if how == "revoked":
            revoke(pair, key)
        elif how == "disabled":
            disable(pair, name)
        else:
            with local_desk(pair.ledger.directory) as desk:
                desk.revoke_api_key(access_service_pb2.RevokeApiKeyRequest(key_id=key_id_of(key)))

        codes = {line.call("AccessService.WhoAmI", WHO).code for line in lines}

    assert codes == {"UNAUTHENTICATED"}


def test_a_new_key_is_good_in_every_worker_at_once(pair: World) -> None:
    """Negative control: what was just made gets in on every connection."""
    _, key = person(pair, "auditor")
    with ExitStack() as stack:
        lines = [stack.enter_context(closing(pair.line(key))) for _ in range(CONNECTIONS)]
        codes = {line.call("AccessService.WhoAmI", WHO).code for line in lines}

    assert codes == {"OK"}


def test_an_open_tail_ends_at_its_next_message(pair: World) -> None:
    """A tail whose key was revoked hands nothing more out: the next entry ends it."""
    _, key = person(pair, "mirror")
    with closing(pair.line(key)) as line:
        size = _size(pair)
        request = log_service_pb2.TailEntriesRequest(start_index=size - 1)
        call = line.open("LogService.TailEntries", request.SerializeToString())
        assert next(call).next_index == size
        revoke(pair, key)
        _report(pair)

        with pytest.raises(grpc.RpcError) as caught:
            next(call)
    assert fault_of(caught.value).code is grpc.StatusCode.UNAUTHENTICATED


def test_an_open_tail_of_a_good_key_goes_on(pair: World) -> None:
    """Negative control: the same tail gets the next entry when nobody revokes its key."""
    _, key = person(pair, "mirror")
    with closing(pair.line(key)) as line:
        size = _size(pair)
        request = log_service_pb2.TailEntriesRequest(start_index=size - 1)
        call = line.open("LogService.TailEntries", request.SerializeToString())
        assert next(call).next_index == size
        _report(pair)

        assert next(call).next_index > size
        call.cancel()


def test_an_open_usage_stream_logs_nothing_more(pair: World) -> None:
    """After the key was revoked the next batch is refused and not logged; what was acknowledged stays."""
    host = fresh("host")
    _, key = person(pair, "host", host)
    sent: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    requests: Iterator[bytes] = iter(sent.get, None)
    hello = usage_service_pb2.StreamHello(submitter=host, stream_id="s")
    sent.put(usage_service_pb2.StreamUsageRequest(hello=hello).SerializeToString())
    with closing(pair.line(key)) as line:
        call = line.open("UsageService.StreamUsage", requests)
        assert next(call).WhichOneof("message") == "resume"
        sent.put(_batch(1, "kept"))
        assert next(call).ack.result.accepted == 1
        revoke(pair, key)
        sent.put(_batch(2, "late"))
        with pytest.raises(grpc.RpcError) as caught:
            next(call)
        sent.put(None)
    assert fault_of(caught.value).code is grpc.StatusCode.UNAUTHENTICATED

    codes = [
        pair.lines["auditor"]
        .call(
            "UsageService.GetUsageEvent",
            usage_service_pb2.GetUsageEventRequest(submitter=host, event_id=event_id),
        )
        .code
        for event_id in ("kept", "late")
    ]
    assert codes == ["OK", "NOT_FOUND"]


def test_both_keys_of_a_rotation_are_good(pair: World) -> None:
    """Anybody may rotate a key of its own; with no overlap the old one ends at once."""
    name, key = person(pair, "mirror")
    with closing(pair.line(key)) as old:
        request = access_service_pb2.RotateApiKeyRequest(key_id=key_id_of(key))
        first: Any = old.call("AccessService.RotateApiKey", request).answers[0]
        with closing(pair.line(first.api_key)) as new:
            answers = [line.call("AccessService.WhoAmI", WHO) for line in (old, new)]
            assert {each.answers[0].principal.principal_id for each in answers} == {name}
            request = access_service_pb2.RotateApiKeyRequest(key_id=first.key.key_id, overlap_us=0)
            second: Any = new.call("AccessService.RotateApiKey", request).answers[0]
            assert new.call("AccessService.WhoAmI", WHO).code == "UNAUTHENTICATED"
        with closing(pair.line(second.api_key)) as newest:
            assert newest.call("AccessService.WhoAmI", WHO).code == "OK"


def _batch(sequence: int, event_id: str) -> bytes:
    batch = usage_service_pb2.StreamBatch(sequence=sequence, events=[event(event_id)])
    return usage_service_pb2.StreamUsageRequest(batch=batch).SerializeToString()


def _report(world: World) -> None:
    request = usage_service_pb2.AppendUsageRequest(submitter="host_a", events=[event()])
    assert world.lines["host_a"].call("UsageService.AppendUsage", request).code == "OK"


def _size(world: World) -> int:
    line: Line = world.lines["operator"]
    info: Any = line.call("LogService.GetLogInfo", log_service_pb2.GetLogInfoRequest()).answers[0]
    return int(info.size)
