"""From errors to gRPC status, in one table.

Every status carries google.rpc.ErrorInfo with a reason from a fixed list; field violations, retry delays and precondition
details come with it where they apply.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from counterfoil.errors import (
    AlreadyExists,
    Busy,
    Conflict,
    CounterfoilError,
    FailedPrecondition,
    IntegrityError,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    OutOfRange,
    PermissionDenied,
    QuotaExceeded,
    SigningFailed,
    Stopping,
    StoreFull,
    Unauthenticated,
    VersionMismatch,
)

DOMAIN: Final = "counterfoil"
_STORE_FULL_RETRY_S: Final = 30.0
_RESTART_RETRY_S: Final = 1.0


def _retry(seconds: float) -> Message:
    delay = duration_pb2.Duration()
    delay.FromMilliseconds(int(seconds * 1000))
    info: Message = error_details_pb2.RetryInfo(retry_delay=delay)
    return info


def _invalid(error: InvalidInput) -> Sequence[Message]:
    at = f"events[{error.position}]"
    # An event that is at fault as a whole is named by its place alone.
    whole = error.position is None or error.field in ("events", at)
    field = error.field if error.position is None else at if whole else f"{at}.{error.field}"
    violation = error_details_pb2.BadRequest.FieldViolation(
        field=field, description=str(error), reason=error.reason
    )
    return [error_details_pb2.BadRequest(field_violations=[violation])]


def _unmet(error: FailedPrecondition) -> Sequence[Message]:
    violation = error_details_pb2.PreconditionFailure.Violation(
        type=error.reason, subject=error.field, description=str(error)
    )
    return [error_details_pb2.PreconditionFailure(violations=[violation])]


def _quota(error: QuotaExceeded) -> Sequence[Message]:
    violation = error_details_pb2.QuotaFailure.Violation(
        subject=f"principal:{error.subject}", description=error.quota
    )
    return [
        error_details_pb2.QuotaFailure(violations=[violation]),
        _retry(error.retry_after_s),
    ]


def _nothing(_error: Any) -> Sequence[Message]:
    return []


Row = tuple[
    type[CounterfoilError],
    grpc.StatusCode,
    Callable[[Any], str],
    Callable[[Any], dict[str, str]],
    Callable[[Any], Sequence[Message]],
]

# Error class, code, reason, metadata of ErrorInfo, further details.
TABLE: Final[tuple[Row, ...]] = (
    (
        InvalidInput,
        grpc.StatusCode.INVALID_ARGUMENT,
        lambda error: str(error.reason),
        lambda error: {"field": error.field},
        _invalid,
    ),
    (
        Conflict,
        grpc.StatusCode.ALREADY_EXISTS,
        lambda _error: "CONFLICT",
        lambda error: {"field": error.field, "original_index": str(error.original_index)},
        _nothing,
    ),
    (
        AlreadyExists,
        grpc.StatusCode.ALREADY_EXISTS,
        lambda error: str(error.reason),
        lambda error: {"field": error.field} | ({"etag": error.etag} if error.etag else {}),
        _nothing,
    ),
    (
        VersionMismatch,
        grpc.StatusCode.ABORTED,
        lambda _error: "ETAG_MISMATCH",
        lambda error: {"etag": error.etag},
        _nothing,
    ),
    (
        FailedPrecondition,
        grpc.StatusCode.FAILED_PRECONDITION,
        lambda error: str(error.reason),
        lambda error: {"field": error.field},
        _unmet,
    ),
    (NotFound, grpc.StatusCode.NOT_FOUND, lambda _error: "NOT_FOUND", lambda _error: {}, _nothing),
    (
        OutOfRange,
        grpc.StatusCode.OUT_OF_RANGE,
        lambda _error: "OUT_OF_RANGE",
        lambda error: {"size": str(error.size)},
        _nothing,
    ),
    (
        Busy,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        lambda _error: "BUSY",
        lambda _error: {},
        lambda error: [_retry(error.retry_after_s)],
    ),
    (
        Unauthenticated,
        grpc.StatusCode.UNAUTHENTICATED,
        lambda _error: "UNAUTHENTICATED",
        lambda _error: {},
        _nothing,
    ),
    (
        PermissionDenied,
        grpc.StatusCode.PERMISSION_DENIED,
        lambda _error: "PERMISSION_DENIED",
        lambda error: {"field": error.field} if error.field else {},
        _nothing,
    ),
    (
        QuotaExceeded,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        lambda _error: "QUOTA",
        lambda error: {"quota": error.quota},
        _quota,
    ),
    (
        Stopping,
        grpc.StatusCode.UNAVAILABLE,
        lambda _error: "STOPPING",
        lambda _error: {},
        lambda _error: [_retry(_RESTART_RETRY_S)],
    ),
    (
        StoreFull,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        lambda _error: "STORE_FULL",
        lambda _error: {},
        lambda _error: [_retry(_STORE_FULL_RETRY_S)],
    ),
    (
        OutcomeUnknown,
        grpc.StatusCode.UNAVAILABLE,
        lambda _error: "OUTCOME_UNKNOWN",
        lambda _error: {},
        lambda _error: [_retry(_RESTART_RETRY_S)],
    ),
    (
        SigningFailed,
        grpc.StatusCode.UNAVAILABLE,
        lambda _error: "SIGNING_FAILED",
        lambda _error: {},
        lambda _error: [_retry(_RESTART_RETRY_S)],
    ),
    (
        IntegrityError,
        grpc.StatusCode.DATA_LOSS,
        lambda _error: "STORE_DAMAGED",
        lambda error: {} if error.index is None else {"index": str(error.index)},
        _nothing,
    ),
)
OTHER_REASON: Final = "INTERNAL"


def to_status(error: CounterfoilError) -> Any:
    """The gRPC status of an error, ready for ``context.abort_with_status``."""
    for kind, code, reason, metadata, details in TABLE:
        if isinstance(error, kind):
            return _status(code, str(error), reason(error), metadata(error), details(error))
    return _status(grpc.StatusCode.INTERNAL, str(error), OTHER_REASON, {}, [])


def _status(
    code: grpc.StatusCode,
    message: str,
    reason: str,
    metadata: dict[str, str],
    details: Sequence[Message],
) -> Any:
    info = error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata)
    packed = []
    for detail in (info, *details):
        envelope = any_pb2.Any()
        envelope.Pack(detail)
        packed.append(envelope)
    number: int = code.value[0]
    return rpc_status.to_status(status_pb2.Status(code=number, message=message, details=packed))
