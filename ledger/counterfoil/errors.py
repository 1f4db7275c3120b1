"""Every error that Counterfoil raises on purpose.

::

    CounterfoilError
     ├── VerificationError         evidence is malformed or does not verify
     │    └── UnverifiableError    cannot tell: a key or records are missing
     ├── InvalidInput              the caller's input breaks a rule
     ├── NotFound                  there is no such thing
     ├── Conflict                  same identity, other content
     ├── AlreadyExists             the object, or its content, is registered
     ├── VersionMismatch           another version came between
     ├── FailedPrecondition        what is registered does not allow it
     ├── OutOfRange                index or size not (yet) in the log
     ├── Busy                      push-back: try again later
     ├── Unauthenticated           nobody knows who calls
     ├── PermissionDenied          the caller may not do or see this
     ├── QuotaExceeded             the caller has asked for more than its share
     ├── Stopping                  the server is going away: connect again
     ├── StoreFull                 no room for writes; reads go on
     ├── IntegrityError            stored data contradict each other
     ├── OutcomeUnknown            a commit may or may not have happened
     ├── SigningFailed             the device that holds a private key does not sign
     └── StartupError              the process cannot start

Each class takes a message for people first and what programs need by keyword. A message says what
is wrong and where; it never quotes secrets.
"""

from __future__ import annotations


class CounterfoilError(Exception):
    """The root of all errors that Counterfoil raises on purpose."""


class VerificationError(CounterfoilError):
    """Evidence is malformed, or it does not verify. It must not be relied upon."""


class UnverifiableError(VerificationError):
    """It cannot be told whether the evidence is good: a key is unknown, or records are missing."""


class InvalidInput(CounterfoilError):
    """The caller's input breaks a rule; the same call will fail again.

    Attributes:
        field: The path of the offending field, such as ``"quantity"``.
        reason: A fixed word in UPPER_SNAKE that programs may switch on.
        position: The place of the offending item in a batch, from zero; None outside batches.
    """

    def __init__(
        self, message: str, *, field: str, reason: str, position: int | None = None
    ) -> None:
        super().__init__(message)
        self.field = field
        self.reason = reason
        self.position = position


class NotFound(CounterfoilError):
    """There is no such thing."""


class Conflict(CounterfoilError):
    """Something with the same identity, but other content, is already in the log.

    Attributes:
        field: The first field that differs.
        original_index: The index of the entry that came first.
    """

    def __init__(self, message: str, *, field: str, original_index: int) -> None:
        super().__init__(message)
        self.field = field
        self.original_index = original_index


class AlreadyExists(CounterfoilError):
    """What is to be registered is registered already.

    Attributes:
        reason: ``EXISTS``, or ``CONTENT_REGISTERED`` for content that another creator has registered.
        field: The path of the field that names it.
        etag: The newest version of the object that exists; empty when it is another object.
    """

    def __init__(self, message: str, *, reason: str, field: str, etag: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.field = field
        self.etag = etag


class VersionMismatch(CounterfoilError):
    """A change was made to another version of an object than the newest: look at that one, and decide again.

    Attributes:
        etag: The newest version.
    """

    def __init__(self, message: str, *, etag: str) -> None:
        super().__init__(message)
        self.etag = etag


class FailedPrecondition(CounterfoilError):
    """What is registered does not allow this; the same call succeeds only after something else has changed.

    Attributes:
        reason: ``REFERENCE_MISSING``, ``ENDED`` or ``IRREVOCABLE``.
        field: The path of the field at fault.
    """

    def __init__(self, message: str, *, reason: str, field: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.field = field


class OutOfRange(CounterfoilError):
    """An index or a size is not, or not yet, in the log.

    Attributes:
        size: The size of the tree that the request was measured against.
    """

    def __init__(self, message: str, *, size: int) -> None:
        super().__init__(message)
        self.size = size


class Busy(CounterfoilError):
    """Push-back: a queue is full. Nothing was done; the same call may succeed later.

    Attributes:
        retry_after_s: How long to wait before the next try, in seconds.
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unauthenticated(CounterfoilError):
    """Nobody knows who calls: there is no key, or it is not good here.

    Attributes:
        key_id: The key that was once good, or would be elsewhere or at another time; empty when it is none of ours.
    """

    def __init__(self, message: str, *, key_id: str = "") -> None:
        super().__init__(message)
        self.key_id = key_id


class PermissionDenied(CounterfoilError):
    """The caller is known and may not do this, or may not see this, whether it is there or not.

    Attributes:
        field: The path of the field that it may not set so; empty where it is not about a field.
    """

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class QuotaExceeded(CounterfoilError):
    """The caller has asked for more than its share. Nothing was done; the same call may succeed later.

    Attributes:
        quota: Which one, such as ``"requests_per_s"``.
        subject: Whose share it is.
        retry_after_s: How long to wait before the next try, in seconds.
    """

    def __init__(self, message: str, *, quota: str, subject: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.quota = quota
        self.subject = subject
        self.retry_after_s = retry_after_s


class Stopping(CounterfoilError):
    """The server is going away. Nothing was done; the same call may succeed on a new connection."""


class StoreFull(CounterfoilError):
    """The store has no room for this write, which did not happen. Reads go on."""


class IntegrityError(CounterfoilError):
    """Stored data contradict each other: somebody has to look before anything is signed again.

    Attributes:
        index: The entry where the contradiction was found, if it has one.
    """

    def __init__(self, message: str, *, index: int | None = None) -> None:
        super().__init__(message)
        self.index = index


class OutcomeUnknown(CounterfoilError):
    """A commit may or may not have happened: stop signing, restart, and reconcile."""


class SigningFailed(CounterfoilError):
    """The device that holds a private key is gone, too slow, or refuses. Nothing was signed."""


class StartupError(CounterfoilError):
    """The process cannot start. The message says in one line what to do."""
