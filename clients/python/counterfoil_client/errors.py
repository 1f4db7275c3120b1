"""What goes wrong on the client's side, beyond the errors of the core.

::

    CounterfoilError
     ├── VerificationError
     │    └── ForkDetected     the log showed two trees that cannot both be its own
     ├── LedgerError           a call failed, or the ledger refused it
     ├── SpoolFull             the reporter's disk spool has no room; nothing was taken
     ├── SpoolDamaged          bytes of the spool were no whole events
     └── ReporterClosed        the reporter takes nothing more

A LedgerError says what the ledger said. It carries the parts of the ``google.rpc.Status`` details that programs act on
(https://google.aip.dev/193).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from counterfoil.errors import CounterfoilError, VerificationError


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule of the request that was broken: the field's path, a sentence, and a fixed word if there is one."""

    field: str
    description: str
    reason: str = ""


class LedgerError(CounterfoilError):
    """A call to the ledger failed or was refused.

    Attributes:
        code: the canonical code in capitals, such as ``"NOT_FOUND"`` or ``"UNAVAILABLE"``.
        reason: the fixed word of ErrorInfo, such as ``"TIME_OUTSIDE_WINDOW"``; empty when the ledger gave none.
        metadata: what ErrorInfo says beside it, such as the ``etag`` of the newest version.
        violations: the fields that broke a rule.
        retry_after_s: how long the ledger asks to wait, in seconds; None when it does not say.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        reason: str = "",
        violations: Iterable[Violation] = (),
        retry_after_s: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after_s = retry_after_s


class ForkDetected(VerificationError):
    """Two checkpoints with good signatures cannot belong to one append-only log, or nobody could show that they do.

    Attributes:
        first: the signed note that was seen earlier.
        second: the signed note that does not go with it. Keep both: together they are the evidence.
    """

    def __init__(self, message: str, *, first: bytes, second: bytes) -> None:
        super().__init__(message)
        self.first = first
        self.second = second


class SpoolFull(CounterfoilError):
    """The disk spool has no room for this event, which was not taken. Earlier events are safe."""


class SpoolDamaged(CounterfoilError):
    """Bytes of the disk spool were no whole events. They were copied and passed over; the rest goes on."""


class ReporterClosed(CounterfoilError):
    """The reporter was closed, or belongs to another process; the event was not taken."""


def ledger_error(error: grpc.RpcError) -> LedgerError:
    """What a failed call says, with the details of its google.rpc.Status if it has any."""
    if not isinstance(error, grpc.Call):
        return LedgerError(str(error), code=grpc.StatusCode.UNKNOWN.name)
    code = error.code() or grpc.StatusCode.UNKNOWN
    message = f"{code.name}: {error.details() or 'the ledger gave no message'}"
    reason, violations, retry_after_s = "", list[Violation](), None
    metadata: dict[str, str] = {}
    for detail in _details(error):
        if isinstance(detail, error_details_pb2.ErrorInfo):
            reason, metadata = detail.reason, dict(detail.metadata)
        elif isinstance(detail, error_details_pb2.BadRequest):
            violations += [
                Violation(each.field, each.description, each.reason)
                for each in detail.field_violations
            ]
        elif isinstance(detail, error_details_pb2.RetryInfo):
            retry_after_s = max(0.0, detail.retry_delay.ToNanoseconds() / 1e9)
    return LedgerError(
        message,
        code=code.name,
        reason=reason,
        metadata=metadata,
        violations=violations,
        retry_after_s=retry_after_s,
    )


_DETAIL_TYPES: tuple[type[Message], ...] = (
    error_details_pb2.ErrorInfo,
    error_details_pb2.BadRequest,
    error_details_pb2.RetryInfo,
)


def _details(call: Any) -> Iterable[Message]:
    """The details of known types; those that cannot be read are left out, since the code still says what happened."""
    try:
        status = rpc_status.from_call(call)
    except (ValueError, DecodeError):
        return
    for packed in status.details if status is not None else ():
        for kind in _DETAIL_TYPES:
            if packed.Is(kind.DESCRIPTOR):
                detail = kind()
                try:
                    packed.Unpack(detail)
                except DecodeError:
                    continue
                yield detail
