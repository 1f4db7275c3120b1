"""In front of every call: who makes it, whether that role may, and within which bounds.

The order is fixed. Who calls comes first, so that a stranger learns nothing and costs next to nothing: not even push-back
is told, and no request is parsed. Then the quota of calls, then the method's row. What the method is asked about comes
last, in the service, with the `Caller` that is made here.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from counterfoil.errors import CounterfoilError, PermissionDenied, QuotaExceeded, Unauthenticated
from counterfoil.v1.access_service_pb2 import Role
from counterfoil_server.access.allowances import Allowances
from counterfoil_server.access.caller import OPEN, Caller, Identity
from counterfoil_server.access.certificates import Certificates
from counterfoil_server.access.credentials import Scheme
from counterfoil_server.access.ops import OpsStore
from counterfoil_server.access.table import Scope, find_row
from counterfoil_server.access.trail import Denial, Trail
from counterfoil_server.clock import now_us, stopwatch_s

_REASONS: Final = {
    Unauthenticated: "UNAUTHENTICATED",
    PermissionDenied: "PERMISSION_DENIED",
    QuotaExceeded: "QUOTA",
}


class Shown(NamedTuple):
    """What a caller shows of itself.

    Attributes:
        credential: an API key or an access token; empty for none.
        peer: its address, without a port.
        certificate_names: the subject alternative names of its verified client certificate, with their kinds in front;
            looked at when there is no credential.
    """

    credential: str
    peer: str
    certificate_names: Sequence[str] = ()


STRANGER: Final = Shown("", "")
"""Nothing is known of the caller yet."""


class Guard:
    """Lets calls in; one for each worker, in its event loop."""

    def __init__(
        self,
        ops: OpsStore,
        schemes: Sequence[Scheme],
        allowances: Allowances,
        trail: Trail,
        certificates: Certificates | None = None,
    ) -> None:
        """Guard one ledger.

        Args:
            schemes: the kinds of credentials; the first that claims one decides.
            allowances: what is left of quotas. trail: where denials go.
            certificates: whose client certificates are, where the ports ask for some.
        """
        self._ops = ops
        self._schemes = tuple(schemes)
        self._allowances = allowances
        self._trail = trail
        self._certificates = certificates

    @property
    def asks_for_certificates(self) -> bool:
        """Whether what a caller shows may be a certificate alone."""
        return self._certificates is not None

    def identify(self, shown: Shown) -> Identity:
        """Who calls.

        Raises:
            Unauthenticated: nobody knows.
        """
        if self._ops.is_open:
            return OPEN
        for scheme in self._schemes:
            if scheme.claims(shown.credential):
                identity = scheme.identify(shown.credential)
                identity.check_usable(now_us(), shown.peer)
                return identity
        if self._certificates is not None and not shown.credential and shown.certificate_names:
            return self._certificates.identify(shown.certificate_names)
        if shown.credential:
            raise Unauthenticated("the credential is of no kind that this ledger knows")
        raise Unauthenticated(
            "this ledger asks who calls: send a key as `authorization: Bearer KEY`; our own programs "
            "take it from --api-key or COUNTERFOIL_API_KEY"
        )

    def permit(self, method: str, identity: Identity, peer: str) -> Caller:
        """Let a call in, and take it from the quota of calls.

        Args:
            method: such as ``LogService.GetEntry``. peer: where the call comes from, an address without a port.

        Raises:
            QuotaExceeded: there were too many calls.
            PermissionDenied: the role may not call the method.
            LookupError: the method has no row.
        """
        allowance = self._allowances.find(identity)
        if allowance.requests is not None:
            allowance.take_request(stopwatch_s())
        return Caller(identity, find_scope(method, identity.role), allowance, peer)

    def check_again(self, method: str, shown: Shown) -> None:
        """Whether a call that goes on would be let in now; no quota is taken.

        Raises:
            Unauthenticated, PermissionDenied: it would not.
        """
        find_scope(method, self.identify(shown).role)

    def note(
        self, method: str, peer: str, identity: Identity | None, error: CounterfoilError
    ) -> bool:
        """Count an error as a denial if it is one; whether it is."""
        reason = _REASONS.get(type(error))
        if reason is None:
            return False
        who = ("", getattr(error, "key_id", ""))
        if identity is not None:
            who = (identity.principal_id, identity.key_id)
        self._trail.deny(Denial(method, reason, *who, peer))
        return True


def find_scope(method: str, role: Role) -> Scope:
    """How much of a method a role sees.

    Raises:
        PermissionDenied: nothing.
        LookupError: the method has no row.
    """
    scope = find_row(method).get(role)
    if scope is None:
        raise PermissionDenied(f"your role may not call {method}")
    return scope
