"""What a failed call says: code, reason, fields and pause come out of google.rpc.Status, and nothing breaks on noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from counterfoil_client import LedgerClient, LedgerError, Violation

End = Callable[[grpc.ServicerContext], object]


@contextmanager
def failing(end: End) -> Iterator[LedgerClient]:
    """A client of a server that ends every call in one way."""

    class Handler(grpc.GenericRpcHandler):
        """Answers every method alike."""

        def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:  # noqa: ARG002
            """One handler for all."""
            return grpc.unary_unary_rpc_method_handler(lambda _request, context: end(context))

    server = grpc.server(ThreadPoolExecutor(2), handlers=[Handler()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with LedgerClient(f"127.0.0.1:{port}", timeout_s=20.0) as client:
            yield client
    finally:
        server.stop(None).wait()


def error_of(end: End) -> LedgerError:
    """What the client raises."""
    with failing(end) as client, pytest.raises(LedgerError) as caught:
        client.log_info()
    return caught.value


def packed(*details: Any) -> list[any_pb2.Any]:
    """Messages as details."""
    boxes = []
    for detail in details:
        box = any_pb2.Any()
        box.Pack(detail)
        boxes.append(box)
    return boxes


def refuse(details: list[any_pb2.Any]) -> End:
    """End with a status that has details."""
    status = status_pb2.Status(code=code_pb2.RESOURCE_EXHAUSTED, message="full", details=details)
    return lambda context: context.abort_with_status(rpc_status.to_status(status))


def test_details_are_read() -> None:
    """Reason, violations and pause are those that the ledger sent."""
    fields = [
        error_details_pb2.BadRequest.FieldViolation(field="a.b", description="no", reason="R1"),
        error_details_pb2.BadRequest.FieldViolation(field="c", description="never"),
    ]
    error = error_of(
        refuse(
            packed(
                error_details_pb2.ErrorInfo(reason="QUEUE_FULL", domain="counterfoil"),
                error_details_pb2.BadRequest(field_violations=fields),
                error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(nanos=250_000_000)),
                error_details_pb2.DebugInfo(detail="of no use here"),
            )
        )
    )

    assert (error.code, error.reason) == ("RESOURCE_EXHAUSTED", "QUEUE_FULL")
    assert error.violations == (Violation("a.b", "no", "R1"), Violation("c", "never"))
    assert error.retry_after_s == 0.25
    assert "full" in str(error)


@pytest.mark.parametrize(
    "end",
    [
        refuse([]),
        refuse(packed(error_details_pb2.DebugInfo())),
        refuse([any_pb2.Any(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\xff")]),
        refuse([any_pb2.Any(type_url="nowhere", value=b"\xff")]),
        lambda context: context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "full"),
    ],
    ids=["none", "unknown", "broken", "no type", "plain"],
)
def test_a_call_without_good_details_still_has_its_code(end: End) -> None:
    """Missing, unknown and broken details leave the code and the message."""
    error = error_of(end)

    assert (error.code, error.reason, error.violations) == ("RESOURCE_EXHAUSTED", "", ())
    assert error.retry_after_s is None
    assert "full" in str(error)


@pytest.mark.parametrize("trailer", [b"", b"\xff\xff", b"\x08\x05\x12\x05other"])
def test_details_that_contradict_the_call_are_not_believed(trailer: bytes) -> None:
    """Noise in the trailer, and a status that speaks of another error, leave the code of the call."""

    def end(context: grpc.ServicerContext) -> None:
        context.set_trailing_metadata((("grpc-status-details-bin", trailer),))
        context.abort(grpc.StatusCode.NOT_FOUND, "gone")

    error = error_of(end)

    assert (error.code, error.reason) == ("NOT_FOUND", "")


def test_a_negative_pause_is_none_at_all() -> None:
    """Nobody can ask to come back in the past."""
    delay = duration_pb2.Duration(seconds=-5)
    error = error_of(refuse(packed(error_details_pb2.RetryInfo(retry_delay=delay))))

    assert error.retry_after_s == 0.0


def test_a_server_that_fails_inside_is_an_error_with_a_code() -> None:
    """An exception over there is UNKNOWN here, and the message tells."""

    def end(_context: grpc.ServicerContext) -> None:
        raise RuntimeError("over there")

    error = error_of(end)

    assert error.code == "UNKNOWN"
